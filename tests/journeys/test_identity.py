"""People put identity and values right: through a server and without one, and take it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Estate, Server


def said(kind: str, instance: str, key: str, **attributes: object) -> dict[str, Any]:
    return {
        "type": "observation", "source": {"kind": kind, "instance": instance}, "scope": "hq",
        "native_key": key, "full": True, "class": "Computer", "attributes": attributes,
    }  # fmt: skip


def rows() -> list[dict[str, Any]]:
    return [
        said("agent", "a1", "a1", name="pc-1", system_serial="5CG1234XYZ", owner="ops"),
        said("agent", "a2", "a2", name="pc-2", system_serial="5CG1234ABC"),
        said("import", "list", "row-2", name="pc-2", system_serial="5CG1234ABC", owner="sales"),
        said("scan", "probe", "10.0.0.7", name="stub"),
    ]


@pytest.fixture(params=["home", "server"])
def estate(request: pytest.FixtureRequest) -> Any:
    found = request.getfixturevalue(request.param)
    done = found.take_in(*rows())
    assert (done["accepted"], done["refused"]) == (4, [])
    return found


def names(estate: Estate) -> dict[str, str]:
    return {row["asset"]: row["name"] for row in estate.assets()}


def test_join_split_exclude_and_undo(estate: Estate) -> None:
    before = names(estate)
    one, two = (next(ref for ref, name in before.items() if name == f"pc-{n}") for n in (1, 2))

    rehearsed = estate.json("join", "pc-1", "pc-2", "--dry-run")
    assert rehearsed["effects"] == [f"{two} (pc-2) would join {one} (pc-1)"]
    assert (names(estate), estate.json("decisions")["decisions"][:1]) == (before, [])

    joined = estate.json("join", "pc-1", "pc-2", "--note", "one box")
    assert joined["effects"] == [f"{two} (pc-2) joined {one} (pc-1)"]
    assert estate.json("show", two)["asset"]["asset"] == one, "the old id leads there"
    assert two not in names(estate)

    records = [
        "/".join(link[part] for part in ("source_kind", "source_instance", "scope", "native_key"))
        for link in estate.json("explain", one)["links"]
    ]
    place = records.index("agent/a1/hq/a1") + 1
    assert f"{place}  agent/a1/hq/a1: joined by a person" in estate.ok("explain", one)
    parted = estate.json("split", one, place)
    assert parted["effects"] == [f"2 records left {one} (pc-1) for {two} (pc-2)"]
    for number in (parted["number"], joined["number"]):
        estate.ok("undo", number)
    assert names(estate) == before

    out = estate.json("exclude", "--source", "import/list")
    assert estate.json("show", two)["asset"]["attributes"].get("owner") is None
    estate.ok("include", "--source", "import/list")
    assert estate.json("show", two)["asset"]["attributes"]["owner"] == "sales"

    told = estate.json("decisions")["decisions"]
    assert [row["act"] for row in told] == [
        "include", "exclude", "undo", "undo", "different", "same",
    ]  # fmt: skip
    assert (told[-1]["note"], told[-1]["undone_by"]) == ("one box", told[2]["number"])
    assert all(row["by"] for row in told)
    assert out["number"] in {row["number"] for row in told}
    about = estate.json("decisions", "--asset", one)["decisions"]
    assert {row["act"] for row in about} == {"undo", "different", "same"}


def test_what_is_excluded_is_explained_with_the_decision(estate: Estate) -> None:
    number = estate.json("exclude", "--source", "import/list")["number"]
    why = f"excluded by decision {number} ("
    (claim,) = estate.json("explain", "pc-2", "owner")["attributes"][0]["claims"]
    assert (claim["value"], claim["wins"]) == ("sales", False)
    assert claim["why"].startswith(why)
    assert why in estate.ok("explain", "pc-2", "owner")
    told = estate.ok("explain", "pc-2").splitlines()
    (line,) = (each for each in told if each.startswith("-  "))
    assert line.startswith("-  import/list/hq/")
    assert why in line
    estate.ok("undo", number)


def test_values_follow_their_asset_and_authority_decides(estate: Estate) -> None:
    done = estate.json("set", "pc-1", "owner=hr", "name=other", "memory_bytes=1024")["values"]
    assert [(row["name"], row["wins"], row["value"]) for row in done] == [
        ("owner", True, "hr"), ("name", False, "pc-1"), ("memory_bytes", True, 1024),
    ]  # fmt: skip
    assert "agent ranks 1" in done[1]["why"]
    joined = estate.json("join", "pc-1", "pc-2")["number"]
    assert estate.json("show", "pc-1")["asset"]["attributes"]["owner"] == "hr"
    estate.ok("undo", joined)
    assert estate.json("show", "pc-2")["asset"]["attributes"]["owner"] == "sales"
    assert estate.json("show", "pc-1")["asset"]["attributes"]["owner"] == "hr"
    gone = estate.json("unset", "pc-1", "owner")["values"]
    assert [(row["name"], row["value"]) for row in gone] == [("owner", "ops")]
    for words, text in (
        (("set", "pc-1", "memory_bytes=lots"), "number of bytes from 1"),
        (("set", "pc-1", "cpu_cores=-5"), "cores from 1 to 1000000; '-5' is none"),
        (("set", "pc-1", "owner=x", "memory_bytes=0"), "from 1 to"),
        (("set", "pc-1", "colour=red"), "has no attribute 'colour'"),
        (("set", "pc-1", "owner="), "unset"),
        (("unset", "pc-1", "owner"), "nobody set owner"),
    ):
        refused = estate.run(*words)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert text in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_what_binds_a_value_to_its_asset_is_undone_with_it(estate: Estate) -> None:
    estate.take_in(said("agent", "a7", "a7", name="bound", system_serial="5CG1234QRS"))
    number = estate.json("set", "bound", "owner=A")["number"]
    refused = estate.run("undo", number - 1)
    assert (refused.returncode, f"a part of {number}: undo that" in refused.stderr) == (3, True)
    line = {"type": "person", "act": "undo", "records": [], "extra": {"undoes": str(number)}}
    done = estate.run("import", "observations", "-", "--now", stdin=json.dumps(line))
    assert (done.returncode, f"'stocktake undo {number}'" in done.stderr) == (3, True)
    assert [row["name"] for row in estate.assets("bound", "--source", "manual")] == ["bound"]
    estate.ok("undo", number)
    assert estate.assets("bound", "--source", "manual") == []
    assert "owner" not in estate.json("show", "bound")["asset"]["attributes"]


def test_each_value_that_was_set_is_a_decision_and_undone_by_itself(estate: Estate) -> None:
    def owner() -> str | None:
        found: str | None = estate.json("show", "pc-1")["asset"]["attributes"].get("owner")
        return found

    def decide(*words: str) -> str:
        return str(estate.json(*words, "--note", " ".join(words))["number"])

    first, second, third = (decide("set", "pc-1", f"owner={name}") for name in ("A", "Z", "M"))
    assert owner() == "M"
    taken = decide("unset", "pc-1", "owner")
    assert owner() == "ops"
    last = decide("set", "pc-1", "owner=B", "location=HQ")
    assert owner() == "B", "also where the clock stands: each word is later than the one before"
    told = [row for row in estate.json("decisions")["decisions"] if "set" in row["act"]][:5]
    assert [row["act"] for row in told] == ["set", "unset", "set", "set", "set"]
    assert [(str(row["number"]), row["note"], row["text"]) for row in reversed(told)] == [
        (first, "set pc-1 owner=A", "owner is set to A"),
        (second, "set pc-1 owner=Z", "owner is set to Z (before: A)"),
        (third, "set pc-1 owner=M", "owner is set to M (before: Z)"),
        (taken, "unset pc-1 owner", "owner is taken back (before: M)"),
        (last, "set pc-1 owner=B location=HQ", "location is set to HQ; owner is set to B"),
    ]
    assert len(estate.json("decisions", "--asset", "pc-1")["decisions"]) >= 5
    dry = estate.json("undo", last, "--dry-run")
    assert owner() == "B"
    assert "owner" in str(dry["rehearsal"])
    back = estate.json("undo", last)["number"]
    assert owner() == "ops"
    estate.ok("undo", taken)
    assert owner() == "M"
    estate.ok("undo", second)
    assert owner() == "M", "what was said after it stands"
    estate.ok("undo", back)
    assert owner() == "B"
    for number in (last, third):
        estate.ok("undo", number)
    assert owner() == "A"
    estate.ok("undo", first)
    assert owner() == "ops"
    assert "takes it back" in estate.ok("set", "pc-1", "owner=C")


def test_who_is_taken_out_of_three_leaves_two(estate: Estate) -> None:
    estate.take_in(said("agent", "a3", "a3", name="pc-3", system_serial="5CG1234DEF"))
    estate.ok("join", "pc-1", "pc-2", "pc-3")
    asset = estate.json("show", "pc-1")["asset"]["asset"]
    estate.ok("split", asset, "agent/a1/hq/a1")
    left = {row["name"] for row in estate.assets()}
    one, two, three = (estate.json("explain", f"pc-{n}")["asset"] for n in (1, 2, 3))
    assert two == three != one
    assert "pc-1" in left


def test_retired_by_a_person_until_it_is_seen_again(estate: Estate) -> None:
    estate.ok("retire", "pc-1", "--reason", "sold")
    found = estate.json("explain", "pc-1")
    assert found["state"] == "retired"
    assert found["state_why"].endswith(": sold")
    estate.ok("reinstate", "pc-1")
    assert estate.json("show", "pc-1")["asset"]["state"] == "present"
    assert "no person retired" in estate.run("reinstate", "pc-1").stderr
    estate.ok("retire", "pc-1")
    assert estate.run("retire", "pc-1").returncode == 3
    estate.take_in(rows()[0])
    assert estate.json("show", "pc-1")["asset"]["state"] == "present"


def test_a_dry_run_changes_nothing(estate: Estate) -> None:
    before = estate.lines("export", "assets"), estate.json("status")["journalled"]
    report = json.dumps(rows()[0] | {"native_key": "new", "attributes": {"name": "pc-9"}})
    found = estate.json("reconcile", "--dry-run", "-", stdin=report)
    assert [(row["asset"], row["what"]) for row in found["assets"]] == [("new 1", "created")]
    assert "would be" in estate.ok("reconcile", "--dry-run", "-", stdin=report)
    assert (estate.lines("export", "assets"), estate.json("status")["journalled"]) == before
    refused = estate.run("reconcile", "--dry-run", "-", stdin=report + "\n{")
    assert refused.returncode == 3
    assert "line 2" in refused.stderr
    assert estate.run("reconcile").returncode == 2


def test_the_stop_list_is_edited_and_learned(estate: Estate) -> None:
    before = names(estate)
    done = estate.json("stop-list", "add", "system_serial", "5cg1234abc", "--note", "printed twice")
    assert len(names(estate)) == len(before) + 1
    (value,) = [row for row in estate.json("stop-list")["values"] if row["decision"]]
    assert (value["key"], value["value"], value["records"]) == ("system_serial", "5CG1234ABC", 2)
    estate.ok("undo", done["number"])
    assert names(estate) == before
    learned = estate.json("stop-list", "learn")["learned"]
    assert (learned["limit"], learned["now"]) == (24, 24)
    assert "too few" in learned["why"]
    assert estate.run("stop-list", "add", "colour", "red").returncode == 3


def test_a_rebuild_finds_nothing_wrong(estate: Estate) -> None:
    before = estate.lines("export", "identity"), estate.lines("export", "assets")
    assert estate.json("rebuild") == {"assets": [], "total": len(before[1])}
    assert (estate.lines("export", "identity"), estate.lines("export", "assets")) == before


def test_what_makes_no_sense_is_refused_in_one_sentence(estate: Estate) -> None:
    before = estate.json("decisions")
    for words, code in (
        (("join", "pc-1", "pc-1"), 3),
        (("join", "pc-1", "nobody"), 4),
        (("split", "pc-1", "1"), 3),
        (("split", "pc-1", "agent/a9/hq/a9"), 4),
        (("exclude",), 3),
        (("exclude", "agent/a9/hq/a9"), 4),
        (("include", "agent/a1/hq/a1"), 3),
        (("undo", "99"), 4),
        (("twins", "answer", "7", "same"), 4),
        (("twins", "answer", "7", "maybe"), 2),
    ):
        done = estate.run(*words)
        assert (done.returncode, done.stdout) == (code, ""), words
        assert len(done.stderr.splitlines()) == 1, done.stderr
    assert estate.json("decisions") == before
    assert estate.json("twins")["questions"] == []


def test_who_decided_is_the_account(server: Server) -> None:
    server.take_in(*rows())
    server.ok("retire", "stub")
    newest = server.json("decisions")["decisions"][0]
    assert (newest["act"], newest["by"]) == ("retire", "local")


def test_what_was_set_is_listed_so_and_an_exclusion_links_nothing(home: Estate) -> None:
    row = said("import", "list", "pc-1", name="pc-1")
    home.take_in(row)
    home.ok("set", "pc-1", "owner=ann")
    assert [each["act"] for each in home.json("decisions")["decisions"]] == ["set"]
    told = home.ok("exclude", "--source", "import/list", "--dry-run")
    assert "not at all" in told
    assert "joined by" not in told
