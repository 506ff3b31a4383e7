"""A door for scripts: lines in, lines out, through a server and without one."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Estate, Server

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "estate" / "sample.jsonl.gz"
T0 = datetime(2025, 1, 1, tzinfo=UTC)
MACHINES = 30


def instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def said(number: int, day: int, kind: str = "agent", **fields: Any) -> dict[str, Any]:
    at = instant(T0 + timedelta(days=day, minutes=number))
    attributes = {"name": f"pc-{number:02}", "system_serial": f"SER{number:05}", "vendor": "Acme"}
    return {
        "type": "observation", "at": at, "observed_at": at, "scope": "hq", "full": True,
        "source": {"kind": kind, "instance": f"{kind}-1"}, "native_key": f"{kind}-{number}",
        "class": "Computer", "attributes": attributes,
        "interfaces": [{"name": "eth0", "mac": f"00:16:3e:00:00:{number:02x}", "kind": "ethernet",
                        "addresses": [f"10.0.0.{number + 1}/24"]}],
        "programs": [{"name": "bash", "version": f"5.{day % 3}", "package_system": "deb"}],
    } | fields  # fmt: skip


def history() -> list[dict[str, Any]]:
    """Two sources, three days, a run and a person's word."""
    covers = {"all": True}
    run = {"type": "run", "run": "r1", "source": {"kind": "import", "instance": "import-1"},
           "scope": "hq", "covers": covers}  # fmt: skip
    rows = [said(number, day) for day in range(3) for number in range(MACHINES)]
    rows += [run | {"at": instant(T0 + timedelta(days=3)), "event": "start"}]
    rows += [said(number, 3, "import", full=False) for number in range(MACHINES)]
    rows += [run | {"at": instant(T0 + timedelta(days=4)), "event": "end", "state": "complete"}]
    refs = [{"source": row["source"], "scope": "hq", "native_key": row["native_key"]}
            for row in (rows[0], rows[-2])]  # fmt: skip
    rows += [{"type": "person", "at": instant(T0 + timedelta(days=5)), "act": "different",
              "records": refs}]  # fmt: skip
    return rows


