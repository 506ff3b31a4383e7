"""What cmdb.store.port promises of Record and Ledger, of every adapter."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from cmdb.model.observation import (
    Decision,
    Programs,
    RecordKey,
    RunEvent,
    SectionKind,
    Source,
)
from cmdb.store.port import (
    AssetId,
    Identifier,
    LinkRow,
    Record,
    RecordId,
    StoredSection,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AGENT = Source("agent", "obs-1")
KIND = SectionKind.COMPUTER


def key(native: str, scope: str = "office", source: Source = AGENT) -> RecordKey:
    return RecordKey(source, scope, native)


def section(text: str, at: datetime = T0, confirmed: datetime | None = None) -> StoredSection:
    body = text.encode()
    return StoredSection(body, hashlib.blake2b(body, digest_size=16).digest(), at, confirmed or at)


def heard(record: Record, native: str = "a", at: datetime = T0, *, full: bool = False) -> RecordId:
    return record.ledger.heard(key(native), at, full=full).id


# --- transactions


def test_what_a_failed_transaction_wrote_is_not_there(record: Record, reader: Record) -> None:
    with pytest.raises(RuntimeError), record.transaction(T0):
        one = heard(record)
        record.ledger.put_section(one, KIND, section("x"))
        record.ledger.intern([Programs("deb", ("bash\t5.2",))])
        record.ledger.set_applied(7)
        record.view.add_change(record.view.new_asset(), "created", {})
        raise RuntimeError
    for looked in (record, reader):
        assert looked.ledger.count() == 0
        assert looked.ledger.applied() == 0
        assert looked.view.changes(None, 10, None) == ()
        assert list(looked.view.titles()) == []
    with record.transaction(T0):
        two = heard(record, "b")
        packed = record.ledger.intern([Programs("deb", ("bash\t5.2",))])
        record.ledger.put_section(two, KIND, section("y"))
    assert reader.ledger.sections(two)[KIND].body == b"y"
    assert [found.name for found, _ in reader.ledger.unpack(packed)] == ["bash"]


def test_others_see_a_transaction_when_it_is_whole(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        heard(record)
        assert reader.ledger.count() == 0
        assert record.ledger.count() == 1
    assert reader.ledger.count() == 1


def test_a_snapshot_is_of_one_moment(record: Record, reader: Record) -> None:
    with reader.snapshot():
        assert reader.ledger.count() == 0
        with record.transaction(T0):
            heard(record)
        assert reader.ledger.count() == 0
    assert reader.ledger.count() == 1


def test_closing_twice_is_closing_once(record: Record) -> None:
    record.close()
    record.close()


# --- records


def test_an_unknown_key_has_no_record(record: Record) -> None:
    assert record.ledger.record(key("a")) is None
    assert record.ledger.is_empty()
    assert record.ledger.records([RecordId(99)]) == {}
    assert record.ledger.sections(RecordId(99)) == {}


def test_heard_returns_the_record_as_it_was_before(record: Record) -> None:
    with record.transaction(T0):
        first = record.ledger.heard(key("a"), T0, full=True)
        assert (first.first_at, first.seen_at, first.full_at) == (T0, T0, None)
        second = record.ledger.heard(key("a"), T0 + HOUR, full=False)
        assert (second.id, second.seen_at, second.full_at) == (first.id, T0, T0)
        third = record.ledger.heard(key("a"), T0 - HOUR, full=True)
        assert (third.seen_at, third.full_at) == (T0 + HOUR, T0)
    now = record.ledger.record(key("a"))
    assert now is not None
    assert (now.first_at, now.seen_at, now.full_at) == (T0 - HOUR, T0 + HOUR, T0)
    assert record.ledger.count() == 1
    assert not record.ledger.is_empty()


def test_a_key_is_its_source_scope_and_native_key(record: Record) -> None:
    keys = [
        key("a"), key("A"), key("a", scope="lab"), key("a", source=Source("scan", "obs-1")),
        key("a", source=Source("agent", "obs-2")), key("ä\t'\"%_"),
    ]  # fmt: skip
    with record.transaction(T0):
        rows = [record.ledger.heard(found, T0, full=False) for found in keys]
    assert len({row.id for row in rows}) == len(keys)
    assert [row.key for row in record.ledger.all_records()] == sorted(keys)
    assert record.ledger.sources() == tuple(sorted({found.source for found in keys}))
    assert set(record.ledger.records(row.id for row in rows)) == {row.id for row in rows}


# --- sections


def test_the_current_word_and_those_before_it_newest_first(record: Record) -> None:
    words = [section(f"word {number}", T0 + number * HOUR) for number in range(40)]
    with record.transaction(T0):
        one = heard(record)
        for word in words[:20]:
            record.ledger.put_section(one, KIND, word)
    for word in words[20:]:
        with record.transaction(T0):
            record.ledger.put_section(one, KIND, word)
    assert record.ledger.sections(one) == {KIND: words[-1]}
    assert list(record.ledger.past(one, KIND)) == words[-2::-1]
    assert list(record.ledger.past(one, SectionKind.DISKS)) == []


def test_a_confirmation_only_moves_forward_and_is_kept_with_the_word(record: Record) -> None:
    with record.transaction(T0):
        one = heard(record)
        record.ledger.put_section(one, KIND, section("a"))
        record.ledger.confirm(one, KIND, T0 + 2 * HOUR)
        record.ledger.confirm(one, KIND, T0 + HOUR)
    assert record.ledger.sections(one)[KIND] == section("a", T0, T0 + 2 * HOUR)
    assert record.ledger.told_at(one) == {KIND: T0 + 2 * HOUR}
    with record.transaction(T0):
        record.ledger.put_section(one, KIND, section("b", T0 + 3 * HOUR))
    assert list(record.ledger.past(one, KIND)) == [section("a", T0, T0 + 2 * HOUR)]


def test_a_late_word_is_past_and_the_current_one_stands(record: Record) -> None:
    with record.transaction(T0):
        one = heard(record)
        record.ledger.put_section(one, KIND, section("now", T0 + 5 * HOUR))
        for _ in range(2):  # the same word comes twice and is kept once
            record.ledger.put_late(one, KIND, section("late", T0))
    assert record.ledger.sections(one)[KIND].body == b"now"
    assert [word.body for word in record.ledger.past(one, KIND)] == [b"late"]


def test_late_words_stay_readable_whatever_follows(record: Record) -> None:
    with record.transaction(T0):
        one = heard(record)
        record.ledger.put_late(one, KIND, section("before any", T0 - HOUR))
        record.ledger.put_section(one, KIND, section("first", T0 + HOUR))
    with record.transaction(T0):
        record.ledger.put_late(one, KIND, section("late", T0))
    with record.transaction(T0):
        record.ledger.put_section(one, KIND, section("second", T0 + 2 * HOUR))
        record.ledger.put_late(one, KIND, section("later", T0 + HOUR / 2))
    with record.transaction(T0):
        record.ledger.put_section(one, KIND, section("third", T0 + 3 * HOUR))
    past = [word.body.decode() for word in record.ledger.past(one, KIND)]
    assert past == ["second", "first", "later", "late", "before any"]


def test_sections_of_records_and_kinds_are_apart(record: Record) -> None:
    with record.transaction(T0):
        rows = [heard(record, native) for native in "ab"]
        for row in rows:
            for kind in SectionKind:
                if kind is not SectionKind.PROGRAMS:
                    record.ledger.put_section(row, kind, section(f"{row} {kind.name}"))
    for row in rows:
        found = record.ledger.sections(row)
        assert set(found) == set(SectionKind) - {SectionKind.PROGRAMS}
        assert {word.body.decode() for word in found.values()} == {
            f"{row} {kind.name}" for kind in found
        }


# --- identity


def test_identifiers_are_replaced_and_found_by_who_holds_them(record: Record) -> None:
    first, second, third = Identifier(1), Identifier(-(2**62)), Identifier(2**62)
    with record.transaction(T0):
        rows = [heard(record, native) for native in "abc"]
        for row in rows:
            record.ledger.set_identifiers(row, frozenset({first, second}))
        record.ledger.set_identifiers(rows[0], frozenset({third}))
    assert record.ledger.identifiers(rows[0]) == {third}
    assert record.ledger.holders(first, 10) == tuple(rows[1:])
    assert record.ledger.holders(second, 1) == (rows[1],)
    assert record.ledger.holders(third, 10) == (rows[0],)
    assert record.ledger.holders(Identifier(5), 10) == ()


def test_a_reader_knows_who_carries_a_value_at_each_moment(record: Record, reader: Record) -> None:
    value = Identifier(2**40)
    rows = []
    for number in range(3):
        with record.transaction(T0):
            key = RecordKey(Source("agent", f"r{number}"), "site", f"r{number}")
            rows.append(record.ledger.heard(key, T0, full=False).id)
            record.ledger.set_identifiers(rows[-1], frozenset({value, Identifier(-number - 1)}))
        with reader.snapshot():
            assert reader.ledger.holders(value, 10) == tuple(rows)
            assert reader.ledger.holders(value, 1) == (rows[0],)
            assert reader.ledger.holders(Identifier(-number - 1), 10) == (rows[-1],)
    with record.transaction(T0):
        record.ledger.set_identifiers(rows[0], frozenset())
    assert reader.ledger.holders(value, 10) == tuple(rows[1:])


def link(row: RecordId, asset: int, at: datetime = T0, rule: str = "serial") -> LinkRow:
    return LinkRow(row, AssetId(asset), rule, {"why": [1, "ä"]}, T0, at)


def test_a_record_has_one_link_and_all_it_ever_had(record: Record) -> None:
    with record.transaction(T0):
        rows = [heard(record, native) for native in "ab"]
        for row in rows:
            record.ledger.set_stretches(row, [link(row, 1)])
    with record.transaction(T0 + HOUR):
        record.ledger.set_stretches(rows[0], [link(rows[0], 2, T0 + HOUR, "person")])
    assert record.ledger.links([*rows, RecordId(99)]) == {
        rows[0]: link(rows[0], 2, T0 + HOUR, "person"), rows[1]: link(rows[1], 1),
    }  # fmt: skip
    assert [found.record for found in record.ledger.linked(AssetId(1))] == [rows[1]]
    old, new = record.ledger.link_history(rows[0])
    assert (old.asset, old.ended_at, new.ended_at) == (1, T0 + HOUR, None)
    assert old.evidence == {"why": [1, "ä"]}


# --- runs, decisions, what could not be read


def test_runs_and_decisions_are_kept(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        for event, state in (("start", None), ("end", "partial")):
            record.ledger.add_run(
                RunEvent(
                    "r1",
                    AGENT,
                    "office",
                    event,
                    state,
                    covers_all=False,
                    prefixes=("10.0.0.0/8",),
                    at=T0,
                    received_at=T0,
                )
            )
        record.ledger.add_decision(Decision("same", (key("a"), key("b")), T0, T0, by="ann"))
    assert not reader.ledger.is_empty()
    assert reader.ledger.count() == 0


def test_decisions_are_read_once_until_one_is_added(record: Record, reader: Record) -> None:
    def decide(by: str) -> None:
        record.ledger.add_decision(Decision("same", (key("a"), key("b")), T0, T0, by=by))

    def by(told: Record) -> list[str]:
        return [decision.by for _, decision in told.ledger.decisions()]

    with record.transaction(T0):
        decide("ann")
    assert by(record) == by(reader) == ["ann"]
    assert record.ledger.decisions() is record.ledger.decisions()
    with record.transaction(T0):
        decide("bob")
        assert by(record) == ["ann", "bob"]
    # Another connection learns of it, and keeps to one moment while it reads.
    with reader.snapshot():
        assert by(reader) == ["ann", "bob"]
        with record.transaction(T0):
            decide("cid")
        assert by(reader) == ["ann", "bob"]
    assert by(record) == by(reader) == ["ann", "bob", "cid"]
    with pytest.raises(RuntimeError), record.transaction(T0):
        decide("dan")
        assert len(by(record)) == 4
        raise RuntimeError
    assert by(record) == ["ann", "bob", "cid"]


def test_what_could_not_be_read_is_kept_once_newest_first(record: Record) -> None:
    with record.transaction(T0):
        for sequence in (3, 9, 9):
            record.ledger.set_aside(sequence, "observer/x", "no sense", b"\xff")
    assert record.ledger.aside(10) == ((9, "observer/x", "no sense"), (3, "observer/x", "no sense"))
    assert record.ledger.aside(1) == ((9, "observer/x", "no sense"),)


def test_the_place_in_the_journal_moves_with_what_was_applied(
    record: Record, reader: Record
) -> None:
    assert record.ledger.applied() == 0
    with record.transaction(T0):
        record.ledger.set_applied(5)
        assert reader.ledger.applied() == 0
    assert reader.ledger.applied() == 5


# --- programs

DEB = Programs("deb", ("bash\t5.2\tamd64\tDebian", "zsh\t5.9"), (19_000, 0))


def put_programs(record: Record, row: RecordId, *programs: Programs) -> bytes:
    packed = record.ledger.intern(programs)
    record.ledger.put_section(row, SectionKind.PROGRAMS, StoredSection(packed, b"d" * 16, T0, T0))
    return packed


def test_who_has_a_title_follows_the_programs(record: Record) -> None:
    with record.transaction(T0):
        rows = [heard(record, native) for native in "ab"]
        for asset, row in enumerate(rows, start=1):
            record.ledger.set_stretches(row, [link(row, asset)])
            put_programs(record, row, DEB)
    titles = {title.name: title.id for title in record.view.titles()}
    assert set(titles) == {"bash", "zsh"}
    assert record.view.holders_of(titles["bash"]) == {1: ("5.2",), 2: ("5.2",)}
    assert [row.name for row in record.view.installed(AssetId(1))] == ["bash", "zsh"]
    with record.transaction(T0):
        put_programs(record, rows[0], Programs("deb", ("zsh\t5.9",)))
        put_programs(record, rows[1], Programs("deb", ("bash\t5.3\tamd64\tDebian",)))
    assert record.view.holders_of(titles["bash"]) == {2: ("5.3",)}
    assert record.view.holders_of(titles["zsh"]) == {1: ("5.9",)}


# --- the exception


def test_erasing_a_scope_takes_all_of_it_and_nothing_else(record: Record) -> None:
    with record.transaction(T0):
        for scope in ("demo", "office"):
            row = record.ledger.heard(key("a", scope=scope), T0, full=True).id
            record.ledger.put_section(row, KIND, section("old"))
            record.ledger.put_section(row, KIND, section("new", T0 + HOUR))
            put_programs(record, row, DEB)
            record.ledger.set_identifiers(row, frozenset({Identifier(1)}))
            record.ledger.set_stretches(row, [link(row, 1)])
    gone = record.ledger.record(key("a", scope="demo"))
    assert gone is not None
    with record.transaction(T0):
        assert record.ledger.erase_scope("demo") == 1
        assert record.ledger.erase_scope("nowhere") == 0
    assert [row.key.scope for row in record.ledger.all_records()] == ["office"]
    assert record.ledger.sources() == (key("a").source,)
    assert record.ledger.sections(gone.id) == {}
    assert list(record.ledger.past(gone.id, KIND)) == []
    assert record.ledger.link_history(gone.id) == ()
    (kept,) = record.ledger.holders(Identifier(1), 10)
    assert record.ledger.sections(kept)[KIND].body == b"new"
    (title,) = [title.id for title in record.view.titles() if title.name == "bash"]
    assert record.view.holders_of(title) == {1: ("5.2",)}
    with record.transaction(T0):
        assert record.ledger.erase_scope("office") == 1
    assert record.ledger.sources() == ()


def test_a_memo_is_kept_with_its_transaction(record: Record) -> None:
    assert record.ledger.memo("work") is None
    with record.transaction(T0):
        record.ledger.set_memo("work", "half")
        record.ledger.set_memo("other", "x")
    with pytest.raises(ZeroDivisionError), record.transaction(T0):
        record.ledger.set_memo("work", "done")
        raise ZeroDivisionError
    assert record.ledger.memo("work") == "half"
    with record.transaction(T0):
        record.ledger.set_memo("work", None)
    assert (record.ledger.memo("work"), record.ledger.memo("other")) == (None, "x")
