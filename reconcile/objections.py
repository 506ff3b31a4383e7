"""What speaks against two sides being one thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cmdb.model.observation import RecordKey
from cmdb.store.port import RecordId
from reconcile.account import normal_address
from reconcile.cluster import LISTS, SERIALS, Cluster, Grain
from reconcile.contained import are_containers, contained, housing, of_two_containers
from reconcile.evidence import KEYS, SINGLE
from reconcile.exchanged import Exchanged
from reconcile.rulings import Rulings
from reconcile.spoken import Spoken
from reconcile.strangers import Strangers
from reconcile.unlike import (
    by_turns,
    disjoint,
    in_all_but,
    interleave,
    may_be_copies,
    nothing_alike,
    of_other_model,
    one_observer,
    other_adapters,
    parted,
    rival_accounts,
    rows_of_two,
)
from reconcile.virtual import (
    are_guests,
    modelled_virtual,
    turned_virtual,
    with_number_of_host,
)

_LABELS = frozenset({"asset_tag"})
"""Keys that people put on things: what people typed elsewhere does not speak against them."""
_NAMES = frozenset({"name", "local_mac"})
"""Labels that many things of one kind have by turns at one address."""
_TURNS = "two machines with other adapters speak by turns"
_AT_ONCE = "both were live at once, with other adapters"
_ROLLED_OUT = "both were first heard within a day, with other names and other adapters"
_COPIED = "both were first heard within a day, with one name and other adapters, as copies are"
_LENT_BY_TURNS = "two native keys and names by turns: one adapter that is lent, or two systems"
_ALONE = frozenset({"bios_uuid", "machine_id"})
"""Makers give a UUID to several machines, images bring a machine id: neither is proof alone."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A reason to keep two sides apart."""

    why: str
    doubtful: bool = False
    """Whether a person should be asked."""
    ruled: bool = False
    """Whether a person said so."""
    asked: bool = False
    """Whether a person should be asked, whatever the key of the value that they share."""


