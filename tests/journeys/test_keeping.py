"""Keeping an estate: backup under load, restore, accounts, and the interface for programs."""

from __future__ import annotations

import http.cookiejar
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Agent, Estate, Server

REFUSED = 3


def machine(name: str) -> dict[str, Any]:
    source = {"kind": "import", "instance": "load"}
    return {
        "type": "observation", "at": "2026-01-01T00:00:00Z", "source": source, "scope": "load",
        "native_key": name, "full": True, "class": "Computer",
        "attributes": {"name": name, "system_serial": f"S-{name}"},
    }  # fmt: skip


# --- backup and restore


def test_a_backup_under_load_restores_equal_and_the_restored_home_goes_on(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    first: Server
    with start(tmp_path / "first") as first:
        agent = first.enrol("agent")
        agent.ok("run", "--once")
        first.take_in(*(machine(f"before-{number}") for number in range(50)))
        done = _backed_up_under_load(first, tmp_path / "whole.tar")
        first.settled()
        late = first.json("status")
        assert first.stop() < 10

        again: Server = type(first)(tmp_path / "second")
        again.folder.mkdir()
        found = again.json("restore", tmp_path / "whole.tar")
        assert found["applied"] == done["applied"] <= late["applied"]
        names = {row["name"] for row in again.assets("--class", "Computer")}
        assert {f"before-{number}" for number in range(50)} <= names
        # The restored server takes the place of the first: same ports, and the agent goes on.
        again.ports = first.ports
        _goes_on(again, agent, done["applied"])


def _goes_on(again: Server, agent: Agent, applied: int) -> None:
    before = again.json("status")["journalled"]
    assert before >= applied
    (known,) = again.assets("--source", "agent", "--class", "Computer")
    programs = again.json("show", known["asset"], "--programs")["programs"]
    try:
        again.start()
        assert "sign in as" not in again.said
        agent.ok("run", "--once")
        after = again.settled()
        assert after["journalled"] > before
        assert after["set_aside"] == 0
        assert agent.status()["waiting_batches"] == 0
        page = again.json("show", known["asset"], "--programs")
        assert page["programs"] == programs
        assert page["asset"]["last_seen"] > known["last_seen"]
        again.take_in(*(machine(f"after-{number}") for number in range(5)))
        assert again.json("assets", "--scope", "load", "after")["total"] == 5
        assert again.stop() < 10
    finally:
        again.clear()


def _backed_up_under_load(server: Server, file: Path) -> Any:
    """A backup that was written while an import went on all the time."""
    enough = threading.Event()
    rounds: list[int] = []

    def load() -> None:
        while not enough.is_set():
            number = len(rounds)
            server.take_in(*(machine(f"load-{number}-{place}") for place in range(200)))
            rounds.append(number)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        done = server.json("backup", file)
    finally:
        enough.set()
        thread.join(60)
    assert rounds
    assert done["bytes"] == file.stat().st_size > 0
    assert file.stat().st_mode & 0o077 == 0
    return done


def test_a_restored_estate_exports_the_same(home: Estate, tmp_path: Path) -> None:
    rows = [machine(f"m-{number}") for number in range(20)]
    home.take_in(*rows)
    home.ok("backup", tmp_path / "b.tar")
    other = type(home)(tmp_path / "other")
    other.ok("restore", tmp_path / "b.tar")
    for name in ("identity", "assets"):
        exported = home.lines("export", name)
        assert len(exported) >= 20
        assert other.lines("export", name) == exported
    assert other.json("history", "--limit", 500) == home.json("history", "--limit", 500)


def test_a_backup_is_refused_where_it_would_overwrite(home: Estate, tmp_path: Path) -> None:
    home.take_in(machine("a"))
    file = tmp_path / "b.tar"
    home.ok("backup", file)
    for words in (("backup", file), ("restore", file), ("backup", tmp_path / "none" / "b.tar")):
        done = home.run(*words)
        assert done.returncode == REFUSED
        assert len(done.stderr.splitlines()) == 1
        assert str(tmp_path) in done.stderr
    assert home.json("assets")["total"] == 1


@pytest.mark.parametrize("how", ["cut", "altered", "other"])
def test_a_damaged_backup_is_refused(home: Estate, tmp_path: Path, how: str) -> None:
    home.take_in(*(machine(f"m-{number}") for number in range(20)))
    home.ok("backup", tmp_path / "b.tar")
    whole = bytearray((tmp_path / "b.tar").read_bytes())
    middle = whole.find(b"S-m-7")
    assert middle > 0 or how != "altered"
    if how == "altered":
        whole[middle] ^= 1
    damaged = {"cut": whole[: len(whole) // 2], "altered": whole, "other": b"no archive"}[how]
    (tmp_path / "damaged.tar").write_bytes(bytes(damaged))
    done = type(home)(tmp_path / "fresh").run("restore", tmp_path / "damaged.tar")
    assert done.returncode == REFUSED
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


# --- people


def test_a_new_password_signs_in_and_the_old_one_does_not(server: Server) -> None:
    old = server.password
    assert _signed_in(server, old)
    new = server.json("user", "reset-password", "admin")["password"]
    assert new != old
    assert _signed_in(server, new)
    assert not _signed_in(server, old)


def test_an_account_that_was_added_signs_in(server: Server) -> None:
    made = server.json("user", "add", "ann", "--role", "viewer")
    assert [row["account"] for row in server.json("user", "list")["users"]] == ["admin", "ann"]
    assert _signed_in(server, made["password"], "ann")
    assert server.run("user", "add", "ann").returncode == REFUSED


def _signed_in(server: Server, password: str, account: str = "admin") -> bool:
    """Whether a browser that fills the form gets to the overview."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(f"{server.url}/", timeout=10) as page:
        form = page.read().decode()
        address = page.geturl()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    names = re.findall(r'<input[^>]* name="(\w+)"[^>]*>', form)
    assert "password" in names, form[:2000]
    user = next(name for name in names if name in {"account", "user", "name", "username"})
    data = urllib.parse.urlencode(hidden | {user: account, "password": password}).encode()
    request = urllib.request.Request(address, data, {"Origin": server.url})
    try:
        with opener.open(request, timeout=10) as page:
            return 'type="password"' not in page.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code not in (401, 403, 422):
            raise
        return False


# --- the interface for programs


def test_every_operation_is_in_the_openapi_document(server: Server) -> None:
    from collector.operations.paths import PATHS

    document = _asked(server, "GET", "/api/v1/openapi.json")[1]
    assert document["openapi"].startswith("3.")
    described = {
        (method.upper(), path) for path, ways in document["paths"].items() for method in ways
    }
    wanted = {(method, f"/api/v1{path}") for method, path in PATHS.values()}
    assert wanted
    assert wanted <= described


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/assets/nobody", 404),
        ("GET", "/api/v1/nothing-here", 404),
        ("GET", "/api/v1/assets?limit=many", 422),
        ("GET", "/api/v1/assets?order=colour", 422),
        ("POST", "/api/v1/tokens", 422),
        ("DELETE", "/api/v1/assets", 405),
    ],
)
def test_errors_have_one_shape(server: Server, method: str, path: str, status: int) -> None:
    body = b"{no json" if method == "POST" else None
    code, problem, kind = _asked(server, method, path, body)
    assert code == status
    assert kind.startswith("application/problem+json")
    assert {"title", "status", "detail"} <= set(problem)
    assert problem["status"] == status
    assert problem["detail"]


def test_nobody_is_let_in_without_a_token(server: Server) -> None:
    code, problem, kind = _asked(server, "GET", "/api/v1/assets", token="")
    assert (code, problem["status"]) == (401, 401)
    assert kind.startswith("application/problem+json")


def _asked(
    server: Server, method: str, path: str, body: bytes | None = None, token: str | None = None
) -> tuple[int, Any, str]:
    """Status, parsed answer and its media type; as the local administrator."""
    from cmdb.people.local import read_local_token

    words = read_local_token(server.home / "run") if token is None else token
    headers = {"Content-Type": "application/json"}
    if words:
        headers["Authorization"] = f"Bearer {words}"
    request = urllib.request.Request(server.url + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers["Content-Type"]
