"""What a group of statements touches: links, assets and projections.

Two steps, each a function of what was said and decided. First the records that know who they
are: a component is every record that can be reached over shared identifying values, and it is
identified as a whole. Then the scans at the addresses and with the MACs of what was touched,
each by itself. Their results become links; every asset whose links or words may differ is
projected anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cmdb.model.canonical import encode
from cmdb.model.observation import Json, RecordKey
from cmdb.store.port import AssetId, Inside, LinkRow, Record, RecordId, RecordRow
from reconcile import changes, keys, timeline
from reconcile.account import Account
from reconcile.decisions import BY_HAND, Decided
from reconcile.evidence import LENT
from reconcile.identify import identify
from reconcile.lifecycle import Life
from reconcile.links import asset_links, following_link, scan_links
from reconcile.parts import edges_of, parts_of, same_sources
from reconcile.project import project
from reconcile.reach import Reach
from reconcile.returning import entry
from reconcile.scans import Scans
from reconcile.stretches import Subject
from reconcile.things import Things
from reconcile.timeline import Timeline
from reconcile.times import stretch_at
from reconcile.voices import Voices
from reconcile.witness import Witness

_MOST_REFERRING = 10_000
_MOST_SCANS = 512
"""Scan records that one value or address touches."""
_ROUNDS = 8
"""Depth to which a new asset may be needed by those that point at it."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a record was about, and what it is about now."""

    before: tuple[LinkRow, ...]
    after: tuple[LinkRow, ...]


