"""The line of a person's word about identity: what each act needs, and no more than that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.declare import SOURCE_KINDS
from cmdb.model.observation import FORMER_ACTS, Decision, Json, RecordKey
from collector.sources import fields
from collector.sources.fields import BadLine

MOST_RECORDS = 500
_MOST_LIMIT = 1_000_000
_FIELDS = frozenset({"type", "at", "act", "records", "by", "note", "extra"})
_ORDINAL_DIGITS = 18
_LONGEST_TIMES = 60 * MOST_RECORDS
_LONGEST_VALUES = 1_000_000

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Act:
    """What the line of an act holds."""

    least_records: int
    most_records: int
    extra: tuple[str, ...] = ()
    """Fields of `extra` that it may have ..."""
    needs: tuple[str, ...] = ()
    """... and those that it must have."""
    instead: str = ""
    """The field of `extra` that may stand in place of records."""


ACTS: Mapping[str, Act] = {
    "same": Act(2, MOST_RECORDS, ("sides", "times")),
    "different": Act(2, MOST_RECORDS, ("sides", "times")),
    "exclude": Act(1, MOST_RECORDS, ("source",), instead="source"),
    "include": Act(1, MOST_RECORDS, ("source",), instead="source"),
    "retire": Act(1, MOST_RECORDS, ("times",)),
    "reinstate": Act(1, MOST_RECORDS, ("times",)),
    "set": Act(1, 1, ("values",), ("values",)),
    "distrust": Act(0, 0, ("key", "value"), ("key", "value")),
    "trust": Act(0, 0, ("key", "value"), ("key", "value")),
    "crowded": Act(0, 0, ("n",), ("n",)),
    "rules": Act(0, 0, ("rules", "file"), ("rules",)),
    "undo": Act(0, 0, ("undoes",), ("undoes",)),
}


def read(line: fields.Object, received_at: datetime) -> Decision:
    """The decision of a line.

    Raises:
        BadLine: It does not hold to the form; the message says which field and why.
    """
    unknown = sorted(line.keys() - _FIELDS)
    if unknown:
        raise BadLine(f"unknown field {unknown[0]!r}")
    act = line.get("act")
    act = FORMER_ACTS.get(act, act) if isinstance(act, str) else act
    form = ACTS.get(act) if isinstance(act, str) else None
    if form is None:
        raise BadLine(f"act is {act!r}; it must be one of {', '.join(ACTS)}")
    keys = tuple(
        fields.record_key(fields.object_(record, f"records[{place}]"))
        for place, record in enumerate(fields.list_(line, "records"))
    )
    extra = _extra(line.get("extra"), form)
    if "value" in extra:
        extra["value"] = _compared(extra["key"], extra["value"])
    _check_records(keys, extra, form)
    return Decision(
        str(act),
        keys,
        received_at,
        received_at,
        by=fields.text(line.get("by") or "", "by"),
        note=fields.text(line.get("note") or "", "note"),
        extra=extra,
    )


def write(decision: Decision) -> dict[str, Json]:
    """The line that read() reads, without the time of its arrival."""
    records: list[Json] = [reference(key) for key in decision.records]
    return {
        "type": "person",
        "act": decision.act,
        "records": records,
        "by": decision.by,
        "note": decision.note,
        "extra": dict(decision.extra),
    }


def reference(key: RecordKey) -> Json:
    """A record as lines name it."""
    return {
        "source": {"kind": key.source.kind, "instance": key.source.instance},
        "scope": key.scope,
        "native_key": key.native_key,
    }


def _extra(value: Json, form: Act) -> dict[str, str]:
    given = fields.object_(value or {}, "extra")
    for name in given:
        if name not in form.extra:
            allowed = ", ".join(form.extra) or "nothing"
            raise BadLine(f"extra.{name} does not belong to this act, which takes {allowed}")
    found = {
        name: _READERS[name](held) if name in _READERS else fields.key(held, f"extra.{name}")
        for name, held in given.items()
    }
    for name in form.needs:
        if name not in found:
            raise BadLine(f"extra.{name} is missing")
    for name, held in found.items():
        check = _CHECKS.get(name)
        if check and not check[0](held):
            raise BadLine(f"extra.{name} is {held!r}; it must be {check[1]}")
    return found


def _rules_file(value: Json) -> str:
    from reconcile.rules.read import load

    if not isinstance(value, str):
        raise BadLine("extra.rules must be the text of a rules file")
    problems = load(value).problems
    if problems:
        raise BadLine(f"extra.rules, line {problems[0].line}: {problems[0].text}")
    return value


def _times(value: Json) -> str:
    from reconcile.times import read as read_times

    if not isinstance(value, str) or len(value) > _LONGEST_TIMES:
        raise BadLine(f"extra.times must be a text of at most {_LONGEST_TIMES} characters")
    try:
        read_times(value)
    except ValueError as error:
        raise BadLine(f"extra.times: {error}; each is an instant, an interval or -") from error
    return value


def _values(value: Json) -> str:
    from reconcile.set_words import told

    if not isinstance(value, str) or len(value) > _LONGEST_VALUES:
        raise BadLine(f"extra.values must be a text of at most {_LONGEST_VALUES} characters")
    try:
        told(value)
    except ValueError as error:
        raise BadLine(f"extra.values: {error}; write JSON, [before, after] of each") from error
    return value


def _check_records(keys: tuple[RecordKey, ...], extra: Mapping[str, str], form: Act) -> None:
    if not keys and form.instead and form.instead in extra:
        return
    if not form.least_records <= len(keys) <= form.most_records:
        least, most = form.least_records, form.most_records
        span = f"{least} to {most}" if most else "none"
        or_else = f", or extra.{form.instead}" if form.instead else ""
        raise BadLine(f"records has {len(keys)}; this act takes {span}{or_else}")
    times = extra["times"].split(" ") if "times" in extra else ["-"] * len(keys)
    if len(times) != len(keys):
        raise BadLine(f"extra.times has {len(times)} for {len(keys)} records; write one for each")
    whole = [key for key, time in zip(keys, times, strict=True) if time == "-"]
    if len(set(zip(keys, times, strict=True))) < len(keys) or any(
        keys.count(key) > 1 for key in whole
    ):
        raise BadLine("records names one twice")
    most = len(keys) if form is ACTS["same"] else len(keys) - 1
    if int(extra.get("sides", "1")) > max(most, 1):
        raise BadLine("extra.sides leaves no record on the other side")


def _compared(key: str, value: str) -> str:
    """A value as identification compares it; one that is none of the key's is left as it is."""
    from reconcile.deciding import DecisionRefused
    from reconcile.stop_list import normal

    try:
        return normal(key, value)
    except DecisionRefused:
        return value


def _is_ordinal(text: str) -> bool:
    plain = text.isascii() and text.isdecimal() and len(text) <= _ORDINAL_DIGITS
    return plain and int(text) > 0


def _is_source(text: str) -> bool:
    kind, _, instance = text.partition("/")
    return kind in SOURCE_KINDS and bool(instance)


def _is_limit(text: str) -> bool:
    return _is_ordinal(text) and 1 < int(text) <= _MOST_LIMIT


def _is_key(text: str) -> bool:
    from reconcile.keys import of_one_space

    return bool(of_one_space(text))


_READERS: Mapping[str, Callable[[Json], str]] = {
    "rules": _rules_file, "times": _times, "values": _values,
}  # fmt: skip
"""Fields of `extra` that are no short texts."""
_CHECKS: Mapping[str, tuple[Check, str]] = {
    "sides": (_is_ordinal, "a whole number from 1"),
    "undoes": (_is_ordinal, "the number of a decision"),
    "source": (_is_source, "kind/instance of a source"),
    "n": (_is_limit, f"a whole number from 2 to {_MOST_LIMIT}"),
    "key": (_is_key, "the name of a key"),
}
