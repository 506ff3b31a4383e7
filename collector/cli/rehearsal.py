"""How decisions and what would change look in a terminal."""

from __future__ import annotations

from typing import Any

import typer

from collector.cli import show

_MOST_VALUES = 12


def print_decided(done: dict[str, Any]) -> None:
    """A decision that was made, or what it would do."""
    rehearsed = done["rehearsal"]
    if rehearsed is not None:
        typer.echo(show.clean(f"it would be said: {done['text']}"))
        print_rehearsal(rehearsed)
        return
    number = done["number"]
    typer.echo(show.clean(f"decision {number or '(not yet in the record)'}: {done['text']}"))
    for effect in done["effects"]:
        typer.echo(show.clean(f"  {effect}"))
    if number:
        typer.echo(f"'stocktake undo {number}' takes it back")


def print_rehearsal(found: dict[str, Any]) -> None:
    """Everything that would change."""
    for sentence in found["summary"]:
        typer.echo(show.clean(f"  {sentence}"))
    if found["assets"]:
        show.heading("Assets")
        show.table(("asset", "name", "class", "would be", "values"), map(_asset, found["assets"]))
    if found["links"]:
        show.heading("Records")
        show.table(
            ("record", "about", "would be about", "how", "evidence"), map(_link, found["links"])
        )
    if not found["assets"] and not found["links"]:
        typer.echo("nothing would change")
    typer.echo("nothing was changed: this was a dry run")


def record_name(record: dict[str, str]) -> str:
    """A record as commands take it."""
    names = ("source_kind", "source_instance", "scope", "native_key")
    return "/".join(record[name] for name in names)


def _asset(row: dict[str, Any]) -> tuple[object, ...]:
    values = [f"{value['name']}: {_change(value)}" for value in row["values"][:_MOST_VALUES]]
    more = len(row["values"]) - _MOST_VALUES
    values += [f"and {more} more"] if more > 0 else []
    values += [f"{name.replace('_', ' ')}: {_short(held)}" for name, held in row["more"].items()]
    what = f"joined into {row['into']}" if row["what"] == "joined" else row["what"]
    return row["asset"], row["name"], row["cls"], what, "; ".join(values)


def _change(value: dict[str, Any]) -> str:
    name, before, after = value["name"], value["before"], value["after"]
    return show.value(name, after) if before is None else show.change(name, before, after)


def _short(held: object) -> str:
    if isinstance(held, dict):
        return str(held.get("count", len(held)))
    return str(len(held)) if isinstance(held, list) else show.clean(held)


def _link(row: dict[str, Any]) -> tuple[object, ...]:
    from cmdb.query.identity import how_linked

    reasons = (row["evidence"] or {}).get("joined_by", [])
    told = [f"{reason['key']} {reason['value']}" for reason in reasons]
    state = " (a question)" if row["state"] == "twin" else ""
    return (
        record_name(row["record"]), row["before"] or "nothing",
        f"{', '.join(row['after']) or 'nothing'}{state}",
        how_linked(row["rule"]) if row["rule"] else "not at all",
        list(dict.fromkeys(told)),
    )  # fmt: skip
