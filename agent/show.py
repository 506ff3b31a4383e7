"""What the agent would send, as tables for people.

Works on the readable values of `agent.report.readable`, so that what people see is what travels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.report.readable import Json

_FIRST_PROGRAMS = 20
_GIB = 1 << 30
_WIDEST = 48


@dataclass(frozen=True)
class _View:
    """One section as a table: where its rows are, and which columns people want first."""

    section: str
    title: str
    rows: str
    columns: tuple[str, ...]


_VIEWS = (
    _View("network_interfaces", "Network interfaces", "interfaces",
          ("name", "kind", "up", "mac", "addresses")),
    _View("disks", "Disks", "disks",
          ("name", "kind", "parent", "size_bytes", "model", "serial", "mount_points")),
    _View("components", "Components", "components",
          ("kind", "slot", "vendor", "model", "serial", "size_bytes")),
    _View("listening_services", "Listening services", "services",
          ("protocol", "address", "port", "process", "user", "package", "package_version")),
    _View("connections", "Connections", "connections",
          ("outbound", "server_address", "server_port", "client_address", "process", "count")),
    _View("users", "Users", "users", ("name", "identifier", "last_login")),
    _View("programs", "Programs", "entries",
          ("name", "version", "architecture", "publisher", "install_date")),
)  # fmt: skip

# What a person asks of a machine first; the fields are of two sections.
_SUMMARY = (
    ("Name", ("fqdn", "name")), ("Maker", ("vendor",)), ("Model", ("model",)),
    ("Serial number", ("system_serial",)), ("Machine id", ("machine_id",)),
    ("Runs in", ("virtualization",)), ("System", ("os_name",)), ("Version", ("os_version",)),
    ("Kernel", ("kernel_version",)), ("Architecture", ("architecture",)),
    ("Processor", ("cpu_model",)), ("Sockets", ("cpu_sockets",)), ("Cores", ("cpu_cores",)),
    ("Threads", ("cpu_threads",)), ("Memory", ("memory_bytes",)), ("Last started", ("booted_at",)),
    ("Time zone", ("timezone",)),
)  # fmt: skip


def tables(document: Mapping[str, Json], *, all_rows: bool = False) -> str:
    """The observation as text: a summary, a table for each section, the complaints."""
    sections = _object(document.get("sections"))
    parts = ["\n".join(_summary(document, sections))]
    parts.extend(
        "\n".join(_section(view, _object(sections[view.section]), all_rows))
        for view in _VIEWS
        if view.section in sections
    )
    complaints = _list(document.get("complaints"))
    if complaints:
        parts.append("\n".join(["Could not be read", *(f"  {each}" for each in complaints)]))
    return "\n\n".join(parts) + "\n"


def _summary(document: Mapping[str, Json], sections: Mapping[str, Json]) -> Iterator[str]:
    facts = {**_object(sections.get("computer")), **_object(sections.get("operating_system"))}
    yield f"{document.get('class', 'Thing')} {document.get('native_key', '')}".rstrip()
    rows = [("Scope", str(document.get("scope", "")))]
    for title, names in _SUMMARY:
        value = next((facts[name] for name in names if facts.get(name) not in (None, "")), None)
        if value is not None:
            rows.append((title, _cell(names[0], value)))
    width = max(len(title) for title, _ in rows)
    for title, value in rows:
        yield f"  {title:<{width}}  {value}".rstrip()


def _section(view: _View, section: Mapping[str, Json], all_rows: bool) -> Iterator[str]:  # noqa: FBT001
    if "reason" in section:
        yield f"{view.title}: not looked at: {section['reason']}"
        return
    rows = [_object(row) for row in _list(section.get(view.rows))]
    yield f"{view.title} ({len(rows)})"
    if view.section == "programs":
        rows.sort(key=lambda row: str(row.get("name", "")))
    shown = rows if all_rows or view.section != "programs" else rows[:_FIRST_PROGRAMS]
    if not shown:
        yield "  none"
        return
    yield from _table(view.columns, shown)
    if len(shown) < len(rows):
        yield f"  ... and {len(rows) - len(shown)} more; --all shows them"


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    used = [column for column in columns if any(column in row for row in rows)]
    heads = [column.replace("_bytes", "").replace("_", " ").upper() for column in used]
    cells = [[_cell(column, row.get(column)) for column in used] for row in rows]
    widths = [min(_WIDEST, max(len(line[n]) for line in [heads, *cells])) for n in range(len(used))]
    for line in [heads, *cells]:
        padded = (f"{text:<{width}}" for text, width in zip(line, widths, strict=True))
        yield ("  " + "  ".join(padded)).rstrip()


def _cell(name: str, value: Json) -> str:
    if value is None:
        return "-"
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{value / _GIB:.1f} GiB" if value >= _GIB // 10 else f"{value:,} B"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(name, each) for each in value)
    if isinstance(value, dict):
        length = value.get("prefix_length")
        return f"{value.get('address')}/{length}" if length is not None else str(value["address"])
    return str(value).removeprefix("INTERFACE_KIND_").lower() if name == "kind" else str(value)


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
