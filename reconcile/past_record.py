"""A record that answers as of a moment, to whoever asks the present one.

One asset is laid out with its surroundings, in memory; what needs all assets lays out all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from cmdb.model.observation import SCALARS, Json, SectionKind
from cmdb.store.history import History, Moment, Scratch
from cmdb.store.port import (
    AssetId,
    AssetRow,
    Change,
    Edge,
    Headline,
    Installed,
    Ledger,
    Page,
    Projection,
    Record,
    Related,
    RelationRow,
    Search,
    Title,
    UnknownAsset,
)
from reconcile import keys
from reconcile.account import Account
from reconcile.past import Past
from reconcile.past_aliases import aliases_then
from reconcile.past_naming import not_then
from reconcile.past_pointing import once_pointing
from reconcile.past_programs import PastPrograms

if TYPE_CHECKING:
    from contextlib import ExitStack

NEIGHBOURS_MOST = 100
"""Assets that point at one that is shown; each is read as of the moment."""
_PLACING = (*SCALARS, SectionKind.HEAD, SectionKind.INTERFACES, SectionKind.SERVICES)
"""What a neighbour says that matters for the name and place of it and its services."""
_EVERYTHING = -1


class PastRecord:
    """See cmdb.store.port.Record; only reads."""

    def __init__(self, past: Past, stack: ExitStack) -> None:
        self.past = past
        self.ledger: Ledger = past.ledger
        self.view = PastView(past, stack)
        self.history: History = past.record.history

    def snapshot(self) -> AbstractContextManager[None]:
        """See the port."""
        return nullcontext()

    def close(self) -> None:
        """See the port."""


class PastView:
    """See cmdb.store.port.View; what it has not, nobody asks of the past."""

    def __init__(self, past: Past, stack: ExitStack) -> None:
        self._past = past
        self._history = past.record.history
        self._now = past.record.view
        self._stack = stack
        self._laid: tuple[int, Scratch] | None = None
        self._programs = PastPrograms(past)
        self.more_relations = 0
        """How many assets point at the one that was found and were not read."""

    # One asset

    def find(self, text: str) -> AssetRow:
        """See the port. Its surroundings are laid out; ids that are aliases now mean what they did.

        Raises:
            UnknownAsset: There was none then.
        """
        for asset in self._meant(text):
            owner = self._owner(asset)
            if self._past.ledger.linked(owner):
                found = self._around(owner).view.asset(asset)
                if found is not None:
                    return self._with_aliases(found)
        try:
            return self._everything().view.find(text)
        except UnknownAsset as error:
            raise not_then(self._past, self._now, text, error) from error

    def _meant(self, text: str) -> Iterator[AssetId]:
        plain = text.strip().lower().removeprefix("ci-")
        if plain.isdecimal() and len(plain) <= 15:  # noqa: PLR2004 - as the view reads ids
            yield AssetId(int(plain))
        try:
            yield self._now.find(text).id
        except UnknownAsset:
            return

    def _owner(self, asset: AssetId) -> AssetId:
        row = self._now.asset(asset)
        return row.parent if row is not None and row.id == asset and row.parent else asset

    def _with_aliases(self, row: AssetRow) -> AssetRow:
        now = self._now.asset(row.id)
        if now is None:
            return row
        return replace(row, aliases=aliases_then(self._past, row.id, now), revision=now.revision)

    def asset(self, asset: AssetId) -> AssetRow | None:
        """See the port; as far as it is laid out."""
        return (
            self._laid[1].view.asset(asset) if self._laid else self._everything().view.asset(asset)
        )

    def parts(self, asset: AssetId) -> tuple[AssetRow, ...]:
        """See the port."""
        return self._around(asset).view.parts(asset)

    def headlines(self, assets: Iterable[AssetId]) -> dict[AssetId, Headline]:
        """See the port; as far as they are laid out."""
        return (self._laid[1] if self._laid else self._everything()).view.headlines(assets)

    def related(self, asset: AssetId, users: int, after: AssetId | None = None) -> Related:
        """See the port."""
        return self._around(asset).view.related(asset, users, after)

    def relations(self, asset: AssetId) -> tuple[RelationRow, ...]:
        """See the port."""
        return (self._laid[1] if self._laid else self._everything()).view.relations(asset)

    def installed(self, asset: AssetId) -> tuple[Installed, ...]:
        """See the port."""
        return self._history.describe(self._programs.on(asset))

    def installed_count(self, asset: AssetId) -> int:
        """See the port."""
        return len(self._programs.on(asset))

    def changes(self, asset: AssetId | None, limit: int, before: int | None) -> tuple[Change, ...]:
        """See the port."""
        newest = self._history.newest_change(self._past.clock) + 1
        return self._now.changes(asset, limit, newest if before is None else min(before, newest))

    # All assets

    def search(self, search: Search) -> Page:
        """See the port."""
        return self._everything().view.search(search)

    def all_assets(self, cls: str | None = None) -> Iterator[AssetRow]:
        """See the port."""
        return self._everything().view.all_assets(cls)

    def all_relations(self) -> Iterator[RelationRow]:
        """See the port."""
        return self._everything().view.all_relations()

    def counts(self) -> Mapping[str, int]:
        """See the port."""
        return self._everything().view.counts()

    def titles(self) -> Iterator[Title]:
        """See the port; later ones are among them, and nobody had those."""
        return self._now.titles()

    def holders_of(self, title: int) -> dict[AssetId, tuple[str, ...]]:
        """See the port."""
        return self._programs.holders_of(title)

    def former_names(self) -> dict[str, str]:
        """Of ids that were given for this answer alone what they stand for: ci-12#tcp/443."""
        if self._laid is None:
            return {}
        last = self._history.last_asset()
        return {f"ci-{asset}": name for asset, name in self._laid[1].names() if asset > last}

    def change_sequence(self) -> int:
        """See the port."""
        return self._now.change_sequence()

    def replay_clock(self) -> datetime | None:
        """See the port."""
        return self._now.replay_clock()

    # Laying out

    def _around(self, asset: AssetId) -> Scratch:
        if self._laid is None or self._laid[0] not in {asset, _EVERYTHING}:
            layout = _Around(self._past, asset)
            scratch = self._stack.enter_context(self._history.scratch(layout.assets))
            layout.put(scratch)
            self.more_relations = layout.more
            self._laid = asset, scratch
        return self._laid[1]

    def _everything(self) -> Scratch:
        if self._laid is None or self._laid[0] != _EVERYTHING:
            assets = tuple(self._history.assets(self._past.moment))
            scratch = self._stack.enter_context(self._history.scratch(assets))
            with scratch.transaction(self._past.clock):
                for _ in _Putting(self._past, scratch).every(assets):
                    self._past.reads.forget()
                scratch.tidy()
            self._laid = _EVERYTHING, scratch
        return self._laid[1]


