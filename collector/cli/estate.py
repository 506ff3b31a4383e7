"""Commands for the server itself: serve, status, demo, user."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli import show
from collector.cli.options import UNREACHABLE, AsJson, ended, estate, fail, home_of

if TYPE_CHECKING:
    from collector.server import Started

demo = typer.Typer(
    help="The sample estate: forty machines, marked, erased by one command.", no_args_is_help=True
)
user = typer.Typer(help="Accounts of people.", no_args_is_help=True)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="HTTP; 0 takes a free one.")] = 8440,
    grpc_port: Annotated[int, typer.Option(min=0, max=65_535, help="Observers.")] = 8441,
    enrol_port: Annotated[int, typer.Option(min=0, max=65_535, help="Enrolment.")] = 8442,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Name by which others reach this machine.")
    ] = None,
    role: Annotated[str, typer.Option(help="all, or one of intake, reconcile, api.")] = "all",
    agent: Annotated[
        bool, typer.Option("--agent", help="Enrol an agent on this machine and run it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the server: intake, reconcile and console, until Ctrl-C."""
    from collector.server import ROLES, Options, ServerError
    from collector.server import serve as run

    if role not in ("all", *ROLES):
        fail(f"there is no role {role!r}; there are all, {', '.join(ROLES)}", 2)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    options = Options(host, port, grpc_port, enrol_port, tuple(name or ()))
    with ended():
        try:
            run(
                home_of(context),
                options,
                stop=stop,
                ready=_announce if as_json else _welcome,
                roles=ROLES if role == "all" else (role,),
                agent=agent,
            )
        except ServerError as error:
            fail(str(error), UNREACHABLE)


def _announce(started: Started) -> None:
    from dataclasses import asdict

    typer.echo(json.dumps(asdict(started)))


def _welcome(started: Started) -> None:
    typer.echo(f"console    {started.url}" if started.url else "no console in this process")
    typer.echo(f"observers  port {started.grpc_port}, enrolment port {started.enrol_port}")
    if started.first_password:
        typer.echo(f"sign in as admin with {started.first_password}")
        typer.echo(
            "This password is shown once; 'stocktake user reset-password admin' makes another."
        )
    typer.echo("Ctrl-C stops the server.")


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say how the estate stands."""
    with estate(context) as opened:
        found = opened.call("status", {})
    if as_json:
        show.print_json(found)
        return
    waiting = max(0, found["journalled"] - found["applied"])
    show.facts((
        ("assets", found["assets"]), ("records", found["records"]),
        ("waiting", f"{waiting} journalled and not yet reconciled"),
        ("set aside", found["set_aside"] or None),
        ("clock", found["clock"] + (" (stands at the end of a replay)" if found["replay"] else "")),
    ))  # fmt: skip
    show.table(("class", "assets #"), found["by_class"].items())


@demo.command("load")
def demo_load(context: typer.Context, as_json: AsJson = False) -> None:
    """Load the sample estate through the same intake that real sources use."""
    with estate(context) as opened:
        found = opened.call("demo.load", {})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{found['accepted']} observations of the sample estate are in scope demo")
        typer.echo("'stocktake demo erase' takes all of it out again")


@demo.command("erase")
def demo_erase(context: typer.Context, as_json: AsJson = False) -> None:
    """Take the sample estate out, with all that was said in its scope."""
    with estate(context) as opened:
        found = opened.call("demo.erase", {})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{found['records']} records of scope demo are gone; the audit says so")


@user.command("reset-password")
def reset_password(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="Name of the account.")] = "admin",
    as_json: AsJson = False,
) -> None:
    """Give an account a new password, and print it once."""
    with estate(context) as opened:
        found = opened.call("users.reset", {"account": account})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{account} signs in with {found['password']}")


@user.command("add")
def add_user(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="Name of the account.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="viewer, scanner_operator, ...")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add an account, and print its first password once."""
    with estate(context) as opened:
        found = opened.call("users.add", {"account": account, "roles": tuple(role or ("viewer",))})
    if as_json:
        show.print_json(found)
    else:
        typer.echo(f"{account} signs in with {found['password']}")


@user.command("list")
def list_users(context: typer.Context, as_json: AsJson = False) -> None:
    """List accounts."""
    with estate(context) as opened:
        found = opened.call("users.list", {})
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("account", "roles", "made", "state"),
        (
            (row["account"], row["roles"], row["made_at"], "disabled" if row["disabled"] else "")
            for row in found["users"]
        ),
    )
