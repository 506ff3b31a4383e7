"""Operations on a home that no server works on: the same functions, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from cmdb.people.local import LOCAL_ACCOUNT
from cmdb.query.encode import to_json
from cmdb.store.port import AuditEntry
from cmdb.store.sqlite.record import SqliteRecord, open_record
from collector import trail
from collector.client import (
    CallFailed,
    NoRoom,
    NotAllowed,
    NotFound,
    Params,
    Refused,
    Unreachable,
)
from collector.clock import utc_now
from collector.failures import Kind
from collector.not_found import explaining
from collector.operation import Context, Operation, refuse_numbers
from collector.working import upgrading

if TYPE_CHECKING:
    from cmdb.store.sqlite.desk import SqliteDesk
    from collector.alerting import Alerting
    from collector.home import Home
    from collector.intake_desk import IntakeDesk

_PATIENCE_S = 2.0
"""Length of one wait, so that progress shows."""


class LocalEstate:
    """The estate of a home, used by one process alone. The caller holds the home's lock."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stack = ExitStack()
        self._record: SqliteRecord | None = None
        self._door: IntakeDesk | None = None
        self._desk: SqliteDesk | None = None

    def close(self) -> None:
        """Lets go of every file."""
        self._stack.close()

    def call(self, name: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        """See collector.client.Estate."""
        operation = _operation(name)
        with _translated():
            asked = operation.params(**params)
            refuse_numbers(asked)
            context = self._context()
            with explaining(context.record):
                result = operation.call(context, asked)
            if trail.wrote(operation, asked):
                self._audit(operation, asked, result)
            return to_json(result)

    def stream(self, name: str, params: Params) -> Iterator[Any]:
        """See collector.client.Estate."""
        operation = _operation(name)
        with _translated():
            context = self._context()
            with explaining(context.record):
                yield from operation.call(context, operation.params(**params))

    def _audit(self, operation: Operation, asked: object, result: object) -> None:
        told = trail.details(asked, result)
        path = trail.target(operation, asked)
        self._open_desk().audit(AuditEntry(utc_now(), LOCAL_ACCOUNT, operation.name, path, told))

    def _context(self) -> Context:
        record = self._open_record()
        return Context(
            home=self._home,
            record=record,
            account=LOCAL_ACCOUNT,
            now=record.view.replay_clock() or utc_now(),
            open_desk=self._open_desk,
            open_door=self._open_door,
            settle=self._settle,
            open_alerting=self._open_alerting,
        )

    def _open_record(self) -> SqliteRecord:
        if self._record is None:
            self._record = open_record(
                self._home.create().record_path, told=partial(upgrading, "record.db")
            )
            self._stack.callback(self._record.close)
        return self._record

    def _open_door(self) -> IntakeDesk:
        if self._door is None:
            from collector.intake_desk import IntakeDesk

            self._door = IntakeDesk(self._home)
            self._stack.callback(self._door.close)
        return self._door

    def _open_desk(self) -> SqliteDesk:
        if self._desk is None:
            from cmdb.store.sqlite.desk import open_desk

            self._desk = open_desk(self._home.desk_path)
            self._stack.callback(self._desk.close)
        return self._desk

    def _open_alerting(self) -> Alerting:
        from collector.alerting import Alerting

        return Alerting(self._open_desk().alerts, self._home.path)

    def _settle(self, sequence: int) -> int:
        from collector.reconciler import Reconciler
        from reconcile.rules import carry_out

        record = self._open_record()
        if record.ledger.applied() < sequence or carry_out.pending(record) is not None:
            worker = Reconciler(record, self._open_door().journal)
            until = time.monotonic() + _PATIENCE_S
            while worker.step() and time.monotonic() < until:
                continue
            worker.weigh_time(utc_now())
        return record.ledger.applied()


def _operation(name: str) -> Operation:
    from collector.operations import operation

    return operation(name)


class _translated:  # noqa: N801 - reads as a phrase
    """Turns errors of the layers below into those of a call."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        """Raises the call's own error in place of the lower one."""
        if error is None or isinstance(error, CallFailed):
            return
        found = call_error(error)
        if found is not None:
            raise found from error


def call_error(error: BaseException) -> CallFailed | None:
    """The call's error for one of the layers below; None for one that nobody expects."""
    from collector.failures import kind_of

    found = kind_of(error)
    return _FAILURES[found](str(error)) if found else None


_FAILURES: dict[Kind, type[CallFailed]] = {
    Kind.NOT_FOUND: NotFound,
    Kind.REFUSED: Refused,
    Kind.NOT_ALLOWED: NotAllowed,
    Kind.UNAVAILABLE: Unreachable,
    Kind.NO_ROOM: NoRoom,
    Kind.FAILED: CallFailed,
}