def text(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def exports(estate: Estate) -> tuple[list[Any], list[Any]]:
    return estate.lines("export", "identity"), estate.lines("export", "assets")


def plain(found: tuple[list[Any], list[Any]]) -> Any:
    """Without asset ids, which are as they came."""
    identity, assets = found
    name = {row["asset"]: row["attributes"].get("name") for row in assets}
    return (
        sorted((row | {"asset": name[row["asset"]]} for row in identity), key=repr),
        sorted((row | {"asset": None} for row in assets), key=repr),
    )


def test_a_replay_is_the_same_with_a_server_and_without(home: Estate, server: Server) -> None:
    file = home.home.parent / "history.jsonl"
    file.write_text(text(history()), encoding="utf-8")
    for estate in (home, server):
        done = estate.json("import", "observations", file)
        assert done["refused"] == []
        assert (done["accepted"], done["replay"]) == (len(history()), True)
    offline, served = exports(home), exports(server)
    assert plain(offline) == plain(served)
    _has_the_forms(*served)
    computers = [row for row in served[1] if row["class"] == "Computer"]
    assert len(computers) == MACHINES
    assert len(served[0]) == 2 * MACHINES


def _has_the_forms(identity: list[Any], assets: list[Any]) -> None:
    """As ../shared/data/estate/README.md has them."""
    known = {row["asset"] for row in assets}
    for row in identity:
        assert set(row) == {
            "source", "scope", "native_key", "from", "to", "asset", "state"
        }  # fmt: skip
        assert set(row["source"]) == {"kind", "instance"}
        assert row["state"] in {"linked", "twin"}
        start = datetime.fromisoformat(row["from"])
        assert start.tzinfo is not None
        assert row["to"] is None or datetime.fromisoformat(row["to"]) > start
        assert row["asset"] in known
    for row in assets:
        assert set(row) == {"asset", "class", "state", "attributes", "aliases"}
        assert row["state"] == "present"
    assert len(known) == len(assets) > 0


def test_the_clock_stands_at_the_last_line_until_something_arrives_now(home: Estate) -> None:
    home.ok("import", "observations", "-", stdin=text(history()))
    last = T0 + timedelta(days=5)
    standing = home.json("status")
    assert datetime.fromisoformat(standing["clock"]) == last
    assert standing["replay"] is True
    # Years later nothing is stale: it is still the day of the last line.
    page = home.json("show", "pc-07")
    assert [row["name"] for row in page["attributes"] if row["stale"]] == []
    # A second file goes on with the replay only if it is asked to arrive then: now it arrives now.
    done = home.json("import", "observations", "-", stdin=text([said(99, 6)]))
    assert done["replay"] is False
    standing = home.json("status")
    assert standing["replay"] is False
    assert datetime.fromisoformat(standing["clock"]) > last + timedelta(days=30)
    page = home.json("show", "pc-07")
    assert [row["name"] for row in page["attributes"] if row["stale"]] != []


def test_lines_arrive_now_when_asked_to(home: Estate) -> None:
    done = home.json("import", "observations", "-", "--now", stdin=text([said(1, 0)]))
    assert done["replay"] is False
    assert home.json("status")["replay"] is False


def test_an_import_waits_until_all_is_in_the_view(server: Server) -> None:
    rows = [said(number, 1, native_key=f"late-{number}", attributes={"name": f"late-{number}"},
                 interfaces=[], scope="late") for number in range(400)]  # fmt: skip
    server.take_in(*rows)
    assert server.json("assets", "--scope", "late")["total"] == 400


def test_lines_that_come_twice_change_nothing(home: Estate) -> None:
    rows = history()
    doubled = [row for row in rows for _ in range(2)]
    home.ok("import", "observations", "-", stdin=text(doubled))
    other = type(home)(home.home.parent / "once")
    other.ok("import", "observations", "-", stdin=text(rows))
    assert plain(exports(home)) == plain(exports(other))
    assert home.json("history", "--limit", 500) == other.json("history", "--limit", 500)


def test_explain_and_history_say_whose_word_each_value_is(server: Server) -> None:
    server.take_in(
        said(70, 0, native_key="x-70", attributes={"name": "why-1", "system_serial": "WHY70"}),
        said(70, 0, "import", native_key="y-70",
             attributes={"name": "WHY-1", "system_serial": "why70", "owner": "Ann"}),
    )  # fmt: skip
    found = server.json("explain", "why-1")
    (name,) = [row for row in found["attributes"] if row["name"] == "name"]
    assert name["value"] == "why-1"
    assert [claim["source_kind"] for claim in name["claims"] if claim["wins"]] == ["agent"]
    assert {claim["source_kind"] for claim in name["claims"]} == {"agent", "import"}
    assert all(claim["why"] for claim in name["claims"])
    assert len(found["links"]) == 2
    assert any(link["evidence"]["joined_by"] for link in found["links"])
    only = server.json("explain", "why-1", "owner")
    assert [row["name"] for row in only["attributes"]] == ["owner"]
    values = {"name": "why-1", "system_serial": "WHY70", "model": "M2"}
    server.take_in(said(70, 1, native_key="x-70", attributes=values))
    changes = server.json("history", "why-1")["changes"]
    assert changes[0]["detail"]["attributes"]["model"] == [None, "M2"]
    assert changes[-1]["what"] == "created"


@pytest.mark.recorded
def test_the_recorded_estate_is_taken_whole(home: Estate) -> None:
    if not RECORDED.exists():
        pytest.skip(f"the recorded estate is not there: {RECORDED.name} in ../shared/data/estate")
    with gzip.open(RECORDED, "rb") as stream:
        lines = list(islice(stream, 5_000))
    assert len(lines) == 5_000
    done = home.json("import", "observations", "-", stdin=b"".join(lines))
    assert (done["accepted"], done["refused"], done["replay"]) == (5_000, [], True)
    standing = home.json("status")
    assert standing["set_aside"] == 0
    assert datetime.fromisoformat(standing["clock"]) == datetime.fromisoformat(
        json.loads(lines[-1])["at"]
    )
    keys = {
        (row["source"]["kind"], row["source"]["instance"], row["scope"], row["native_key"])
        for row in map(json.loads, lines) if row["type"] == "observation"
    }  # fmt: skip
    identity, assets = exports(home)
    assert len(identity) == len(keys)
    assert {
        (row["source"]["kind"], row["source"]["instance"], row["scope"], row["native_key"])
        for row in identity
    } == keys
    _has_the_forms(identity, assets)
    assert len(assets) < len(keys)
