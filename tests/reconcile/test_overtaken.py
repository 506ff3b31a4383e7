"""A stale word yields only to what was said later."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.model.classes.authority import MEASURED
from cmdb.model.declare import Attribute, Authority, Empty, Rule, ValueType
from cmdb.model.observation import RecordKey, Source
from cmdb.store.port import RecordId, RecordRow
from reconcile.account import Claim
from reconcile.authority import weigh, winner
from reconcile.explain import explain
from tests.reconcile.history import START, Engine, Say

DAY = 24
KINDS = ("agent", "snmp", "cloud", "import", "scan", "odd")


def test_an_older_list_does_not_come_forward_when_the_agent_falls_silent(
    engine: Engine, said: Say
) -> None:
    serial = {"system_serial": "AAA1"}
    engine.tell(said("import", "b", 0, attributes={"name": "p0", **serial}))
    engine.tell(said("agent", "a", 2 * DAY, attributes={"name": "p9", **serial}))
    later = engine.now + timedelta(days=40)
    engine.pipeline.refresh(later)
    assert engine.find("p9").attributes["name"] == "p9"
    (told,) = explain(engine.record, "p9", "name", later).attributes
    assert [(each.value, each.wins, each.stale, each.why) for each in told.claims] == [
        (
            "p9", True, True,
            "agent is the most trusted that says anything, though stale: nothing newer is fresh",
        ),
        ("p0", False, False, "import ranks 5, agent ranks 1"),
    ]  # fmt: skip


def test_the_list_is_heard_when_it_is_confirmed_and_the_agent_when_it_is_back(
    engine: Engine, said: Say
) -> None:
    serial = {"system_serial": "AAA1"}
    list_ = {"name": "p0", **serial}
    engine.tell(said("import", "b", 0, attributes=list_))
    engine.tell(said("agent", "a", 2 * DAY, attributes={"name": "p9", **serial}))
    engine.tell(said("agent", "z", 40 * DAY, attributes={"name": "other"}))
    engine.pipeline.refresh(engine.now)
    engine.tell(said("import", "b", 41 * DAY, attributes=list_))
    assert engine.find("p0").attributes["name"] == "p0"
    (told,) = explain(engine.record, "p0", "name", engine.now).attributes
    assert told.claims[1].why == "stale: not confirmed within 30 days, and others spoke later"
    engine.tell(said("agent", "a", 42 * DAY, attributes={"name": "p9", **serial}))
    assert engine.find("p9").attributes["name"] == "p9"


def test_the_class_of_an_older_list_does_not_come_forward(engine: Engine, said: Say) -> None:
    def words(kind: str, key: str, at: int, cls: str) -> dict[str, object]:
        return said(kind, key, at, **{"class": cls}, attributes={"system_serial": "AAA1"})

    engine.tell(words("import", "b", 0, "Printer"), words("agent", "a", 2 * DAY, "Computer"))
    engine.pipeline.refresh(engine.now + timedelta(days=40))
    assert [row.cls for row in engine.record.view.all_assets()] == ["Computer"]
    engine.now += timedelta(days=40)
    engine.tell(words("import", "b", 43 * DAY, "Printer"))
    assert [row.cls for row in engine.record.view.all_assets()] == ["Printer"]


def test_a_class_turns_by_time_alone(engine: Engine, said: Say) -> None:
    """The newer list is heard when the agent's word is stale, with no attribute to turn by."""
    engine.tell(
        said("agent", "a", 0, **{"class": "Computer"}, attributes={"board_serial": "B1234"})
    )
    engine.tell(
        said("import", "b", DAY, **{"class": "Printer"}, attributes={"board_serial": "B1234"})
    )
    assert [row.cls for row in engine.record.view.all_assets()] == ["Computer"]
    engine.pipeline.refresh(engine.now + timedelta(days=31))
    assert [row.cls for row in engine.record.view.all_assets()] == ["Printer"]


def _claim(number: int, kind: str, value: str, days: int) -> Claim:
    key = RecordKey(Source(kind, "one"), "site", f"k{number}")
    at = START + timedelta(days=days)
    return Claim(RecordRow(RecordId(number), key, at, at, at), "name", value, at)


def _attribute(rule: Rule, empty: Empty = Empty.IGNORED) -> Attribute:
    return Attribute("name", ValueType.TEXT, "A name.", Authority(MEASURED.ranks, rule, empty))


CLAIMS = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.sampled_from(("x", "X", "y", "z", "")), st.integers(0, 60)
    ),
    min_size=1,
    max_size=5,
).map(lambda told: [_claim(number, *each) for number, each in enumerate(told)])
ATTRIBUTES = st.builds(_attribute, st.sampled_from(Rule), st.sampled_from(Empty))
NOW = START + timedelta(days=60)


@settings(deadline=None, max_examples=50)
@given(ATTRIBUTES, CLAIMS)
def test_the_order_is_one_whatever_the_order_of_arrival(
    attribute: Attribute, claims: list[Claim]
) -> None:
    orders = {
        tuple(entry.claim.record.id for entry in weigh(attribute, each, NOW))
        for each in permutations(claims)
    }
    assert len(orders) == 1


@settings(deadline=None, max_examples=300)
@given(CLAIMS)
def test_no_value_is_older_than_the_word_of_a_more_trusted_source(claims: list[Claim]) -> None:
    first, *others = weigh(_attribute(Rule.PRIORITY), claims, NOW)
    for other in others:
        if other.form is not None and other.rank < first.rank:
            assert other.overtaken
            assert other.claim.said_at < first.claim.said_at


@settings(deadline=None, max_examples=300)
@given(ATTRIBUTES, CLAIMS)
def test_nothing_turns_before_it_is_told_to(attribute: Attribute, claims: list[Claim]) -> None:
    now = NOW
    while (turns := (won := winner(attribute, claims, now)).turns_at) is not None:
        assert turns > now
        assert winner(attribute, claims, turns - timedelta(seconds=1)).claim == won.claim
        now = turns
    assert winner(attribute, claims, now + timedelta(days=1000)).claim == won.claim


@settings(deadline=None, max_examples=500)
@given(ATTRIBUTES, CLAIMS)
def test_what_is_not_contested_stays_when_a_word_is_repeated(
    attribute: Attribute, claims: list[Claim]
) -> None:
    won = winner(attribute, claims, NOW)
    for place, claim in enumerate(claims):
        if not won.contested:
            again = [*claims[:place], claim._replace(said_at=NOW), *claims[place + 1 :]]
            now = winner(attribute, again, NOW)
            assert (now.claim and now.claim.value) == (won.claim and won.claim.value)


def test_under_other_rules_a_stale_word_counts_while_nothing_fresh_is_newer() -> None:
    claims = [_claim(0, "import", "x", 0), _claim(1, "agent", "y", 2), _claim(2, "agent", "y", 3)]
    newer = [*claims, _claim(3, "import", "x", 4)]
    for rule in (Rule.LATEST, Rule.MOST_REPORTED):
        told = [winner(_attribute(rule), each, NOW).claim for each in (claims, newer)]
        assert [claim and claim.value for claim in told] == ["y", "x"]


def test_of_three_the_newest_wins_and_not_the_oldest() -> None:
    claims = [_claim(0, "agent", "x", 20), _claim(1, "import", "y", 10), _claim(2, "scan", "z", 55)]
    told = weigh(_attribute(Rule.PRIORITY), claims, NOW)
    assert [(entry.claim.value, entry.overtaken) for entry in told] == [
        ("z", False),
        ("x", True),
        ("y", True),
    ]
    assert told[2].why.startswith("a more trusted word was said later, and is itself stale")
