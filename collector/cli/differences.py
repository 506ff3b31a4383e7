"""The command that compares two moments of an asset, or of all."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from collector.cli import show
from collector.cli.options import USAGE, AsJson, KnownAt, estate, fail
from collector.client import Answer, Params, Refused
from collector.working import busy

_TIME = "A date (its end in UTC), a time with its zone, '3 days ago', or now."


def diff(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="[ASSET] T1 [T2]", help=f"Id or name; two times. {_TIME}"),
    ],
    whole: Annotated[
        bool, typer.Option("--estate", help="All assets, by when it was learned; names no asset.")
    ] = False,
    cls: Annotated[str, typer.Option("--class", help="With --estate: only this class.")] = "",
    what: Annotated[
        str,
        typer.Option(help="With --estate: only created, gone, joined, or an attribute or state."),
    ] = "",
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Say what is different about an asset, or the whole estate, between two moments."""
    least = 1 if whole else 2
    if not least <= len(words) <= least + 1:
        form = "--estate T1 [T2]" if whole else "ASSET T1 [T2]"
        fail(f"diff takes {form}, such as 2026-03-01 or '3 days ago'", USAGE)
    if whole:
        _estate(context, words, {"cls": cls, "what": what}, as_json=as_json)
        return
    if cls or what:
        fail("--class and --what go with --estate", USAGE)
    ref, first, second = [*words, "now"][:3]
    params = {"ref": ref, "first": first, "second": second, "known_at": known_at}
    found = _asked(context, "assets.diff", params)
    if as_json:
        show.print_json(found)
        return
    typer.secho(show.clean(f"{found['name']}  {found['asset']}"), bold=True)
    typer.echo(f"from {found['first']} to {found['second']}")
    for note in found["notes"]:
        typer.echo(note)
    if not found["differences"]:
        typer.echo("nothing is different")
        return
    show.table(
        ("part", "name", "before", "after"),
        (
            (row["part"], row["name"], _side(row, "before"), _side(row, "after"))
            for row in found["differences"]
        ),
    )


def _asked(context: typer.Context, name: str, params: Params) -> Answer:
    """The answer; what is refused of a comparison is how it was asked for."""
    with estate(context) as opened, busy("comparing"):
        try:
            return opened.call(name, params)
        except Refused as error:
            fail(str(error), USAGE)


def _estate(
    context: typer.Context, words: list[str], only: dict[str, str], *, as_json: bool
) -> None:
    first, second = [*words, "now"][:2]
    found = _asked(context, "estate.diff", {"first": first, "second": second, **only})
    if as_json:
        show.print_json(found)
        return
    typer.echo(f"learned from {found['first']} to {found['second']}")
    for note in found["notes"]:
        typer.echo(note)
    for kind in ("created", "gone", "joined"):
        typer.echo(f"{found[f'{kind}_total']} {kind}")
        if found[kind]:
            show.table(
                ("asset", "class", "name", "into"),
                ((row["asset"], row["cls"], row["name"], row["into"]) for row in found[kind]),
            )
    typer.echo(f"{found['changed_total']} changed")
    if found["changed"]:
        show.table(
            ("class", "what", "assets #"),
            ((row["cls"], row["what"], row["assets"]) for row in found["changed"]),
        )
        show.table(
            ("asset", "class", "name", "what"),
            (
                (row["asset"], row["cls"], row["name"], ", ".join(row["what"]))
                for row in found["changed_assets"]
            ),
        )
    if found["truncated"]:
        typer.echo("more came, went or changed than is listed")


def _side(row: dict[str, Any], which: str) -> object:
    """A side of a difference; what is only there or not is said so."""
    held = row[which]
    return "-" if held is None else "yes" if held is True else show.value(row["name"], held)