class Objections:
    """Weighs what two clusters say against each other."""

    def __init__(self, rulings: Rulings, grains: Sequence[Grain]) -> None:
        self._spoken = Spoken(rulings, grains)
        self._strangers = Strangers(grains)
        self._exchanged = Exchanged(grains)
        self.watched: set[RecordId] = set()
        """Records that may yet prove to be live at once with others."""

    def bonds(self) -> Iterable[tuple[Grain, Grain, str]]:
        """What people said to be one, and why."""
        return self._spoken.bonds()

    def between(self, one: Cluster, two: Cluster, name: str) -> Objection | None:
        """Why a value of the key `name` may not join them, or None."""
        certain = self._ruled(one, two) or _part(one, two)
        if certain or name == "observer":
            return certain
        certain = _housed(one, two) or _differ(one, two, name)
        certain = certain or self._in_two_containers(one, two, name)
        if certain and name in _LABELS:
            certain = _differ(one, two, name, observed=True)
        if certain is None and name in _NAMES:
            certain = _one_name_of_two(one, two)
        certain = certain or _of_other_kinds(one, two, name)
        found = certain or self._live_at_once(one, two) or _unlike(one, two, name)
        return found or self._strange(one, two, name)

    def strangers(self, one: Cluster, two: Cluster, name: str) -> bool:
        """Whether names and adapters differ, and a value of the key is all that is alike."""
        if name not in SINGLE or not in_all_but(one, two, *_kin(name)):
            return False
        rivals = any(True for _ in rival_accounts(one, two, named=False))
        return rivals and self._strangers.share_only(one, two, name)

    def replaced(self, one: Cluster, two: Cluster, key: RecordKey) -> str:
        """Why a native key went over to another thing, or nothing.

        Hardware is another when some of what identifies it differs and nothing is the same. An
        address is no name of a thing: there other adapters say it alone.
        """
        certain = self._ruled(one, two) or _part(one, two)
        if certain:
            return certain.why
        if why := modelled_virtual(one, two) or _written_over(one, two, key):
            return why
        differing = ""
        for name in (*SINGLE, "mac"):
            left, right = _with_kin(one, name), _with_kin(two, name)
            if not left or not right:
                continue
            if left & right:
                return ""
            if name != "mac":
                differing = differing or f"{name} differs: {min(left)} and {min(right)}"
        if not differing and normal_address(key.native_key) and disjoint(one, two, "mac"):
            return "another adapter answers at the address"
        differing = differing or turned_virtual(one, two) or nothing_alike(one, two)
        return differing or _copied(one, two, key)

    def _in_two_containers(self, one: Cluster, two: Cluster, name: str) -> Objection | None:
        """Whether agents tell of two containers; an image brings its machine id to all of them.

        Their adapters do not count: each host hands out the same ones.
        """
        if not are_containers(one, two):
            return None
        if why := of_two_containers(one, two, by_name=name in _NAMES):
            return Objection(why)
        pairs = [
            pair
            for pair in rival_accounts(one, two, named=False)
            if pair[0].key.source == pair[1].key.source
        ]
        if any(interleave(left, right) for left, right in pairs):
            return Objection("they are containers, both live at once")
        self.watched.update(grain.record for pair in pairs for grain in pair)
        return None

    def _live_at_once(self, one: Cluster, two: Cluster) -> Objection | None:
        """Two live reports of one identity are clones.

        Not where one name goes with both, and a number of the hardware: an agent may see the
        adapter alone that is in use. But an image that was copied brings its name, and a virtual
        machine its numbers, too: their adapters are others altogether.
        """
        if not other_adapters(one, two):
            return None
        alike = bool(one.of("name") & two.of("name"))
        if alike and not may_be_copies(one, two):
            return None
        named = bool(one.of("name") and two.of("name")) and not alike
        if one.of("bios_uuid") & two.of("bios_uuid") and not (named or alike):
            return None
        pairs = list(rival_accounts(one, two, named=named))
        if any(interleave(left, right) for left, right in pairs):
            # A manager gives guests of one host the same numbers; names tell them apart.
            return Objection(_AT_ONCE, doubtful=not (named and _surely_two(one, two)))
        if alike and not one.places & two.places and self._copied_on_one_day(pairs):
            return Objection(_COPIED, doubtful=True)
        self.watched.update(grain.record for pair in pairs for grain in pair)
        return None

    def _copied_on_one_day(self, pairs: Sequence[tuple[Grain, Grain]]) -> bool:
        """Whether one product was first heard under two native keys within a day."""
        return any(
            left.key.source == right.key.source and self._strangers.first_on_one_day(left, right)
            for left, right in pairs
        )

    def _strange(self, one: Cluster, two: Cluster, name: str) -> Objection | None:
        """Whether one value is alike that may have been given to two, and all else is against it.

        A maker's filler in place of a serial number, a typing error, an adapter that is lent.
        """
        if name == "mac":
            why = self._exchanged.between(one, two)
            return Objection(why) if why else self._lent(one, two)
        if name not in SINGLE or one.of("name") & two.of("name"):
            return None
        if self.strangers(one, two, name) and any(
            self._strangers.first_on_one_day(*pair)
            for pair in rival_accounts(one, two, named=False)
        ):
            return Objection(_ROLLED_OUT, doubtful=not _surely_two(one, two))
        if one.of("mac") & two.of("mac") or not self._strangers.share_only(one, two, name):
            return None
        why = self._strangers.of_other_make(one, two)
        return Objection(why, doubtful=True) if why else None

    def _lent(self, one: Cluster, two: Cluster) -> Objection | None:
        """Whether agents without any number speak by turns, and share one adapter alone."""
        shared = one.of("mac") & two.of("mac")
        if len(shared) != 1 or not disjoint(one, two, "name"):
            return None
        if not self._strangers.without_numbers(one, two):
            return None
        if not self._strangers.differ(one, two, "name"):
            return None
        if not self._strangers.share_only(one, two, "mac"):
            return None
        pairs = [
            (left, right)
            for left, right in rival_accounts(one, two, named=False)
            if left.key.source.kind == right.key.source.kind == "agent"
        ]
        if any(interleave(left, right) for left, right in pairs):
            return Objection(_LENT_BY_TURNS, doubtful=True, asked=True)
        self.watched.update(grain.record for pair in pairs for grain in pair)
        return None

    def _ruled(self, one: Cluster, two: Cluster) -> Objection | None:
        why = self._spoken.against(one, two)
        return Objection(why, ruled=True) if why else None


