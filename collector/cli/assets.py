"""Commands about assets: assets, show, explain, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.cli import show
from collector.cli.options import AsJson, AsOf, KnownAt, estate

if TYPE_CHECKING:
    from collector.client import Estate

_NOTHING = "nothing is known yet: start an agent, import a file, or load the demo"
_WAYS_SHOWN = 3
Ref = Annotated[str, typer.Argument(metavar="ASSET", help="Id (ci-12), name or full name.")]


def assets(
    context: typer.Context,
    text: Annotated[list[str] | None, typer.Argument(help="Words to find; prefixes count.")] = None,
    cls: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
    state: Annotated[str | None, typer.Option(help="Only present, missing or retired.")] = None,
    scope: Annotated[str | None, typer.Option(help="Only this scope.")] = None,
    source: Annotated[str | None, typer.Option(help="Only what this kind of source saw.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="ATTRIBUTE=VALUE", help="Only equal ones."),
    ] = None,
    order: Annotated[
        str, typer.Option("--sort", help="Column; - before it for descending.")
    ] = "name",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Rows of a page.")] = 50,
    after: Annotated[str | None, typer.Option(help="Cursor of the next page.")] = None,
    parts: Annotated[bool, typer.Option("--parts", help="List services of machines, too.")] = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Search and list assets."""
    params = {
        "text": " ".join(text or []), "cls": cls, "state": state, "scope": scope,
        "source_kind": source, "where": tuple(where or ()), "order": order, "limit": limit,
        "after": after, "parts": parts, "as_of": as_of, "known_at": known_at,
    }  # fmt: skip
    nothing = ""
    with estate(context) as opened:
        found = opened.call("assets.list", params)
        if not (found["total"] or text or as_of or known_at or as_json):
            nothing = _why_nothing(opened)
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("asset", "class", "name", "system", "state", "scope", "sources", "seen"),
        (_line(row, found["as_of"]) for row in found["assets"]),
    )
    show.past(found)
    shown, total = len(found["assets"]), found["total"]
    typer.echo(f"{shown} of {total}" if shown < total else f"{total} in all")
    if found["cursor"]:
        typer.echo(f"more: --after {found['cursor']}")
    if nothing:
        typer.echo(nothing)


def _why_nothing(opened: Estate) -> str:
    """Why there is no asset at all; nothing where there are some."""
    standing = opened.call("status", {})
    if standing["assets"]:
        return ""
    if not standing["records"]:
        return _NOTHING
    holding = [
        each
        for each in opened.call("identity.decisions", {})["decisions"]
        if each["act"] == "exclude" and each["undone_by"] is None
    ]
    if not holding:
        return ""
    ways = [
        f"'stocktake include --source {show.clean(source)}'"
        if (source := each["extra"].get("source"))
        else f"'stocktake undo {each['number']}'"
        for each in holding
    ]
    shown = " or ".join(dict.fromkeys(ways[:_WAYS_SHOWN]))
    return (
        f"all that is known is excluded: {shown} includes it again; 'stocktake decisions' tells who"
        " excluded what"
    )


def _line(row: dict[str, Any], now: str) -> tuple[object, ...]:
    values = row["attributes"]
    system = " ".join(filter(None, (values.get("os_name"), values.get("os_version"))))
    return (
        row["asset"], row["cls"], _name(row), system,
        row["state"], row["scope"], row["source_kinds"], show.age(row["last_seen"], now),
    )  # fmt: skip


def _name(row: dict[str, Any]) -> str:
    where = f" in {row['parent']}" if row["parent"] else ""
    return f"{row['name']}{where}{' (demo)' if row['demo'] else ''}"


