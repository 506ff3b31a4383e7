"""What people decide of a time of a record holds for that alone, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cmdb.model.observation import Decision
from cmdb.store.port import AssetRow
from collector.sources import persons
from reconcile import twins
from reconcile.deciding import DecisionRefused, Word, join, reinstate, retire, split
from reconcile.decisions import decided
from reconcile.explain import explain
from reconcile.rebuild import differing, rebuild, steps
from reconcile.recounting import decisions
from reconcile.setting import set_values, values_in
from reconcile.web import ACTS, Asked
from tests.reconcile.history import START, Engine, Say, observation
from tests.reconcile.test_join_split import (
    whose,
)
from tests.reconcile.words import person, ref

OLD, NEW = {"system_serial": "5CG1234XYZ"}, {"system_serial": "MXL0123ABC"}
LEFT, NEXT, ROW = "ci-1", "ci-2", "ci-3"


def word(hours: int = 72) -> Word:
    return Word("ann", START + timedelta(hours=hours))


def line(decision: Decision) -> dict[str, Any]:
    return {**persons.write(decision), "at": decision.at.isoformat()}


def told(engine: Engine, decision: Decision) -> Engine:
    return engine.tell(line(decision))


def undo(engine: Engine, number: int = 1, hours: int = 100) -> Engine:
    return engine.tell(person("undo", hours, undoes=number))


def names(engine: Engine) -> list[str]:
    return sorted(row.name for row in engine.record.view.all_assets() if row.parent is None)


def asset(engine: Engine, ref: str) -> AssetRow:
    return engine.record.view.find(ref)


@pytest.fixture
def imaged(engine: Engine, said: Say) -> Engine:
    """A native key that was on one machine, then on another; and a list that knows the first."""
    return engine.tell(
        said("agent", "ri", 0, attributes=OLD | {"name": "old"}),
        said("agent", "ri", 48, attributes=NEW | {"name": "new"}),
        said("import", "row", 1, attributes={"name": "listed", "owner": "hr"}),
    )


def test_what_a_key_left_behind_is_joined_without_its_successor(imaged: Engine, said: Say) -> None:
    before = imaged.state()
    decision = join(imaged.record, (LEFT, ROW), word())
    assert decision.extra["times"] == "2026-01-01T00:00:00Z -"
    told(imaged, decision)
    assert names(imaged) == ["new", "old"]
    assert asset(imaged, ROW).id == asset(imaged, LEFT).id
    assert asset(imaged, LEFT).attributes["owner"] == "hr"
    imaged.tell(said("agent", "ri", 80, attributes=NEW | {"name": "new"}))
    assert asset(imaged, NEXT).name == "new"
    undo(imaged)
    assert imaged.tell(said("agent", "ri", 48, attributes=NEW | {"name": "new"})).state()["assets"]
    assert names(imaged) == ["listed", "new", "old"]
    assert len(before["assets"]) == len(imaged.state()["assets"])


def test_both_of_one_key_are_joined_and_parted_again(imaged: Engine) -> None:
    before = imaged.state()
    told(imaged, join(imaged.record, (LEFT, NEXT), word()))
    assert names(imaged) == ["listed", "new"]
    assert asset(imaged, NEXT).id == asset(imaged, LEFT).id
    undo(imaged)
    assert imaged.state() == before
    assert (asset(imaged, LEFT).name, asset(imaged, NEXT).name) == ("old", "new")


def test_a_join_says_otherwise_of_what_was_parted(imaged: Engine) -> None:
    """A word about whole records goes on to hold for the successor."""
    keys = [row.key for row in imaged.record.ledger.all_records()]
    told(imaged, word(60).says("different", (keys[0], keys[1])))
    told(imaged, join(imaged.record, (LEFT, ROW), word()))
    assert names(imaged) == ["new", "old"]
    serial = {"name": "listed", "owner": "hr"} | NEW
    imaged.tell(observation("import", "row", 90, attributes=serial))
    assert asset(imaged, ROW).id == asset(imaged, LEFT).id != asset(imaged, NEXT).id


def test_a_split_speaks_of_the_time_that_it_is_about(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "ri", 0, attributes=OLD | {"name": "old"}),
        said("cloud", "vm", 1, attributes=OLD | {"name": "vm"}),
        said("agent", "ri", 48, attributes=NEW | {"name": "new"}),
    )
    before = engine.state()
    decision = split(engine.record, LEFT, ["agent/one/site/ri"], word())
    assert decision.extra["times"] == "../2026-01-03T00:00:00Z -"
    told(engine, decision)
    assert names(engine) == ["new", "old", "vm"]
    # What the decision does not speak of: the successor is the virtual machine's, if it says so.
    engine.tell(said("cloud", "vm", 80, attributes=NEW | {"name": "new"}))
    assert names(engine) == ["new", "old", "vm"]
    undo(engine)
    engine.tell(said("cloud", "vm", 80, attributes=NEW | {"name": "new"}))
    assert len(before["assets"]) == len(names(engine)) == 2
    assert asset(engine, LEFT).name == "old"


def test_a_split_is_taken_back_by_a_join(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "ri", 0, attributes=OLD | {"name": "old"}),
        said("cloud", "vm", 1, attributes=OLD | {"name": "vm"}),
        said("agent", "ri", 48, attributes=NEW | {"name": "new"}),
    )
    before = engine.state()
    told(engine, split(engine.record, LEFT, ["agent/one/site/ri"], word()))
    told(engine, join(engine.record, (LEFT, ROW), word(74)))
    assert engine.state() == before
    assert decided(engine.record.ledger.decisions()).rulings.different == ()


def test_a_record_is_parted_where_nothing_tells(engine: Engine, said: Say) -> None:
    same = OLD | {"name": "box"}
    engine.tell(*(said("agent", "ri", day * 24, attributes=same) for day in range(6)))
    engine.tell(said("import", "row", 1, attributes=same | {"owner": "hr"}))
    before = engine.state()
    decision = split(engine.record, LEFT, ["agent/one/site/ri"], word(130), hours(60))
    told(engine, decision)
    old, new = asset(engine, LEFT), asset(engine, NEXT)
    assert (old.attributes.get("owner"), new.attributes.get("owner")) == ("hr", None)
    assert new.first_seen >= hours(60) > old.last_seen
    # What it tells from now on is of the later one, and so are other words of it.
    engine.tell(said("agent", "ri", 140, attributes=OLD | {"name": "renamed"}))
    assert asset(engine, NEXT).name == "renamed"
    engine.tell(said("agent", "ri", 30, attributes=OLD | {"name": "former"}))
    assert asset(engine, LEFT).id != asset(engine, NEXT).id
    assert len(names(engine)) == 2
    told(engine, join(engine.record, (LEFT, NEXT), word(150)))
    assert len(names(engine)) == 1
    undo(engine, 2, 151)
    assert len(names(engine)) == 2
    undo(engine, 1, 152)
    assert len(names(engine)) == 1
    assert len(before["assets"]) == 1


def test_a_rebuild_leads_to_the_same(imaged: Engine, said: Say) -> None:
    same = {"name": "quiet", "system_serial": "PF1A2B3C"}
    imaged.tell(*(said("agent", "q", day * 24, attributes=same) for day in range(3)))
    imaged.tell(said("scan", "10.0.0.9", 3, attributes={"name": "stub"}))
    imaged.tell(said("scan", "10.0.0.9", 60, attributes={"name": "other"}))
    told(imaged, join(imaged.record, (LEFT, ROW), word()))
    told(imaged, retire(imaged.record, LEFT, word(73)))
    told(imaged, split(imaged.record, "quiet", ["1"], word(74), hours(30)))
    told(imaged, join(imaged.record, (NEXT, "stub"), word(75)))
    before = imaged.state()
    newest = imaged.record.view.changes(None, 1, None)[0].sequence
    for step in steps(imaged.record):
        rebuild(imaged.record, step, imaged.now)
    assert differing(imaged.record, newest) == ()
    assert imaged.state() == before


def test_the_console_parts_a_record_from_a_day_on(engine: Engine, said: Say) -> None:
    engine.tell(*(said("agent", "ri", day * 24, attributes=OLD) for day in range(4)))
    asked = Asked(act="split", asset=LEFT, record=["1"], since="2026-01-03")
    decision = ACTS["split"].make(engine.record, asked, word(90))
    assert decision.extra["times"] == "2026-01-03T00:00:00Z/.. ../2026-01-03T00:00:00Z"
    with pytest.raises(DecisionRefused, match="is no time"):
        ACTS["split"].make(engine.record, asked.model_copy(update={"since": "soon"}), word(90))


def test_a_split_of_a_time_outweighs_an_older_join(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "ri", 0, attributes=OLD | {"name": "old"}),
        said("cloud", "vm", 1, attributes={"name": "vm"}),
    )
    told(engine, join(engine.record, ("old", "vm"), word(10)))
    assert names(engine) == ["old"]
    engine.tell(said("agent", "ri", 48, attributes=NEW | {"name": "new"}))
    told(engine, split(engine.record, LEFT, ["cloud/one/site/vm"], word()))
    assert names(engine) == ["new", "old", "vm"]
    undo(engine, 2)
    assert len(names(engine)) == 2


def test_a_border_holds_of_what_is_told_after_it_was_drawn(
    engines: Callable[[], Engine], said: Say
) -> None:
    reports = [said("agent", "ri", at, attributes=OLD) for at in (0, 30, 60, 90)]
    border = hours(50).isoformat().replace("+00:00", "Z")
    key = ref("agent", "ri")
    drawn = person("different", 20, key, key, times=f"../{border} {border}/..")
    early = engines().tell(reports[0], drawn, *reports[1:])
    late = engines().tell(*reports, {**drawn, "at": reports[-1]["at"]})
    assert len(names(early)) == len(names(late)) == 2
    assert early.state() == late.state()


def hours(number: int) -> Any:
    return START + timedelta(hours=number)


def test_one_that_came_back_is_joined_over_two_borders(engine: Engine, said: Say) -> None:
    same = OLD | {"name": "box"}
    engine.tell(*(said("agent", "ri", day * 24, attributes=same) for day in range(6)))
    for at in (30, 80):
        of = LEFT if at == 30 else NEXT
        told(engine, split(engine.record, of, ["1"], word(130 + at), hours(at)))
    assert len(names(engine)) == 3
    told(engine, join(engine.record, ("ci-1", "ci-3"), word(250)))
    assert len(names(engine)) == 2
    engine.tell(said("agent", "ri", 260, attributes=OLD | {"name": "renamed"}))
    assert len(names(engine)) == 2
    assert asset(engine, "ci-3").id == 1
    assert asset(engine, "ci-1").name == "renamed"


@pytest.mark.parametrize(
    ("at", "words"), [(-5, "nothing of it before"), (90, "nothing of it since")]
)
def test_a_border_with_nothing_on_one_side_is_refused(
    engine: Engine, said: Say, at: int, words: str
) -> None:
    engine.tell(*(said("agent", "ri", day * 24, attributes=OLD) for day in range(3)))
    with pytest.raises(DecisionRefused, match=words):
        split(engine.record, LEFT, ["1"], word(), hours(at))


def test_what_a_key_left_behind_is_retired_and_reinstated_alone(imaged: Engine) -> None:
    before = imaged.state()
    decision = retire(imaged.record, LEFT, word())
    assert decision.extra == {"times": "2026-01-01T00:00:00Z"}
    told(imaged, decision)
    assert (asset(imaged, LEFT).state, asset(imaged, NEXT).state) == ("retired", "present")
    why = explain(imaged.record, LEFT, None, imaged.now).state_why
    assert "as it was on 2026-01-01 00:00 UTC" in why
    with pytest.raises(DecisionRefused, match="retired already"):
        retire(imaged.record, LEFT, word(73))
    told(imaged, retire(imaged.record, NEXT, word(74)))
    assert asset(imaged, NEXT).state == "retired"
    told(imaged, reinstate(imaged.record, LEFT, word(75)))
    assert (asset(imaged, LEFT).state, asset(imaged, NEXT).state) == ("present", "retired")
    told(imaged, reinstate(imaged.record, NEXT, word(76)))
    assert imaged.state() == before
    with pytest.raises(DecisionRefused, match="no person retired ci-1"):
        reinstate(imaged.record, LEFT, word(77))


def test_the_successor_alone_is_retired(imaged: Engine) -> None:
    told(imaged, retire(imaged.record, NEXT, word()))
    assert (asset(imaged, LEFT).state, asset(imaged, NEXT).state) == ("present", "retired")


def test_a_value_is_set_on_what_a_key_left_behind(imaged: Engine, said: Say) -> None:
    before = imaged.state()
    setting = set_values(imaged.record, LEFT, ["owner=ops"], word())
    (said_,) = setting.observations
    told(imaged, setting.decisions[0])
    key = setting.decisions[0].records[0]
    imaged.tell(
        observation(
            key.source.kind, key.native_key, 72, instance=key.source.instance, full=False,
            attributes=dict(values_in(said_)),
        )
    )  # fmt: skip
    assert asset(imaged, LEFT).attributes["owner"] == "ops"
    assert "owner" not in asset(imaged, NEXT).attributes
    imaged.tell(said("agent", "ri", 10, attributes=NEW | {"name": "early"}))
    assert asset(imaged, LEFT).attributes["owner"] == "ops"
    undo(imaged)
    assert "owner" not in asset(imaged, LEFT).attributes
    assert len(before["assets"]) == len(imaged.state()["assets"])


def test_decisions_and_explanations_say_as_it_was(imaged: Engine) -> None:
    told(imaged, join(imaged.record, (LEFT, ROW), word()))
    (view,) = decisions(imaged.record, LEFT)
    assert "agent/one/site/ri (as it was on 2026-01-01 00:00 UTC)" in view.text
    assert decisions(imaged.record, NEXT) == ()
    links = json.dumps(
        [link.evidence for link in explain(imaged.record, LEFT, None, imaged.now).links]
    )
    assert "said ann (agent/one/site/ri as it was on 2026-01-01 00:00 UTC)" in links


def test_a_stub_that_a_scan_left_behind_is_joined(engine: Engine, said: Say) -> None:
    engine.tell(
        said("scan", "10.0.0.9", 1, attributes={"name": "stub"}),
        said("agent", "k1", 2, attributes=OLD | {"name": "box"}),
        said("scan", "10.0.0.9", 50, attributes={"name": "other"}),
    )
    assert names(engine) == ["box", "other", "stub"]
    before = engine.state()
    told(engine, join(engine.record, ("box", "stub"), word()))
    assert names(engine) == ["box", "other"]
    engine.tell(said("scan", "10.0.0.9", 80, attributes={"name": "other"}))
    assert names(engine) == ["box", "other"]
    undo(engine)
    assert names(engine) == ["box", "other", "stub"]
    assert len(before["assets"]) == 3


def test_a_question_is_answered_for_the_time_of_which_it_is_asked(
    engine: Engine, said: Say
) -> None:
    uuid = {"bios_uuid": "4b257539-d4c6-46b3-ad94-bc9be8888346"}
    mac = [{"name": "eth0", "mac": "00:50:56:aa:00:0%d"}]

    def nic(number: int) -> list[dict[str, str]]:
        return [{**each, "mac": each["mac"] % number} for each in mac]

    engine.tell(
        said("agent", "k1", 0, attributes=uuid | {"name": "one"}, interfaces=nic(1)),
        said("agent", "k2", 1, attributes=uuid | {"name": "two"}, interfaces=nic(2)),
        said("agent", "k1", 48, attributes=NEW | {"name": "next"}, interfaces=nic(3)),
    )
    (question,) = twins.questions(engine.record)
    decision = twins.answer(engine.record, question.number, same=False, word=word())
    assert sorted(decision.extra["times"].split(" ")) == ["-", "../2026-01-03T00:00:00Z"]
    told(engine, decision)
    assert twins.questions(engine.record) == ()
    assert len(names(engine)) == 3


def test_a_decision_without_times_is_about_whole_records(imaged: Engine) -> None:
    """As decisions were written before they could speak of a time."""
    old = {
        "type": "person", "at": hours(72).isoformat(), "act": "different", "by": "ann",
        "records": [
            {"source": {"kind": kind, "instance": "one"}, "scope": "site", "native_key": key}
            for kind, key in (("agent", "ri"), ("import", "row"))
        ],
        "extra": {"sides": "1"},
    }  # fmt: skip
    imaged.tell(old)
    (ruling,) = decided(imaged.record.ledger.decisions()).rulings.different
    assert ruling.times == (None, None)
    for number, serial in enumerate((OLD, NEW)):
        imaged.tell(observation("import", "row", 80 + number, attributes=serial))
    agent, row = sorted(whose(imaged))
    assert not whose(imaged)[agent] & whose(imaged)[row]
