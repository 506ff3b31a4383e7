"""Records of which all that is known is to be sent whole again, kept until the intake was told.

They are noted in the transaction in which what came could not be applied: a kill, an import without
a server or an intake that does not answer loses none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime

from cmdb.model.observation import RecordKey
from cmdb.store.port import Ledger, Record

_MEMO = "asked whole"
_MOST = 10_000
"""Records noted one by one; beyond that everybody is asked."""
EVERYBODY: tuple[str | None, str | None] = (None, None)

Asked = tuple[str | None, str | None]
"""Instance of a source, and native key; None: each."""


def note(ledger: Ledger, keys: Iterable[RecordKey]) -> None:
    """Notes records; to be called in a transaction."""
    new = {(key.source.instance, key.native_key) for key in keys}
    if new:
        _keep(ledger, [*dict.fromkeys([*waiting(ledger), *sorted(new)])])


def note_sender(ledger: Ledger, instance: str) -> None:
    """Notes all records of a source; to be called in a transaction."""
    _keep(ledger, [*dict.fromkeys([*waiting(ledger), (instance, None)])])


def waiting(ledger: Ledger) -> list[Asked]:
    """Those that the intake was not told of."""
    found = ledger.memo(_MEMO)
    return [(instance, native) for instance, native in json.loads(found)] if found else []


def tell(record: Record, forget: Callable[[Asked], bool], at: datetime) -> int:
    """Tells the intake of those that wait; how many it was told of.

    Args:
        record: The store.
        forget: Has the intake forget what it holds of these; False: it was not reached.
        at: The record's clock.
    """
    told: set[Asked] = set()
    for asked in waiting(record.ledger):
        if not forget(asked):
            break
        told.add(asked)
    if told:
        with record.transaction(at):
            left = [each for each in waiting(record.ledger) if each not in told]
            _keep(record.ledger, left)
    return len(told)


def _keep(ledger: Ledger, asked: list[Asked]) -> None:
    if len(asked) > _MOST:
        asked = [EVERYBODY]
    ledger.set_memo(_MEMO, json.dumps(asked) if asked else None)
