"""The line of a person's word: what is taken, what is refused, and that it reads as written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cmdb.model.observation import Decision, RecordKey, Source
from collector.sources import persons
from collector.sources.lines import BadLine, parse
from reconcile.decisions import ACTS, named

AT = datetime(2026, 1, 1, tzinfo=UTC)
ONE = {"source": {"kind": "agent", "instance": "a"}, "scope": "hq", "native_key": "k1"}
TWO = ONE | {"native_key": "k2"}
GOOD: dict[str, dict[str, Any]] = {
    "same": {"records": [ONE, TWO]},
    "different": {"records": [ONE, TWO], "extra": {"sides": "1"}},
    "exclude": {"extra": {"source": "agent/a"}},
    "include": {"records": [ONE]},
    "retire": {"records": [ONE]},
    "reinstate": {"records": [ONE]},
    "set": {"records": [ONE], "extra": {"values": '{"owner":["ops",null],"site":[null,"HQ"]}'}},
    "distrust": {"extra": {"key": "mac", "value": "005056aa0001"}},
    "trust": {"extra": {"key": "system_serial", "value": "X1"}},
    "crowded": {"extra": {"n": "40"}},
    "rules": {"extra": {"rules": "silence:\n  agent: 9 days\n", "file": "rules.yaml"}},
    "undo": {"extra": {"undoes": "7"}},
}


def read(**fields: Any) -> Decision:
    found = parse(json.dumps({"type": "person", "at": AT.isoformat()} | fields))
    assert isinstance(found, Decision)
    return found


def test_every_act_has_a_line() -> None:
    assert set(GOOD) == set(ACTS) == set(persons.ACTS)


@pytest.mark.parametrize("act", ACTS)
def test_a_line_reads_as_it_was_written(act: str) -> None:
    found = read(act=act, by="ann", note="because <b>", **GOOD[act])
    assert (found.act, found.by, found.note, found.at) == (act, "ann", "because <b>", AT)
    again = parse(json.dumps(persons.write(found)), AT)
    assert again == found


def test_an_older_line_is_read_as_ever() -> None:
    key = RecordKey(Source("agent", "a"), "hq", "k1")
    assert read(act="same", records=[ONE, TWO]).records[0] == key
    assert read(act="restore", records=[ONE]) == read(act="reinstate", records=[ONE])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"act": "merge", "records": [ONE, TWO]}, "act is 'merge'; it must be one of same"),
        ({"act": ["same"]}, "act is"),
        ({"act": "same", "records": [ONE]}, "records has 1; this act takes 2 to"),
        ({"act": "same", "records": [ONE, ONE]}, "names one twice"),
        ({"act": "same", "records": [ONE, TWO], "extra": {"sides": "3"}}, "no record on the other"),
        ({"act": "different", "records": [ONE, TWO], "extra": {"sides": "2"}}, "on the other"),
        ({"act": "set", "records": [ONE]}, "extra.values is missing"),
        ({"act": "set", "records": [ONE], "extra": {"values": "owner"}}, "extra.values: "),
        ({"act": "set", "records": [ONE], "extra": {"values": "{}"}}, "no object of attributes"),
        ({"act": "set", "records": [ONE], "extra": {"values": '{"a":[1]}'}}, "a has not two"),
        ({"act": "set", "records": [ONE], "extra": {"values": 7}}, "extra.values must be a text"),
        ({"act": "same", "records": [ONE, TWO], "extra": {"sides": "0"}}, "extra.sides is '0'"),
        ({"act": "same", "records": [ONE, TWO], "extra": {"n": "2"}}, "extra.n does not belong"),
        ({"act": "exclude"}, "or extra.source"),
        ({"act": "exclude", "extra": {"source": "agent"}}, "extra.source is 'agent'"),
        ({"act": "exclude", "extra": {"source": "psychic/a"}}, "extra.source"),
        ({"act": "rules"}, "extra.rules is missing"),
        ({"act": "rules", "extra": {"rules": ["x"]}}, "extra.rules must be the text"),
        ({"act": "rules", "extra": {"rules": "\nx: y"}}, "extra.rules, line 2: unknown name 'x'"),
        ({"act": "rules", "extra": {"rules": "x" * 300_000}}, "larger than"),
        ({"act": "rules", "extra": {"rules": "", "n": "2"}}, "extra.n does not belong"),
        ({"act": "undo"}, "extra.undoes is missing"),
        ({"act": "undo", "extra": {"undoes": "-1"}}, "number of a decision"),
        ({"act": "undo", "extra": {"undoes": "\u0661"}}, "number of a decision"),
        ({"act": "undo", "extra": {"undoes": 7}}, "extra.undoes must be a text"),
        ({"act": "undo", "records": [ONE], "extra": {"undoes": "1"}}, "this act takes none"),
        ({"act": "crowded", "extra": {"n": "1"}}, "from 2 to"),
        ({"act": "crowded", "extra": {"n": "9" * 30}}, "from 2 to"),
        ({"act": "distrust", "extra": {"key": "colour", "value": "x"}}, "extra.key is 'colour'"),
        ({"act": "distrust", "extra": {"key": "mac", "value": ""}}, "extra.value must be 1 to"),
        ({"act": "same", "records": [ONE, TWO], "why": "x"}, "unknown field 'why'"),
        ({"act": "retire", "records": [ONE] * 501}, "records has 501"),
        ({"act": "same", "records": {"a": 1}}, "records must be a list"),
        ({"act": "same", "records": [ONE, TWO], "extra": [1]}, "extra must be an object"),
        ({"act": "same", "records": [ONE, TWO], "by": 7}, "by must be a text"),
    ],
)
def test_what_is_no_word_is_refused_with_the_reason(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadLine, match=words.replace("(", r"\(")):
        read(**fields)


def test_a_line_may_speak_of_times_of_its_records() -> None:
    times = "2026-01-01T00:00:00.000001Z ../2026-03-01T00:00:00Z"
    found = read(act="same", records=[ONE, TWO], extra={"times": times})
    assert [str(each.time) for each in named(found)] == times.split(" ")
    again = read(act="different", records=[ONE, ONE], extra={"times": "../2026-03-01T00:00:00Z "
                 "2026-03-01T00:00:00Z/.."})  # fmt: skip
    assert parse(json.dumps(persons.write(again)), AT) == again


@pytest.mark.parametrize(
    ("records", "times", "words"),
    [
        ([ONE, TWO], "-", "has 1 for 2 records"),
        ([ONE, TWO], "- soon", "no instant"),
        ([ONE, TWO], "- ../..", "open at both ends"),
        ([ONE, TWO], "- 2026-03-01T00:00:00Z/2026-01-01T00:00:00Z", "ends before it begins"),
        ([ONE, TWO], "- 2026-03-01T00:00:00", "no time zone"),
        ([ONE, ONE], "- 2026-03-01T00:00:00Z", "names one twice"),
        ([ONE, TWO], "- " + "x" * 40_000, "at most"),
        ([ONE, TWO], 7, "must be a text"),
    ],
)
def test_times_that_are_none_are_refused(records: list[Any], times: object, words: str) -> None:
    with pytest.raises(BadLine, match=words):
        read(act="same", records=records, extra={"times": times})


def test_what_speaks_of_no_time_takes_none() -> None:
    with pytest.raises(BadLine, match="does not belong"):
        read(act="exclude", records=[ONE], extra={"times": "2026-03-01T00:00:00Z"})
