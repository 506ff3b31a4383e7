"""How values look on a page: ages, sizes, numbers, names of attributes, links.

Every text is escaped by the template engine; nothing here returns markup made from data but
through Markup.format, which escapes what it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import Attribute
from cmdb.model.observation import Json
from cmdb.people.roles import ROLE_BY_NAME
from cmdb.query.encode import to_json
from cmdb.query.identity import how_linked

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_PAIR = 2
_LISTS = ("parts_", "programs_")
_NAMED_MOST = 5
_KIBI = 1024
_NO_POINT = 100
_AGES = (
    (timedelta(days=365), "y"),
    (timedelta(days=30), "mo"),
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
)
_ACRONYMS = {
    "os": "OS",
    "cpu": "CPU",
    "bios": "BIOS",
    "uuid": "UUID",
    "fqdn": "FQDN",
    "tls": "TLS",
    "id": "ID",
    "sha256": "SHA-256",
    "mac": "MAC",
    "mtu": "MTU",
}
_UNIT_WORDS = frozenset({"bytes", "bps"})
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def environment(folders: Iterable[Path], assets_version: str) -> Environment:
    """The template engine: everything is escaped, and what is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(list(folders)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(icon=icon, assets_version=assets_version, query=query, age=age, value=value)
    made.filters.update(
        {
            "size": size,
            "number": number,
            "label": label,
            "symbol": symbol,
            "class_label": class_label,
            "role_label": role_label,
            "change_lines": change_lines,
            "lasting": lambda passed: age_text(passed, "").replace("now", "a moment"),
            "data": data,
            "exact": exact,
            "how_linked": how_linked,
            "written": to_json,
            "instants": instants,
            "state_label": state_label,
        }
    )
    return made


def icon(name: str, title: str = "") -> Markup:
    """A picture from the sprite; without a title it is decoration."""
    spoken = Markup('role="img" aria-label="{}"').format(title)
    return Markup('<svg class="icon" {}><use href="/static/icons.svg#{}"></use></svg>').format(
        spoken if title else Markup('aria-hidden="true"'), name
    )


@pass_context
def age(context: Context, at: datetime | None, suffix: str = " ago") -> Markup:
    """How long ago, with the exact instant for who asks."""
    if at is None:
        return Markup('<span class="muted">never</span>')
    text = age_text(context["now"] - at, suffix)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(to_json(at), exact(at), text)


def age_text(passed: timedelta, suffix: str = " ago") -> str:
    """A duration in one unit, the largest that fits; what is to come is said so."""
    if passed < timedelta(0):
        return f"in {age_text(-passed, '')}" if passed <= -timedelta(minutes=1) else "now"
    for length, unit in _AGES:
        if passed >= length:
            return f"{passed // length} {unit}{suffix}"
    return "now"


def instants(text: str) -> str:
    """A sentence with its instants as people read them."""
    return _INSTANT.sub(lambda found: exact(datetime.fromisoformat(found[0])), text)


def exact(at: datetime) -> str:
    """The instant as people read it, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(count: float | None) -> str:
    """Bytes in the largest binary unit that keeps a digit before the point."""
    if count is None:
        return ""
    amount, unit = float(count), 0
    while abs(amount) >= _KIBI and unit < len(_UNITS) - 1:
        amount, unit = amount / _KIBI, unit + 1
    text = f"{amount:.1f}".removesuffix(".0") if amount < _NO_POINT else f"{amount:.0f}"
    return f"{text}\N{NO-BREAK SPACE}{_UNITS[unit]}"


def number(count: float) -> str:
    """A number with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@pass_context
def value(context: Context, held: object, name: str = "", unit: str | None = None) -> Markup | str:
    """A value of an attribute as people read it, apart from the text around it."""
    if held is None or held == "":
        return Markup('<span class="muted">not set</span>')
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, int | float):
        return _quantity(held, name, unit)
    if (at := _instant(held)) is not None:
        return age(context, at)
    return Markup("<bdi>{}</bdi>").format(_words(held))


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One thing that a change altered."""

    name: str
    label: str
    before: Json
    after: Json


def change_lines(detail: Mapping[str, Json]) -> list[ChangeLine]:
    """What a change altered, one line each: attributes first, then lists and counts."""
    attributes = detail.get("attributes")
    pairs: list[tuple[str, Json]] = list(attributes.items()) if isinstance(attributes, dict) else []
    pairs += [(name, held) for name, held in detail.items() if name != "attributes"]
    return [_change_line(name, held) for name, held in pairs]


def label(name: str) -> str:
    """An attribute's name for people: memory_bytes is Memory, os_name is OS name."""
    words = [word for word in name.split("_") if word not in _UNIT_WORDS] or [name]
    shown = [_ACRONYMS.get(word, word) for word in words]
    return shown[0][:1].upper() + shown[0][1:] + "".join(f" {word}" for word in shown[1:])


