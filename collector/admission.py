"""Who may say what: each item is checked against what its observer was granted, and completed.

Knows the rules of the contract and no transport, no storage.
"""

import re
import zlib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from cmdb.model.classes import CLASS_BY_NAME, RELATION_BY_NAME
from collector.bounds import HASH_BYTES, WHOLE_HASH_BYTES, OutOfBounds, bound
from collector.enrolment.registry import Observer
from collector.journal.port import Sections
from stocktake.v1.intake_pb2 import Item, Run, RunState
from stocktake.v1.observation_pb2 import (
    SECTION_STATE_CHANGED,
    SECTION_STATE_NOT_COLLECTED,
    SECTION_STATE_UNCHANGED,
    Observation,
    RecordRef,
    Section,
    Source,
)

_BATCH_ID = re.compile("[a-z0-9-]{16,64}")
_OBSERVING_KINDS = frozenset({"agent", "scan", "snmp", "cloud"})
_SAMPLE_KIND, _SAMPLE_INSTANCE = "demo", "sample"
_NETWORK_KINDS = frozenset({"scan", "snmp"})
_TOGETHER = frozenset({SECTION_STATE_UNCHANGED, SECTION_STATE_CHANGED})
"""States that programs have for all package systems or for none."""


class NotAdmitted(ValueError):
    """An item is refused for good; the message is for its sender."""


def batch_id_in_order(batch_id: str) -> bool:
    """Whether it is 16 to 64 bytes of [a-z0-9-]."""
    return _BATCH_ID.fullmatch(batch_id) is not None


def admit(item: Item, observer: Observer) -> Sections | None:
    """Check an item and fill in what it leaves out; for an observation, the sections it speaks of.

    Raises:
        NotAdmitted: the observer may not say it, or it is not in order.
    """
    try:
        bound(item)
    except OutOfBounds as error:
        raise NotAdmitted(str(error)) from error
    kind = item.WhichOneof("kind")
    if kind == "observation":
        return _admit_observation(item.observation, observer)
    if kind == "run":
        _admit_run(item.run, observer)
        return None
    raise NotAdmitted("the item holds neither an observation nor a run")


def _admit_observation(observation: Observation, observer: Observer) -> Sections:
    _fill_source(observation.source, observer)
    observation.scope = _scope(observation.scope, observer)
    observation.native_key = _native_key(observation, observer)
    if observation.HasField("parent"):
        _fill_target(observation.parent, observation)
    _check_class(observation)
    for section in observation.sections:
        for relation in section.relations.relations if section.HasField("relations") else ():
            if relation.type not in RELATION_BY_NAME:
                raise NotAdmitted(f"there is no relation {relation.type[:64]!r}")
            _fill_target(relation.target, observation)
    return _sections(observation)


def _check_class(observation: Observation) -> None:
    """What observes machines says nothing about rights, services of people and their groups."""
    cls = getattr(observation, "class")
    declared = CLASS_BY_NAME.get(cls)
    observes = observation.source.kind in _OBSERVING_KINDS
    if observes and declared is not None and declared.lineage()[-1] != "Device":
        raise NotAdmitted(f"a source of kind {observation.source.kind} may not state a {cls}")


def _admit_run(run: Run, observer: Observer) -> None:
    _fill_source(run.source, observer)
    run.scope = _scope(run.scope, observer)
    if not run.run_id:
        raise NotAdmitted("the run has no run_id")
    if run.state not in RunState.values():
        raise NotAdmitted(f"the run's state {run.state} is not known")
    for prefix in run.covers.prefixes:
        _network(prefix)
    if run.source.kind not in _NETWORK_KINDS:
        return
    if run.covers.all:
        raise NotAdmitted("a run of a probe covers prefixes, not all")
    allowed = _networks(observer.scan_prefixes)
    for prefix in run.covers.prefixes:
        network = _network(prefix)
        if not any(_within(network, other) for other in allowed):
            raise NotAdmitted(f"{observer.id} may not scan {prefix}; {_allowed(observer)}")


def _fill_source(source: Source, observer: Observer) -> None:
    kinds = observer.kinds
    kind = source.kind or ("agent" if "agent" in kinds else min(kinds))
    if kind not in kinds:
        raise NotAdmitted(
            f"{observer.id} may not speak as {kind}; it may as {', '.join(sorted(kinds))}"
        )
    if kind == _SAMPLE_KIND:
        # Each loading has an observer of its own; what they say is one source's word.
        source.kind, source.instance = kind, _SAMPLE_INSTANCE
        return
    if source.instance not in {"", observer.id}:
        raise NotAdmitted(f"{observer.id} may not speak for instance {source.instance}")
    source.kind = kind
    source.instance = observer.id


