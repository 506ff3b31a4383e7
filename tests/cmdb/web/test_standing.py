"""The page of an asset that is not present says why, now and as of a day."""

from __future__ import annotations

import html
from contextlib import closing
from pathlib import Path
from typing import Any

from cmdb.store.sqlite.record import open_record
from tests.cmdb.conftest import NOW, Estate
from tests.reconcile.history import START, Engine, observation


def machine(number: int, at: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "class": "Computer",
        "attributes": {"name": f"pc-{number}", "system_serial": f"SER0000{number}"},
        "services": [{"protocol": "tcp", "port": 22, "process": "sshd"}],
    }
    return observation("agent", f"k{number}", at, instance=f"a<{number}>", **fields)


def test_the_reason_stands_on_the_page(start: Any, tmp_path: Path) -> None:
    yesterday = (NOW - START).days * 24 - 24
    with closing(open_record(tmp_path / "record.db")) as record:
        engine = Engine(record).tell(machine(1, 0), machine(2, 0), machine(2, yesterday))
        assert engine.pipeline.refresh(NOW)
    with start(Estate(tmp_path / "record.db")) as console, console.signed_in() as client:
        now = html.unescape(client.get("/assets/pc-1", follow_redirects=True).text)
        assert "agent a<1>: silent for" in now
        assert "missing for 90 days" in now
        then = html.unescape(
            client.get("/assets/pc-1?as_of=2026-02-20", follow_redirects=True).text
        )
        assert "agent a<1>: silent for" in then
        assert "missing for 90 days" not in then
        for address in ("/assets/pc-2", "/assets/pc-1?as_of=2026-01-02"):
            page = client.get(address, follow_redirects=True)
            assert page.status_code == 200
            assert "silent for" not in page.text
            assert '<p class="muted">Present:' not in page.text
