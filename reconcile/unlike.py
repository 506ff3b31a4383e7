"""In what two sides differ: plain comparisons, from which objections are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from cmdb.model.observation import RecordKey
from reconcile.cluster import LISTS, LIVE, Cluster, Grain
from reconcile.evidence import MODEL, SINGLE, SOLE
from reconcile.normalise.placeholders import HYPERVISOR_MACS
from reconcile.virtual import is_of_hypervisor

_ONE_EYED = frozenset({"agent", "cloud"})
"""Kinds whose sources would not tell of one thing under several accounts."""
_ENOUGH_DIFFERS = 3
_TURNS = 3
"""So often two hardwares alternate under one native key before both are taken for live."""
_TURNS_OF_ONE_NAME = 6
"""The same where both have one name: an agent may see the adapter alone that is in use."""
_SEVERAL = 2
_WRITTEN = ("name", "mac", "asset_tag")
_DAY = 24 * 3600 * 1_000_000
_SHORTEST = 3
"""Characters by which a word of a model tells of the same model."""
_MAKER = 6
"""Digits of a MAC that are its maker's."""
_OF_HARDWARE = (*SINGLE, "board_serial")
_OF_A_MACHINE = (*SINGLE, "board_serial", "machine_id", "asset_tag", "local_mac")


def disjoint(one: Cluster, two: Cluster, name: str) -> bool:
    """Whether both have values of a key, and none in common."""
    left, right = one.of(name), two.of(name)
    return bool(left and right) and not left & right


def other_adapters(one: Cluster, two: Cluster) -> bool:
    """Whether at most half of the adapters of either are the other's, too."""
    left = one.of("mac") | one.of("local_mac")
    right = two.of("mac") | two.of("local_mac")
    return bool(left and right) and 2 * len(left & right) <= min(len(left), len(right))


def may_be_copies(one: Cluster, two: Cluster) -> bool:
    """Whether all adapters differ, and no number of hardware is the same that copies lack."""
    macs = one.of("mac") | two.of("mac")
    if not disjoint(one, two, "mac" if macs else "local_mac"):
        return False
    numbered = any(one.of(key) & two.of(key) for key in ("system_serial", "bios_uuid"))
    virtual = bool(macs) and all(mac.startswith(HYPERVISOR_MACS) for mac in macs)
    return virtual or not numbered


def nothing_alike(one: Cluster, two: Cluster) -> str:
    """Why what has no number of its own is another: model, name and adapters all differ."""
    differing = [key for key in (MODEL, "name", "mac", "asset_tag") if disjoint(one, two, key)]
    shared = any(one.of(key) & two.of(key) for key in (MODEL, "name", "mac", *SOLE))
    if shared or MODEL not in differing or len(differing) < _ENOUGH_DIFFERS:
        return ""
    return (
        "nothing is alike: " + ", ".join(each.replace("_", " ") for each in differing) + " differ"
    )


def of_other_model(one: Cluster, two: Cluster) -> str:
    """Why an agent that goes on under one name runs on other hardware: model and adapters differ.

    A disk that moved on takes name and machine id with it. Where hypervisors write the model,
    another release writes another one.
    """
    if not disjoint(one, two, "mac") or any(one.of(key) & two.of(key) for key in _OF_HARDWARE):
        return ""
    models = [(a, b) for a in one.of(MODEL) for b in two.of(MODEL)]
    if not models or any(same_model(*pair) or all(map(is_of_hypervisor, pair)) for pair in models):
        return ""
    return f"model and adapters differ: {min(models)[0]} and {min(models)[1]}"


def in_all_but(one: Cluster, two: Cluster, *but: str) -> bool:
    """Whether name and all adapters differ, and no number is the same but those named."""
    if not disjoint(one, two, "name") or not disjoint(one, two, "mac"):
        return False
    return not any(one.of(key) & two.of(key) for key in _OF_A_MACHINE if key not in but)


