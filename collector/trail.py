"""What the audit trail keeps of an operation: whether it wrote, with which words, and its outcome.

Knows no operation by name. Parameters are told by their names, cut to a length; of those that can
hold a secret or a whole file nothing is told but the size. Of an answer, which can hold a password
or a token's text, only what is listed here is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from collector.operation import Operation

MOST_CHARACTERS = 200
"""Of one detail."""
MOST_NAMED = 20
"""Items of a list."""
UNTOLD = frozenset({"text", "url", "password", "secret", "token"})
"""Parameters of which only the size is told: files, and what can hold a secret."""
OUTCOMES: Mapping[str, str] = {
    "number": "decision",
    "decision": "decision",
    "version": "version",
    "sequence": "journal",
    "token_id": "token_id",
    "address": "address",
    "job": "job",
    "accepted": "accepted",
    "steps": "steps",
}
"""Fields of answers that say what was done, and what the trail calls them."""
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def wrote(operation: Operation, params: object) -> bool:
    """Whether it changed anything: what only tries out or asks did not."""
    if operation.method in _SAFE_METHODS or operation.reads:
        return False
    return not getattr(params, "dry_run", False) and getattr(params, "apply", True) is not False


def details(params: object, result: object) -> Mapping[str, str]:
    """What was asked for and what came of it, in short texts."""
    told: dict[str, str] = {}
    for name, value in vars(params).items():
        if name in UNTOLD:
            told[f"{name}_bytes"] = str(len(str(value).encode("utf-8", "surrogateescape")))
        elif text := _text(value):
            told[name] = text
    # That of a limit learned is inside the answer.
    for answer in (getattr(result, "decided", None), result):
        for name, called in OUTCOMES.items():
            value = getattr(answer, name, None)
            if value and isinstance(value, int | str):
                told.setdefault(called, _cut(str(value)))
    return told


def target(operation: Operation, params: object) -> str:
    """The address of an operation, with what its path names."""
    return "/api/v1" + re.sub(
        r"{(\w+)}", lambda found: quote(str(getattr(params, found[1])), safe=""), operation.path
    )


def _text(value: object) -> str:
    """Nothing for what is not set, or is no plain value."""
    if value is True:
        return "yes"
    if isinstance(value, tuple | list):
        more = [f"and {len(value) - MOST_NAMED} more"] if len(value) > MOST_NAMED else []
        return _cut(", ".join([*filter(None, map(_text, value[:MOST_NAMED])), *more]))
    plain = isinstance(value, str | int | float) and value is not False
    return _cut(str(value)) if plain else ""


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
