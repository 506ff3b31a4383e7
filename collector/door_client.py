"""The door from the other side: the intake's functions, asked of the process that serves a home.

Has the methods of IntakeDesk that the door opens; without a server use IntakeDesk itself.
"""

from datetime import timedelta
from types import TracebackType
from typing import TypeVar

import grpc

from collector.door import MESSAGE_BYTES, SERVICE
from collector.enrolment import errors
from collector.enrolment.registry import Observer
from collector.enrolment.tokens import Grants, Token
from collector.home import Home
from collector.intake_desk import Line, MadeToken, Settings, Status
from collector.jobs import Job, Wanted
from collector.journal import port
from collector.journal.port import Appended
from collector.plain import NotPlain, decode, encode

T = TypeVar("T")

_ERRORS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        errors.EnrolmentError,
        errors.TokenRefused,
        errors.RequestRefused,
        errors.NotKnown,
        errors.AuthorityBroken,
        port.JournalError,
        port.JournalForeign,
        port.JournalFull,
        port.JournalUnavailable,
        NotPlain,
    )
}


class DoorClosed(Exception):
    """No process serves this home, or it stopped while it was asked."""


class Door:
    """The intake that serves a home. Methods may be called from any thread.

    Each raises what IntakeDesk raises, and DoorClosed.
    """

    def __init__(self, home: Home, timeout: timedelta = timedelta(seconds=30)) -> None:
        self._path = home.door_path
        self._timeout_s = timeout.total_seconds()
        self._channel = grpc.insecure_channel(
            f"unix:{self._path}",
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES),
                ("grpc.max_send_message_length", MESSAGE_BYTES),
            ],
        )

    def __enter__(self) -> "Door":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()

    def append(self, origin: str, form: str, lines: tuple[Line, ...]) -> Appended:
        """Journal lines; on disk when it returns."""
        return self._call("append", Appended, origin=origin, form=form, lines=lines)

    def make_token(
        self, grants: Grants, lasts: timedelta, by: str, max_uses: int = 1, note: str = ""
    ) -> MadeToken:
        """Make an enrolment token."""
        return self._call(
            "make_token", MadeToken, grants=grants, lasts=lasts, by=by, max_uses=max_uses, note=note
        )

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, newest first."""
        return self._call("list_tokens", tuple[Token, ...])

    def revoke_token(self, token_id: str) -> Token:
        """Let nobody in with a token any more."""
        return self._call("revoke_token", Token, token_id=token_id)

    def list_observers(self) -> tuple[Observer, ...]:
        """All observers, in the order in which they came."""
        return self._call("list_observers", tuple[Observer, ...])

    def revoke_observer(self, observer_id: str) -> Observer:
        """Take an observer's right to speak."""
        return self._call("revoke_observer", Observer, observer_id=observer_id)

    def allow_scan(self, observer_id: str, prefixes: tuple[str, ...]) -> Observer:
        """Set the prefixes that an observer may scan."""
        return self._call("allow_scan", Observer, observer_id=observer_id, prefixes=prefixes)

    def queue_job(self, wanted: Wanted) -> Job:
        """Ask an observer, or any probe of a scope, for something."""
        return self._call("queue_job", Job, wanted=wanted)

    def list_jobs(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return self._call("list_jobs", tuple[Job, ...])

    def cancel_job(self, job_id: str) -> Job:
        """Stop a job."""
        return self._call("cancel_job", Job, job_id=job_id)

    def forget_sections(self, sender: str | None = None, record: str | None = None) -> None:
        """Have sections sent whole again."""
        self._call("forget_sections", object, sender=sender, record=record)

    def settings(self, observer_id: str) -> Settings:
        """How an observer is to behave."""
        return self._call("settings", Settings, observer_id=observer_id)

    def set_settings(self, settings: Settings, observer_id: str | None = None) -> Settings:
        """Say how observers are to behave."""
        return self._call("set_settings", Settings, settings=settings, observer_id=observer_id)

    def status(self) -> Status:
        """How the intake stands."""
        return self._call("status", Status)

    def _call(self, name: str, kind: type[T], **arguments: object) -> T:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            f"/{SERVICE}/{name}"
        )
        try:
            answer = ask(encode(arguments), timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise DoorClosed(f"no server answers at {self._path}: {_details(error)}") from error
        if answer[:1] == b"+":
            return decode(kind, answer[1:])
        kind_name, sentence = decode(tuple[str, ...], answer[1:])
        raise _ERRORS[kind_name](sentence)


def _details(error: grpc.RpcError) -> str:
    details = getattr(error, "details", None)
    return str(details()) if callable(details) else str(error)
