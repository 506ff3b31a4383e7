"""Commands about observers: agents, token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from collector.cli import show
from collector.cli.options import AsJson, estate

agents = typer.Typer(help="List observers, and say what they may do.", invoke_without_command=True)
token = typer.Typer(help="Make and list enrolment tokens.", invoke_without_command=True)

Agent = Annotated[str, typer.Argument(help="Id of the observer (obs-...).")]


@agents.callback(invoke_without_command=True)
def list_agents(context: typer.Context, as_json: AsJson = False) -> None:
    """List observers, and say what they may do."""
    if context.invoked_subcommand:
        return
    with estate(context) as opened:
        found = opened.call("agents.list", {})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("agent", "machine", "kinds", "scope", "may scan", "version", "seen", "clock", "state"),
        (
            (
                row["agent"], row["hostname"], row["kinds"], row["scope"], row["scan_prefixes"],
                row["version"], show.age(row["last_seen"]),
                "" if row["clock_offset_s"] is None else f"{row['clock_offset_s']:+.1f} s",
                "revoked" if row["revoked_at"] else "",
            )
            for row in found["agents"]
        ),
    )  # fmt: skip
    for row in found["agents"]:
        for complaint in row["complaints"] if not row["revoked_at"] else ():
            typer.echo(show.clean(f"{row['agent']} could not read: {complaint}"))
    if not found["agents"]:
        typer.echo("no observer yet; 'stocktake token' prints the lines that enrol one")


@agents.command("allow")
def allow(
    context: typer.Context,
    agent: Agent,
    prefixes: Annotated[
        list[str] | None,
        typer.Argument(help="Prefixes such as 10.0.4.0/24; none: it may scan none."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say which prefixes an observer may scan; they replace those it had."""
    with estate(context) as opened:
        found = opened.call("agents.allow", {"agent": agent, "prefixes": tuple(prefixes or ())})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{agent} may scan {', '.join(found['scan_prefixes']) or 'nothing'}")


@agents.command("revoke")
def revoke(context: typer.Context, agent: Agent, as_json: AsJson = False) -> None:
    """Take an observer's right to report. What it said stays."""
    with estate(context) as opened:
        found = opened.call("agents.revoke", {"agent": agent})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{agent} may report no more; enrol it anew with 'stocktake token'")


@agents.command("report")
def report(context: typer.Context, agent: Agent, as_json: AsJson = False) -> None:
    """Ask an observer to report now, at its next check-in."""
    with estate(context) as opened:
        found = opened.call("agents.report", {"agent": agent})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{found['job']} waits for {agent}")


@token.callback(invoke_without_command=True)
def make(
    context: typer.Context,
    scope: Annotated[
        str, typer.Option(help="Where the machine is: a site or network.")
    ] = "default",
    scan: Annotated[
        list[str] | None, typer.Option("--scan", metavar="PREFIX", help="It may scan this prefix.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="How long the token is good.")] = 24.0,
    uses: Annotated[int, typer.Option(min=1, help="How many machines it enrols.")] = 1,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    only_token: Annotated[bool, typer.Option("--only-token", help="Print nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print the lines that install and enrol another machine."""
    if context.invoked_subcommand:
        return
    params = {"scope": scope, "scan": tuple(scan or ()), "hours": hours, "uses": uses, "note": note}
    with estate(context) as opened:
        made = opened.call("tokens.make", params)
    if as_json:
        show.print_json(made)
    elif only_token:
        typer.echo(made["token"])
    else:
        _instructions(made)


def _instructions(made: dict[str, str]) -> None:
    expires = datetime.fromisoformat(made["expires_at"]).strftime("%Y-%m-%d %H:%M UTC")
    typer.echo(
        f"# {made['token_id']} enrols {made['uses']} in scope {made['scope']} until {expires}"
    )
    typer.echo(f"# collectors: {', '.join(made['collectors'])}")
    if all(address.startswith(("127.", "[::1]", "localhost")) for address in made["collectors"]):
        typer.echo("# The collector listens on loopback only: other machines cannot reach it.")
        typer.echo("# Start it with: stocktake serve --host 0.0.0.0 --name ITS-NAME")
    typer.echo("# As root, in the folder with the wheel that 'make dist' built:")
    for line in made["install"]:
        typer.echo(line)


@token.command("list")
def list_tokens(context: typer.Context, as_json: AsJson = False) -> None:
    """List tokens; their secrets are not kept."""
    with estate(context) as opened:
        found = opened.call("tokens.list", {})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("token", "kinds", "scope", "made by", "expires", "uses", "state", "note"),
        (
            (
                row["token_id"], row["kinds"], row["scope"], row["made_by"], row["expires_at"],
                f"{row['uses']} of {row['max_uses'] or 'any'}",
                "revoked" if row["revoked_at"] else "", row["note"],
            )
            for row in found["tokens"]
        ),
    )  # fmt: skip


@token.command("revoke")
def revoke_token(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(help="Id of the token (tok-...).")],
    as_json: AsJson = False,
) -> None:
    """Let nobody in with a token any more."""
    with estate(context) as opened:
        found = opened.call("tokens.revoke", {"token_id": token_id})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{token_id} enrols nobody any more")