class _Putting:
    """Puts assets as they were; relations that name parts need those to be there first."""

    def __init__(self, past: Past, scratch: Scratch) -> None:
        self._past = past
        self._view = scratch.view

    def every(self, assets: tuple[AssetId, ...]) -> Iterator[AssetId]:
        """Puts all of these."""
        again = []
        for asset in assets:
            if self.put(asset):
                again.append(asset)
            yield asset
        for asset in again:
            self.put(asset)
            yield asset

    def put(self, asset: AssetId) -> bool:
        """Puts an asset; whether it points at parts that are not there (yet)."""
        accounts = self._past.accounts(asset)
        if not accounts:
            return False
        stated = self._past.targets(accounts)
        missing = False
        targets = []
        for type_, owner, local in stated:
            target = self._view.part(owner, local) if local else owner
            missing = missing or target is None
            if target is not None:
                targets.append((type_, target))
        self._view.put(asset, self._past.projection(asset, accounts, targets))
        return missing


class _Around:
    """An asset and those at the other ends of its relations."""

    def __init__(self, past: Past, asset: AssetId) -> None:
        self._past = past
        self._history = past.record.history
        self._asset = asset
        self._accounts = past.accounts(asset)
        self._made = past.projection(asset, self._accounts)
        self._stated = past.targets(self._accounts)
        sockets = (edge.target_socket for edge in self._made.edges)
        self._asked = {f"{socket[1]}/{socket[2]}" for socket in sockets if socket}
        self._asked |= {local for _, _, local in self._stated}
        self._pointing, total = self._history.pointing(asset, NEIGHBOURS_MOST)
        once = sorted(once_pointing(past, self._accounts, self._made) - {*self._pointing, asset})
        self.more = total - len(self._pointing) + len(once[NEIGHBOURS_MOST:])
        self._copied: set[AssetId] = set()
        self._same = self._as_now()
        self._read: set[AssetId] = {*self._pointing, *once[:NEIGHBOURS_MOST]} - self._same
        for owner in self._others():
            self._place(owner)
        self._read -= {asset}
        self._copied |= self._same

    @property
    def assets(self) -> list[AssetId]:
        """All that are laid out from what was said."""
        return [self._asset, *sorted(self._read)]

    def put(self, scratch: Scratch) -> None:
        """Lays all of it out."""
        with scratch.transaction(self._past.clock):
            scratch.copy(sorted(self._copied - self._read))
            putting = _Putting(self._past, scratch)
            missing = putting.put(self._asset)
            for other in sorted(self._read):
                self._put_other(scratch, other)
            if missing:
                putting.put(self._asset)
            scratch.relate(self._history.relations_between(sorted(self._same), self._asset))
            scratch.tidy()

    def _as_now(self) -> set[AssetId]:
        """Of those that point at it the ones that did so then as they do now."""
        view, moment = self._past.record.view, self._past.moment
        now = {_socket(row.cls, row.attributes) for row in view.parts(self._asset)}
        then = {_socket(part.cls, part.attributes) for part in self._made.parts}
        placed = tuple(kind for kind in _PLACING if kind is not SectionKind.SERVICES)
        if now != then or self._history.altered(self._asset, placed, moment):
            return set()
        kinds = (*_PLACING, SectionKind.CONNECTIONS, SectionKind.RELATIONS)
        return {one for one in self._pointing if not self._history.altered(one, kinds, moment)}

    def _others(self) -> Iterator[AssetId]:
        """Assets at which its relations end."""
        yield from (owner for _, owner, _ in self._stated)
        scope = self._made.scope
        for address, protocol, port in {
            e.target_socket for e in self._made.edges if e.target_socket
        }:
            now = self._history.now_at(scope, address, protocol, port)
            row = None if now is None else self._past.record.view.asset(now)
            owner = None if row is None else row.parent or row.id
            if owner is not None and (owner in self._copied or self._unaltered(owner)):
                self._copied.add(owner)
            else:
                yield from self._once_at(scope, address)

    def _unaltered(self, asset: AssetId) -> bool:
        """Whether it can be shown as it is now."""
        return not self._history.altered(asset, _PLACING, self._past.moment)

    def _once_at(self, scope: str, address: str) -> Iterator[AssetId]:
        records = self._history.carriers(keys.held(scope, address))
        records += self._history.carriers(keys.seen_at(scope, address))
        links = self._past.ledger.stretches(records)
        yield from {link.asset for found in links.values() for link in found}

    def _place(self, owner: AssetId) -> None:
        if owner == self._asset or owner in self._read:
            return
        if self._unaltered(owner):
            self._copied.add(owner)
        else:
            self._read.add(owner)

    def _put_other(self, scratch: Scratch, other: AssetId) -> None:
        accounts = self._past.accounts(other)
        if not accounts:
            return
        made = self._past.projection(other, accounts, self._towards(scratch, accounts))
        edges = self._kept(made)
        met = {edge.source_local for edge in edges} | self._asked
        parts = tuple(part for part in made.parts if part.local in met)
        scratch.view.put(other, replace(made, edges=edges, parts=parts))

    def _towards(self, scratch: Scratch, accounts: list[Account]) -> list[tuple[str, AssetId]]:
        found = []
        for type_, owner, local in self._past.targets(accounts):
            if owner == self._asset:
                target = scratch.view.part(owner, local) if local else owner
                found += [] if target is None else [(type_, target)]
        return found

    def _kept(self, made: Projection) -> tuple[Edge, ...]:
        """Of another's relations those to the asset."""
        mine = {address for _, address, _, _ in self._made.addresses}
        return tuple(
            edge
            for edge in made.edges
            if (edge.target_socket is None and edge.target == self._asset)
            or (edge.target_socket is not None and edge.target_socket[0] in mine)
        )


def _socket(cls: str, attributes: Mapping[str, Json]) -> tuple[str, Json, Json]:
    """What a part is known by inside its machine."""
    if cls == "Service":
        return cls, attributes.get("protocol"), attributes.get("port")
    return cls, attributes.get("name"), None


@contextmanager
def opened(
    record: Record, as_of: datetime | None, known_at: datetime | None, now: datetime
) -> Iterator[PastRecord]:
    """The record as of a moment; reading from it asks the true one, which must stay as it is."""
    from contextlib import ExitStack

    moment: Moment = record.history.moment(as_of, known_at)
    with ExitStack() as stack:
        yield PastRecord(Past(record, moment, now), stack)


def as_record(past: PastRecord) -> Record:
    """The same, for functions that only read."""
    return cast("Record", past)
