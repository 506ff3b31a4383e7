"""What every command takes, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cmdb.store.errors import StoreFull
from collector.client import (
    CallFailed,
    Estate,
    NoRoom,
    NotAllowed,
    NotFound,
    Refused,
    Unreachable,
    open_estate,
)
from collector.home import Home, HomeError, HomeForeign, HomeFull

if TYPE_CHECKING:
    from typing import NoReturn

EXIT_CODES = (
    (0, "done"),
    (1, "failed; the message says why"),
    (2, "wrong usage"),
    (3, "refused, or part of the input was refused; also a file of a newer version"),
    (4, "nothing answers to that name"),
    (5, "not reachable: server, home or port in use"),
    (6, "not allowed"),
    (7, "no room on the disk"),
)
FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE, NOT_ALLOWED, NO_ROOM = 1, 2, 3, 4, 5, 6, 7

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, NOT_FOUND),
    (Refused, REFUSED),
    (NotAllowed, NOT_ALLOWED),
    (Unreachable, UNREACHABLE),
    (NoRoom, NO_ROOM),
)

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="As it was then: a date (its end in UTC), a time with its zone, '3 days ago'.",
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", metavar="TIME", help="By what was known then, not by what is now."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@dataclass(frozen=True)
class Settings:
    """The options before the command."""

    home: Home
    server: str | None
    token: str | None


@contextmanager
def estate(context: typer.Context) -> Iterator[Estate]:
    """The estate that the options name; a failure ends the command with its exit code."""
    settings = context.find_object(Settings)
    assert settings is not None
    asked = (settings.home, settings.server, settings.token, context.command_path)
    with ended(), open_estate(*asked) as opened:
        yield opened


def asks_server(context: typer.Context) -> bool:
    """Whether the options name a server."""
    settings = context.find_object(Settings)
    return settings is not None and settings.server is not None


def home_of(context: typer.Context) -> Home:
    """The home that the options name."""
    settings = context.find_object(Settings)
    assert settings is not None
    return settings.home


@contextmanager
def ended() -> Iterator[None]:
    """Turns a failure into one sentence on standard error and the documented exit code."""
    try:
        yield
    except CallFailed as error:
        fail(str(error), code_of(error))
    except HomeForeign as error:
        fail(str(error), REFUSED)
    except HomeFull as error:
        fail(str(error), NO_ROOM)
    except HomeError as error:
        fail(str(error), UNREACHABLE)
    except StoreFull as error:
        fail(str(error), NO_ROOM)


def code_of(error: Exception) -> int:
    """The exit code of a failure."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def fail(message: str, code: int) -> NoReturn:
    """Ends the command."""
    typer.echo(f"stocktake: {message}", err=True)
    raise typer.Exit(code)
