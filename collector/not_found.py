"""What is said of an asset that is not found: of one that people excluded whole, who did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cmdb.store.port import Record, UnknownAsset


@contextmanager
def explaining(record: Record) -> Iterator[None]:
    """Whoever looks for an asset in this block is told so where people excluded all of it."""
    try:
        yield
    except UnknownAsset as error:
        from reconcile.left_out import all_excluded

        told = all_excluded(record, error)
        if told is error:
            raise
        raise told from error
