"""What runs under a hypervisor and what does not, as far as those tell who look at things."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconcile.cluster import LISTS, SERIALS, Cluster, Grain
from reconcile.evidence import MODEL
from reconcile.normalise.placeholders import HYPERVISOR_MACS

_GUEST = "VirtualMachine"
_ITS_OWN = ("bios_uuid", "instance_id")
"""Numbers that a guest has from its manager; a serial number may be its host's."""
_MODELS = re.compile(
    r".*(vmware|virtual machine|virtual platform|virtualbox|qemu|openstack|hvm domu|bochs|bhyve"
    r"|google compute engine|amazon ec2|rhev|ovirt).*"
    r"|kvm|ahv|standard pc \(.*|[a-z]\w*\.(nano|micro|small|medium|large|\d*xlarge)"
)
"""What hypervisors write as the model of a machine; "kvm" alone, for there are KVM switches."""
_OF_GUESTS = re.compile(
    r"(VMWARE|GOOGLECLOUD|PARALLELS|VIRTUALBOX|EC2).*"
    r"|[0-9A-F]{8}-?([0-9A-F]{4}-?){3}[0-9A-F]{12}|\d{4}(-\d{4}){5}-\d{2}"
)
"""Forms of the serial numbers that hypervisors make for their guests."""


def turned_virtual(one: Cluster, two: Cluster) -> str:
    """Why one was turned into the other, by adapters: a machine and what became of it are two."""
    if sorted(map(sorted, ({*_virtual_adapters(side.of("mac"))} for side in (one, two)))) == [
        [False],
        [True],
    ]:
        return "one has adapters of a hypervisor alone, the other none"
    return ""


def modelled_virtual(one: Cluster, two: Cluster) -> str:
    """The same by model, unless they have a number that managers give to each guest."""
    left, right = one.of(MODEL), two.of(MODEL)
    if not left or not right or left & right:
        return ""
    kinds = [{*_virtual_models(side)} for side in (one, two)]
    if sorted(map(sorted, kinds)) != [[False], [True]]:
        return ""
    if any(one.of(key) & two.of(key) for key in _ITS_OWN):
        return ""
    return "one is a model of a hypervisor, the other of hardware"


def are_guests(one: Cluster, two: Cluster) -> bool:
    """Whether both have adapters of hypervisors alone."""
    return all({*_virtual_adapters(side.of("mac"))} == {True} for side in (one, two))


def with_number_of_host(one: Cluster, two: Cluster) -> str:
    """Why a serial number alone does not make a guest and what is none one thing."""
    guests = [any(map(is_guest, side.grains)) for side in (one, two)]
    if guests[0] == guests[1]:
        return ""
    shared = {value for key in SERIALS for value in one.of(key) & two.of(key)}
    if any(map(of_guests, shared)) or _tied(one.values, two.values):
        return ""
    return "one is a virtual machine, which may give its host's number, the other none"


def is_guest(grain: Grain) -> bool:
    """Whether who looks at it says that it is a virtual machine, or its adapters do."""
    if grain.key.source.kind not in {"agent", "cloud"}:
        return False
    return grain.cls == _GUEST or {*_virtual_adapters(grain.of("mac"))} == {True}


def may_be_host(grain: Grain) -> bool:
    """Whether who looks at it says that it is hardware, by its adapters or as its manager."""
    kind = grain.key.source.kind
    if kind not in {"agent", "cloud", "snmp"} or grain.cls == _GUEST:
        return False
    adapters = {*_virtual_adapters(grain.of("mac"))}
    return False in adapters or (kind == "cloud" and grain.cls is not None and not adapters)


def of_guests(serial: str) -> bool:
    """Whether a serial number has a form that hypervisors make."""
    return _OF_GUESTS.fullmatch(serial) is not None


def is_of_hypervisor(model: str) -> bool:
    """Whether a model, in normal form, is one that hypervisors write."""
    return _MODELS.fullmatch(model) is not None


def _tied(one: dict[str, set[str]], two: dict[str, set[str]]) -> bool:
    none: set[str] = set()
    keys = ("name", "mac", "machine_id", *_ITS_OWN)
    return any(one.get(key, none) & two.get(key, none) for key in keys)


def _virtual_adapters(macs: Iterable[str]) -> Iterable[bool]:
    return (mac.startswith(HYPERVISOR_MACS) for mac in macs)


def _virtual_models(side: Cluster) -> Iterable[bool]:
    for grain in side.grains:
        if grain.key.source.kind not in LISTS:
            for model in grain.of(MODEL):
                yield is_of_hypervisor(model)
