"""What people excluded is told with the decision, and never heard."""

from __future__ import annotations

import pytest

from cmdb.store.port import AssetId, UnknownAsset
from reconcile.explain import explain
from reconcile.explained import Explanation
from tests.reconcile.history import Engine, Say
from tests.reconcile.words import person, ref

SERIAL = {"system_serial": "5CG1234XYZ"}
ROW = ref("import", "row", instance="list")
WHY = "excluded by decision 1 (ann, 2026-01-01 09:00 UTC)"


def _list(said: Say, at: int, **attributes: str) -> dict[str, object]:
    return said("import", "row", at, instance="list", attributes=SERIAL | attributes)


def _told(engine: Engine, attribute: str | None = None) -> Explanation:
    return explain(engine.record, "pc", attribute, engine.now)


@pytest.mark.parametrize("whole", [True, False])
def test_claims_of_excluded_records_are_listed_as_losers(
    engine: Engine, said: Say, *, whole: bool
) -> None:
    engine.tell(said("agent", "a", 0, attributes=SERIAL | {"name": "pc"}))
    engine.tell(_list(said, 1, name="p0", owner="finance"))
    out = {"source": "import/list"} if whole else {}
    engine.tell(person("exclude", 9, *([] if whole else [ROW]), **out))
    (owner,) = _told(engine, "owner").attributes
    assert owner.value is None
    assert [(c.value, c.wins, c.rank, c.why) for c in owner.claims] == [("finance", False, 2, WHY)]
    (name,) = _told(engine, "name").attributes
    assert [(c.value, c.wins, c.why) for c in name.claims] == [
        ("pc", True, "the only word there is"),
        ("p0", False, WHY),
    ]
    found = _told(engine)
    assert "owner" in {each.name for each in found.attributes}
    assert [(each.native_key, each.how, each.why) for each in found.excluded] == [
        ("row", "joined by system_serial", WHY)
    ]
    assert {link.native_key for link in found.links} == {"a"}
    engine.tell(person("undo", 10, undoes=1))
    back = _told(engine)
    assert back.excluded == ()
    assert {link.native_key for link in back.links} == {"a", "row"}


def test_what_it_says_after_it_was_excluded_is_told_too(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "a", 0, attributes=SERIAL | {"name": "pc"}))
    engine.tell(_list(said, 1, owner="finance"))
    engine.tell(person("exclude", 9, source="import/list"), _list(said, 10, owner="sales"))
    (owner,) = _told(engine, "owner").attributes
    assert [(claim.value, claim.why) for claim in owner.claims] == [("sales", WHY)]


def test_a_record_of_a_source_that_was_excluded_before(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "a", 0, attributes=SERIAL | {"name": "pc"}))
    engine.tell(said("agent", "b", 0, attributes={"system_serial": "5CG9999XYZ", "name": "other"}))
    engine.tell(said("import", "first", 1, instance="list", attributes={"name": "elsewhere"}))
    engine.tell(person("exclude", 9, source="import/list"), _list(said, 10, owner="finance"))
    (each,) = _told(engine).excluded
    assert (each.native_key, each.why) == ("row", WHY)
    assert each.how == "never linked: shares system_serial 5CG1234XYZ"
    assert explain(engine.record, "other", None, engine.now).excluded == ()


def test_an_excluded_scan_is_named(engine: Engine, said: Say) -> None:
    nic = [{"name": "eth0", "mac": "3c:52:82:aa:00:01", "kind": "ethernet",
            "addresses": ["10.0.0.5/24"]}]  # fmt: skip
    engine.tell(said("agent", "a", 0, attributes=SERIAL | {"name": "pc"}, interfaces=nic))
    engine.tell(said("scan", "10.0.0.5", 1, interfaces=nic, attributes={"name": "seen"}))
    engine.tell(person("exclude", 9, source="scan/one"))
    found = _told(engine)
    assert [(each.native_key, each.why) for each in found.excluded] == [("10.0.0.5", WHY)]
    (name,) = (each for each in found.attributes if each.name == "name")
    assert [claim.value for claim in name.claims] == ["pc", "seen"]


