"""Writes docs/reference from the declarations: classes, commands, REST, rules, entitlements.

python -m collector.reference docs/reference [--check]
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

from cmdb.model.classes import CLASSES, RELATIONS
from cmdb.model.declare import Attribute, CIClass

_NOTE = "<!-- Made by `make docs` from the code; edit the code. -->\n"


def classes() -> Iterator[str]:
    """Classes with attributes and keys, and relations."""
    yield f"{_NOTE}# Classes and relations\n"
    yield "Each is declared once, in `cmdb/model/classes/`.\n"
    for declared in CLASSES:
        yield from _class(declared)
    yield "## Relations\n"
    yield "| relation | read backwards | meaning | failure |\n| --- | --- | --- | --- |"
    for relation in RELATIONS:
        yield (
            f"| `{relation.name}` | `{relation.inverse}` | {relation.summary} "
            f"| {relation.impact.value} |"
        )


def _class(declared: CIClass) -> Iterator[str]:
    above = f" Extends {declared.extends.name}." if declared.extends else ""
    yield f"## {declared.name}\n\n{declared.summary}.{above}\n"
    if declared.attributes:
        yield "| attribute | type | meaning | trusted, first to last |\n| --- | --- | --- | --- |"
        yield from (_attribute(attribute) for attribute in declared.attributes)
        yield ""
    if declared.keys:
        yield "Identified by, strongest first:\n"
        for key in declared.keys:
            alone = "by itself" if key.sole else "together with another"
            single = "; a thing has one" if key.single else ""
            yield f"1. `{key.name}` {alone}{single}"
        yield ""


def _attribute(attribute: Attribute) -> str:
    unit = f", in {attribute.unit}s" if attribute.unit else ""
    unit += f", {attribute.span}" if attribute.span else ""
    trust = ", ".join(rank.kind for rank in attribute.authority.ranks)
    return f"| `{attribute.name}` | {attribute.type.value}{unit} | {attribute.summary} | {trust} |"


def commands() -> Iterator[str]:
    """Every command with its options."""
    import typer.main

    from collector.cli.main import app
    from collector.cli.options import EXIT_CODES

    yield f"{_NOTE}# Commands\n"
    yield "Every command takes `--json`. Before the command: `--home`, `--server`, `--token`.\n"
    yield (
        "Tables fit the terminal, or as many columns as `COLUMNS` says: long cells are folded,"
        " names and the cells of more than 100 rows are cut with an ellipsis. In a pipe without"
        " `COLUMNS` every line is whole.\n"
    )
    yield "| exit code | meaning |\n| --- | --- |"
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES)
    yield ""
    yield from _command("stocktake", typer.main.get_command(app))


def _command(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - click's, untyped
    subs: dict[str, Any] = getattr(command, "commands", {})
    if not subs or path.count(" "):
        yield f"## {path}\n\n{(command.help or '').strip()}\n"
        yield from _parameters(command)
    for name, sub in subs.items():
        yield from _command(f"{path} {name}", sub)


def _parameters(command: Any) -> Iterator[str]:  # noqa: ANN401 - click's, untyped
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        shown = ", ".join(parameter.opts) if parameter.opts[0].startswith("-") else parameter.name
        rows.append(f"| `{shown}` | {getattr(parameter, 'help', '') or ''} |")
    if rows:
        yield "| argument or option | meaning |\n| --- | --- |"
        yield from rows
        yield ""


def rest() -> Iterator[str]:
    """The REST interface."""
    from collector.operations import OPERATIONS

    yield f"{_NOTE}# REST interface\n"
    yield (
        "Under `/api/v1`; the full schema is at `/api/v1/openapi.json`. Make an API token on the"
        " page Your account of the console and send it as `Authorization: Bearer ...`. Errors"
        " are `application/problem+json` (RFC 9457).\n"
    )
    yield "| operation | | role | parameters |\n| --- | --- | --- | --- |"
    for operation in OPERATIONS:
        hints = get_type_hints(operation.params)
        names = ", ".join(
            f"`{field.name}`"
            for field in dataclasses.fields(operation.params)
            if field.name in hints
        )
        yield (
            f"| {operation.summary} | `{operation.method} {operation.path}` | {operation.role}"
            f" | {names} |"
        )


def entitlements() -> Iterator[str]:
    """Columns of a CSV file of entitlements."""
    from cmdb.model.classes import CLASS_BY_NAME
    from licenses.entitlements import ALIASES, CLASS, REQUIRED

    meaning = {each.name: each.summary for each in CLASS_BY_NAME[CLASS].all_attributes()}
    yield f"{_NOTE}# Columns of an entitlement file\n"
    yield "UTF-8; commas, semicolons or tabs; the first line names the columns, in any order.\n"
    yield "| column | meaning | also read as |\n| --- | --- | --- |"
    for name, aliases in ALIASES.items():
        needed = ", needed" if name in REQUIRED else ""
        said = meaning.get(name, "Line of the contract, to tell two rows of one product apart")
        others = ", ".join(alias for alias in aliases if alias != name)
        yield f"| `{name}` | {said}{needed} | {others} |"


def rules() -> Iterator[str]:
    """What a rules file may say, and what holds without one."""
    from reconcile.rules import schema
    from reconcile.rules.model import DEFAULTS, SWITCHED, VALUED
    from reconcile.rules.nodes import MOST_BYTES
    from reconcile.rules.write import time

    yield f"{_NOTE}# Rules file\n"
    yield (
        f"UTF-8, YAML without anchors, aliases and tags, at most {MOST_BYTES // 1024} KiB. What a"
        " file does not say is as shipped; `stocktake rules export` writes all of it. A class has"
        " what is said of those it extends, name by name. `stocktake rules check FILE` tells all"
        " that is wrong, with lines.\n"
    )
    yield (
        "A time is `36 hours`, `30 days`, `2 weeks`, `1 year` (at most"
        f" {schema.FOREVER_YEARS}) or `{schema.NEVER}`.\n"
    )
    for title, path, fields in schema.SECTIONS:
        where = f" (`{path}`)" if path else ""
        yield f"## {title}{where}\n"
        yield "| name | meaning | values |\n| --- | --- | --- |"
        yield from (f"| `{each.name}` | {each.summary} | {each.values} |" for each in fields)
        yield ""
    yield "## Normal forms\n"
    yield "| type of attribute | forms that fit |\n| --- | --- |"
    for type_, names in schema.COMPARE.items():
        yield f"| {type_.value} | {', '.join(f'`{name}`' for name in names)} |"
    yield "\n## Keys\n"
    yield f"May be switched off: {', '.join(f'`{name}`' for name in SWITCHED)}.\n"
    yield f"May have placeholders: {', '.join(f'`{name}`' for name in VALUED)}.\n"
    yield f"In order, as shipped: {', '.join(f'`{name}`' for name in DEFAULTS.order)}.\n"
    yield "## As shipped\n"
    yield "| | |\n| --- | --- |"
    for kind, after in DEFAULTS.silence.items():
        yield f"| silence of `{kind}` | {time(after)} |"
    yield f"| stop-list limit | {DEFAULTS.crowded} records |"


PAGES: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("classes.md", classes),
    ("commands.md", commands),
    ("rest.md", rest),
    ("entitlements.md", entitlements),
    ("rules.md", rules),
)


def main(arguments: list[str]) -> int:
    """Writes the pages, or with --check says which are out of step."""
    folder, check = Path(arguments[0]), "--check" in arguments
    stale = []
    for name, page in PAGES:
        text = "\n".join(page()).rstrip() + "\n"
        target = folder / name
        if check and (not target.exists() or target.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            target.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"out of step with the code: {', '.join(stale)}; run make docs\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
