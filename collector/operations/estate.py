"""The estate as a whole: how it stands, the sample estate, backup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from collector.operation import Context, InputRefused, NoParams, Operation


@dataclass(frozen=True)
class Standing:
    """How the estate stands."""

    assets: int
    by_class: dict[str, int]
    records: int
    applied: int
    """Place in the journal up to which everything is in the record."""
    journalled: int
    """Place of the last entry of the journal."""
    set_aside: int
    """Entries that could not be read."""
    clock: datetime
    replay: bool
    """Whether the clock stands at the end of a replay."""


@dataclass(frozen=True)
class BackupParams:
    """Where to write it: an absolute path on the server's machine."""

    path: str


@dataclass(frozen=True)
class BackedUp:
    """A backup that was written."""

    path: str
    bytes: int
    sha256: str
    applied: int


def standing(context: Context, _params: NoParams) -> Standing:
    """How the estate stands."""
    by_class = dict(context.record.view.counts())
    return Standing(
        assets=sum(by_class.values()),
        by_class=by_class,
        records=context.record.ledger.count(),
        applied=context.record.ledger.applied(),
        journalled=_journalled(context),
        set_aside=len(context.record.ledger.aside(1_000)),
        clock=context.now,
        replay=context.record.view.replay_clock() is not None,
    )


def _journalled(context: Context) -> int:
    from collector.journal.sqlite import SqliteReader

    if not context.home.journal_path.exists():
        return 0
    reader = SqliteReader(context.home.journal_path)
    try:
        return reader.last()
    finally:
        reader.close()


def _backup(context: Context, params: BackupParams) -> BackedUp:
    from collector.backup import write_backup

    if "\0" in params.path or not PurePath(params.path).is_absolute():
        raise InputRefused(
            "the path of a backup is absolute, on the server's machine, without a NUL byte"
        )
    return BackedUp(*write_backup(context.home, params.path))


OPERATIONS = (
    Operation(
        "status", "GET", "/status", "How the estate stands", NoParams, Standing, standing, "viewer"
    ),
    Operation(
        "backup",
        "POST",
        "/backup",
        "Write a backup while everything runs",
        BackupParams,
        BackedUp,
        _backup,
        "administrator",
    ),
)
