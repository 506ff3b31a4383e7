"""Check-ins: we say that we are there and how we stand, and are told settings and jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.uplink.client import Client
from agent.uplink.enrol import agent_version
from agent.uplink.identity import Identity, utc_now
from agent.uplink.memory import Memory
from agent.uplink.outbox import Outbox
from stocktake.v1.dispatch_pb2 import CheckInRequest, CheckInResponse

PROTOCOL_VERSION = 1
CAPABILITIES = ("report", "scan.tcp", "scan.names", "scan.arp", "scan.banner", "scan.tls")

_COMPLAINTS = 100
_COMPLAINT_LETTERS = 500


class CheckIns:
    """Check-ins of one identity."""

    def __init__(self, home: Path, identity: Identity, outbox: Outbox) -> None:
        self._identity = identity
        self._outbox = outbox
        self._memory = Memory(home)

    def ask(self, client: Client, complaints: Sequence[str] = ()) -> CheckInResponse:
        """Check in; new settings are kept.

        Raises:
            CollectorUnreachable, NotAllowed, RequestRefused: there was no answer.
        """
        _, known = self._memory.settings()
        acknowledged = self._memory.acknowledged(self._identity.key_prefix)
        request = CheckInRequest(
            protocol_version=PROTOCOL_VERSION,
            agent_version=agent_version(),
            capabilities=CAPABILITIES,
            outbox_batches=len(self._outbox.waiting()),
            settings_hash=known,
            complaints=[text[:_COMPLAINT_LETTERS] for text in complaints[:_COMPLAINTS]],
            section_hashes=acknowledged.values(),
        )
        request.clock.FromDatetime(utc_now())
        answer = client.check_in(request)
        if answer.HasField("settings"):
            self._memory.keep_settings(answer.settings, answer.settings_hash)
        return answer
