"""Sources and scopes, written once and known by number."""

from __future__ import annotations

import sqlite3

from cmdb.model.observation import Source


class Names:
    """Numbers of sources and scopes, made on first use."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._sources: dict[Source, int] = {}
        self._scopes: dict[str, int] = {}
        self._kinds: set[str] = set()

    def source(self, source: Source) -> int:
        """The number of a source."""
        if source not in self._sources:
            self._db.execute(
                "INSERT OR IGNORE INTO source (kind, instance) VALUES (?, ?)",
                (source.kind, source.instance),
            )
            self._sources[source] = self._db.execute(
                "SELECT id FROM source WHERE kind=? AND instance=?", (source.kind, source.instance)
            ).fetchone()[0]
        return self._sources[source]

    def scope(self, name: str) -> int:
        """The number of a scope."""
        if name not in self._scopes:
            self._db.execute("INSERT OR IGNORE INTO scope (name) VALUES (?)", (name,))
            self._scopes[name] = self._db.execute(
                "SELECT id FROM scope WHERE name=?", (name,)
            ).fetchone()[0]
        return self._scopes[name]

    def has_kind(self, kind: str) -> bool:
        """Whether there is a source of a kind."""
        if kind not in self._kinds:
            row = self._db.execute("SELECT 1 FROM source WHERE kind=? LIMIT 1", (kind,)).fetchone()
            if row is None:
                return False
            self._kinds.add(kind)
        return True

    def sources(self) -> tuple[Source, ...]:
        """All that have records, by kind and instance."""
        rows = self._db.execute(
            "SELECT kind, instance FROM source s WHERE EXISTS"
            " (SELECT 1 FROM record WHERE source = s.id) ORDER BY kind, instance"
        )
        return tuple(Source(kind, instance) for kind, instance in rows)

    def forget(self) -> None:
        """Drops numbers that a rolled-back transaction may have made."""
        self._sources.clear()
        self._scopes.clear()
        self._kinds.clear()
