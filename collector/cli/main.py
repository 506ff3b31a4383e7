"""The stocktake command: what it is called with before the command, and the list of commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from collector.cli import (
    assets,
    data,
    differences,
    estate,
    history,
    identity,
    licences,
    observers,
    programs,
    reconciling,
    rules,
)
from collector.cli.options import EXIT_CODES, Settings

_EPILOG = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES) + "."

app = typer.Typer(
    help="IT asset discovery and configuration management.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(envvar="STOCKTAKE_HOME", help="Folder in which the estate is kept."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(envvar="STOCKTAKE_SERVER", help="Ask the server at this address.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="STOCKTAKE_TOKEN", help="API token for that server.")
    ] = None,
) -> None:
    """What holds for every command."""
    from collector.home import Home

    context.obj = Settings(Home.resolve(home), server, token)


app.command("serve")(estate.serve)
app.command("status")(estate.status)
app.add_typer(observers.token, name="token")
app.add_typer(observers.agents, name="agents")
app.command("assets")(assets.assets)
app.command("show")(assets.show_asset)
app.command("explain")(assets.explain)
app.command("history")(assets.history)
app.command("join")(identity.join)
app.command("split")(identity.split)
app.command("exclude")(identity.exclude)
app.command("include")(identity.include)
app.command("undo")(identity.undo)
app.command("decisions")(identity.decisions)
app.add_typer(identity.twins, name="twins")
app.command("set")(identity.set_values)
app.command("unset")(identity.unset_values)
app.command("retire")(identity.retire)
app.command("reinstate")(identity.reinstate)
app.add_typer(reconciling.stop_list, name="stop-list")
app.command("reconcile")(reconciling.reconcile)
app.command("rebuild")(reconciling.rebuild)
app.add_typer(rules.rules, name="rules")
app.command("diff")(differences.diff)
app.add_typer(history.retention, name="retention")
app.command("programs")(programs.programs)
app.command("impact")(licences.impact)
app.command("position")(licences.position)
app.add_typer(licences.alerts, name="alerts")
data.imports.command("entitlements")(licences.import_entitlements)
app.add_typer(data.imports, name="import")
app.add_typer(data.exports, name="export")
app.command("backup")(data.backup)
app.command("restore")(data.restore)
app.add_typer(estate.demo, name="demo")
app.add_typer(estate.user, name="user")


def run() -> None:
    """Entry point."""
    # What is written is for its owner alone, also what SQLite lays beside its files.
    os.umask(0o077)
    app(prog_name="stocktake")
