"""The step from schema 3 to 4 of record.db: tiles by group, and first words of the open block."""

from __future__ import annotations

import sqlite3

from cmdb.store.sqlite import bonds, programs
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.bonds import Bonds
from cmdb.store.sqlite.programs import ProgramIndex


def upgrade(db: sqlite3.Connection) -> None:
    """Writes every block anew from what its owners say."""
    index, talkers = ProgramIndex(db), Bonds(db, Bodies(db))
    for block in range(programs.sealed(db)):
        index.seal(block)
    for block in range(bonds.sealed(db)):
        talkers.seal(block)

    programs.tell_open(db)