def show_asset(
    context: typer.Context,
    ref: Ref,
    programs: Annotated[bool, typer.Option("--programs", help="List what is installed.")] = False,
    relations: Annotated[bool, typer.Option("--relations", help="List all relations.")] = False,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known about one asset, with whose word each value is."""
    when = {"as_of": as_of, "known_at": known_at}
    with estate(context) as opened:
        page = opened.call("assets.show", {"ref": ref, **when})
        installed = _every(opened, "programs", ref, when) if programs else None
        if relations:
            page["relations"] = _every(opened, "relations", ref, when)["relations"]
    if as_json:
        show.print_json(page | ({"programs": installed["programs"]} if installed else {}))
        return
    _head(page)
    show.past(page)
    show.heading("Attributes")
    show.table(
        ("attribute", "value", "source", "age", ""),
        (
            (
                row["name"], show.quantity(row["value"], row["unit"]), row["source_kind"],
                show.age(row["observed_at"], page["as_of"]), "stale" if row["stale"] else "",
            )
            for row in page["attributes"]
        ),
    )  # fmt: skip
    _relations(page)
    _sections(page)
    if installed is not None:
        _programs(installed)
    elif page["programs_total"]:
        installed_here = show.counted(page["programs_total"], "program")
        typer.echo(f"\n{installed_here}; --programs lists them")


def _every(opened: Estate, what: str, ref: str, when: dict[str, str | None]) -> dict[str, Any]:
    """Every page of them as one."""
    wanted = {"ref": ref, "limit": 500, **when}
    found: dict[str, Any] = opened.call(f"assets.{what}", wanted)
    cursor = found["cursor"]
    while cursor:
        more = opened.call(f"assets.{what}", {**wanted, "after": cursor})
        found[what] += more[what]
        cursor = more["cursor"]
    return found


def _head(page: dict[str, Any]) -> None:
    asset = page["asset"]
    typer.secho(f"{show.clean(asset['name'])}  {asset['asset']}", bold=True)
    show.facts((
        ("class", asset["cls"]), ("state", asset["state"]), ("because", _standing(page)),
        ("scope", asset["scope"]),
        ("demo", "yes: part of the sample estate" if asset["demo"] else None),
        ("sources", asset["source_kinds"]), ("first seen", asset["first_seen"]),
        ("last seen", f"{asset['last_seen']} ({show.age(asset['last_seen'], page['as_of'])} ago)"),
        ("aliases", page["aliases"]),
    ))  # fmt: skip


def _standing(page: dict[str, Any]) -> str | None:
    """Why it is missing or retired, and since when."""
    told = page["standing"]
    if not told:
        return None
    since = f", since {told['since']}" if told["since"] else ""
    return f"{told['why']}{since}"


def _relations(page: dict[str, Any]) -> None:
    if page["relations"]:
        show.heading("Relations")
        show.table(
            ("relation", "asset", "class", "name", "state", "age"),
            (
                (
                    row["verb"], row["other"], row["other_cls"], row["other_name"],
                    row["other_state"], show.age(row["observed_at"], page["as_of"]),
                )
                for row in page["relations"]
            ),
        )  # fmt: skip
        more = sum(page["relation_totals"].values()) - len(page["relations"])
        if more > 0:
            typer.echo(f"{more} more relations; --relations lists them")


_STRETCHES_MOST = 12
_SECTION_COLUMNS = {
    "interfaces": ("name", "mac", "kind", "addresses"),
    "disks": ("name", "kind", "size_bytes", "model", "serial", "mount_points"),
    "components": ("kind", "slot", "vendor", "model", "serial"),
}


def _sections(page: dict[str, Any]) -> None:
    for section in page["sections"]:
        columns = _SECTION_COLUMNS.get(section["kind"].lower())
        if columns and section["rows"]:
            show.heading(f"{section['kind'].capitalize()} ({section['source_kind']})")
            show.table(
                [column.removesuffix("_bytes") for column in columns],
                (
                    [
                        show.quantity(row.get(column), "byte" if "bytes" in column else None)
                        for column in columns
                    ]
                    for row in section["rows"]
                ),
            )


def _programs(installed: dict[str, Any]) -> None:
    show.heading(f"Programs ({installed['total']})")
    show.table(
        ("name", "version", "architecture", "publisher", "system"),
        (
            (
                row["name"], row["version"], row["architecture"], row["publisher"],
                row["package_system"],
            )
            for row in installed["programs"]
        ),
    )  # fmt: skip


def explain(
    context: typer.Context,
    ref: Ref,
    attribute: Annotated[str | None, typer.Argument(help="One attribute; all without.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why an asset is what it is: claims and ranks, records and evidence."""
    with estate(context) as opened:
        found = opened.call("assets.explain", {"ref": ref, "attribute": attribute})
    if as_json:
        show.print_json(found)
        return
    typer.secho(f"{show.clean(found['name'])}  {found['asset']}  {found['cls']}", bold=True)
    for entry in found["attributes"]:
        show.heading(f"{entry['name']}: {_value(entry['value'], entry['unit'])}")
        typer.echo(show.clean(f"rule: {entry['rule']}; {' > '.join(entry['order'])}"))
        if entry["origin"] != "default":
            typer.echo(show.clean(f"      by {entry['origin']}"))
        if not entry["claims"]:
            typer.echo(show.clean(f"no source says anything about {entry['name']} of it"))
            continue
        show.table(
            ("", "value", "source", "record", "age", "why"),
            (_claim(claim, entry["unit"], found["as_of"]) for claim in entry["claims"]),
        )
    if attribute is None:
        _identity(found)


def _identity(found: dict[str, Any]) -> None:
    show.heading(f"State: {found['state']}")
    if found["state_why"]:
        typer.echo(show.clean(f"because: {found['state_why']}"))
    typer.echo(show.clean(f"rule: {found['state_rule']}"))
    show.heading("Records")
    for rule in found["identity_rules"]:
        typer.echo(show.clean(f"rule: {rule}"))
    for number, link in enumerate(found["links"], start=1):
        _link(number, link)
    for each in found["excluded"]:
        _left_out(each)


def _value(value: Any, unit: str | None) -> str:  # noqa: ANN401 - JSON
    return show.quantity(value, unit) if value is not None else show.NONE


def _claim(claim: dict[str, Any], unit: str | None, now: str) -> tuple[object, ...]:
    return (
        "wins" if claim["wins"] else "", show.quantity(claim["value"], unit),
        f"{claim['source_kind']}/{claim['source_instance']}", claim["native_key"],
        show.age(claim["said_at"], now), claim["why"],
    )  # fmt: skip


def _link(number: int, link: dict[str, Any]) -> None:
    from cmdb.query.identity import how_linked, in_stretches

    parts = ("source_kind", "source_instance", "scope", "native_key")
    name = show.clean("/".join(link[part] for part in parts))
    question = ", a question" if link["state"] == "twin" else ""
    first, *more = stretches = link["stretches"]
    when = f"in {len(stretches)} stretches" if more else _stretch(first)
    typer.echo(f"{number}  {name}: {how_linked(link['rule'])}, {when}{question}")
    for place, each in enumerate(stretches[:_STRETCHES_MOST] if more else (), start=1):
        typer.echo(f"  {place}: {_stretch(each)}")
    if len(stretches) > _STRETCHES_MOST:
        typer.echo(f"  and {len(stretches) - _STRETCHES_MOST} more; --json lists all")
    for word in ("joined_by", "ignored"):
        for reason in link["evidence"].get(word, ()):
            other = "/".join(reason["record"])
            why = f" ({reason['why']})" if reason.get("why") else ""
            held = in_stretches(reason)
            typer.echo(show.clean(f"  {_shared(word, reason)} with {other}{why}{held}"))
    for each in link["uncounted"]:
        typer.echo(show.clean(f"  did not count: {each['key']} {each['value']}: {each['why']}"))


def _stretch(told: dict[str, Any]) -> str:
    until = f" until {told['until']}" if told["until"] else ""
    return f"since {told['since']}{until}"


def _left_out(record: dict[str, Any]) -> None:
    parts = ("source_kind", "source_instance", "scope", "native_key")
    name = "/".join(record[part] for part in parts)
    typer.echo(show.clean(f"-  {name}: {record['why']}; else {record['how']}"))


def _shared(word: str, reason: dict[str, Any]) -> str:
    if reason["key"] == "person":
        return f"by {reason['value']}"
    verb = "shares" if word == "joined_by" else "not joined, though it shares"
    return " ".join(filter(None, (verb, reason["key"], reason["value"])))


def history(
    context: typer.Context,
    ref: Annotated[
        str | None, typer.Argument(metavar="[ASSET]", help="One asset; all without.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """List what changed, newest first."""
    params: dict[str, Any] = {"limit": limit} | ({"ref": ref} if ref else {})
    with estate(context) as opened:
        found = opened.call("assets.history" if ref else "changes.list", params)
    if as_json:
        show.print_json(found)
        return
    show.table(
        ("when", "asset", "name", "what", "detail"),
        (
            (row["at"], row["asset"], row["name"], row["what"], _detail(row["detail"]))
            for row in found["changes"]
        ),
    )


_PAIRS = frozenset({"class", "state"})
"""Told as what they were and are."""


def _detail(detail: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(detail, dict):
        return show.clean(detail)
    words = []
    for name, value in detail.items():
        if name == "attributes":
            words += [f"{key}: {show.change(key, old, new)}" for key, (old, new) in value.items()]
        elif name in _PAIRS and isinstance(value, list):
            words.append(f"{name}: {show.change(name, *value)}")
        elif isinstance(value, dict) and "count" in value:
            words.append(f"{name.replace('_', ' ')}: {value['count']}")
        else:
            words.append(f"{name.replace('_', ' ')}: {show.clean(value)}")
    return "; ".join(words)
