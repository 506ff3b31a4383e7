"""Positions and what they give cause to alert about, on a real record."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest

from cmdb.query.encode import to_json
from cmdb.store.sqlite.record import SqliteRecord
from licenses.alerts import RULES, findings
from licenses.catalogue.load import load
from licenses.entitlements import read_csv
from licenses.errors import UnknownProduct
from licenses.position import Position, PositionState, position, positions

Machine = Callable[..., str]
RecordOf = Callable[..., AbstractContextManager[SqliteRecord]]
VISIO = ("Microsoft Visio Professional 2021 - en-us", "Microsoft Corporation")
VIEWER = ("Microsoft Visio Viewer 2016", "Microsoft Corporation")


def rights(*rows: str) -> list[str]:
    text = "product,quantity,start,end,contract\n" + "\n".join(rows)
    reading = read_csv(text.encode(), "rights.csv", datetime.fromisoformat("2026-11-23T12:00:00Z"))
    assert reading.problems == ()
    return list(reading.lines)


def by_product(found: tuple[Position, ...]) -> dict[str, Position]:
    return {each.product: each for each in found}


def test_a_position_proves_each_right(record_of: RecordOf, machine: Machine, now: datetime) -> None:
    lines = [
        machine("pc-1", VISIO),
        machine("pc-2", VISIO, ("Microsoft Visio Standard 2016 - de-de", "Microsoft Corporation")),
        machine("vm-1", VISIO, cls="VirtualMachine"),
        machine("pc-3", VIEWER),
    ]
    with record_of(lines, rights("MS Visio,2,2025-01-01,,C-1")) as record:
        found = position(record, "microsoft visio", now)
    assert (found.required, found.owned, found.shortfall, found.surplus) == (3, 2, 1, 0)
    assert found.state is PositionState.SHORT
    assert [right.asset_name for right in found.required_by] == ["pc-1", "pc-2", "vm-1"]
    assert [each.title for each in found.required_by[1].evidence] == [
        "Microsoft Visio Professional 2021 - en-us",
        "Microsoft Visio Standard 2016 - de-de",
    ], "two titles on one device need one right"
    assert sum(right.rights for right in found.required_by) == found.required
    owned = sum(right.quantity for right in found.owned_by if right.counts == "owned")
    assert owned == found.owned
    assert (found.owned_by[0].contract, found.owned_by[0].start) == ("C-1", "2025-01-01")
    assert json.dumps(to_json(found))


@pytest.mark.parametrize(
    ("row", "state", "owned", "expired"),
    [
        ("Microsoft Visio,1,,,", PositionState.OK, 1, 0),
        ("Microsoft Visio,1,,2026-11-23,", PositionState.OK, 1, 0),
        ("Microsoft Visio,1,,2026-11-22,", PositionState.EXPIRED, 0, 1),
        ("Microsoft Visio,1,2026-11-23,,", PositionState.OK, 1, 0),
        ("Microsoft Visio,1,2026-11-24,,", PositionState.SHORT, 0, 0),
        ("Adobe Acrobat,1,,,", PositionState.UNLICENSED, 0, 0),
    ],
)
def test_a_term_holds_on_its_first_and_last_day(  # noqa: PLR0913, PLR0917
    record_of: RecordOf,
    machine: Machine,
    now: datetime,
    row: str,
    state: PositionState,
    owned: int,
    expired: int,
) -> None:
    with record_of([machine("pc-1", VISIO)], rights(row)) as record:
        found = position(record, "Microsoft Visio", now)
    assert (found.state, found.owned, found.expired) == (state, owned, expired)


def test_only_products_that_matter_are_listed(
    record_of: RecordOf, machine: Machine, now: datetime
) -> None:
    lines = [
        machine("pc-1", ("7-Zip 24.08", "Igor Pavlov"), ("Acme Widget 3 (64-bit)", "Acme"), VIEWER),
        machine("pc-2", ("Unheard Of", "Nobody"), ("WinRAR 7.00 (64-bit)", "win.rar GmbH")),
    ]
    with record_of(lines, rights("Acme Widget,1,,,", "Microsoft Visio,2,,,")) as record:
        found = by_product(positions(record, now))
        with pytest.raises(UnknownProduct, match="Acme Widget"):
            position(record, "7-Zip", now)
    assert {name: each.state for name, each in found.items()} == {
        "Acme Widget": PositionState.OK,
        "Microsoft Visio": PositionState.OK,
        "WinRAR": PositionState.UNLICENSED,
    }
    assert found["Acme Widget"].required == 1, "recognised by the name in the contract"
    assert found["Microsoft Visio"].surplus == 2


def test_alerts_name_what_is_short_and_expired_and_soon_over(
    record_of: RecordOf, machine: Machine, now: datetime
) -> None:
    acrobat, winrar = ("Adobe Acrobat Pro 2020", "Adobe"), ("WinRAR 7.00", "win.rar GmbH")
    tower = ("TeamViewer", "TeamViewer")
    lines = [machine("pc-1", VISIO, acrobat, winrar, tower), machine("pc-2", VISIO)]
    soon = (now + timedelta(days=30)).date().isoformat()
    later = (now + timedelta(days=31)).date().isoformat()
    rows = (
        "Microsoft Visio,1,,,", "Adobe Acrobat,4,,2026-01-01,", f"WinRAR,1,,{soon},C-9",
        f"TeamViewer,1,,{later},",
    )  # fmt: skip
    with record_of(lines, rights(*rows)) as record:
        found = findings(positions(record, now), now)
    assert {(each.rule, each.subject) for each in found} == {
        ("licence.short", "Microsoft Visio"),
        ("licence.expired", "Adobe Acrobat"),
        ("licence.expiring", "WinRAR"),
    }
    assert {each.rule for each in found} <= {rule.name for rule in RULES}
    assert any(soon in each.title for each in found)


def test_a_user_catalogue_is_merged(tmp_path, record_of: RecordOf, machine: Machine, now) -> None:  # type: ignore[no-untyped-def]
    own = tmp_path / "catalogue.toml"
    own.write_text(
        '[[product]]\nname = "WinRAR"\npublisher = "win.rar"\npatterns = ["winrar"]\n'
        "licensed = false\n"
        '[[product]]\nname = "House Tool"\npublisher = "House"\npatterns = ["house tool"]\n'
    )
    lines = [machine("pc-1", ("WinRAR 7.00", "win.rar GmbH"), ("House Tool 2", "House Inc."))]
    with record_of(lines) as record:
        found = positions(record, now, load(own))
    assert [each.product for each in found] == ["House Tool"]
    assert found[0].catalogue.startswith("2026-11-01+")
