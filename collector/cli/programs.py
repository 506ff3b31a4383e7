"""The command that tells which machines have a program."""

from __future__ import annotations

from typing import Annotated

import typer

from collector.cli import show
from collector.cli.options import AsJson, estate


def programs(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PROGRAM", help="Its name, such as openssl.")],
    older_than: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Only versions before this one.")
    ] = None,
    newer_than: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Only versions after this one.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Only this version.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Rows of a page.")] = 50,
    after: Annotated[str | None, typer.Option(help="Cursor of the next page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which machines have a program, in the order of its package system's versions."""
    params = {
        "name": name, "older_than": older_than, "newer_than": newer_than, "version": version,
        "limit": limit, "after": after,
    }  # fmt: skip
    with estate(context) as opened:
        found = opened.call("programs.holders", params)
    if as_json:
        show.print_json(found)
        return
    show.heading(found["name"])
    show.table(
        ("version", "system", "publisher", "machines #"),
        (
            (row["version"], row["package_system"], row["publisher"], row["machines"])
            for row in found["versions"]
        ),
    )
    show.table(
        ("asset", "name", "class", "state", "scope", "versions", "seen"),
        (
            (
                row["asset"], row["name"], row["cls"], row["state"], row["scope"],
                row["versions"], show.age(row["last_seen"], found["as_of"]),
            )
            for row in found["machines"]
        ),
    )  # fmt: skip
    shown, total = len(found["machines"]), found["total"]
    typer.echo(f"{shown} of {total} machines" if shown < total else f"{total} machines in all")
    if found["cursor"]:
        typer.echo(f"more: --after {found['cursor']}")
