"""Every operation, in the order of the reference. To add one: its module, and a line below.

The modules are imported when OPERATIONS or an operation is asked for: the command line needs one
of them, or with a server none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from collector.operation import Context, NoParams, Operation

if TYPE_CHECKING:
    OPERATIONS: tuple[Operation, ...]

_MODULES = (
    "assets",
    "identity",
    "setting",
    "reconciling",
    "rules",
    "differences",
    "history",
    "programs",
    "impact",
    "licences",
    "alerts",
    "observers",
    "importing",
    "exporting",
    "estate",
    "people",
    "demo",
)


def operation(name: str) -> Operation:
    """The operation of that name.

    Raises:
        KeyError: There is none.
    """
    # The module that is most likely its own comes first, so that no other is imported.
    subject = _OWN.get(name.partition(".")[0], "")
    for module in sorted(_MODULES, key=lambda module: module != subject):
        for found in _of(module):
            if found.name == name:
                return found
    raise KeyError(name)


def _of(module: str) -> tuple[Operation, ...]:
    found: tuple[Operation, ...] = import_module(f"{__name__}.{module}").OPERATIONS
    return found


def __getattr__(name: str) -> tuple[Operation, ...]:
    if name != "OPERATIONS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return tuple(found for module in _MODULES for found in _of(module))


_OWN = {
    "identity": "identity",
    "twins": "identity",
    "reconcile": "reconciling",
    "stop_list": "reconciling",
    "rebuild": "reconciling",
    "rules": "rules",
    "agents": "observers",
    "tokens": "observers",
    "positions": "licences",
    "alerts": "alerts",
    "retention": "history",
    "channels": "alerts",
    "demo": "demo",
    "import": "importing",
    "export": "exporting",
    "changes": "assets",
    "programs": "programs",
    "assets": "assets",
    "users": "people",
    "status": "estate",
    "backup": "estate",
}
"""The module of most operations with such a name; others are looked for."""

__all__ = ["OPERATIONS", "Context", "NoParams", "Operation", "operation"]
