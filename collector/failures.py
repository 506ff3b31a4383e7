"""What kind of failure each error of the layers below is, for REST and command line alike.

To add one: a line below, the more special before the more general.
"""

from __future__ import annotations

import sys
from enum import Enum


class Kind(Enum):
    """What a caller can do about it, with the status that REST tells."""

    NOT_FOUND = 404
    NOT_ALLOWED = 403
    REFUSED = 422
    FAILED = 500
    UNAVAILABLE = 503
    NO_ROOM = 507


FAILURES: tuple[tuple[str, str, Kind], ...] = (
    ("cmdb.store.port", "UnknownAsset", Kind.NOT_FOUND),
    ("cmdb.history", "BadMoment", Kind.REFUSED),
    ("cmdb.query.programs", "UnknownProgram", Kind.NOT_FOUND),
    ("cmdb.store.port", "StoreFull", Kind.NO_ROOM),
    ("cmdb.store.port", "StoreUnavailable", Kind.UNAVAILABLE),
    ("cmdb.store.port", "StoreError", Kind.REFUSED),
    ("reconcile.deciding", "UnknownRecord", Kind.NOT_FOUND),
    ("reconcile.deciding", "DecisionError", Kind.REFUSED),
    ("cmdb.people.errors", "UnknownAccount", Kind.NOT_FOUND),
    ("cmdb.people.errors", "Forbidden", Kind.NOT_ALLOWED),
    ("cmdb.people.errors", "PeopleError", Kind.REFUSED),
    ("cmdb.alerts.errors", "UnknownAlert", Kind.NOT_FOUND),
    ("cmdb.alerts.errors", "UnknownChannel", Kind.NOT_FOUND),
    ("cmdb.alerts.errors", "DeliveryFailed", Kind.UNAVAILABLE),
    ("cmdb.alerts.errors", "AlertError", Kind.REFUSED),
    ("licenses.errors", "UnknownProduct", Kind.NOT_FOUND),
    ("licenses.errors", "LicenceError", Kind.REFUSED),
    ("collector.home", "HomeForeign", Kind.REFUSED),
    ("collector.home", "HomeFull", Kind.NO_ROOM),
    ("collector.home", "HomeError", Kind.UNAVAILABLE),
    ("collector.enrolment.errors", "NotKnown", Kind.NOT_FOUND),
    ("collector.enrolment.errors", "EnrolmentError", Kind.REFUSED),
    ("collector.journal.port", "JournalForeign", Kind.REFUSED),
    ("collector.journal.port", "JournalFull", Kind.NO_ROOM),
    ("collector.journal.port", "JournalError", Kind.UNAVAILABLE),
    ("collector.backup", "BackupError", Kind.REFUSED),
    ("collector.simulation", "SimulationRefused", Kind.REFUSED),
    ("collector.demo", "DemoFailed", Kind.UNAVAILABLE),
    ("collector.operation", "InputRefused", Kind.REFUSED),
    # A number beyond what a store can hold.
    ("builtins", "OverflowError", Kind.REFUSED),
)
"""Module, class and kind. An error whose module was never imported was never raised."""


def kind_of(error: BaseException) -> Kind | None:
    """The kind of a failure; None for one that nobody expects."""
    for declared, kind in declared_failures():
        if isinstance(error, declared):
            return kind
    return None


def declared_failures() -> list[tuple[type[Exception], Kind]]:
    """The classes among FAILURES whose modules are in use, in order."""
    return [
        (getattr(module, name), kind)
        for place, name, kind in FAILURES
        if (module := sys.modules.get(place)) is not None
    ]
