"""Rules put in force on an engine, and carried out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from reconcile.rules import carry_out
from tests.reconcile.history import START, Engine
from tests.reconcile.words import person


def under(engine: Engine, text: str, at: int = 0) -> Engine:
    """The engine with these rules, carried out to the end."""
    engine.tell(person("rules", at, rules=text, file="rules.yaml"))
    return carried_out(engine)


def carried_out(engine: Engine) -> Engine:
    while carry_out.advance(engine.record, engine.now):
        continue
    return engine


def of_memory(*fields: str) -> str:
    """A file about one number."""
    body = "".join(f"        {field}\n" for field in fields)
    return f"classes:\n  Device:\n    attributes:\n      memory_bytes:\n{body}"


def of_name(*fields: str) -> str:
    """A file about one text."""
    return of_memory(*fields).replace("memory_bytes", "name")


def later(engine: Engine, days: int) -> Engine:
    """The clock moves on, and what time alone changes is projected."""
    engine.now = max(engine.now, START + timedelta(days=days))
    while engine.pipeline.refresh(engine.now):
        continue
    return engine


def value(engine: Engine, ref: str, attribute: str) -> Any:
    return engine.find(ref).attributes.get(attribute)


@st.composite
def files(draw: st.DrawFn) -> str:
    """Rules files that matter to the estates of tests/reconcile/test_order.py."""
    orders = (
        "[import, agent]",
        "[scan: 2 hours, cloud, import/one]",
        "[cloud, scan, agent: 3 hours]",
    )
    said = {
        "order": draw(st.sampled_from(("", *orders))),
        "rule": draw(st.sampled_from(("", "latest", "most reported"))),
        "empty": draw(st.sampled_from(("", "clears"))),
    }
    fields = ", ".join(f"{name}: {text}" for name, text in said.items() if text)
    lines = [f"      owner: {{{fields}}}", f"      name: {{{fields}}}"]
    off = draw(
        st.sets(st.sampled_from(("system_serial", "mac", "bios_uuid", "name", "board_serial")))
    )
    none = draw(st.sampled_from(("", "{system_serial: [AAA111]}", "{mac: ['00:50:56:aa:00:01']}")))
    cls = draw(st.sampled_from(("Device", "Computer")))
    identity = [f"      off: [{', '.join(sorted(off))}]"]
    identity += [f"      placeholders: {none}"] if none else []
    if cls == "Device" and draw(st.booleans()):
        identity.append("      order: [system_serial, instance_id, bios_uuid]")
    after = draw(st.sampled_from(("1 hour", "2 days", "never")))
    silence = draw(st.sampled_from(("1 hour", "3 hours", "30 days", "never")))
    limit = draw(st.sampled_from((2, 3, 24)))
    return "\n".join(
        [
            f"silence:\n  agent: {silence}\n  cloud: {silence}\nstop_list: {{limit: {limit}}}",
            f"classes:\n  {cls}:\n    retire_after: {after}",
            *(["    identity:", *identity] if draw(st.booleans()) else []),
            "    attributes:",
            *lines,
            "",
        ]
    )
