"""Commands about how long the past is kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from collector.cli import show
from collector.cli.options import AsJson, estate

retention = typer.Typer(help="Say for how long the past is kept.", no_args_is_help=True)

Days = Annotated[str | None, typer.Option(metavar="DAYS", help="Days, or forever.")]


@retention.command("show")
def show_policy(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how long the past is kept, and from where on it is whole."""
    with estate(context) as opened:
        _print(opened.call("retention.show", {}), as_json=as_json)


@retention.command("set")
def set_policy(
    context: typer.Context,
    words: Days = None,
    feed: Days = None,
    runs: Days = None,
    as_json: AsJson = False,
) -> None:
    """Set for how many days words of sources, the change feed and runs are kept whole."""
    params = {"words": words, "feed": feed, "runs": runs}
    with estate(context) as opened:
        _print(opened.call("retention.set", params), as_json=as_json)


@retention.command("run")
def run(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take out what is older than is kept. The server does so once a day by itself."""
    with estate(context) as opened:
        order = opened.call("retention.run", {"dry_run": dry_run})
        while not dry_run and order["steps"]:
            if opened.call("import.wait", {"sequence": order["last"]})["applied"] >= order["last"]:
                break
    if as_json:
        show.print_json(order)
        return
    gone = order["removed"]
    verb = "would go" if dry_run else "gone"
    typer.echo(
        f"{verb}: {gone['words']} words, up to {gone['visits']} visits of timelines,"
        f" {gone['changes']} entries of the feed, {gone['runs']} runs"
    )


def _print(kept: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.print_json(kept)
        return
    rows = []
    for name, meaning in (
        ("words", "what sources said; older: one word a month, and two visits"),
        ("feed", "change feed"),
        ("runs", "runs of sources"),
    ):
        days = kept["policy"][f"{name}_days"]
        since = kept["marks"][f"{name}_from"] or "the beginning"
        rows.append((name, "forever" if days is None else f"{days} days", since, meaning))
    show.table(("kind", "kept", "whole since", ""), rows)
