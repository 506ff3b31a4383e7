"""Rules files: what is wrong is told with its line, all at once; what is hostile is refused."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from cmdb.model.declare import Empty, Rule, Tolerance
from reconcile.rules.model import DEFAULTS
from reconcile.rules.nodes import MOST_BYTES
from reconcile.rules.read import load
from reconcile.rules.write import text_of

ATTRIBUTES = "classes:\n  Device:\n    attributes:\n"
NAME = "classes:\n  Device:\n    attributes:\n      name:\n"
MEMORY = "classes:\n  Device:\n    attributes:\n      memory_bytes:\n"
IDENTITY = "classes:\n  Device:\n    identity:\n"

BAD: tuple[tuple[str, str, int, str], ...] = (
    ("an unknown name", "silnce:\n  agent: 3 days\n", 1, "did you mean silence?"),
    ("an unknown source kind", "silence:\n  agnet: 3 days\n", 2, "did you mean agent?"),
    ("a wrong time", "silence:\n  agent: 3 fortnights\n", 2, "is no time"),
    ("a time of nothing", "silence:\n  agent: 0 days\n", 2, "is no time"),
    ("a time too long", "silence:\n  agent: 101 years\n", 2, "is no time"),
    ("a time that is a list", "silence:\n  agent: [3 days]\n", 2, "a value is wanted"),
    ("a time that is missing", "silence:\n  agent:\n", 2, "a value is wanted"),
    ("a limit that is none", "stop_list:\n  limit: many\n", 2, "whole number"),
    ("a limit of one", "stop_list:\n\n  limit: 1\n", 3, "from 2"),
    ("an unknown class", "classes:\n  Compter: {}\n", 2, "did you mean Computer?"),
    ("a class of parts", "classes:\n\n  Service:\n    retire_after: 5 days\n", 3, "lie inside"),
    ("values of parts",
     "classes:\n  Device: {}\n  Application:\n    attributes:\n      name: {rule: latest}\n", 3,
     "Applications lie inside machines"),
    ("classes as a list", "classes:\n  - Computer\n", 2, "holds names with values"),
    ("an unknown attribute", ATTRIBUTES + "      nme: {}\n", 4, "name?"),
    ("another class's attribute", ATTRIBUTES + "      criticality: {}\n", 4, "attribute of Device"),
    ("an unknown word", NAME + "        rul: latest\n", 5, "did you mean rule?"),
    ("an unknown rule", NAME + "        rule: newest\n", 5, "unknown rule 'newest'"),
    ("largest of texts", NAME + "        rule: largest\n", 5, "is for numbers"),
    ("a wrong word for empty", NAME + "        empty: clear\n", 5, "did you mean clears?"),
    ("an unknown form", NAME + "        compare: nam\n", 5, "did you mean name?"),
    ("a form that does not fit", NAME + "        compare: bytes\n", 5, "does not fit"),
    ("a tolerance of texts", NAME + "        tolerance: 5\n", 5, "only numbers"),
    ("a tolerance that is none", MEMORY + "        tolerance: lots\n", 5, "it is a number"),
    ("a tolerance of everything", MEMORY + "        tolerance: 100 %\n", 5, "below 100 %"),
    ("an unknown source", NAME + "        order:\n          - agent\n          - skan\n", 7,
     "did you mean scan?"),
    ("a source twice", NAME + "        order: [agent, import/x,\n          agent]\n", 6, "already"),
    ("a time inside quotes", NAME + '        order: ["import/x: 3 days"]\n', 5, "quote the source"),
    ("a single source without a name", NAME + "        order: [import/]\n", 5, "kind/instance"),
    ("two in one entry",
     NAME + "        order:\n          - agent: 3 days\n            scan: 1 day\n",
     6, "an entry of an order"),
    ("an order that is a text", NAME + "        order: agent\n", 5, "a list is wanted"),
    ("an unknown key", IDENTITY + "      off: [asset_tga]\n", 4, "did you mean asset_tag?"),
    ("a fixed key", IDENTITY + "      off:\n        - observer\n", 5, "cannot be switched off"),
    ("an order with holes", IDENTITY + "      order: [bios_uuid]\n", 4, "names each of"),
    ("a key without order",
     IDENTITY + "      order: [mac, instance_id, bios_uuid, system_serial]\n", 4, "its place"),
    ("an order elsewhere",
     "classes:\n  Printer:\n    identity:\n      order: []\n", 4, "at Device"),
    ("placeholders of no key",
     IDENTITY + "      placeholders:\n        owner: [x]\n", 5, "unknown"),
    ("a placeholder that is no MAC",
     IDENTITY + "      placeholders:\n        mac:\n          - 000000000000\n          - zz\n", 7,
     "'zz' is never a mac: it is no 12 hexadecimal digits"),
    ("half a MAC", IDENTITY + "      placeholders: {mac: ['00:00:5e']}\n", 4, "is never a mac"),
    ("a placeholder that is no UUID",
     IDENTITY + "      placeholders:\n        bios_uuid: [none-such]\n", 5, "it is no UUID"),
    ("a serial number that was rounded",
     IDENTITY + "      placeholders: {board_serial: [7.1E+11]}\n", 4, "a spreadsheet rounded it"),
    ("a machine's id that is a book",
     IDENTITY + f"      placeholders: {{machine_id: [{'x1' * 101}]}}\n", 4, "longer than 200"),
    ("a name with its domain",
     IDENTITY + "      placeholders: {name: [pc.example.com]}\n", 4, "their domain: write pc"),
    ("a name that is an address",
     IDENTITY + "      placeholders: {name: [10.0.0.5]}\n", 4, "it is an address"),
    ("an address",
     IDENTITY + "      placeholders: {address: [zz]}\n", 4, "unknown key 'address'"),
    ("identity by native key",
     "classes:\n  Group:\n    identity:\n      off: []\n", 4, "native key"),
    ("a name twice", "silence:\n  agent: 3 days\n  agent: 4 days\n", 3, "in line 2 already"),
    ("no YAML", "silence:\n  agent: [3 days\n", 3, "not YAML"),
    ("a tab", "silence:\n\tagent: 3 days\n", 2, "not YAML"),
    ("an anchor", "silence: &all\n  agent: 3 days\n", 1, "not read"),
    ("an alias", "silence:\n  agent: *all\n", 2, "not read"),
    ("a tag", "silence: !!python/object:os.system\n  agent: 3 days\n", 1, "tags are not read"),
    ("two documents", "silence: {}\n---\nsilence: {}\n", 2, "a second document"),
    ("a name that is a list", "? [a, b]\n: 3\n", 1, "a name is a text"),
    ("a file that is a text", "hello\n", 1, "holds names with values"),
    ("a control character", "silence:\n  agent: 3\x07 days\n", 2, "no text holds"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "told"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, told: str) -> None:
    problems = load(text).problems
    assert [(each.line, told in each.text) for each in problems] == [(line, True)], problems


def test_all_that_is_wrong_is_told_at_once_by_line() -> None:
    text = "silence:\n  agnt: 3 days\nclasses:\n  Compter: {}\n  Device:\n    retire_after: soon\n"
    assert [each.line for each in load(text).problems] == [2, 4, 6]


def test_what_is_good_beside_a_mistake_is_read() -> None:
    loaded = load("silence:\n  agent: 3 days\n  snpm: 2 days\n")
    assert loaded.problems
    assert loaded.rules.silence["agent"] == timedelta(days=3)


def test_nothing_said_is_the_default() -> None:
    for text in ("", "# nothing\n", "silence:\n", "classes: {}\n", "---\n"):
        loaded = load(text)
        assert not loaded.problems
        assert loaded.rules.same_as(DEFAULTS)


def test_a_class_inherits_what_its_parent_is_told_field_by_field() -> None:
    rules = load(
        "classes:\n"
        "  Device:\n    retire_after: 30 days\n"
        "    attributes:\n      memory_bytes: {rule: largest, tolerance: 2 %}\n"
        "  Computer:\n    attributes:\n      memory_bytes: {rule: smallest}\n"
        "  VirtualMachine:\n    retire_after: never\n"
        "    attributes:\n      memory_bytes: {empty: clears}\n"
    ).rules
    machine = rules.attribute("VirtualMachine", "memory_bytes")
    printer = rules.attribute("Printer", "memory_bytes")
    assert machine is not None
    assert printer is not None
    assert machine.authority.rule is Rule.SMALLEST
    assert machine.authority.empty is Empty.CLEARS
    assert machine.authority.tolerance == Tolerance(0.02, relative=True)
    assert printer.authority.rule is Rule.LARGEST
    assert rules.retire_after("VirtualMachine") is None
    assert rules.retire_after("Container") == timedelta(days=30)
    assert rules.origin_of("VirtualMachine", "memory_bytes") == (
        "the rules file, line 8 (rule), line 5 (tolerance), line 12 (empty)"
    )


def test_a_source_in_an_order_keeps_its_usual_time_where_none_is_given() -> None:
    rules = load(NAME + "        order: [import/hr, scan: 3 days, agent]\n").rules
    attribute = rules.attribute("Computer", "name")
    assert attribute is not None
    assert [(str(rank), rank.stale_after) for rank in attribute.authority.ranks] == [
        ("import/hr", timedelta(days=365)),
        ("scan", timedelta(days=3)),
        ("agent", timedelta(days=30)),
    ]


def test_a_placeholder_counts_for_keys_of_the_same_space() -> None:
    rules = load(
        IDENTITY + '      placeholders:\n        system_serial: ["0042", N/A, "s/n: abcd9"]\n'
    )
    assert not rules.problems
    assert rules.rules.weight("Printer").placeholders == {
        ("system_serial", "0042"), ("board_serial", "0042"),
        ("system_serial", "ABCD9"), ("board_serial", "ABCD9"),
    }  # fmt: skip


ODD = (
    "silence:\n  import: 400 days\n  scan: 36 hours\n"
    "stop_list:\n  limit: 7\n"
    "classes:\n"
    "  Device:\n"
    "    retire_after: never\n"
    "    identity:\n"
    "      order: [system_serial, bios_uuid, instance_id]\n"
    "      off: [asset_tag]\n"
    '      placeholders:\n        machine_id: ["null", "yes: no", "#a"]\n'
    '        mac: ["0a:1b:2c:3d:4e:5f"]\n'
    "    attributes:\n"
    '      name: {order: [{"import/a b: c": 1 week}, "scan/yes"], empty: clears}\n'
    "      cpu_cores: {rule: most reported, tolerance: 2}\n"
    "  Printer:\n    identity: {off: [mac]}\n    attributes:\n      name: {rule: latest}\n"
    "  Entitlement:\n    attributes:\n      cost: {tolerance: 0.5 %}\n"
)


@pytest.mark.parametrize("text", ["", ODD], ids=["defaults", "odd"])
def test_an_export_reads_back_as_the_same_rules(text: str) -> None:
    first = load(text)
    assert not first.problems
    again = load(text_of(first.rules))
    assert not again.problems
    assert again.rules.same_as(first.rules)
    assert text_of(again.rules) == text_of(first.rules)
    assert first.rules.same_as(DEFAULTS) is (text == "")


def test_hostile_files_are_refused_at_once() -> None:
    laughs = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(2_000))
    hostile: list[tuple[bytes, str]] = [
        (laughs.encode(), "not read"),
        (b"a: x\n" * (10 * MOST_BYTES), "larger than"),
        (b"a: " + b"[" * 200_000, "nested too deep"),
        (b"a: " + b"{a: " * 50_000, "nested too deep"),
        (b"- " * 100_000, "nested too deep"),
        (b"silence:\n  agent: \xff 3 days\n", "not UTF-8"),
        (b"silence: [" + b"a," * 60_000 + b"]\n", "too much"),
        (b"\x00" * 1_000, "no text holds"),
        ("a: '\ud800'".encode("utf-8", "surrogatepass"), "not UTF-8"),
    ]
    began = time.monotonic()
    for body, told in hostile:
        problems = load(body).problems
        assert len(problems) == 1, body[:20]
        assert told in problems[0].text
    assert time.monotonic() - began < 10
    assert load(b"silence:\n  agent: \xff 3 days\n").problems[0].line == 2


def test_the_example_of_the_page_is_good() -> None:
    page = Path(__file__).parents[3] / "docs" / "howto" / "change-the-rules.md"
    example = page.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    loaded = load(example)
    assert loaded.problems == ()
    assert not loaded.rules.same_as(DEFAULTS)


def test_of_very_many_mistakes_some_are_told() -> None:
    text = "classes:\n" + "".join(f"  Wrong{n}: x\n" for n in range(5_000))
    assert len(load(text).problems) == 100


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mac", "'000000000000'"), ("mac", "0000.0000.0000"), ("mac", "FF-FF-FF-FF-FF-FF"),
        ("bios_uuid", "00000000-0000-0000-0000-000000000000"), ("system_serial", "Not Specified"),
        ("asset_tag", "rented"), ("name", "localhost"),
    ],
)  # fmt: skip
def test_what_is_a_placeholder_anyway_may_stand_in_a_list(key: str, value: str) -> None:
    assert load(IDENTITY + f"      placeholders: {{{key}: [{value}]}}\n").problems == ()
