"""Programs that travel as changes, also when what they change came late or is not here."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from cmdb.model.observation import (
    Extent,
    Observation,
    ProgramChange,
    Programs,
    RecordKey,
    Section,
    SectionKind,
    Source,
)
from cmdb.model.programs import columns_of
from reconcile import asking
from reconcile.pipeline import Applied
from tests.reconcile.history import START, Engine

KEY = RecordKey(Source("agent", "obs-1"), "site", "obs-1")
NAME = {"name": "web-1", "system_serial": "AAA111"}


def _told(engine: Engine, hour: int, section: Section) -> Applied:
    at = START + timedelta(hours=hour)
    engine.now = max(engine.now, at)
    head = Section(Extent.FULL, {"class": "Computer"})
    sections = {
        SectionKind.HEAD: head,
        SectionKind.COMPUTER: Section(Extent.FULL, dict(NAME)),
        SectionKind.PROGRAMS: section,
    }
    said = Observation(KEY, at, engine.now, full=True, sections=sections)
    return engine.pipeline.apply([said], engine.now)


def _whole(*names: str) -> Section:
    return Section(Extent.FULL, (Programs("deb", tuple(f"{name}\t1" for name in names)),))


def _change(before: str, after: str) -> Section:
    come = columns_of(Programs("deb", tuple(f"{n}\t1" for n in after if n not in before)))
    gone = columns_of(Programs("deb", tuple(f"{n}\t1" for n in before if n not in after)))
    whole = columns_of(Programs("deb", tuple(f"{n}\t1" for n in after)))
    check = hashlib.blake2b(whole.hashes, digest_size=8).digest()
    return Section(Extent.CHANGED, (ProgramChange(come, gone.hashes, check),))


def _installed(engine: Engine) -> str:
    asset = engine.find("web-1")
    return "".join(row.name for row in engine.record.view.installed(asset.id))


def test_changes_are_applied_and_noted(engine: Engine) -> None:
    _told(engine, 0, _whole("a", "b", "c"))
    assert _told(engine, 1, _change("abc", "bcd")).unfit == frozenset()
    assert _installed(engine) == "bcd"
    (change, _) = engine.record.view.changes(engine.find("web-1").id, 5, None)
    assert change.detail == {
        "programs_added": {"count": 1, "names": ["d 1"]},
        "programs_removed": {"count": 1, "names": ["a 1"]},
    }
    (title,) = (t for t in engine.record.view.titles() if t.name == "d")
    assert len(engine.record.view.holders_of(title.id)) == 1


def test_the_list_that_was_changed_may_have_come_late(engine: Engine) -> None:
    _told(engine, 5, _whole("a", "b"))
    _told(engine, 2, _whole("c", "d"))
    assert _installed(engine) == "ab"
    assert not _told(engine, 6, _change("cd", "cde")).unfit
    assert _installed(engine) == "cde"


def test_changes_of_what_is_not_here_do_nothing_and_are_told(engine: Engine) -> None:
    _told(engine, 0, _whole("a", "b"))
    assert _told(engine, 1, _change("xy", "xyz")).unfit == {KEY}
    assert _installed(engine) == "ab"
    assert engine.find("web-1").last_seen == START + timedelta(hours=1)
    assert not _told(engine, 2, _whole("x", "y", "z")).unfit
    assert _installed(engine) == "xyz"


def test_changes_back_and_forth_are_the_same_words(engine: Engine) -> None:
    _told(engine, 0, _whole("a", "b"))
    _told(engine, 1, _change("ab", "a"))
    _told(engine, 2, _change("a", "ab"))
    _told(engine, 3, _whole("a", "b"))
    row = engine.record.ledger.record(KEY)
    assert row is not None
    section = engine.record.ledger.section(row.id, SectionKind.PROGRAMS)
    assert section is not None
    assert section.observed_at == START + timedelta(hours=2)
    assert section.confirmed_at == START + timedelta(hours=3)


def test_who_told_changes_of_another_list_is_asked_for_all(engine: Engine) -> None:
    _told(engine, 0, _whole("a", "b"))
    _told(engine, 1, _change("xy", "xyz"))
    assert asking.waiting(engine.record.ledger) == [("obs-1", "obs-1")]
