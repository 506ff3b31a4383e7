"""What speaks against two sides being one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from cmdb.model.observation import RecordKey
from cmdb.store.port import RecordId
from reconcile.account import normal_address
from reconcile.cluster import Cluster, Grain
from reconcile.evidence import KEYS, MODEL, SINGLE, SOLE
from reconcile.normalise.placeholders import HYPERVISOR_MACS

_LIVE_KINDS = frozenset({"agent", "cloud", "snmp"})
"""Kinds of source that look at things; a list may have one machine in two rows."""
_ONE_EYED = frozenset({"agent", "cloud"})
"""Kinds whose sources would not tell of one thing under several accounts."""
_LISTS = frozenset({"import", "manual"})
_LABELS = frozenset({"asset_tag"})
"""Keys that people put on things: what people typed elsewhere does not speak against them."""
_NAMES = frozenset({"name", "local_mac"})
"""Labels that many things of one kind have by turns at one address."""
_ENOUGH_DIFFERS = 3
_TURNS = 3
"""So often two hardwares alternate under one native key before both are taken for live."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A reason to keep two sides apart."""

    why: str
    doubtful: bool = False
    """Whether a person should be asked."""
    ruled: bool = False
    """Whether a person said so."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A person's word about two records."""

    records: tuple[RecordKey, RecordKey]
    at: int
    why: str

    def other(self, key: RecordKey) -> RecordKey:
        """The record that is spoken of together with this one."""
        return self.records[self.records[0] == key]


@dataclass(frozen=True)
class Rulings:
    """What people decided, the last word about each pair of records."""

    same: tuple[Ruling, ...] = ()
    different: tuple[Ruling, ...] = ()

    def apart(self, one: RecordKey, two: RecordKey) -> Ruling | None:
        """The ruling that keeps these records apart."""
        for ruling in self.different:
            if set(ruling.records) == {one, two}:
                return ruling
        return None


class Objections:
    """Weighs what two clusters say against each other."""

    def __init__(self, rulings: Rulings) -> None:
        self._rulings = rulings
        self.watched: set[RecordId] = set()
        """Records that may yet prove to be live at once with others."""

    def between(self, one: Cluster, two: Cluster, name: str) -> Objection | None:
        """Why a value of the key `name` may not join them, or None."""
        certain = self._ruled(one, two) or _part(one, two)
        if certain or name == "observer":
            return certain
        certain = _housing(one, two) or _contained(one, two) or _differ(one, two, name)
        if certain and name in _LABELS:
            certain = _differ(one, two, name, observed=True)
        if certain is None and name in _NAMES:
            certain = _one_name_of_two(one, two)
        return certain or self._live_at_once(one, two)

    def replaced(self, one: Cluster, two: Cluster, key: RecordKey) -> str:
        """Why a native key went over to another thing, or nothing.

        Hardware is another when some of what identifies it differs and nothing is the same. An
        address is no name of a thing: there other adapters say it alone.
        """
        certain = self._ruled(one, two) or _part(one, two)
        if certain:
            return certain.why
        differing = ""
        for name in (*SINGLE, "mac"):
            left, right = _with_kin(one, name), _with_kin(two, name)
            if not left or not right:
                continue
            if left & right:
                return ""
            if name != "mac":
                differing = differing or f"{name} differs: {min(left)} and {min(right)}"
        if not differing and normal_address(key.native_key) and _disjoint(one, two, "mac"):
            return "another adapter answers at the address"
        return differing or _became_virtual(one, two) or _nothing_alike(one, two)

    def _live_at_once(self, one: Cluster, two: Cluster) -> Objection | None:
        """Two live reports of one identity are clones.

        Not where one name goes with both, and a number of the hardware: an agent may see the
        adapter alone that is in use. But an image that was copied brings its name, and a virtual
        machine its numbers, too: their adapters are others altogether.
        """
        if not _other_adapters(one, two):
            return None
        alike = bool(one.of("name") & two.of("name"))
        if alike and not _may_be_copies(one, two):
            return None
        named = bool(one.of("name") and two.of("name")) and not alike
        if one.of("bios_uuid") & two.of("bios_uuid") and not (named or alike):
            return None
        pairs = list(_rival_accounts(one, two, named=named))
        if any(_interleave(left, right) for left, right in pairs):
            return Objection("both were live at once, with other adapters", doubtful=True)
        self.watched.update(grain.record for pair in pairs for grain in pair)
        return None

    def _ruled(self, one: Cluster, two: Cluster) -> Objection | None:
        if not self._rulings.different:
            return None
        first, second = one.keys(), two.keys()
        for ruling in self._rulings.different:
            left, right = ruling.records
            if (left in first and right in second) or (left in second and right in first):
                return Objection(ruling.why, ruled=True)
        return None


def _contained(one: Cluster, two: Cluster) -> Objection | None:
    kinds = [{g.is_container for g in cluster.grains} - {None} for cluster in (one, two)]
    if all(kinds) and not kinds[0] & kinds[1]:
        return Objection("one is a container, the other is none")
    return None


def _may_be_copies(one: Cluster, two: Cluster) -> bool:
    macs = one.of("mac") | two.of("mac")
    if not _disjoint(one, two, "mac" if macs else "local_mac"):
        return False
    numbered = any(one.of(key) & two.of(key) for key in ("system_serial", "bios_uuid"))
    virtual = bool(macs) and all(mac.startswith(HYPERVISOR_MACS) for mac in macs)
    return virtual or not numbered


def _disjoint(one: Cluster, two: Cluster, name: str) -> bool:
    """Whether both have values of a key, and none in common."""
    left, right = one.of(name), two.of(name)
    return bool(left and right) and not left & right


