"""People's words as lines of the import form."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.reconcile.history import START

Ref = dict[str, Any]


def ref(kind: str, key: str, *, instance: str = "one", scope: str = "site") -> Ref:
    return {"source": {"kind": kind, "instance": instance}, "scope": scope, "native_key": key}


def person(act: str, at: int, *records: Ref, **extra: object) -> dict[str, Any]:
    """A decision of Ann's, made `at` hours after the start."""
    return {
        "type": "person",
        "at": (START + timedelta(hours=at)).isoformat(),
        "act": act,
        "records": list(records),
        "by": "ann",
        "extra": {name: str(value) for name, value in extra.items()},
    }
