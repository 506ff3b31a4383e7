"""The local door: the processes of one home ask the intake for what only it may write.

A gRPC service on a socket that the owner alone can reach, with the desk's own functions and JSON;
not part of the public contract. Nothing is decided here.
"""

import grpc

from collector.enrolment.errors import EnrolmentError
from collector.intake_desk import IntakeDesk
from collector.journal.port import JournalError
from collector.listen import grpc_server
from collector.plain import NotPlain, called, encode

SERVICE = "stocktake.door.IntakeDoor"

METHODS = (
    "append",
    "make_token",
    "list_tokens",
    "revoke_token",
    "list_observers",
    "revoke_observer",
    "allow_scan",
    "queue_job",
    "list_jobs",
    "cancel_job",
    "forget_sections",
    "settings",
    "set_settings",
    "status",
)
"""The functions of IntakeDesk that can be asked for; arguments go by name."""

MESSAGE_BYTES = 64 * 1024 * 1024


def door_server(desk: IntakeDesk) -> grpc.Server:
    """The server of a home's door, bound and not yet started."""
    server = grpc_server((_handlers(desk),), message_bytes=MESSAGE_BYTES)
    path = desk.home.door_path
    path.unlink(missing_ok=True)  # Left by a process that was killed; the lock says it is gone.
    server.add_insecure_port(f"unix:{path}")
    return server


def _handlers(desk: IntakeDesk) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: _handler(desk, name) for name in METHODS}
    )


def _handler(desk: IntakeDesk, name: str) -> "grpc.RpcMethodHandler[bytes, bytes]":
    function = getattr(desk, name)

    def handle(data: bytes, _context: grpc.ServicerContext) -> bytes:
        try:
            return b"+" + encode(called(function, data))
        except (EnrolmentError, JournalError, NotPlain) as error:
            return b"-" + encode((type(error).__name__, str(error)))

    return grpc.unary_unary_rpc_method_handler(handle)
