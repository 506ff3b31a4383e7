"""The command that compares two moments of an asset."""

from __future__ import annotations

from typing import Annotated

import typer

from collector.cli import show
from collector.cli.options import AsJson, KnownAt, estate

_TIME = "A date, a time, '3 days ago', or now."


def diff(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="ASSET", help="Id (ci-12), name or full name.")],
    first: Annotated[str, typer.Argument(metavar="T1", help=_TIME)],
    second: Annotated[str, typer.Argument(metavar="T2", help=_TIME)] = "now",
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Say what is different about an asset between two moments."""
    params = {"ref": ref, "first": first, "second": second, "known_at": known_at}
    with estate(context) as opened:
        found = opened.call("assets.diff", params)
    if as_json:
        show.print_json(found)
        return
    typer.secho(show.clean(f"{found['name']}  {found['asset']}"), bold=True)
    typer.echo(f"from {found['first']} to {found['second']}")
    if not found["differences"]:
        typer.echo("nothing is different")
        return
    show.table(
        ("part", "name", "before", "after"),
        (
            (row["part"], row["name"], _side(row["before"]), _side(row["after"]))
            for row in found["differences"]
        ),
    )


def _side(value: object) -> object:
    """A side of a difference; what is only there or not is said so."""
    return "-" if value is None else "yes" if value is True else value
