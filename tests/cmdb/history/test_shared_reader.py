"""One reader answers many requests, and what was said in between counts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cmdb.store.sqlite.record import SqliteRecord, open_record
from reconcile.past_record import as_record, opened
from tests.reconcile.history import START, Engine, observation


def owner(reader: SqliteRecord, engine: Engine) -> object:
    """What the asset's owner was at noon of the first day, by all that is known."""
    noon = START.replace(hour=12)
    with reader.snapshot(), opened(reader, noon, None, engine.now) as past:
        return as_record(past).view.find("pc").attributes.get("owner")


def test_a_late_word_counts_in_the_next_answer(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    with closing(open_record(path)) as record, closing(open_record(path, readonly=True)) as reader:
        engine = Engine(record)
        for hour, name in ((1, "ann"), (20, "cleo")):
            told = {"name": "pc", "system_serial": "5CG1234567", "owner": name}
            engine.tell(observation("import", "row", hour, attributes=told))
        assert owner(reader, engine) == "ann"
        late = {"name": "pc", "system_serial": "5CG1234567", "owner": "bob"}
        engine.tell(
            observation("import", "row", 11, attributes=late, arrived=engine.now.isoformat())
        )
        assert owner(reader, engine) == "bob"
