"""Batches of the contract: first reports, small changes, and reports in which nothing changed.

As an agent sends them: the sections that the collector holds travel as their hash alone, and of
programs what came and went. The
hashes are kept in a file that all processes of the bench map.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from stocktake.v1 import observation_pb2 as pb
from stocktake.v1.intake_pb2 import ReportRequest
from tests.bench.ingest.machines import CHANGED, SECTIONS, Estate, Machine

_DIGEST_BYTES = 32


HASHES = "hashes"
"""Name of the file, in the folder of the bench."""


def hashes_bytes(size: int) -> int:
    """How large it is for so many endpoints."""
    return size * len(SECTIONS) * _DIGEST_BYTES


class Reports:
    """Makes batches; safe for several threads as long as each has endpoints of its own."""

    def __init__(self, estate: Estate, folder: Path, size: int, run: str) -> None:
        """`run` tells the batches of one phase from those of another."""
        self.estate = estate
        shape = (size, len(SECTIONS), _DIGEST_BYTES)
        self._hashes = np.memmap(folder / HASHES, np.uint8, "r+", shape=shape)
        self._run = run
        self._count = itertools.count(1)

    def whole(self, prefix: str, machine: Machine, at: datetime | None = None) -> ReportRequest:
        """All that a machine says."""
        return self._batch([(prefix, machine, SECTIONS)], at)

    def changed(
        self, prefix: str, machine: Machine, names: Sequence[str] = CHANGED,
        at: datetime | None = None,
    ) -> ReportRequest:  # fmt: skip
        """What changed, and of the rest that it did not."""
        return self._batch([(prefix, machine, names)], at)

    def unchanged(self, prefix: str, machines: Sequence[Machine]) -> ReportRequest:
        """One report for each, in which all is as it was."""
        return self._batch([(prefix, machine, ()) for machine in machines], None)

    def _batch(
        self, told: Sequence[tuple[str, Machine, Sequence[str]]], at: datetime | None
    ) -> ReportRequest:
        now = datetime.now(UTC)
        count = next(self._count)
        request = ReportRequest(batch_id=f"{self._run}-{count:012}", sequence=count)
        request.sent_at.FromDatetime(now)
        for prefix, machine, names in told:
            observation = request.items.add().observation
            observation.native_key = f"{prefix}/{machine.name}"
            observation.observed_at.FromDatetime(at or now)
            observation.full = True
            setattr(observation, "class", "Computer")
            for place, name in enumerate(SECTIONS):
                section = observation.sections.add()
                if name in names:
                    self._tell(section, machine, name, place)
                else:
                    section.state = pb.SECTION_STATE_UNCHANGED
                    section.content_hash = self._hashes[machine.number, place].tobytes()
                    getattr(section, name).SetInParent()
        return request

    def _tell(self, section: pb.Section, machine: Machine, name: str, place: int) -> None:
        body = getattr(section, name)
        body.SetInParent()
        self.estate.fill(machine, section, name)
        digest = hashlib.sha256(body.SerializeToString(deterministic=True)).digest()
        section.state, section.content_hash = pb.SECTION_STATE_FULL, digest
        if name == "programs" and machine.before is not None:
            self._differ(section, machine, self._hashes[machine.number, place].tobytes())
        self._hashes[machine.number, place] = np.frombuffer(digest, np.uint8)

    def _differ(self, section: pb.Section, machine: Machine, base: bytes) -> None:
        """Leaves of the programs what differs from those that were acknowledged."""
        whole = hashlib.blake2b(section.programs.hashes, digest_size=8).digest()
        come, gone = self.estate.titles.difference(machine.before or {}, machine.programs)
        section.state, section.base_hash = pb.SECTION_STATE_CHANGED, base
        body = section.programs
        body.hashes, body.entries, body.count = come.hashes, come.entries, come.count
        body.gone, body.whole_hash = gone, whole