def symbol(cls: str) -> str:
    """The picture that stands for a class."""
    declared = CLASS_BY_NAME.get(cls)
    return declared.symbol if declared else "box"


def class_label(cls: str) -> str:
    """A class's name in words: NetworkDevice is Network device."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls)
    return words[:1].upper() + words[1:].lower()


def role_label(name: str) -> str:
    """A role as people call it."""
    return ROLE_BY_NAME[name].label if name in ROLE_BY_NAME else name


def state_label(state: str) -> str:
    """A state in words."""
    return state[:1].upper() + state[1:]


def data(held: object) -> Markup:
    """JSON for a data block in a page: nothing in it can end the block or start markup."""
    text = json.dumps(to_json(held))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  # every sign that HTML knows is escaped above


def query(base: Mapping[str, str], **changes: str | None) -> str:
    """A query string: the base with some changed, and none that are empty."""
    merged = {**base, **changes}
    return "?" + urlencode({name: held for name, held in merged.items() if held})


def declared_attribute(cls: str, name: str) -> Attribute | None:
    """How the class declares the attribute; None where it is not declared."""
    declared = CLASS_BY_NAME.get(cls)
    if declared is None:
        return None
    return next((each for each in declared.all_attributes() if each.name == name), None)


def _quantity(held: float, name: str, unit: str | None) -> str:
    if name == "mtu_bytes":  # Everybody calls it 1500, nobody 1.5 KiB.
        return f"{held}\N{NO-BREAK SPACE}B"
    if unit == "byte" or name.endswith("_bytes"):
        return size(held)
    if name.endswith("_bps"):
        return f"{number(held // 1_000_000)}\N{NO-BREAK SPACE}Mbit/s"
    if name in {"port", "server_port"}:
        return str(held)
    if unit is None:
        return number(held)
    return f"{number(held)}\N{NO-BREAK SPACE}{unit}{'' if held == 1 else 's'}"


def _change_line(name: str, held: Json) -> ChangeLine:
    shown = label(name)
    # Attributes are [old, new]; lists of what came or went carry it in their name.
    if isinstance(held, list) and len(held) == _PAIR and not name.startswith(_LISTS):
        return ChangeLine(name, shown, held[0], held[1])
    if isinstance(held, dict) and isinstance(names := held.get("names"), list):
        more = ", …" if len(names) > _NAMED_MOST else ""
        text = ", ".join(map(str, names[:_NAMED_MOST])) + more
        return ChangeLine(name, f"{shown}: {held.get('count', len(names))}", None, text)
    return ChangeLine(name, shown, None, held)


def _instant(held: object) -> datetime | None:
    if isinstance(held, str) and _INSTANT.fullmatch(held):
        return datetime.fromisoformat(held)
    return held if isinstance(held, datetime) else None


def _words(held: object) -> str:
    if isinstance(held, str):
        return held
    if isinstance(held, list) and all(isinstance(each, str | int | float) for each in held):
        return ", ".join(map(str, held))
    return json.dumps(to_json(held), ensure_ascii=False)
