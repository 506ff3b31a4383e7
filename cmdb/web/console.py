"""The console's own subjects, in one place: to add a page, write its module and list it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import FastAPI

from cmdb.web import (
    account,
    admin,
    alerts,
    asset,
    assets,
    compare,
    impact,
    observers,
    overview,
    sign_in,
)
from cmdb.web.problem import Translation, install_problems
from cmdb.web.shell import Services, Shell, Subject, install

OWN: tuple[Callable[[Shell], Subject], ...] = (
    sign_in.subject,
    overview.subject,
    assets.subject,
    asset.subject,
    compare.subject,
    impact.subject,
    alerts.subject,
    observers.subject,
    account.subject,
    admin.subject,
)


def install_console(
    app: FastAPI,
    services: Services,
    others: Iterable[Callable[[Shell], Subject]] = (),
    translations: tuple[Translation, ...] = (),
) -> Shell:
    """Puts the console's pages into the app, and those of subjects that stand above it."""
    shell = Shell(services)
    install(app, shell, [make(shell) for make in (*OWN, *others)])
    install_problems(app, shell.error_page, translations)
    return shell
