"""How the gRPC services refuse: one status, one sentence; and how other errors become that.

Handlers get and give bytes, so that what protobuf cannot parse is refused in words too.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from collector.enrolment.errors import (
    AuthorityBroken,
    EnrolmentError,
    NotKnown,
    RequestRefused,
    TokenRefused,
)
from collector.journal.port import JournalError, JournalFull

M = TypeVar("M", bound=Message)

_log = logging.getLogger(__name__)

_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (JournalFull, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (JournalError, grpc.StatusCode.UNAVAILABLE),
    (TokenRefused, grpc.StatusCode.PERMISSION_DENIED),
    (RequestRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (NotKnown, grpc.StatusCode.NOT_FOUND),
    (AuthorityBroken, grpc.StatusCode.INTERNAL),
)


class Refused(Exception):
    """A call is refused with a status and one sentence for the one who called."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(sentence)


def parsed(kind: type[M], data: bytes) -> M:
    """The message in the bytes.

    Raises:
        Refused: they are no such message.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        name = kind.DESCRIPTOR.name
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {name}, or a text is not UTF-8"
        ) from error


def unary(
    answer: Callable[[bytes, grpc.ServicerContext], Message],
) -> "grpc.RpcMethodHandler[bytes, bytes]":
    """A handler of one request and one answer."""

    def handle(data: bytes, context: grpc.ServicerContext) -> bytes:
        with refusals(context):
            return answer(data, context).SerializeToString()

    return grpc.unary_unary_rpc_method_handler(handle)


@contextmanager
def refusals(context: grpc.ServicerContext) -> Iterator[None]:
    """End the call with a status and a sentence when the block refuses or fails."""
    try:
        yield
    except Refused as refused:
        _abort(context, refused.code, refused.sentence)
    except (JournalError, EnrolmentError) as error:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        if code in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}:
            _log.exception("a call failed")
        _abort(context, code, str(error))


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, sentence: str) -> NoReturn:
    context.abort(code, sentence)
    raise AssertionError  # abort never returns
