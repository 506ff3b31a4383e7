"""Commands that move data: import, export, backup, restore."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from collector.cli import show
from collector.cli.options import (
    FAILED,
    REFUSED,
    USAGE,
    AsJson,
    ended,
    estate,
    fail,
    home_of,
)
from collector.client import Estate, Refused
from collector.working import bar

imports = typer.Typer(help="Bring in observations and entitlements.", no_args_is_help=True)
exports = typer.Typer(help="Write out identity and assets as JSON Lines.", no_args_is_help=True)

AsArray = Annotated[bool, typer.Option("--json", help="One JSON array instead of lines.")]

_LINES = 1_000
_BYTES = 4 * 1024 * 1024
_LONGEST_LINE = 5 * 1024 * 1024
"""Bytes kept of a line; one that is longer than the form allows is refused."""
_SHOWN_REFUSED = 20


@imports.command("observations")
def import_observations(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="JSON Lines; - for standard input.")],
    now: Annotated[
        bool, typer.Option("--now", help="Lines arrive now, also in a home without observations.")
    ] = False,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Each line's own time is the clock: go on with a replay."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import JSON Lines through the same journal and pipeline as any source.

    Returns when all that it took is in the view. In a home without observations the file's
    arrival times are the clock. A bad line is named and stops nothing else.
    """
    with _opened(file) as stream, estate(context) as opened:
        name = "stdin" if file == "-" else Path(file).name
        total = _import_all(opened, stream, name, replay=_clock(now=now, replay=replay))
    if as_json:
        show.print_json(total)
    else:
        _report(total)
    if total["refused"]:
        raise typer.Exit(REFUSED)


def _clock(*, now: bool, replay: bool) -> bool | None:
    if now and replay:
        fail("--now and --replay exclude each other", USAGE)
    return True if replay else False if now else None


def _import_all(opened: Estate, stream: BinaryIO, name: str, *, replay: bool | None) -> Any:  # noqa: ANN401
    total: dict[str, Any] = {
        "accepted": 0, "refused": [], "warnings": [], "replay": replay, "sequence": 0,
        "clock": None, "earlier": 0,
    }  # fmt: skip
    for first, lines, bad in _chunks(stream):
        params = {"text": "\n".join(lines), "name": name, "first_line": first, "replay": replay}
        done = opened.call("import.observations", params)
        replay = done["replay"]
        total["accepted"] += done["accepted"]
        total["refused"] += sorted([*done["refused"], *bad], key=lambda row: row["line"])
        total["warnings"] += done["warnings"]
        total["clock"] = total["clock"] or done["clock"]
        total["earlier"] += done["earlier"]
        total["sequence"] = max(total["sequence"], done["sequence"])
        _progress(f"{total['accepted']} lines journalled")
    total["replay"] = bool(replay)
    if total["sequence"]:
        _progress("waiting until they are in the view")
        wait(opened, total["sequence"])
    _progress("")
    return total


def wait(opened: Estate, sequence: int) -> None:
    """Waits until the view holds a place in the journal.

    In calls of some seconds each, so that progress shows and none times out.
    """
    while True:
        done = opened.call("import.wait", {"sequence": sequence})
        if done["applied"] >= sequence:
            return
        _progress(f"{sequence - done['applied']} lines left")


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, list[str], list[dict[str, Any]]]]:
    """Number of the first line, lines, and those that are no text, some at a time."""
    number = 1
    while raw := list(islice(_bounded(stream), _LINES)):
        lines, bad = [], []
        for place, line in enumerate(raw):
            try:
                lines.append(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                lines.append("")
                bad.append({"line": number + place, "reason": f"not UTF-8: {error.reason}"})
        yield number, lines, bad
        number += len(raw)


def _bounded(stream: BinaryIO) -> Iterator[bytes]:
    """Lines of some size at most, and not too many bytes of them at a time."""
    size = 0
    while size < _BYTES and (line := stream.readline(_LONGEST_LINE)):
        size += len(line)
        part = line
        while not part.endswith(b"\n") and (part := stream.readline(_LONGEST_LINE)):
            continue  # The rest of a line that is too long: it is refused by its number.
        yield line.rstrip(b"\r\n")


def _report(total: dict[str, Any]) -> None:
    lines = show.counted(total["accepted"], "line", "is")
    typer.echo(f"{lines} in the view{_clock_told(total)}")
    for row in total["refused"][:_SHOWN_REFUSED]:
        typer.echo(f"line {row['line']}: {show.clean(row['reason'])}", err=True)
    for row in total["warnings"][:_SHOWN_REFUSED]:
        typer.echo(f"line {row['line']}: taken, but {show.clean(row['text'])}", err=True)
    if len(total["warnings"]) > _SHOWN_REFUSED:
        typer.echo(f"and {len(total['warnings']) - _SHOWN_REFUSED} more such lines", err=True)
    more = len(total["refused"]) - _SHOWN_REFUSED
    if more > 0:
        typer.echo(f"and {more} more lines were refused; --json names them all", err=True)


def _clock_told(total: dict[str, Any]) -> str:
    if not total["replay"] or not total["accepted"]:
        return ""
    earlier = total["earlier"]
    if not earlier:
        return "; the clock stands at the last line"
    if earlier == total["accepted"]:
        return f"; all are from before the clock, which never moves back: it is {total['clock']}"
    return (
        f"; the clock stands at the newest: it never moves back, and {earlier} of them are from"
        f" before {total['clock']}, where it stood"
    )


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", FAILED)
    with stream:
        yield stream


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


@exports.command("identity")
def export_identity(context: typer.Context, as_json: AsArray = False) -> None:
    """Write which record is about which asset, one JSON object a line."""
    _export(context, "export.identity", as_json=as_json)


@exports.command("assets")
def export_assets(context: typer.Context, as_json: AsArray = False) -> None:
    """Write every asset with its values, one JSON object a line."""
    _export(context, "export.assets", as_json=as_json)


def _export(context: typer.Context, name: str, *, as_json: bool) -> None:
    opening, between, closing = ("[\n", ",\n", "\n]\n") if as_json else ("", "\n", "\n")
    with estate(context) as opened:
        sys.stdout.write(opening)
        place = -1
        for place, row in enumerate(opened.stream(name, {})):
            sys.stdout.write((between if place else "") + json.dumps(row, ensure_ascii=False))
        sys.stdout.write(closing if as_json or place >= 0 else "")
        sys.stdout.flush()


def backup(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="File to write; it must not be there yet.")],
    as_json: AsJson = False,
) -> None:
    """Write a backup of the home, while everything runs. It holds the authority's keys."""
    target = str(Path(file).expanduser().absolute())
    with estate(context) as opened:
        done = opened.call("backup", {"path": target})
    if as_json:
        show.print_json(done)
    else:
        typer.echo(f"{done['path']}: {show.quantity(done['bytes'], 'byte')}")
        typer.echo(f"SHA-256 {done['sha256']}")
        typer.echo("It holds the authority's keys: keep it as you keep those.")


def restore(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="File that 'stocktake backup' wrote.")],
    as_json: AsJson = False,
) -> None:
    """Restore a backup into a home that is empty or not there, and prove that it is equal."""
    from collector.backup import BackupError, restore_backup

    home = home_of(context)
    with ended():
        try:
            found = restore_backup(file, home, bar)
        except BackupError as error:
            raise Refused(str(error)) from error
    if as_json:
        show.print_json({"home": str(home.path), **found})
    else:
        typer.echo(
            f"restored into {home.path}: {found['records']} records, {found['assets']} assets"
        )
        typer.echo("every file is as it was backed up, and the store counts the same")
