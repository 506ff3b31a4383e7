"""What each role may do: one table, which the sign-in, the API and the console read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A role and the roles whose rights it has, too."""

    name: str
    label: str
    summary: str
    includes: tuple[str, ...] = ()


VIEWER = "viewer"
SCANNER_OPERATOR = "scanner_operator"
CHANGE_MANAGER = "change_manager"
LICENCE_MANAGER = "licence_manager"
ADMINISTRATOR = "administrator"

ROLES: tuple[Role, ...] = (
    Role(VIEWER, "Viewer", "Sees everything but accounts and the audit trail"),
    Role(SCANNER_OPERATOR, "Scanner operator", "Starts scans and asks for reports", (VIEWER,)),
    Role(CHANGE_MANAGER, "Change manager", "Plans changes and decides on identity", (VIEWER,)),
    Role(LICENCE_MANAGER, "Licence manager", "Keeps entitlements and their alerts", (VIEWER,)),
    Role(
        ADMINISTRATOR,
        "Administrator",
        "Does everything, and keeps accounts and observers",
        (VIEWER, SCANNER_OPERATOR, CHANGE_MANAGER, LICENCE_MANAGER),
    ),
)
ROLE_BY_NAME = {role.name: role for role in ROLES}


def allows(held: Collection[str], required: str) -> bool:
    """Whether somebody with the roles `held` may do what `required` may do."""
    return any(
        name == required or required in ROLE_BY_NAME[name].includes
        for name in held
        if name in ROLE_BY_NAME
    )


def narrowed(asked: Collection[str], held: Collection[str]) -> tuple[str, ...]:
    """The roles of `asked` that somebody who holds `held` may use, in the table's order."""
    return tuple(role.name for role in ROLES if role.name in asked and allows(held, role.name))
