"""Which records are about one thing.

A pure function of the records: they are put together by the keys of their class, strongest
first, in an order that depends on what was said and never on when it arrived. Where two sides
have different values for a key of which a thing has only one, they are two things. Weak keys
(a name, an address) count in pairs. What was weighed and did not count is kept with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from cmdb.model.observation import RecordKey
from cmdb.store.port import Identifier, RecordId
from reconcile.account import Account
from reconcile.keys import KeyValue, key_values

CROWDED = 24
"""A value that more records than this carry no longer identifies."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record is, or is not, joined to another."""

    key: str
    value: str
    other: RecordKey
    counted: bool
    why: str = ""


@dataclass
class Cluster:
    """Records about one thing."""

    members: list[Account]
    single: dict[str, set[str]] = field(default_factory=dict)
    """Values of keys of which a thing has one."""


@dataclass(frozen=True, slots=True)
class Identified:
    """One thing: its records in a stable order, and the reasons of each."""

    records: tuple[Account, ...]
    reasons: dict[RecordId, tuple[Reason, ...]]


def identify(accounts: Iterable[Account], crowded: Collection[Identifier] = ()) -> list[Identified]:
    """Puts records together that are about one thing; each record is in one of the results.

    Args:
        accounts: A component: no record outside it shares an identifying value with one in it.
        crowded: Values that too many records carry, here or elsewhere, to identify.
    """
    ordered = sorted(accounts, key=lambda account: account.row.key)
    work = _Work(ordered, crowded)
    for value, holders in work.by_value(sole=True):
        for place, second in enumerate(holders):
            any(work.join(first, second, (value,)) for first in holders[:place])
    for first, second, values in work.weak_pairs():
        work.join(first, second, values)
    work.join_stubs()
    return work.result()


class _Work:
    """The state of one identification."""

    def __init__(self, accounts: Sequence[Account], crowded: Collection[Identifier]) -> None:
        self.accounts = accounts
        self.keys = {
            account.row.id: tuple(
                value
                for value in key_values(account)
                if value.identifier(account.family) not in crowded
            )
            for account in accounts
        }
        self._cluster = {account.row.id: _single(account, self.keys) for account in accounts}
        self._reasons: dict[RecordId, dict[Reason, None]] = defaultdict(dict)

    def by_value(self, *, sole: bool) -> list[tuple[KeyValue, list[Account]]]:
        """Values with the records that share them, strongest first, in a stable order."""
        holders: dict[tuple[str, int, str], list[Account]] = defaultdict(list)
        values: dict[tuple[str, int, str], KeyValue] = {}
        for account in self.accounts:
            for value in self.keys[account.row.id]:
                if value.key.sole is sole:
                    place = (account.family, value.rank, value.value)
                    holders[place].append(account)
                    values[place] = value
        order = sorted(holders, key=lambda place: (place[1], place[0], place[2]))
        return [
            (values[place], holders[place]) for place in order if 1 < len(holders[place]) <= CROWDED
        ]

    def weak_pairs(self) -> list[tuple[Account, Account, tuple[KeyValue, ...]]]:
        """Pairs of records that agree in two different weak keys."""
        shared: dict[tuple[RecordKey, RecordKey], dict[str, KeyValue]] = defaultdict(dict)
        known = {account.row.key: account for account in self.accounts}
        for value, holders in self.by_value(sole=False):
            for place, first in enumerate(holders):
                for second in holders[place + 1 :]:
                    shared[first.row.key, second.row.key][_evidence(value)] = value
        return [
            (known[first], known[second], tuple(values.values()))
            for (first, second), values in sorted(shared.items(), key=lambda item: item[0])
            if len(values) > 1
        ]

    def join(self, first: Account, second: Account, values: tuple[KeyValue, ...]) -> bool:
        """Puts two clusters together unless something speaks against it; keeps the reasons."""
        one, two = self._cluster[first.row.id], self._cluster[second.row.id]
        if one is two:
            self._note(first, second, values, counted=True, why="")
            return True
        against = _against(one, two, values[0])
        self._note(first, second, values, counted=not against, why=against)
        if against:
            return False
        one.members += two.members
        for key, found in two.single.items():
            one.single.setdefault(key, set()).update(found)
        for account in two.members:
            self._cluster[account.row.id] = one
        return True

    def join_stubs(self) -> None:
        """A scan that knows an address and perhaps a name speaks of its one known holder."""
        for value, holders in self.by_value(sole=False):
            if value.key.name != "address":
                continue
            stubs = [account for account in holders if self._is_stub(account)]
            known = [account for account in holders if account not in stubs]
            clusters = {id(self._cluster[account.row.id]) for account in known}
            for stub in stubs:
                if len(clusters) == 1 and _same_name(stub, known):
                    self.join(known[0], stub, (value,))

    def _is_stub(self, account: Account) -> bool:
        strong = any(value.key.sole for value in self.keys[account.row.id])
        alone = len(self._cluster[account.row.id].members) == 1
        return account.row.key.source.kind == "scan" and alone and not strong

    def _note(
        self,
        first: Account,
        second: Account,
        values: tuple[KeyValue, ...],
        *,
        counted: bool,
        why: str,
    ) -> None:
        for value in values:
            shown = value.value.rpartition("\0")[2]
            for one, other in ((first, second), (second, first)):
                reason = Reason(value.key.name, shown, other.row.key, counted, why)
                self._reasons[one.row.id][reason] = None

    def result(self) -> list[Identified]:
        """The clusters, in the order of their first records."""
        clusters = {id(cluster): cluster for cluster in self._cluster.values()}
        found = []
        for cluster in clusters.values():
            members = tuple(sorted(cluster.members, key=lambda account: account.row.key))
            reasons = {
                account.row.id: tuple(self._reasons.get(account.row.id, ())) for account in members
            }
            found.append(Identified(members, reasons))
        return sorted(found, key=lambda item: item.records[0].row.key)


def _single(account: Account, keys: dict[RecordId, tuple[KeyValue, ...]]) -> Cluster:
    single: dict[str, set[str]] = {}
    for value in keys[account.row.id]:
        if value.key.single:
            single.setdefault(value.key.name, set()).add(value.value)
    return Cluster([account], single)


def _against(one: Cluster, two: Cluster, value: KeyValue) -> str:
    """Why these cannot be one thing, or nothing."""
    if value.key.name == "observer":
        return ""
    for key in sorted(one.single.keys() & two.single.keys()):
        if not one.single[key] & two.single[key]:
            left, right = min(one.single[key]), min(two.single[key])
            return f"{key} differs: {left} and {right}"
    return ""


def _evidence(value: KeyValue) -> str:
    """A name and its qualified form are one piece of evidence."""
    return "name" if value.key.name in {"name", "fqdn"} else value.key.name


def _same_name(stub: Account, known: Sequence[Account]) -> bool:
    """Whether the stub's name, if it has one, is not another's."""
    name = (stub.text("name") or "").casefold().partition(".")[0]
    names = {(account.text("name") or "").casefold().partition(".")[0] for account in known} - {""}
    return not name or not names or name in names
