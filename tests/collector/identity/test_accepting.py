"""What an import refuses of people's words, line by line, while the rest is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import NUMBERS, Attribute, Authority, DeclarationError, Span, ValueType
from cmdb.model.observation import Decision, Observation
from collector.home import Home
from collector.local import LocalEstate
from collector.sources import accepting
from collector.sources.lines import BadLine, parse
from reconcile.setting import fits

AT = "2026-03-01T00:00:00Z"
REF = {"source": {"kind": "agent", "instance": "one"}, "scope": "hq", "native_key": "k1"}
SEEN = {"type": "observation", "at": AT, **REF, "full": True, "attributes": {"name": "pc-1"}}


def edit(**attributes: Any) -> dict[str, Any]:
    """A person's word on values, in a file."""
    source = {"kind": "manual", "instance": "console"}
    return SEEN | {"source": source, "native_key": "e1", "full": False, "attributes": attributes}


def person(act: str, *records: Any, **extra: str) -> dict[str, Any]:
    return {"type": "person", "at": AT, "act": act, "records": list(records), "extra": extra}


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[LocalEstate]:
    with closing(LocalEstate(Home(tmp_path))) as opened:
        yield opened


def imported(estate: LocalEstate, *lines: dict[str, Any]) -> tuple[int, dict[int, str]]:
    """How many lines were taken, and why each other was not."""
    text = "\n".join(map(json.dumps, lines))
    done = estate.call("import.observations", {"text": text, "replay": True})
    return done["accepted"], {row["line"]: row["reason"] for row in done["refused"]}


def test_every_number_has_bounds_and_nothing_else_has() -> None:
    for cls in CLASS_BY_NAME.values():
        for attribute in cls.all_attributes():
            assert (attribute.type in NUMBERS) is (attribute.span is not None)
            if attribute.span is not None:
                assert attribute.span.least < attribute.span.most
                assert not fits(attribute, attribute.span.least - 1)
                assert not fits(attribute, attribute.span.most + 1)
                assert fits(attribute, attribute.span.least)
                assert fits(attribute, attribute.span.most)
    with pytest.raises(DeclarationError, match="numbers have a span"):
        Attribute("n", ValueType.WHOLE, "A number", Authority(()))
    with pytest.raises(DeclarationError, match="numbers have a span"):
        Attribute("n", ValueType.TEXT, "A text", Authority(()), span=Span(0, 1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cpu_cores": -5}, "cpu_cores is a whole number of cores from 1 to 1000000; -5 is none"),
        ({"cpu_cores": "-5"}, "'-5' is none"),
        ({"cpu_cores": 2.5}, "2.5 is none"),
        ({"cpu_cores": True}, "True is none"),
        ({"cpu_cores": "many"}, "'many' is none"),
        ({"name": "x", "memory_bytes": 2**61}, "from 1 to"),
        ({"quantity": 0}, "of rights from 1 to"),
        ({"cost": -0.5}, "number from 0 to"),
        ({"port": 70_000}, "from 0 to 65535"),
        ({"bios_uuid": "zzz"}, "attributes: bios_uuid is a UUID, such as .*'zzz' is none"),
        ({"bios_uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff"}, "none that is one machine's"),
        ({"bios_uuid": 7}, "bios_uuid is a UUID.* 7 is none"),
        ({"address": "the third one"}, "address is an address, such as .* is none"),
        ({"mac": "00:11:22:33:44"}, "mac is a MAC address, such as .* is none"),
    ],
)
def test_a_persons_number_out_of_bounds_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadLine, match=words):
        accepting.check(parse(json.dumps(edit(**values))))


@pytest.mark.parametrize("mac", ["84:a9:3e:51:c4", "84a93e51c40g", "eth0", "84:a93:e51:c4:04"])
def test_a_persons_mac_that_is_none_is_refused(mac: str) -> None:
    rows = [{"mac": "84-A9-3E-51-C4-04"}, {"name": "eth0", "mac": ""}, {"mac": mac}]
    with pytest.raises(BadLine, match=r"interfaces\[2\]: mac is a MAC address, .* leave it out"):
        accepting.check(parse(json.dumps(edit() | {"interfaces": rows})))
    measured = parse(json.dumps(SEEN | {"interfaces": rows}))
    assert isinstance(measured, Observation)
    accepting.check(measured)
    accepting.check(parse(json.dumps(edit() | {"interfaces": rows[:2]})))


def test_uuids_and_addresses_of_any_spelling_are_taken() -> None:
    good = edit(bios_uuid="{4C4C4544-0053-3510-8034-B4C04F534D32}", address="fe80::1%eth0")
    for line in (good, edit(bios_uuid="", address=None), edit(address="10.20.1.5")):
        accepting.check(parse(json.dumps(line)))


def test_what_is_in_bounds_and_what_sources_measure_is_taken() -> None:
    good = edit(cpu_cores=8, memory_bytes="1024", cost=0.5, colour=-5, owner="-5", cpu_threads=None)
    for line in (good, SEEN | {"attributes": {"cpu_cores": -5}}):
        said = parse(json.dumps(line))
        assert isinstance(said, Observation)
        accepting.check(said)


def test_a_value_to_distrust_is_read_as_it_is_compared() -> None:
    written = parse(json.dumps(person("distrust", key="mac", value="00:50:56:AA:00:01")))
    assert isinstance(written, Decision)
    accepting.check(written)
    assert written.extra["value"] == "005056aa0001"
    again = parse(json.dumps(person("distrust", key="mac", value="005056aa0001")))
    assert isinstance(again, Decision)
    assert again.extra == written.extra


def test_bad_words_are_lines_of_the_answer_and_the_rest_is_taken(estate: LocalEstate) -> None:
    taken, refused = imported(
        estate,
        SEEN,
        person("undo", undoes="1"),
        person("distrust", key="mac", value="zz"),
        person("retire", REF),
        person("trust", key="mac", value="00:00:00:00:00:00"),
        person("undo", undoes="1"),
        edit(cpu_cores=-5),
        edit(owner="ops"),
        person("undo", undoes="3"),
        person("undo", undoes="2"),
        person("undo", undoes="4"),
    )
    assert taken == 5
    assert sorted(refused) == [2, 3, 5, 7, 9, 11]
    assert refused[2].startswith("extra.undoes is 1, and no decision has that number: there is non")
    assert "'zz' is no mac" in refused[3]
    assert "correct it or leave the line out" in refused[3]
    assert "the last is 3" in refused[11]
    estate.call("import.wait", {"sequence": taken})
    decisions = estate.call("identity.decisions", {})["decisions"]
    assert [row["act"] for row in decisions] == ["undo", "undo", "retire"]
    assert estate.call("assets.show", {"ref": "pc-1"})["asset"]["state"] == "retired"


def test_a_decision_that_waits_in_the_journal_can_be_taken_back(estate: LocalEstate) -> None:
    lines = [SEEN, *(person("retire", REF) for _ in range(3)), {"type": "person"}]
    assert imported(estate, *lines)[0] == 4
    taken, refused = imported(estate, person("undo", undoes="3"), person("undo", undoes="5"))
    assert (taken, [*refused]) == (1, [2])
    assert "the last is 4" in refused[2]
    taken, refused = imported(estate, person("undo", undoes="5"), person("undo", undoes="4"))
    assert (taken, [*refused]) == (1, [1])


def test_who_set_what_is_not_taken_from_a_file(estate: LocalEstate) -> None:
    taken, refused = imported(estate, SEEN, person("set", REF, values='{"owner":[null,"ops"]}'))
    assert (taken, [*refused]) == (1, [2])
    assert "belongs to 'stocktake set'" in refused[2]