def test_what_is_about_another_asset_is_not_told_of(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "a", 0, attributes=SERIAL | {"name": "pc"}))
    engine.tell(said("agent", "b", 0, attributes={"system_serial": "5CG9999XYZ", "name": "other"}))
    engine.tell(said("import", "row", 1, instance="list",
                     attributes={"system_serial": "5CG9999XYZ", "owner": "finance"}))  # fmt: skip
    engine.tell(person("exclude", 9, ROW))
    assert _told(engine).excluded == ()
    assert len(explain(engine.record, "other", None, engine.now).excluded) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_an_asset_of_which_nothing_counts_is_found_through_the_decision(
    engine: Engine, said: Say, *, whole: bool
) -> None:
    engine.tell(said("agent", "a", 0, attributes={"name": "other"}))
    engine.tell(_list(said, 1, name="P0", owner="finance", fqdn="p0.example"))
    asset = engine.find("p0").id
    out = {"source": "import/list"} if whole else {}
    engine.tell(person("exclude", 9, *([] if whole else [ROW]), **out))
    with pytest.raises(UnknownAsset):
        engine.find("p0")
    for name in ("p0", "p0.example", f"ci-{asset}", str(asset)):
        found = explain(engine.record, name, None, engine.now)
        assert (found.asset, found.name, found.state) == (f"ci-{asset}", "P0", "excluded")
        assert found.state_why == f"all that is said of it is {WHY}"
        assert [(each.native_key, each.how) for each in found.excluded] == [
            ("row", f"it was ci-{asset}")
        ]
        assert found.links == ()
        claims = {each.name: each.claims for each in found.attributes}
        assert [(c.value, c.wins, c.why) for c in claims["owner"]] == [("finance", False, WHY)]
    for name in ("p1", f"ci-{asset + 7}"):
        with pytest.raises(UnknownAsset):
            explain(engine.record, name, None, engine.now)
    engine.tell(person("undo", 10, undoes=1))
    assert explain(engine.record, "p0", None, engine.now).state == "present"


def test_a_name_that_several_excluded_had_is_asked_back(engine: Engine, said: Say) -> None:
    for key in ("one", "two"):
        engine.tell(said("import", key, 0, instance="list", attributes={"name": "twin"}))
    engine.tell(person("exclude", 9, source="import/list"))
    with pytest.raises(UnknownAsset, match="several that are excluded: ci-1, ci-2; name an id"):
        explain(engine.record, "twin", None, engine.now)


@pytest.mark.parametrize("back", ["include", "undo"])
@pytest.mark.parametrize("whole", [True, False])
def test_two_machines_of_one_record_come_back_as_who_they_were(
    engine: Engine, said: Say, back: str, *, whole: bool
) -> None:
    old = {"system_serial": "5CG1234XYZ", "name": "ri", "owner": "amy"}
    new = {"system_serial": "MXL0123ABC", "name": "ri"}
    engine.tell(said("agent", "ri", 0, attributes=old), said("agent", "ri", 48, attributes=new))
    before = engine.state()
    ids = (AssetId(1), AssetId(2))
    names = {number: engine.record.view.asset(number) for number in ids}
    out = {"source": "agent/one"} if whole else {}
    key = [] if whole else [ref("agent", "ri")]
    engine.tell(person("exclude", 50, *key, **out))
    engine.tell(person("undo", 51, undoes=1) if back == "undo" else person(back, 51, *key, **out))
    assert engine.state() == before
    for number, row in names.items():
        again = engine.record.view.asset(number)
        assert row is not None
        assert again is not None
        assert again.attributes["system_serial"] == row.attributes["system_serial"]


def test_an_asset_that_comes_back_is_itself_where_what_it_had_joined_was_gone(
    engine: Engine, said: Say
) -> None:
    def scan(at: int, **told: object) -> dict[str, object]:
        return said("scan", "10.0.0.5", at, instance="s", **told)

    adapter = {"name": "eth0", "mac": "00:50:56:aa:00:01", "kind": "ethernet", "addresses": []}
    engine.tell(scan(0))
    engine.tell(scan(24, full=False, interfaces=[adapter]))
    engine.tell(person("exclude", 30, source="scan/s"))
    elsewhere = [{"name": "eth0", "addresses": ["10.0.0.6/24"]}]
    engine.tell(scan(1_000, interfaces=elsewhere), person("include", 1_001, source="scan/s"))
    every = list(engine.record.view.all_assets())
    assert len(every) == 2
    for asset in every:
        assert engine.find(f"ci-{asset.id}").id == asset.id
        assert engine.find(f"ci-{asset.id}").aliases == ()
