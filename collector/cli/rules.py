"""Commands about the rules by which the engine decides."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from collector.cli import show
from collector.cli.options import FAILED, USAGE, AsJson, asks_server, estate, fail, home_of
from collector.cli.reconciling import Note
from collector.client import Estate
from collector.working import bar

rules = typer.Typer(
    help="Rules by which values, states and identity are decided.", no_args_is_help=True
)

File = Annotated[str, typer.Argument(metavar="FILE", help="A rules file; - for standard input.")]
Unheard = Annotated[
    bool, typer.Option("--unheard", help="It may name sources that were never heard.")
]
_MOST_BYTES = 256 * 1024
_LOOK_EVERY_S = 0.3


@rules.command("show")
def show_rules(
    context: typer.Context,
    cls: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="All that holds for this class.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The rules in force, and where each comes from."""
    with estate(context) as opened:
        found = opened.call("rules.show", {"cls": cls})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("about", "rule", "value", "from"),
        ((row["about"], row["rule"], row["value"], row["origin"]) for row in found["rules"]),
    )
    show.table(
        ("class", "attribute", "order", "rule", "empty", "compare", "tolerance", "from"),
        (
            (
                row["cls"], row["attribute"], row["order"], row["rule"], row["empty"],
                row["compare"], row["tolerance"], row["origin"],
            )
            for row in found["values"]
        ),
    )  # fmt: skip
    version = found["version"]
    typer.echo(f"rules version {version}" if version else "the shipped rules hold")
    for problem in found["problems"]:
        typer.echo(show.clean(f"not read, line {problem['line']}: {problem['text']}"))
    _print_work(found["work"])


@rules.command("export")
def export(
    context: typer.Context,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="The file of this version, as given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a complete rules file that reads back as the rules in force."""
    with estate(context) as opened:
        found = opened.call("rules.export", {"version": version})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(found["text"], nl=False)


@rules.command("check")
def check(
    context: typer.Context, file: File, unheard: Unheard = False, as_json: AsJson = False
) -> None:
    """Say all that is wrong in a rules file; exit code 1 when anything is."""
    name, text, found = _read(file)
    if found is None and (asks_server(context) or home_of(context).is_made()):
        with estate(context) as opened:
            found = opened.call("rules.check", {"text": text, "unheard": unheard})
    elif found is None:
        # Without an estate, by what the product knows; not which sources there are.
        found = _checked(text)
    if as_json:
        show.print_json(found)
    else:
        for each in found["problems"]:
            where = f"{name}:{each['line']}:{each['column']}"
            typer.echo(show.clean(f"{where}: {each['text']}"), err=True)
        if found["good"]:
            typer.echo(f"{show.clean(name)} is good")
    if not found["good"]:
        raise typer.Exit(FAILED)


@rules.command("simulate")
def simulate(
    context: typer.Context,
    file: File,
    days: Annotated[
        int,
        typer.Option(min=0, max=3660, help="Compare what was heard in so many days; 0: all."),
    ] = 30,
    unheard: Unheard = False,
    as_json: AsJson = False,
) -> None:
    """Try a rules file out on a copy, and list every asset that would be otherwise."""
    name, text, wrong = _read(file)
    if wrong is not None:
        fail(f"{name}:{wrong['problems'][0]['line']}: {wrong['problems'][0]['text']}", USAGE)
    with estate(context) as opened:
        params = {"text": text, "file": Path(name).name, "days": days, "unheard": unheard}
        number = opened.call("rules.simulate", params)["number"]
        lines = _simulated(opened, number)
        totals = next((each for each in lines if each["kind"] == "totals"), None)
        if totals is None:
            fail("the simulation gave no end", FAILED)
    differences = [each for each in lines if each["kind"] == "asset"]
    if as_json:
        show.print_json({"assets": differences, "totals": totals})
        return
    for each in differences:
        _print_difference(each)
    _print_totals(totals)


def _simulated(opened: Estate, number: int) -> list[dict[str, Any]]:
    """All lines of a simulation; stops it when this is interrupted."""
    lines: list[dict[str, Any]] = []
    place = 0
    try:
        while True:
            told = opened.call("rules.simulated", {"number": number, "after": place})
            lines += told["lines"]
            place = told["next"]
            bar(told["done"], max(told["total"], 1))
            if not told["running"]:
                break
            if not told["lines"]:
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        opened.call("rules.stop", {})
        raise
    if told["failure"]:
        fail(told["failure"], FAILED)
    return lines


def _print_difference(found: dict[str, Any]) -> None:
    into = f" into {found['into']}" if found["into"] else ""
    what = ", ".join(found["what"])
    title = f"{found['asset']}  {found['name']}  {found['cls']}: {what}{into}"
    typer.secho(show.clean(title), bold=True)
    if found["cls_before"]:
        typer.echo(show.clean(f"  class: {found['cls_before']} {show.ARROW} {found['cls']}"))
    if found["state_after"]:
        state = show.change("state", found["state_before"], found["state_after"])
        typer.echo(show.clean(f"  state: {state} ({found['state_why']})"))
    for value in found["values"]:
        name = value["attribute"]
        sides = (
            f"{show.value(name, value['before'])} ({value['source_before'] or 'nobody'})",
            f"{show.value(name, value['after'])} ({value['source_after'] or 'nobody'})",
        )
        why = f"{value['why']}; {value['rule']}"
        typer.echo(show.clean(f"  {name}: {f' {show.ARROW} '.join(sides)}: {why}"))
    for moved in found["records"]:
        name = "/".join(moved["record"].values())
        sides = (", ".join(moved["before"]) or "nothing", ", ".join(moved["after"]) or "nothing")
        typer.echo(
            show.clean(f"  record {name}: {f' {show.ARROW} '.join(sides)}, by {moved['rule']}")
        )


def _print_totals(totals: dict[str, Any]) -> None:
    show.table(
        ("class", "attribute", "assets #"),
        ((row["cls"], row["attribute"], row["assets"]) for row in totals["by_attribute"]),
    )
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals["by_kind"].items())
    would = show.counted(totals["assets"], "asset")
    typer.echo(f"{would} would differ{f': {kinds}' if kinds else ''}")
    states = f"; {totals['for_states']} more for their state" if totals["for_states"] else ""
    typer.echo(f"{show.counted(totals['looked_at'], 'asset', 'was')} compared{states}")
    if totals["left_out"]:
        typer.echo(
            f"{totals['left_out']} assets were not heard of in these days and were left out;"
            " --days 0 compares them, too"
        )