def _became_virtual(one: Cluster, two: Cluster) -> str:
    """A machine and the virtual machine that it was turned into are two."""
    virtual = [
        {mac.startswith(HYPERVISOR_MACS) for mac in cluster.of("mac")} for cluster in (one, two)
    ]
    if sorted(map(sorted, virtual)) == [[False], [True]]:
        return "one has adapters of a hypervisor alone, the other none"
    return ""


def _nothing_alike(one: Cluster, two: Cluster) -> str:
    """Why what has no number of its own is another: model, name and adapters all differ."""
    differing = [key for key in (MODEL, "name", "mac", "asset_tag") if _disjoint(one, two, key)]
    shared = any(one.of(key) & two.of(key) for key in (MODEL, "name", "mac", *SOLE))
    if shared or MODEL not in differing or len(differing) < _ENOUGH_DIFFERS:
        return ""
    return (
        "nothing is alike: " + ", ".join(each.replace("_", " ") for each in differing) + " differ"
    )


def _one_name_of_two(one: Cluster, two: Cluster) -> Objection | None:
    """Whether one source, or two that look at things alike, tell of both with other adapters."""
    if not _disjoint(one, two, "mac"):
        return None
    if virtual := _became_virtual(one, two):
        return Objection(virtual)
    left, right = ([g for g in cluster.grains if g.of("mac")] for cluster in (one, two))
    for a in left:
        at_address = normal_address(a.key.native_key) is not None
        if any(_one_observer(a, b, named=at_address) for b in right):
            return Objection("they have one name and other adapters")
    return None


def _part(one: Cluster, two: Cluster) -> Objection | None:
    for part, whole in ((one, two), (two, one)):
        parents = {grain.parent for grain in part.grains if grain.parent}
        if parents and parents & whole.keys():
            return Objection(f"one is part of the other: {min(parents).native_key}")
    return None


def _housing(one: Cluster, two: Cluster) -> Objection | None:
    kinds = [{g.houses for g in cluster.grains} - {None} for cluster in (one, two)]
    if all(kinds) and not kinds[0] & kinds[1]:
        return Objection("one is an enclosure, the other stands in one")
    return None


def _differ(one: Cluster, two: Cluster, name: str, *, observed: bool = False) -> Objection | None:
    """Whether they have different values of a key of which a thing has one.

    `observed` leaves aside what lists say: serial numbers in them are typed by hand.
    """
    for key in SINGLE:
        left, right = (_own(side, key, observed=observed) for side in (one, two))
        if key == name or not left or not right:
            continue
        if not _with_kin(one, key) & _with_kin(two, key):
            return Objection(f"{key} differs: {min(left)} and {min(right)}")
    return None


def _own(cluster: Cluster, key: str, *, observed: bool) -> set[str]:
    if not observed:
        return cluster.of(key)
    looking = (grain for grain in cluster.grains if grain.key.source.kind not in _LISTS)
    return {value for grain in looking for value in grain.of(key)}


def _with_kin(cluster: Cluster, name: str) -> set[str]:
    return cluster.of(name).union(*(cluster.of(other) for other in KEYS[name].kin))


def _other_adapters(one: Cluster, two: Cluster) -> bool:
    left = one.of("mac") | one.of("local_mac")
    right = two.of("mac") | two.of("local_mac")
    return bool(left and right) and 2 * len(left & right) <= min(len(left), len(right))


def _rival_accounts(one: Cluster, two: Cluster, *, named: bool) -> Iterator[tuple[Grain, Grain]]:
    """Accounts of both that one source gives, and so gives of two things if at once."""
    for left in one.grains:
        if left.key.source.kind in _LIVE_KINDS:
            for right in two.grains:
                if _one_observer(left, right, named=named):
                    yield left, right


def _one_observer(left: Grain, right: Grain, *, named: bool) -> bool:
    """Whether two accounts of one thing should agree.

    All managers of virtual machines do, and all agents: each is a source of its own and looks at
    the machine that it runs on.
    """
    if left.record == right.record:
        return named
    kind = left.key.source.kind
    alike = kind in _ONE_EYED and kind == right.key.source.kind
    return alike or left.key.source == right.key.source


def _interleave(left: Grain, right: Grain) -> bool:
    if left.record != right.record:
        return left.first < right.spans[-1][1] and right.first < left.spans[-1][1]
    marks = sorted([(span, 0) for span in left.spans] + [(span, 1) for span in right.spans])
    sides = [side for _, side in marks]
    return sum(a != b for a, b in pairwise(sides)) >= _TURNS


def latest(rulings: Iterable[tuple[str, Ruling]]) -> Rulings:
    """The last word about each pair: act ("same" or "different") and ruling in order of time."""
    last: dict[frozenset[RecordKey], tuple[str, Ruling]] = {}
    for act, ruling in sorted(rulings, key=lambda item: (item[1].at, item[0])):
        last[frozenset(ruling.records)] = (act, ruling)
    ordered = sorted(last.values(), key=lambda item: (item[1].at, item[1].records))
    return Rulings(
        tuple(ruling for act, ruling in ordered if act == "same"),
        tuple(ruling for act, ruling in ordered if act == "different"),
    )


def by_record(rulings: Iterable[Ruling]) -> dict[RecordKey, list[Ruling]]:
    """Rulings by each of the records that they are about."""
    found: dict[RecordKey, list[Ruling]] = {}
    for ruling in rulings:
        for key in ruling.records:
            found.setdefault(key, []).append(ruling)
    return found
