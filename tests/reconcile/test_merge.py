"""What a record says after statements that come whole, in part, late and again."""

from __future__ import annotations

from typing import Any

from tests.reconcile.history import Engine, Say


def owner(engine: Engine, name: str = "pc") -> object:
    return engine.find(name).attributes.get("owner")


def test_a_partial_report_keeps_what_it_did_not_look_at(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k", 0, attributes={"name": "pc", "vendor": "HP", "owner": "ops"}))
    engine.tell(said("agent", "k", 1, full=False, attributes={"owner": "sales"}))
    assert engine.find("pc").attributes == {"name": "pc", "vendor": "HP", "owner": "sales"}


def test_a_full_report_ends_what_it_does_not_say(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "k", 0, attributes={"name": "pc", "owner": "ops"}, users=[{"name": "a"}])
    )
    engine.tell(said("agent", "k", 1, attributes={"name": "pc"}))
    assert owner(engine) is None


def test_a_late_report_is_history_and_changes_nothing(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k", 5, attributes={"name": "pc", "owner": "ops"}))
    late = said("agent", "k", 1, attributes={"name": "pc", "owner": "sales"})
    engine.tell({**late, "at": said("agent", "k", 6)["at"]})
    assert owner(engine) == "ops"
    ledger = engine.record.ledger
    row = next(iter(ledger.all_records()))
    from cmdb.model.observation import SectionKind
    from reconcile.sections import read_values

    kept = [
        read_values(section.body).values["owner"]
        for section in ledger.past(row.id, SectionKind.ATTRIBUTES)
    ]
    assert kept == ["sales"]


def test_saying_the_same_again_writes_no_history(engine: Engine, said: Say) -> None:
    for hour in range(4):
        engine.tell(said("agent", "k", hour, attributes={"name": "pc"}))
    assert [change.what for change in engine.record.view.changes(None, 10, None)] == ["created"]
    assert engine.find("pc").last_seen.hour == 3


def test_a_difference_in_case_is_no_change(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k", 0, attributes={"name": "pc", "vendor": "Dell Inc."}))
    engine.tell(said("agent", "k", 1, attributes={"name": "PC", "vendor": "DELL"}))
    assert len(engine.record.view.changes(None, 10, None)) == 1


def test_history_of_many_changes_reads_back_whole(engine: Engine, said: Say) -> None:
    from cmdb.model.observation import SectionKind
    from reconcile.sections import read_values

    for hour in range(20):
        engine.tell(said("agent", "k", hour, attributes={"name": "pc", "owner": f"team {hour}"}))
    ledger = engine.record.ledger
    row = next(iter(ledger.all_records()))
    owners = [
        read_values(section.body).values["owner"]
        for section in ledger.past(row.id, SectionKind.ATTRIBUTES)
    ]
    assert owners == [f"team {hour}" for hour in range(18, -1, -1)]


def test_programs_come_and_go_with_names_in_the_history(engine: Engine, said: Say) -> None:
    def report(hour: int, **versions: str) -> dict[str, Any]:
        rows = [{"name": n, "version": v, "package_system": "deb"} for n, v in versions.items()]
        return said("agent", "k", hour, attributes={"name": "pc"}, programs=rows)

    engine.tell(report(0, bash="5.1", curl="7"), report(1, bash="5.2", curl="7"))
    asset = engine.find("pc").id
    assert [(p.name, p.version) for p in engine.record.view.installed(asset)] == [
        ("bash", "5.2"),
        ("curl", "7"),
    ]
    change = engine.record.view.changes(asset, 1, None)[0]
    assert change.detail == {
        "programs_added": {"count": 1, "names": ["bash 5.2"]},
        "programs_removed": {"count": 1, "names": ["bash 5.1"]},
    }
