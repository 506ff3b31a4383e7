"""For commands that hand something in and end: through the outbox, and sent at once if possible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.uplink import identity as identities
from agent.uplink.checkin import CheckIns
from agent.uplink.client import Client
from agent.uplink.delivery import Delivery
from agent.uplink.memory import Memory
from agent.uplink.outbox import DEFAULT_LIMIT_BYTES, Outbox
from stocktake.v1.intake_pb2 import Item


@dataclass(frozen=True)
class SubmitResult:
    """How many items a collector took, and why it refused others."""

    accepted: int
    refused: tuple[str, ...]


def submit_items(home: Path, items: Iterable[Item]) -> SubmitResult:
    """Keep items in the outbox and send all that waits there.

    Raises:
        NotEnrolled: there is no identity.
        OutboxFull: there is no room for them.
        CollectorUnreachable: they are kept, and sent later.
        NotAllowed: they are kept; the collector does not let us speak.
    """
    identity = identities.load(home)
    settings, _ = Memory(home).settings()
    outbox = Outbox(home, settings.outbox_bytes or DEFAULT_LIMIT_BYTES)
    outbox.put(items)
    with Client(identity) as client:
        delivered = Delivery(home, outbox).flush(client)
    return SubmitResult(delivered.items, tuple(delivered.refused))


def refresh_settings(home: Path) -> None:
    """Ask a collector how to behave now, and keep it.

    Raises:
        NotEnrolled, CollectorUnreachable, NotAllowed: what was kept before holds.
    """
    identity = identities.load(home)
    with Client(identity) as client:
        CheckIns(home, identity, Outbox(home)).ask(client)
