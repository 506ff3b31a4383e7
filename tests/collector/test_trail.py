"""The audit trail of operations: what was written, with which words, and never a secret."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.port import AuditEntry
from cmdb.store.sqlite.desk import open_desk
from collector import trail
from collector.home import Home
from collector.local import LocalEstate
from collector.operations import OPERATIONS
from tests.reconcile.history import observation


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[LocalEstate]:
    with closing(LocalEstate(Home(tmp_path))) as opened:
        lines = [observation("agent", f"k{n}", 0, attributes={"name": f"pc-{n}"}) for n in range(2)]
        text = "\n".join(map(json.dumps, lines))
        told = opened.call("import.observations", {"text": text})
        opened.call("import.wait", {"sequence": told["sequence"]})
        yield opened


def entries(folder: Path, action: str) -> list[AuditEntry]:
    with closing(open_desk(folder / "desk.db")) as desk:
        return [row.entry for row in desk.audited(50) if row.entry.action == action]


def two(estate: LocalEstate) -> list[str]:
    return [row["asset"] for row in estate.call("assets.list", {"limit": 2})["assets"]]


def test_a_join_tells_its_words_and_number_and_its_dry_run_is_no_write(
    estate: LocalEstate, tmp_path: Path
) -> None:
    asked = {"assets": two(estate), "note": "one machine"}
    estate.call("identity.join", {**asked, "dry_run": True})
    assert entries(tmp_path, "identity.join") == []
    done = estate.call("identity.join", asked)
    (entry,) = entries(tmp_path, "identity.join")
    assert entry.detail["assets"] == ", ".join(asked["assets"])
    assert (entry.detail["note"], entry.detail["decision"]) == ("one machine", str(done["number"]))
    estate.call("identity.undo", {"number": done["number"], "dry_run": True})
    estate.call("identity.undo", {"number": done["number"], "note": "two after all"})
    (entry,) = entries(tmp_path, "identity.undo")
    assert entry.detail["number"] == str(done["number"])
    assert entry.detail["decision"] == str(done["number"] + 1)


def test_a_value_that_was_set_is_told_with_its_asset(estate: LocalEstate, tmp_path: Path) -> None:
    first = two(estate)[0]
    estate.call("assets.set", {"ref": first, "values": ["owner=Finance"], "note": "by letter"})
    (entry,) = entries(tmp_path, "assets.set")
    assert entry.target == f"/api/v1/assets/{first}/set"
    assert (entry.detail["ref"], entry.detail["values"]) == (first, "owner=Finance")


def test_what_only_tries_out_or_asks_is_no_write(estate: LocalEstate, tmp_path: Path) -> None:
    estate.call("rules.check", {"text": ""})
    estate.call("retention.run", {"dry_run": True})
    estate.call("stop_list.learn", {})
    for name in ("rules.check", "retention.run", "stop_list.learn"):
        assert entries(tmp_path, name) == []
    estate.call("rebuild.order", {})
    (entry,) = entries(tmp_path, "rebuild.order")
    assert int(entry.detail["steps"]) > 0


def test_neither_a_secret_nor_a_file_is_told(estate: LocalEstate, tmp_path: Path) -> None:
    url = "json://someone:s3cret@127.0.0.1:9/x"
    estate.call("channels.add", {"name": "desk", "url": url})
    (entry,) = entries(tmp_path, "channels.add")
    assert (entry.detail["name"], entry.detail["url_bytes"]) == ("desk", str(len(url)))
    made = estate.call("tokens.make", {"scope": "site"})
    (entry,) = entries(tmp_path, "tokens.make")
    assert (entry.detail["scope"], entry.detail["token_id"]) == ("site", made["token_id"])
    new = estate.call("users.add", {"account": "dana"})
    (entry,) = entries(tmp_path, "users.add")
    assert entry.detail["account"] == "dana"
    with closing(open_desk(tmp_path / "desk.db")) as desk:
        told = str([row.entry for row in desk.audited(50)])
    assert not any(secret in told for secret in ("s3cret", made["token"], new["password"]))


def test_no_operation_tells_a_parameter_that_can_hold_a_secret() -> None:
    """Whoever declares another is to say so in UNTOLD."""
    written = [each.params for each in OPERATIONS if each.method != "GET" and not each.reads]
    names = {name for params in written for name in inspect.signature(params).parameters}
    suspect = {
        name
        for name in names - trail.UNTOLD
        if any(word in name for word in ("pass", "secret", "url", "text", "key_", "token"))
    }
    assert suspect == {"token_id"}


@dataclass(frozen=True)
class Much:
    names: tuple[str, ...]
    note: str


def test_what_is_told_is_bounded() -> None:
    nothing: Any = None
    told = trail.details(Much(tuple(map(str, range(5000))), "n" * 5000), nothing)
    assert told["names"].endswith("19, and 4980 more")
    assert len(told["note"]) == trail.MOST_CHARACTERS