def by_turns(one: Cluster, two: Cluster, key: RecordKey) -> bool:
    """Whether two hardwares without numbers speak under one native key, also under one name.

    Their adapters are others altogether, of the same make where there is but one: who tells of a
    wired and a wireless adapter by turns is one machine.
    """
    if not disjoint(one, two, "mac") or one.places & two.places:
        return False
    if any(one.of(name) & two.of(name) for name in (*SINGLE, "board_serial")):
        return False
    few = min(len(one.of("mac")), len(two.of("mac"))) < _SEVERAL
    if few and _makers(one) != _makers(two):
        return False
    spans = [[s for g in side.grains if g.key == key for s in g.spans] for side in (one, two)]
    return _alternate(spans[0], spans[1]) >= _TURNS_OF_ONE_NAME


def rows_of_two(one: Cluster, two: Cluster) -> bool:
    """Whether rows of one list, there at one time, differ in what people write on a machine.

    A number that was copied into the next row; where a machine is issued anew its row changes.
    """
    rows = [[g for g in side.grains if g.key.source.kind in LISTS] for side in (one, two)]
    return any(_other_row(left, right) for left in rows[0] for right in rows[1])


def _other_row(left: Grain, right: Grain) -> bool:
    if left.record == right.record or left.key.source != right.key.source:
        return False
    return unlike_rows(left, right) and _at_one_time(left, right)


def unlike_rows(left: Grain, right: Grain) -> bool:
    """Whether rows differ in most of what people write on a machine, and agree in nothing."""
    pairs = [(left.of(name), right.of(name)) for name in _WRITTEN]
    if any(one & two for one, two in pairs):
        return False
    return sum(bool(one and two) for one, two in pairs) >= _SEVERAL


def _at_one_time(left: Grain, right: Grain) -> bool:
    ends = left.spans[-1][1] + _DAY, right.spans[-1][1] + _DAY
    return left.first <= ends[1] and right.first <= ends[0]


def speaks_for(grains: Sequence[Grain], one: Cluster, two: Cluster) -> bool:
    """Whether a record has adapters of theirs and no others, under a name of neither."""
    if grains[0].key.source.kind != "agent":
        return False
    macs = one.of("mac") | two.of("mac")
    if not all(grain.of("mac") <= macs for grain in grains):
        return False
    names = {name for grain in grains for name in grain.of("name")}
    apart = bool(names) and not names & (one.of("name") | two.of("name"))
    return apart and any(grain.of("mac") for grain in grains)


def one_observer(left: Grain, right: Grain, *, named: bool) -> bool:
    """Whether two accounts of one thing should agree.

    All managers of virtual machines do, and all agents: each is a source of its own and looks at
    the machine that it runs on.
    """
    if left.record == right.record:
        return named
    kind = left.key.source.kind
    alike = kind in _ONE_EYED and kind == right.key.source.kind
    return alike or left.key.source == right.key.source


def rival_accounts(one: Cluster, two: Cluster, *, named: bool) -> Iterator[tuple[Grain, Grain]]:
    """Accounts of both that one source gives, and so gives of two things if at once."""
    for left in one.grains:
        if left.key.source.kind in LIVE:
            for right in two.grains:
                if one_observer(left, right, named=named):
                    yield left, right


def parted(left: Grain, right: Grain) -> bool:
    """Whether two accounts have other names and other adapters."""
    pairs = [(left.of(name), right.of(name)) for name in ("name", "mac")]
    return all(one and two and not one & two for one, two in pairs)


def interleave(left: Grain, right: Grain) -> bool:
    """Whether both were given during the same time."""
    if left.record != right.record:
        return left.first < right.spans[-1][1] and right.first < left.spans[-1][1]
    return _alternate(left.spans, right.spans) >= _TURNS


def _alternate(left: Iterable[tuple[int, int]], right: Iterable[tuple[int, int]]) -> int:
    marks = sorted([(span, 0) for span in left] + [(span, 1) for span in right])
    return sum(one != two for (_, one), (_, two) in pairwise(marks))


def _makers(side: Cluster) -> set[str]:
    return {mac[:_MAKER] for mac in side.of("mac")}


def same_model(left: str, right: str) -> bool:
    """Whether two spellings may be of one model: a list leaves the make or the series out."""
    if left in right or right in left:
        return True
    words = [{word for word in each.split() if len(word) >= _SHORTEST} for each in (left, right)]
    numbered = [{word for word in each if not word.isalpha()} for each in words]
    # A series has many models, and a maker many series: the words with numbers tell them apart.
    if all(numbered):
        words = numbered
    return bool(words[0] & words[1])
