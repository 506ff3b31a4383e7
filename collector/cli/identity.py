"""Commands by which people put identity and values right, and see what was decided."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from collector.cli import rehearsal, show
from collector.cli.options import USAGE, AsJson, estate, fail

twins = typer.Typer(
    help="Assets of which a person is asked whether they are one.",
    invoke_without_command=True,
)

Asset = Annotated[str, typer.Argument(metavar="ASSET", help="Id (ci-12), name or full name.")]
Note = Annotated[str, typer.Option("--note", help="Why; kept with the decision.")]
Dry = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would change, and change nothing.")
]


def join(
    context: typer.Context,
    asset: Asset,
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="Assets that are the same thing.")
    ],
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Say that assets are one; the id of the one with the oldest record stays.

    Nothing is lost: 'undo' takes them apart again.
    """
    params = {"assets": (asset, *others), "note": note, "dry_run": dry_run}
    _decide(context, "identity.join", params, as_json=as_json)


def split(
    context: typer.Context,
    asset: Asset,
    records: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORD...",
            help="kind/instance/scope/native-key, or its number in the list of 'explain'.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="From then on alone: the machine was replaced. RFC 3339, a date, '3 days ago'.",
        ),
    ] = None,
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Say that records of an asset are about something else than its others."""
    params = {
        "asset": asset, "records": tuple(records), "since": since, "note": note,
        "dry_run": dry_run,
    }  # fmt: skip
    _decide(context, "identity.split", params, as_json=as_json)


Record = Annotated[
    str | None,
    typer.Argument(metavar="[RECORD]", help="kind/instance/scope/native-key of a record."),
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="KIND/INSTANCE", help="A whole source.")
]


def exclude(
    context: typer.Context,
    record: Record = None,
    source: Source = None,
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Let nothing count that a record or a source says; what it says is kept."""
    params = {"record": record, "source": source, "note": note, "dry_run": dry_run}
    _decide(context, "identity.exclude", params, as_json=as_json)


def include(
    context: typer.Context,
    record: Record = None,
    source: Source = None,
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Let it count again, all that it said meanwhile included."""
    params = {"record": record, "source": source, "note": note, "dry_run": dry_run}
    _decide(context, "identity.include", params, as_json=as_json)


def undo(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="Number in the list of 'decisions'.")],
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Take a decision back, as if it had never been made."""
    params = {"number": number, "note": note, "dry_run": dry_run}
    _decide(context, "identity.undo", params, as_json=as_json)


def retire(
    context: typer.Context,
    asset: Asset,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown with the asset.")] = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Retire an asset until a source that looks at things (agent, scan, ...) sees it again.

    An import that lists it does not count as seeing it.
    """
    params = {"ref": asset, "note": reason, "dry_run": dry_run}
    _decide(context, "assets.retire", params, as_json=as_json)


def reinstate(
    context: typer.Context,
    asset: Asset,
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Say that an asset is not retired after all: what sources say decides again."""
    params = {"ref": asset, "note": note, "dry_run": dry_run}
    _decide(context, "assets.reinstate", params, as_json=as_json)


def decisions(
    context: typer.Context,
    asset: Annotated[str | None, typer.Option("--asset", help="Only about this asset.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what people decided, newest first."""
    with estate(context) as opened:
        found = opened.call("identity.decisions", {"asset": asset})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("number #", "when (UTC)", "who", "act", "what it does", "assets", "note"),
        (
            (
                row["number"], show.minute(row["at"]), row["by"], row["act"], row["text"],
                _whom(row), _noted(row),
            )
            for row in found["decisions"]
        ),
    )  # fmt: skip
    if not found["decisions"]:
        typer.echo(f"nothing was decided about {show.clean(asset)}" if asset else _NOTHING)


_NOTHING = "nothing was decided yet"


def _whom(row: dict[str, Any]) -> object:
    """The assets that a decision is about, or the source."""
    return f"all of source {row['source']}" if row["source"] else row["assets"]


def _noted(row: dict[str, Any]) -> str:
    undone = f"undone by {row['undone_by']}" if row["undone_by"] else ""
    return "; ".join(filter(None, (row["note"], undone)))


@twins.callback()
def list_twins(context: typer.Context, as_json: AsJson = False) -> None:
    """Assets of which a person is asked whether they are one, with the evidence of both sides."""
    if context.invoked_subcommand is not None:
        return
    with estate(context) as opened:
        found = opened.call("twins.list", {})
    if as_json:
        show.print_json(found)
        return
    for question in found["questions"]:
        _question(question, found["as_of"])
    count = len(found["questions"])
    if count:
        typer.echo("answer with: stocktake twins answer NUMBER same|different")
    else:
        typer.echo("there is no question")


@twins.command("answer")
def answer_twin(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="Number of the question.")],
    answer: Annotated[str, typer.Argument(metavar="same|different")],
    note: Note = "",
    dry_run: Dry = False,
    as_json: AsJson = False,
) -> None:
    """Answer a question: a decision like any other, which 'undo' takes back."""
    if answer not in {"same", "different"}:
        fail(f"answer is {answer!r}; it must be same or different", USAGE)
    params = {"number": number, "answer": answer, "note": note, "dry_run": dry_run}
    _decide(context, "twins.answer", params, as_json=as_json)


def set_values(
    context: typer.Context,
    asset: Asset,
    values: Annotated[list[str], typer.Argument(metavar="ATTRIBUTE=VALUE...")],
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Set values of an asset. Authority decides as for any source: the answer says if one loses."""
    params = {"ref": asset, "values": tuple(values), "note": note}
    _values(context, "assets.set", params, as_json=as_json)


def unset_values(
    context: typer.Context,
    asset: Asset,
    names: Annotated[list[str], typer.Argument(metavar="ATTRIBUTE...")],
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Take values back that people set: what sources say holds again."""
    params = {"ref": asset, "names": tuple(names), "note": note}
    _values(context, "assets.unset", params, as_json=as_json)


def _values(context: typer.Context, name: str, params: dict[str, Any], *, as_json: bool) -> None:
    with estate(context) as opened:
        done = opened.call(name, params)
    if as_json:
        show.print_json(done)
        return
    show.table(
        ("attribute", "said", "holds", "", "why"),
        (
            (
                row["name"], _said(row, "said"), _said(row, "value"),
                "" if row["wins"] else "not taken", row["why"],
            )
            for row in done["values"]
        ),
    )  # fmt: skip
    if done["number"] is not None:
        typer.echo(f"decision {done['number']}; 'stocktake undo {done['number']}' takes it back")


def _said(row: dict[str, Any], which: str) -> str:
    return show.value(row["name"], row[which])


def _decide(context: typer.Context, name: str, params: dict[str, Any], *, as_json: bool) -> None:
    with estate(context) as opened:
        done = opened.call(name, params)
    if as_json:
        show.print_json(done)
    else:
        rehearsal.print_decided(done)


def _question(question: dict[str, Any], clock: str) -> None:
    typer.secho(f"question {question['number']}", bold=True)
    for reason in question["because"]:
        typer.echo(show.clean(f"  {reason}"))
    show.table(
        ("asset", "name", "class", "state", "seen", "records", "values"),
        (
            (
                side["asset"], side["name"], side["cls"], side["state"],
                show.age(side["last_seen"], clock),
                [rehearsal.record_name(record) for record in side["records"]],
                [f"{key} {' '.join(values)}" for key, values in side["keys"].items()],
            )
            for side in question["sides"]
        ),
    )  # fmt: skip
    typer.echo(show.clean(f"  suggested: {question['suggestion']}: {question['why']}"))
    typer.echo("")