@rules.command("apply")
def apply(
    context: typer.Context,
    file: File,
    note: Note = "",
    unheard: Unheard = False,
    as_json: AsJson = False,
) -> None:
    """Put a rules file in force, and project the estate anew."""
    name, text, wrong = _read(file)
    if wrong is not None:
        fail(f"{name}:{wrong['problems'][0]['line']}: {wrong['problems'][0]['text']}", USAGE)
    with estate(context) as opened:
        params = {"text": text, "file": Path(name).name, "note": note, "unheard": unheard}
        done = opened.call("rules.apply", params)
        _follow(opened, done, as_json=as_json)


@rules.command("undo")
def undo(context: typer.Context, note: Note = "", as_json: AsJson = False) -> None:
    """Go back to the rules that held before, and project the estate anew."""
    with estate(context) as opened:
        done = opened.call("rules.undo", {"note": note})
        _follow(opened, done, as_json=as_json)


@rules.command("history")
def history(context: typer.Context, as_json: AsJson = False) -> None:
    """Every version of the rules, newest first: who put it in force, when and why."""
    with estate(context) as opened:
        found = opened.call("rules.history", {})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("version #", "when", "who", "file", "note", "decision #", ""),
        (
            (
                row["version"], row["at"], row["by"], row["file"], row["note"], row["decision"],
                _state(row),
            )
            for row in found["versions"]
        ),
    )  # fmt: skip
    if not any(row["in_force"] for row in found["versions"]):
        typer.echo("the shipped rules hold")


def _checked(text: str) -> dict[str, Any]:
    from dataclasses import asdict

    from reconcile.rules.read import load

    problems = load(text).problems
    return {"good": not problems, "problems": [asdict(each) for each in problems]}


def _state(row: dict[str, Any]) -> str:
    if row["undone_by"]:
        return f"undone by {row['undone_by']}"
    return "in force" if row["in_force"] else ""


def _follow(opened: Estate, done: dict[str, Any], *, as_json: bool) -> None:
    """Waits until the whole estate is as the rules say."""
    told = opened.call("rules.progress", {"sequence": done["sequence"]})
    while told["applied"] < done["sequence"] or told["work"] is not None:
        if told["work"] is not None:
            bar(told["work"]["done"], told["work"]["total"])
        time.sleep(_LOOK_EVERY_S)
        told = opened.call("rules.progress", {"sequence": done["sequence"]})
    bar(1, 1)
    if as_json:
        show.print_json({**done, "version": told["version"], "work": None})
        return
    version = told["version"]
    holds = f"rules version {version} holds" if version else "the shipped rules hold"
    typer.echo(f"{holds}; the whole estate was gone over")


def _print_work(work: dict[str, Any] | None) -> None:
    if work is not None:
        share = 100 * work["done"] // max(work["total"], 1)
        typer.echo(f"version {work['version']} is being carried out: {share} % of the estate")


def _read(file: str) -> tuple[str, str, dict[str, Any] | None]:
    """Name and text of a file, and what is wrong where it is no text of a fitting size."""
    from reconcile.rules.nodes import Malformed, decoded

    name = "standard input" if file == "-" else file
    try:
        if file == "-":
            body = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                body = stream.read(_MOST_BYTES + 1)
        return name, decoded(body), None
    except OSError as error:
        fail(f"cannot read {show.clean(file)}: {error.strerror}", FAILED)
    except Malformed as error:
        wrong = error.problem
        problem = {"line": wrong.line, "column": wrong.column, "text": wrong.text}
        return name, "", {"good": False, "problems": [problem]}
