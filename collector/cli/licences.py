"""Commands about impact, licences and alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from collector.cli import show
from collector.cli.assets import Ref
from collector.cli.data import wait
from collector.cli.options import FAILED, REFUSED, AsJson, AsOf, KnownAt, estate, fail

alerts = typer.Typer(help="List alerts, and say where they go.", invoke_without_command=True)

Channel = Annotated[str, typer.Argument(help="Name of the channel.")]


def impact(
    context: typer.Context,
    ref: Ref,
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="ASSET", help="Fails at the same time.")
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Hops to look.")] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Say what fails if an asset fails, with the path that proves it."""
    params = {
        "ref": ref, "also": tuple(also or ()), "depth": depth, "as_of": as_of, "known_at": known_at,
    }  # fmt: skip
    with estate(context) as opened:
        found = opened.call("assets.impact", params)
    if as_json:
        show.print_json(found)
        return
    names = ", ".join(f"{thing['name']} ({thing['asset']})" for thing in found["failing"])
    counts = found["counts"]
    typer.secho(show.clean(f"If {names} fails"), bold=True)
    typer.echo(
        f"{counts['down']} down, {counts['degraded']} degraded, {counts['at_risk']} at risk"
        f"; as of {found['as_of']}"
    )
    show.past(found)
    if found["affected"]:
        show.table(
            ("state", "asset", "class", "name", "owner", "group", "why", "oldest evidence"),
            (_affected(row, found["as_of"]) for row in found["affected"]),
        )
    else:
        typer.echo("nothing that is known depends on it")


def _affected(row: dict[str, Any], now: str) -> tuple[object, ...]:
    thing, group = row["thing"], row["redundancy"]
    state = row["state"]
    if row["at_risk"] and state != "at risk":
        state += ", at risk"
    counted = (
        f"{group['members_up']} of {group['members']} up, needs {group['min_up']}" if group else ""
    )
    path = " → ".join(
        f"{hop['source_name']} {hop['relation'].replace('_', ' ')} {hop['target_name']}"
        for hop in row["path"]
    )
    name = f"{thing['name']} on {thing['on']}" if thing["on"] else thing["name"]
    oldest = min((hop["observed_at"] for hop in row["path"]), default=None)
    return (
        state, thing["asset"], thing["cls"], name, thing["owner"], counted, path,
        show.age(oldest, now) if oldest else "",
    )  # fmt: skip


