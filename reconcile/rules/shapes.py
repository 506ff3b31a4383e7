"""Whether a text could ever be a value of a key: a placeholder that cannot is a slip of the pen.

What identification passes over by itself, such as a MAC of zeros, may stand in a list all the same.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping

from cmdb.model.declare import Key, KeyForm
from reconcile.account import normal_address

_MOST_BYTES = 200
"""As evidence bounds what it takes of a value."""
_MAC = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{2}([:.-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}"
    r"|[0-9a-f]{4}([:.-])[0-9a-f]{4}\2[0-9a-f]{4}|[0-9a-f]{6}-[0-9a-f]{6}",
    re.ASCII | re.IGNORECASE,
)


_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E[+]?\d+", re.ASCII | re.IGNORECASE)


def never(key: Key, text: str) -> str | None:
    """Why the text can never be a value of the key; None when it can."""
    if len(text) > _MOST_BYTES:
        return f"it is longer than {_MOST_BYTES} characters"
    if not text.isprintable():
        return "it has control characters"
    reason = _REASONS.get(key.normal if key.form is KeyForm.ATTRIBUTE else key.form)
    return reason(text.strip()) if reason else None


def _mac(text: str) -> str | None:
    fits = _MAC.fullmatch(text)
    return None if fits else "it is no 12 hexadecimal digits, as in 00:00:5e:00:53:01"


def _uuid(text: str) -> str | None:
    try:
        uuid.UUID(text.strip("{}"))
    except ValueError:
        return "it is no UUID, as in 4c4c4544-0042-3510-8058-b7c04f4d3032"
    return None


def _serial(text: str) -> str | None:
    return "a spreadsheet rounded it: quote all its digits" if _ROUNDED.fullmatch(text) else None


def _name(text: str) -> str | None:
    if normal_address(text) is not None:
        return "it is an address"
    if "." in text.rstrip("."):
        return f"names are compared without their domain: write {text.partition('.')[0]}"
    return None


_REASONS: Mapping[str | KeyForm, Callable[[str], str | None]] = {
    "uuid": _uuid,
    "serial": _serial,
    KeyForm.MAC: _mac,
    KeyForm.NAME: _name,
}
"""By the form of the key, or the normal form of its attribute."""