def _scope(scope: str, observer: Observer) -> str:
    if scope not in {"", observer.scope}:
        raise NotAdmitted(f"{observer.id} may not speak in scope {scope}; it is {observer.scope}")
    return observer.scope


def _native_key(observation: Observation, observer: Observer) -> str:
    key, kind = observation.native_key, observation.source.kind
    if kind == "agent":
        key = key or observer.key_prefix
        if key != observer.key_prefix and not key.startswith(observer.key_prefix + "/"):
            raise NotAdmitted(
                f"{observer.id} may not speak for {key}; its keys begin with {observer.key_prefix}/"
            )
    elif kind in _NETWORK_KINDS:
        return _scanned_address(key, observer)
    elif not key:
        raise NotAdmitted("the observation has no native_key")
    return key


def _scanned_address(key: str, observer: Observer) -> str:
    if "/" in key:
        raise NotAdmitted(f"{key!r} is no address")
    network = _network(key)
    if not any(_within(network, other) for other in _networks(observer.scan_prefixes)):
        raise NotAdmitted(f"{observer.id} may not scan {key}; {_allowed(observer)}")
    return str(network.network_address)


def _fill_target(target: RecordRef, observation: Observation) -> None:
    own = observation.source
    if not target.native_key:
        raise NotAdmitted("a parent or a relation's target has no native_key")
    if target.source.kind not in {"", own.kind} or target.source.instance not in {"", own.instance}:
        raise NotAdmitted("a parent or a relation's target must be of the same source")
    target.source.CopyFrom(own)
    target.scope = target.scope or observation.scope


def _sections(observation: Observation) -> Sections:
    _check_programs(observation)
    brings: dict[int, bytes] = {}
    needs: set[bytes] = set()
    keeps: set[int] = set()
    seen: set[int] = set()
    for section in observation.sections:
        slot = _slot(section)
        if slot and slot in seen:
            raise NotAdmitted("the observation has two sections of one kind")
        seen.add(slot)
        needed = _needed(section)
        if needed:
            needs.add(needed)
        if section.state == SECTION_STATE_UNCHANGED:
            continue
        if slot == 0:
            raise NotAdmitted("a section has no body that says of what kind it is")
        if section.state == SECTION_STATE_NOT_COLLECTED:
            keeps.add(slot)
        elif section.content_hash:
            brings[slot] = section.content_hash
    return Sections(
        observation.native_key, brings, frozenset(needs), frozenset(keeps), observation.full
    )


def _needed(section: Section) -> bytes:
    """The content hash of the section that this one refers to; empty for none."""
    if section.state == SECTION_STATE_CHANGED:
        return _base(section)
    if section.state != SECTION_STATE_UNCHANGED:
        return b""
    if len(section.content_hash) != HASH_BYTES:
        raise NotAdmitted("a section sent as unchanged has no content_hash")
    return section.content_hash


def _check_programs(observation: Observation) -> None:
    states = {
        section.state if section.state in _TOGETHER else None
        for section in observation.sections
        if section.HasField("programs")
    }
    if len(states) > 1:
        raise NotAdmitted("programs of all package systems travel together, or none changed")


def _base(section: Section) -> bytes:
    """The content hash of what a changed section is the difference from."""
    if not section.HasField("programs"):
        raise NotAdmitted("only programs travel as changed")
    if len(section.base_hash) != HASH_BYTES or len(section.content_hash) != HASH_BYTES:
        raise NotAdmitted("a section sent as changed has no base_hash or no content_hash")
    if len(section.programs.whole_hash) != WHOLE_HASH_BYTES:
        raise NotAdmitted("programs sent as changed have no whole_hash")
    return section.base_hash


def _slot(section: Section) -> int:
    """The section's field number; programs have one slot for each package system; 0 for none."""
    name = section.WhichOneof("body")
    if name is None:
        return 0
    number = section.DESCRIPTOR.fields_by_name[name].number
    if name == "programs" and section.programs.package_system:
        return number | (zlib.crc32(section.programs.package_system.encode()) & 0xFFFFFF) << 8
    return number


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise NotAdmitted(f"{text!r} is no address or prefix: {error}") from error


def _networks(prefixes: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(prefix) for prefix in prefixes]


def _within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


def _allowed(observer: Observer) -> str:
    return f"allowed: {', '.join(observer.scan_prefixes) or 'none'}"