def position(
    context: typer.Context,
    product: Annotated[str | None, typer.Argument(help="One product with its proof.")] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Say what licences are required and owned, worst first; of one product with the proof."""
    when = {"as_of": as_of, "known_at": known_at}
    with estate(context) as opened:
        found = (
            opened.call("positions.show", {"product": product, **when})
            if product
            else opened.call("positions.list", when)
        )
    if as_json:
        show.print_json(found)
        return
    show.past(found)
    if product:
        _one(found)
    else:
        _all(found["positions"])


def _all(rows: list[dict[str, Any]]) -> None:
    show.table(
        ("product", "publisher", "per", "required #", "owned #", "expired #", "balance #", "state"),
        (
            (
                row["product"], row["publisher"], row["metric"], row["required"], row["owned"],
                row["expired"] or "", row["surplus"] or -row["shortfall"], row["state"],
            )
            for row in rows
        ),
    )  # fmt: skip
    if not rows:
        typer.echo("no licensed product and no entitlement is known")
        typer.echo("'stocktake import entitlements FILE.csv' brings in what you own")


def _one(row: dict[str, Any]) -> None:
    typer.secho(f"{show.clean(row['product'])}: {row['state']}", bold=True)
    show.facts((
        ("publisher", row["publisher"]), ("per", row["metric"]), ("required", str(row["required"])),
        ("owned", str(row["owned"])), ("expired", row["expired"] or None),
        ("balance", str(row["surplus"] or -row["shortfall"])), ("as of", row["as_of"]),
        ("catalogue", row["catalogue"]),
    ))  # fmt: skip
    show.heading("Rights required")
    show.table(
        ("asset", "name", "rights #", "because of", "versions"),
        (
            (
                each["asset"], each["asset_name"], each["rights"],
                [seen["title"] for seen in each["evidence"]],
                [version for seen in each["evidence"] for version in seen["versions"]],
            )
            for each in row["required_by"]
        ),
    )  # fmt: skip
    show.heading("Rights owned")
    show.table(
        ("entitlement", "name", "contract", "quantity #", "per", "from", "to", "counts as"),
        (
            (
                each["entitlement"], each["name"], each["contract"], each["quantity"],
                each["metric"], each["start"], each["end"], each["counts"],
            )
            for each in row["owned_by"]
        ),
    )  # fmt: skip


def import_entitlements(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header line.")],
    as_json: AsJson = False,
) -> None:
    """Import what is owned from a CSV file. The same file read again replaces what it said."""
    text = _read(file)
    with estate(context) as opened:
        done = opened.call("import.entitlements", {"text": text, "name": file.name})
        if done["sequence"]:
            wait(opened, done["sequence"])
    if as_json:
        show.print_json(done)
    else:
        typer.echo(f"{done['accepted']} entitlements are in the view")
        for row in done["refused"]:
            typer.echo(show.clean(row["reason"]), err=True)
    if done["refused"]:
        raise typer.Exit(REFUSED)


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", FAILED)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fail(f"{file} line {line} is not UTF-8; save the file as UTF-8 and try again", REFUSED)


@alerts.callback(invoke_without_command=True)
def list_alerts(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List open alerts."""
    if context.invoked_subcommand:
        return
    with estate(context) as opened:
        found = opened.call("alerts.list", {"state": None if everything else "open"})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("alert", "severity", "state", "since", "what", "detail", "seen to by"),
        (
            (
                row["id"], row["severity"], row["state"], show.age(row["opened_at"]), row["title"],
                row["text"], row["acknowledged_by"],
            )
            for row in found["alerts"]
        ),
    )  # fmt: skip
    if not found["alerts"]:
        typer.echo("nothing is the matter")


@alerts.command("acknowledge")
def acknowledge(
    context: typer.Context,
    alert: Annotated[int, typer.Argument(help="Number of the alert.")],
    as_json: AsJson = False,
) -> None:
    """Say that you see to an alert. It stays open until its cause is gone."""
    with estate(context) as opened:
        found = opened.call("alerts.acknowledge", {"alert_id": alert})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"alert {alert} is {found['state']}, seen to by {found['acknowledged_by']}")


@alerts.command("channels")
def channels(context: typer.Context, as_json: AsJson = False) -> None:
    """List where alerts go; secrets are masked."""
    with estate(context) as opened:
        found = opened.call("channels.list", {})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("channel", "address", "waiting #", "last failure"),
        (
            (row["name"], row["address"], row["waiting"], row["last_reason"])
            for row in found["channels"]
        ),
    )
    if not found["channels"]:
        typer.echo("alerts go nowhere; 'stocktake alerts add-channel NAME URL' sends them out")


@alerts.command("add-channel")
def add_channel(
    context: typer.Context,
    name: Channel,
    url: Annotated[
        str, typer.Argument(help="Apprise address: mailto://..., json://host/path, ...")
    ],
    allow_link_local: Annotated[
        bool, typer.Option("--allow-link-local", help="Allow link-local addresses.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send alerts to a mailbox, chat or webhook: once when one opens, once when it is resolved."""
    params = {"name": name, "url": url, "allow_link_local": allow_link_local}
    with estate(context) as opened:
        found = opened.call("channels.add", params)
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"alerts that open from now on go to {found['name']} ({found['address']})")
        typer.echo(f"'stocktake alerts test-channel {found['name']}' tries it")


@alerts.command("remove-channel")
def remove_channel(context: typer.Context, name: Channel, as_json: AsJson = False) -> None:
    """Send no alerts there any more."""
    with estate(context) as opened:
        found = opened.call("channels.remove", {"channel": name})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"no alerts go to {name} any more")


@alerts.command("test-channel")
def try_channel(context: typer.Context, name: Channel, as_json: AsJson = False) -> None:
    """Send a test message now."""
    with estate(context) as opened:
        found = opened.call("channels.test", {"channel": name})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"a test message went to {name}")