def _kin(name: str) -> tuple[str, ...]:
    return (name, *KEYS[name].kin)


def _of_other_kinds(one: Cluster, two: Cluster, name: str) -> Objection | None:
    """Whether one is virtual and the other is not."""
    why = modelled_virtual(one, two)
    if not why and name in SERIALS:
        why = with_number_of_host(one, two)
        if not why and rows_of_two(one, two):
            return Objection("two rows of one list, which share nothing else", doubtful=True)
    elif not why and (name == "machine_id" or (name == "bios_uuid" and disjoint(one, two, "name"))):
        why = turned_virtual(one, two)
    return Objection(why) if why else None


def _unlike(one: Cluster, two: Cluster, name: str) -> Objection | None:
    """Whether one value is alike and all else differs that those who look tell of both."""
    if name not in _ALONE:
        return None
    shared = [grain.key for grain in one.grains if grain.record in two.records()]
    if any(by_turns(one, two, key) for key in shared):
        return Objection(_TURNS)
    uuid = name == "bios_uuid"
    if not uuid and (other := of_other_model(one, two)):
        return Objection(other)
    if (uuid and shared) or not in_all_but(one, two, name):
        return None
    if any(True for _ in rival_accounts(one, two, named=True)):
        why = f"nothing but the {name} is alike: names and adapters differ"
        return Objection(why, doubtful=uuid)
    return None


def _written_over(one: Cluster, two: Cluster, key: RecordKey) -> str:
    """Whether a row came to be about another machine, though makers gave both one UUID."""
    if key.source.kind not in LISTS:
        return ""
    found = _differ(one, two, "bios_uuid", observed=True)
    return found.why if found else ""


def _copied(one: Cluster, two: Cluster, key: RecordKey) -> str:
    """Why a native key without any number beside it is on two machines.

    It lies in a file, and goes with a disk, an image or a backup.
    """
    if key.source.kind != "agent":
        return ""
    if in_all_but(one, two, "machine_id"):
        return "another name and other adapters, and no number that is the same"
    if by_turns(one, two, key):
        return _TURNS
    if unlike := of_other_model(one, two):
        return unlike
    if disjoint(one, two, "mac") and any(
        parted(*pair) for pair in rival_accounts(one, two, named=False)
    ):
        return "one of them has another native key, too, with another name"
    return ""


def _surely_two(one: Cluster, two: Cluster) -> bool:
    """Whether more than name and adapters tells apart two that share a number.

    Blades have boards of their own; a manager gives guests of one host the same serial number.
    """
    if disjoint(one, two, "board_serial"):
        return True
    return are_guests(one, two) and not one.of("bios_uuid") & two.of("bios_uuid")


def _one_name_of_two(one: Cluster, two: Cluster) -> Objection | None:
    """Whether one source, or two that look at things alike, tell of both with other adapters."""
    if not disjoint(one, two, "mac"):
        return None
    if virtual := turned_virtual(one, two):
        return Objection(virtual)
    left, right = ([g for g in cluster.grains if g.of("mac")] for cluster in (one, two))
    for a in left:
        at_address = normal_address(a.key.native_key) is not None
        if any(one_observer(a, b, named=at_address) for b in right):
            return Objection("they have one name and other adapters")
    return None


def _part(one: Cluster, two: Cluster) -> Objection | None:
    for part, whole in ((one, two), (two, one)):
        parents = {grain.parent for grain in part.grains if grain.parent}
        if parents and parents & whole.keys():
            return Objection(f"one is part of the other: {min(parents).native_key}")
    return None


def _housed(one: Cluster, two: Cluster) -> Objection | None:
    why = housing(one, two) or contained(one, two)
    return Objection(why) if why else None


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
    looking = (grain for grain in cluster.grains if grain.key.source.kind not in LISTS)
    return {value for grain in looking for value in grain.of(key)}


def _with_kin(cluster: Cluster, name: str) -> set[str]:
    return cluster.of(name).union(*(cluster.of(other) for other in KEYS[name].kin))
