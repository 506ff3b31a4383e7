"""Lists of programs: packed, compared, and the same whether they come whole or as changes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model.observation import ProgramChange, ProgramColumns, Programs
from cmdb.model.programs import columns_of, content_of
from cmdb.store.port import Record

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DEB = Programs("deb", ("bash\t5.2\tamd64\tDebian", "zsh\t5.9"), (19_000, 0))
Day = int
Installed = dict[str, dict[str, Day]]
_names = st.sampled_from([f"{name}\t{version}" for name in "abcdef" for version in "12"])
_lists = st.dictionaries(_names, st.sampled_from([0, 0, 19_000, 20_000]), max_size=8)
_estates = st.fixed_dictionaries({"deb": _lists}, optional={"pip": _lists})


def _whole(installed: Installed) -> list[Programs]:
    return [Programs(s, tuple(held), tuple(held.values())) for s, held in installed.items()]


def _entries(installed: Installed) -> set[tuple[str, str]]:
    return {(system, name) for system, held in installed.items() for name in held}


def _named(record: Record, releases: tuple[int, ...]) -> set[tuple[str, str]]:
    found = record.history.describe(releases)
    return {(row.package_system, f"{row.name}\t{row.version}") for row in found}


def _changes(before: Installed, after: Installed) -> list[ProgramChange]:
    found = []
    for system, held in after.items():
        old = before.get(system, {})
        come = {name: day for name, day in held.items() if old.get(name) != day}
        gone = {name: 0 for name in old if name not in held}
        columns = columns_of(Programs(system, tuple(come), tuple(come.values())))
        went = columns_of(Programs(system, tuple(gone))).hashes
        whole = columns_of(Programs(system, tuple(held))).hashes
        check = hashlib.blake2b(whole, digest_size=8).digest()
        found.append(ProgramChange(columns, went, check))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(before=_estates, after=_estates)
def test_changes_lead_to_the_whole(record: Record, before: Installed, after: Installed) -> None:
    with record.transaction(T0):
        old = record.ledger.intern(_whole(before))
        revised = record.ledger.revise(old, _changes(before, after))
        new = record.ledger.intern(_whole(after))
        assert revised == (new, content_of(_whole(after)))
        come, gone = record.ledger.came_and_went(old, new)
    assert _named(record, come) == _entries(after) - _entries(before)
    assert _named(record, gone) == _entries(before) - _entries(after)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(base=_estates, before=_estates, after=_estates)
def test_changes_of_another_list_fit_or_lead_to_the_same(
    record: Record, base: Installed, before: Installed, after: Installed
) -> None:
    with record.transaction(T0):
        other = record.ledger.intern(_whole(base))
        revised = record.ledger.revise(other, _changes(before, after))
        if revised is not None:
            whole = record.ledger.unpack(revised[0])
            got = {(row.package_system, f"{row.name}\t{row.version}") for row, _ in whole}
            assert got == _entries(after)


def test_what_does_not_fit_is_told(record: Record) -> None:
    bash = columns_of(Programs("deb", ("bash\t5.2",)))
    none = ProgramColumns("deb", b"", b"")
    check = hashlib.blake2b(bash.hashes, digest_size=8).digest()
    with record.transaction(T0):
        held = record.ledger.intern([Programs("deb", ("bash\t5.2",))])
        empty = record.ledger.intern([])
        fits = ProgramChange(none, b"", check)
        assert record.ledger.revise(held, [fits]) is not None
        assert record.ledger.revise(empty, [fits]) is None
        gone_unknown = ProgramChange(none, b"01234567", check)
        assert record.ledger.revise(held, [gone_unknown]) is None
        lied = ProgramChange(ProgramColumns("deb", b"01234567", b"zsh\t5.9\n"), b"", check)
        assert record.ledger.revise(held, [lied]) is None
        assert record.ledger.revise(held, [fits, fits]) is None


def test_programs_come_back_by_name_with_their_days(record: Record) -> None:
    with record.transaction(T0):
        packed = record.ledger.intern([Programs("pip", ("attrs\t1",)), DEB])
    found = record.ledger.unpack(packed)
    assert [(row.name, row.version, row.package_system, day) for row, day in found] == [
        ("attrs", "1", "pip", 0), ("bash", "5.2", "deb", 19_000), ("zsh", "5.9", "deb", 0),
    ]  # fmt: skip
    assert (found[1][0].architecture, found[1][0].publisher) == ("amd64", "Debian")
    assert record.ledger.unpack(record.ledger.intern([])) == ()


def test_the_same_programs_pack_the_same_whatever_their_order(record: Record) -> None:
    with record.transaction(T0):
        one = record.ledger.intern([DEB])
        turned = Programs("deb", DEB.entries[::-1], DEB.installed_days[::-1])
        assert record.ledger.intern([turned]) == one


def test_what_came_and_what_went(record: Record) -> None:
    with record.transaction(T0):
        before = record.ledger.intern([DEB])
        after = record.ledger.intern([Programs("deb", ("bash\t5.3\tamd64\tDebian", "zsh\t5.9"))])
    come, gone = record.ledger.came_and_went(before, after)
    assert _named(record, come) == {("deb", "bash\t5.3")}
    assert _named(record, gone) == {("deb", "bash\t5.2")}
