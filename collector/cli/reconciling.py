"""Commands about the engine: dry runs of reports, the stop-list, rebuilding."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from collector.cli import rehearsal, show
from collector.cli.options import FAILED, USAGE, AsJson, estate, fail
from collector.working import bar

stop_list = typer.Typer(
    help="Values that identify nobody, because too many things carry them.",
    invoke_without_command=True,
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Such as mac or system_serial.")]
Value = Annotated[str, typer.Argument(metavar="VALUE")]
Note = Annotated[str, typer.Option("--note", help="Why; kept with the decision.")]
Dry = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would change, and change nothing.")
]
_MOST_BYTES = 16 * 1024 * 1024


def reconcile(
    context: typer.Context,
    dry_run: Annotated[
        str | None,
        typer.Option(
            "--dry-run", metavar="REPORT", help="A file in the import form; - for standard input."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a report would change: assets, values and links with their evidence."""
    if dry_run is None:
        fail("name a report: --dry-run REPORT; 'stocktake import' takes one in", USAGE)
    text = _read(dry_run)
    with estate(context) as opened:
        found = opened.call("reconcile.dry_run", {"text": text})
    if as_json:
        show.print_json(found)
        return
    typer.echo(show.counted(found["statements"], "line"))
    rehearsal.print_rehearsal(found)


def _read(file: str) -> str:
    try:
        if file == "-":
            body = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                body = stream.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            fail(f"{file} is longer than {_MOST_BYTES} bytes: give fewer lines at a time", USAGE)
        return body.decode("utf-8")
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", FAILED)
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8: {error.reason}", USAGE)


@stop_list.callback()
def list_values(context: typer.Context, as_json: AsJson = False) -> None:
    """Values that identify nobody, because too many things carry them."""
    if context.invoked_subcommand is not None:
        return
    with estate(context) as opened:
        found = opened.call("stop_list.list", {})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("key", "value", "records #", "why", "decision #"),
        (
            (row["key"], row["value"], row["records"], row["why"], row["decision"])
            for row in found["values"]
        ),
    )
    how = found["origin"]
    if found["learned"]:
        how = f"learned from this estate, {how}"
    elif how == "default":
        how = "the usual; 'stop-list learn' asks"
    typer.echo(f"a value on more than {found['limit']} records identifies nobody ({how})")


@stop_list.command("add")
def add_value(
    context: typer.Context,
    key: Key,
    value: Value,
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Let a value identify nobody: a default serial, the MAC of a shared dock."""
    _value(context, "stop_list.add", _params(key, value, note, dry_run=dry_run), as_json=as_json)


@stop_list.command("remove")
def remove_value(
    context: typer.Context,
    key: Key,
    value: Value,
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Let a value identify, however many records carry it."""
    _value(context, "stop_list.remove", _params(key, value, note, dry_run=dry_run), as_json=as_json)


def _params(key: str, value: str, note: str, *, dry_run: bool) -> dict[str, Any]:
    return {"key": key, "value": value, "note": note, "dry_run": dry_run}


def _value(context: typer.Context, name: str, params: dict[str, Any], *, as_json: bool) -> None:
    with estate(context) as opened:
        done = opened.call(name, params)
    if as_json:
        show.print_json(done)
    else:
        rehearsal.print_decided(done)


@stop_list.command("learn")
def learn(
    context: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Let the limit hold from now on.")] = False,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Derive from the estate on how many records a value is one too many."""
    with estate(context) as opened:
        found = opened.call("stop_list.learn", {"apply": apply, "note": note})
    if as_json:
        show.print_json(found)
        return
    learned = found["learned"]
    show.table(
        ("key", "values #", "most records #", "values by number of records"),
        (
            (
                row["key"], row["values"], row["most"],
                [f"{step}: {count}" for step, count in row["by_records"].items()],
            )
            for row in learned["spreads"]
        ),
    )  # fmt: skip
    typer.echo(f"limit {learned['limit']}, now {learned['now']}: {learned['why']}")
    if found["decided"] is not None:
        rehearsal.print_decided(found["decided"])
    elif learned["limit"] != learned["now"]:
        typer.echo("--apply lets it hold")


def rebuild(context: typer.Context, as_json: AsJson = False) -> None:
    """Make links and view anew from all that was ever said, and say what was not right before."""
    with estate(context) as opened:
        order = opened.call("rebuild.order", {})
        first, last = order["first"], order["last"]
        done = 0
        while done < order["steps"]:
            applied = opened.call("import.wait", {"sequence": last})["applied"]
            done = max(0, min(applied, last) - first + 1)
            bar(done, order["steps"])
        found = opened.call("rebuild.result", {"after": order["after"]})
    if as_json:
        show.print_json(found)
        return
    total, differed = found["total"], found["assets"]
    typer.echo(f"{show.counted(total, 'asset')} rebuilt; {len(differed)} differed before")
    for asset in differed:
        typer.echo(f"  {asset}")