class Components:
    """Settles identity and projections of one transaction."""

    def __init__(self, record: Record, witness: Witness, decided: Decided, at: datetime) -> None:
        self._record = record
        self._ledger = record.ledger
        self._view = record.view
        self._at = at
        self._witness = witness
        self._decided = decided
        witness.weigh_by(decided.rules)
        self._reach = Reach(record.ledger, witness, decided)
        self._things = Things(record, decided)
        self._voices = Voices(record.ledger)
        self._dirty: set[AssetId] = set()
        self._scans: set[RecordId] = set()
        self._followers: set[RecordKey] = set()
        self._moved: dict[AssetId, Counter[AssetId]] = defaultdict(Counter)
        self._notes: dict[AssetId, dict[str, Json]] = defaultdict(dict)
        self._projected = 0
        self.because: dict[str, Json] = {}
        """What every change set says of why it came about."""
        self.returning = ""
        """What brings assets back that were joined or excluded."""
        self.moves: dict[RecordId, Move] = {}
        """Records that are about something else than before."""

    def identify(self, touched: Iterable[RecordId]) -> None:
        """Identifies records with other evidence, and whatever that touches."""
        wanted = sorted(touched)
        self._reach.load(wanted)
        done: set[RecordId] = set()
        waiting = list(wanted)
        while waiting:
            self._identify(waiting.pop(0), done)
            if not waiting:
                waiting = sorted(self._reach.crossed - done)
        self._touch_scans(wanted)
        self._settle_scans()
        self._settle_followers()

    def _identify(self, record: RecordId, done: set[RecordId]) -> None:
        if record in done:
            return
        done.add(record)
        key = self._reach.key(record)
        if key.source == BY_HAND:
            self._followers.add(key)
        elif self._decided.excludes(key):
            self._leave_out(record)
        elif keys.witnesses_only(key, self._witness.weighed(record)):
            self._scans.add(record)
        else:
            component = self._reach.component(record)
            done |= {subject.record for subject in component}
            self._settle(component)

    def _leave_out(self, record: RecordId) -> None:
        """Takes an excluded record's links; what it joined comes apart."""
        before = self._ledger.stretches([record]).get(record, ())
        if not before:
            return
        self._relink(record, before, {record: []})
        subject = self._reach.subject(record)
        self._near(subject)
        for other in sorted(self._reach.neighbours(subject)):
            self._settle(self._reach.component(other))

    def touch(self, records: Iterable[RecordId]) -> None:
        """Records say something else, each about the thing that it is about now."""
        self._dirty.update(link.asset for link in self._ledger.links(records).values())

    def touch_past(self, records: Iterable[RecordId]) -> None:
        """Records told late: things that they were about may differ."""
        for links in self._ledger.stretches(records).values():
            self._dirty.update(link.asset for link in links)

    def touch_all(self, assets: Iterable[AssetId]) -> None:
        """These may be projected otherwise."""
        self._dirty.update(assets)

    def touch_asset(self, asset: AssetId) -> None:
        """An asset may be projected otherwise."""
        self._dirty.add(asset)

    def note(self, asset: AssetId, detail: dict[str, Json]) -> None:
        """Adds something to the change set of an asset."""
        self._notes[asset].update(detail)

    def renew(
        self,
        asset: AssetId,
        seen_at: datetime,
        talked: datetime | None,
        accounts: Sequence[Account] | None,
        *,
        talk_as_before: bool,
    ) -> None:
        """An asset is as before, but for what is noted and, from accounts of them, its sockets.

        Args:
            asset: Which.
            seen_at: When it was seen.
            talked: When its connections were seen again, as before.
            accounts: What its records say of sockets; None: the same.
            talk_as_before: Whether they have the same connections.
        """
        if asset in self._dirty:
            return
        self._view.touch(asset, seen_at, talked)
        detail = self._notes.pop(asset, {})
        inside = None
        if accounts is not None:
            before, parts = self._view.inside(asset), parts_of(accounts)
            same = talk_as_before and same_sources(accounts, before, parts)
            inside = Inside(parts, None if same else edges_of(accounts, parts))
            names = {(part.cls, str(part.attributes.get("name"))) for part in before}
            moved = changes.inside(names, parts)
            detail = {**detail, **moved}
            for account in accounts if moved else ():
                self._refer(account.row.key)
        self._view.renew(asset, inside)
        if detail:
            self._view.add_change(asset, "changed", detail)
        self._projected += 1

    def witnesses_only(self, row: RecordRow) -> bool:
        """Whether a record is a scan's that never named any hardware."""
        return keys.witnesses_only(row.key, self._witness.weighed(row.id))

    def finish(self) -> int:
        """Projects every asset that may differ; says how many were."""
        for _ in range(_ROUNDS):
            due, self._dirty = sorted(self._dirty), set()
            for asset in due:
                self.project(asset)
            self._dirty |= self._view.met().difference(due)
            if not self._dirty:
                break
        return self._projected

    def _settle(self, component: Sequence[Subject]) -> None:
        things = identify(
            component, self._decided.rulings, self._reach.ignored, self._decided.rules.order
        )
        records = [subject.record for subject in component]
        awaited = (each.record for each in component if self._awaited(each))
        self._ledger.watch(frozenset(awaited).union(*(thing.watched for thing in things)))
        before = self._ledger.stretches(records)
        assets = self._things.assets(things, before)
        after: dict[RecordId, list[LinkRow]] = defaultdict(list)
        for thing, asset in zip(things, assets.kept, strict=True):
            for record, link in asset_links(thing, asset, self._at):
                after[record].append(link)
        for gone, into in assets.joined:
            self._join(gone, into)
        for subject in component:
            moved = self._relink(subject.record, before.get(subject.record, ()), after)
            if moved:
                self._near(subject)

    def _awaited(self, subject: Subject) -> bool:
        """Whether people speak of it from a time on that it has not told of yet."""
        begins, visits = self._decided.begins.get(subject.key), subject.timeline.visits
        return begins is not None and bool(visits) and visits[-1].last < begins

    def _relink(
        self,
        record: RecordId,
        before: Sequence[LinkRow],
        after: dict[RecordId, list[LinkRow]],
    ) -> bool:
        """Writes a record's links; whether it is about something else than before."""
        links = sorted(after[record], key=lambda link: link.since)
        said = {_content(link) for link in before}
        differing = {_content(link) for link in links} ^ said
        if not differing:
            return False
        self._ledger.set_stretches(record, links)
        self._dirty |= {asset for asset, *_ in differing}
        was, is_ = {link.asset for link in before}, {link.asset for link in links}
        for gone in was - is_:
            self._moved[gone].update(is_)
        moved = [(x.asset, x.since, x.until) for x in before] != [
            (x.asset, x.since, x.until) for x in links
        ]
        if moved:
            known = self.moves.get(record)
            self.moves[record] = Move(known.before if known else tuple(before), tuple(links))
            key = self._reach.key(record)
            self._refer(key)
            self._followers.update(self._decided.followers.get(key, ()))
        return moved

    def _join(self, gone: AssetId, into: AssetId) -> None:
        self._view.drop(gone, into)
        self._view.add_change(into, "joined", {"from": f"ci-{gone}"})
        self._dirty.discard(gone)

    @cached_property
    def _scanned(self) -> bool:
        """Whether there are any scans to look for."""
        return self._ledger.has_kind(keys.SCAN)

    def _near(self, subject: Subject) -> None:
        """Scans that may have seen what a record is about."""
        if not self._scanned:
            return
        self._scans |= self._reach.ruled_scans(subject.key)
        scope = subject.key.scope
        for address in timeline.addresses([subject.timeline]):
            self._at_address(scope, address)
        self._near_macs(subject.timeline)

    def _near_macs(self, known: Timeline) -> None:
        macs = {mac for node in known.nodes for mac in (*node.of("mac"), *node.of(LENT))}
        for mac in sorted(macs):
            self._scans.update(self._ledger.holders(keys.seen_mac(mac), _MOST_SCANS))

    def _at_address(self, scope: str, address: str) -> None:
        self._scans.update(self._ledger.holders(keys.seen_at(scope, address), _MOST_SCANS))

    def _touch_scans(self, records: Iterable[RecordId]) -> None:
        for record in records if self._scanned else ():
            scope = self._reach.key(record).scope
            for address in self._witness.touched.records.get(record, ()):
                self._at_address(scope, address)
            known = self._witness.weighed(record)
            if not keys.witnesses_only(self._reach.key(record), known):
                self._near_macs(known)

    def _settle_scans(self) -> None:
        scans = Scans(self._ledger, self._witness, self._reach, self._decided)
        done: set[RecordId] = set()
        while waiting := sorted(self._scans - done):
            done.update(waiting)
            self._reach.load(waiting)
            for record in waiting:
                key = self._reach.key(record)
                out = self._decided.excludes(key)
                if out or not keys.witnesses_only(key, self._witness.weighed(record)):
                    continue
                before = self._ledger.stretches([record]).get(record, ())
                links = scan_links(record, scans.seen(record), self._things.anchored, self._at)
                if self._relink(record, before, {record: links}):
                    self._scans |= self._reach.ruled_scans(key)
        self._scans.clear()

    def _settle_followers(self) -> None:
        """Values that people set go where the record is that each follows."""
        for key in sorted(self._followers):
            row = self._ledger.record(key)
            if row is None:
                continue
            before = self._ledger.stretches([row.id]).get(row.id, ())
            link = following_link(row, self._led(key), self._at)
            self._relink(row.id, before, {row.id: [link] if link else []})
        self._followers.clear()

    def _led(self, key: RecordKey) -> LinkRow | None:
        """The stretch of the record that this one follows, at the time of which that is said."""
        leader, at = self._decided.follows.get(key, (key, 0))
        row = self._ledger.record(leader)
        if leader == key or row is None or self._decided.excludes(key):
            return None
        stretches = self._ledger.stretches([row.id]).get(row.id, ())
        return stretch_at(stretches, at)

    def _refer(self, key: RecordKey) -> None:
        """Assets that point at this record, by what may be said last, are projected again."""
        pointing = self._ledger.holders(keys.reference(key), _MOST_REFERRING)
        self.touch_past(pointing)

    def project(self, asset: AssetId, *, erased: bool = False) -> None:
        """Makes the projection of one asset anew; drops it when no record is about it."""
        links = self._ledger.linked(asset)
        if not links:
            self._drop(asset, erased=erased)
            return
        accounts = self._voices.of(links)
        life = self._life(accounts)
        after = project(accounts, self._targets(accounts), life, self._at, self._decided.rules)
        before, joined = self._view.asset(asset), None
        if before is None or before.id != asset:
            # What it had joined may be gone itself: its id means it alone from now on.
            self._view.revive(asset)
            before, joined = None, before
        parts = self._view.parts(asset) if before else ()
        self._view.put(asset, after)
        self._projected += 1
        altered = changes.altered(before, parts, after, life, self._decided.rules)
        detail = changes.merged(altered, self._notes.pop(asset, {}))
        if detail:
            what = "changed"
            if before is None:
                what, detail = entry(self._view, asset, joined, detail, self.returning)
            self._view.add_change(asset, what, detail | self.because)
        if before is None or detail.keys() & {"parts_added", "parts_removed"}:
            for account in accounts:
                self._refer(account.row.key)

    def _life(self, accounts: Sequence[Account]) -> Life:
        return self._things.life(accounts, self._at)

    def _drop(self, asset: AssetId, *, erased: bool) -> None:
        row = self._view.asset(asset)
        if row is None or row.id != asset:
            return
        into = next((new for new, _ in self._moved[asset].most_common(1)), None)
        self._view.drop(asset, into)
        if into is None:
            self._view.add_change(asset, "erased" if erased else "dissolved", {})
        else:
            self._view.add_change(into, "joined", {"from": f"ci-{asset}"})

    def _targets(self, accounts: Sequence[Account]) -> list[tuple[str, AssetId]]:
        stated = [pair for account in accounts for pair in account.relations]
        stated += [("parent", account.parent) for account in accounts if account.parent]
        found = []
        for type_, key in stated:
            target = self._target(key)
            if target is not None and (type_, target) not in found:
                found.append((type_, target))
        return found

    def _target(self, key: RecordKey) -> AssetId | None:
        row = self._ledger.record(keys.whole_key(key))
        link = self._ledger.links([row.id]).get(row.id) if row else None
        if link is None:
            return None
        local = key.native_key.partition("#")[2]
        return self._view.part(link.asset, local) if local else link.asset


def _content(link: LinkRow) -> tuple[AssetId, object, object, object, object, object, object]:
    """What a link says, whenever it was decided."""
    evidence = encode(link.evidence) if link.evidence else b""
    return link.asset, link.rule, evidence, link.since, link.until, link.last, link.state
