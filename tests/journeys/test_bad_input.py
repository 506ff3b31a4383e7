"""Bad input at the commands: one clear sentence, the documented exit code, and nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Agent, Done, Estate, Server

REFUSED, NOT_FOUND, UNREACHABLE, NOT_ALLOWED, NO_ROOM = 3, 4, 5, 6, 7
AGENT_USAGE, AGENT_REFUSED, AGENT_NOT_ENROLLED, AGENT_UNREACHABLE = 2, 3, 4, 5


def sentence(done: Done, code: int) -> str:
    """The one line on standard error of a run that ended as documented."""
    assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("stocktake")]
    assert len(line) < 400
    return line


def machine(name: str, **fields: Any) -> dict[str, Any]:
    source = {"kind": "import", "instance": "list.csv"}
    return {
        "type": "observation", "at": "2026-01-01T00:00:00Z", "source": source, "scope": "lists",
        "native_key": name, "full": True, "class": "Computer", "attributes": {"name": name},
    } | fields  # fmt: skip


def test_a_run_that_covers_nothing_is_named_by_its_line(home: Estate) -> None:
    run = {"type": "run", "at": "2026-01-01T00:00:00Z", "run": "nightly", "scope": "lists",
           "source": {"kind": "import", "instance": "list.csv"}}  # fmt: skip
    file = home.home.parent / "runs.jsonl"
    lines = (run | {"event": "start"}, machine("pc"), run | {"event": "end", "state": "complete"})
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    done = home.run("import", "observations", file)
    assert done.returncode == 0
    assert "line 3: taken, but run 'nightly' covers nothing" in done.stderr
    assert home.json("import", "observations", file)["warnings"][0]["line"] == 3


def names(estate: Estate) -> list[str]:
    return sorted(row["name"] for row in estate.assets("--class", "Computer"))


# --- tokens and certificates


def test_a_revoked_token_enrols_nobody(server: Server) -> None:
    made, other = server.json("token"), server.ok("token", "--only-token").strip()
    server.json("token", "revoke", made["token_id"])
    agents = len(server.json("agents")["agents"])
    agent = server.agent("revoked")
    assert "token" in sentence(agent.run("enrol", made["token"]), AGENT_REFUSED)
    assert agent.run("status").returncode == AGENT_NOT_ENROLLED
    assert len(server.json("agents")["agents"]) == agents
    agent.ok("enrol", other)


def test_a_text_that_is_no_token_is_named_so(server: Server) -> None:
    said = server.agent("typo").run("enrol", "stk1-nonsense")
    assert "token" in sentence(said, AGENT_USAGE)


def test_an_altered_token_enrols_nobody(server: Server) -> None:
    token = server.ok("token", "--only-token").strip()
    agent = server.agent("altered")
    for altered in (token[:-6] + "AAAAAA", token[:-1], token + "x"):
        done = agent.run("enrol", altered)
        assert done.returncode in (AGENT_USAGE, AGENT_REFUSED, AGENT_UNREACHABLE)
        sentence(done, done.returncode)
        assert agent.run("status").returncode == AGENT_NOT_ENROLLED
    agent.ok("enrol", token)


def test_an_expired_token_enrols_nobody(server: Server, wait: Callable[..., Any]) -> None:
    from collector.door_client import Door
    from collector.enrolment.tokens import Grants
    from collector.home import Home

    with Door(Home(server.home)) as door:
        grants = Grants(frozenset({"agent"}), "default")
        made = door.make_token(grants, timedelta(milliseconds=20), "person/test")
    wait(lambda: datetime.now(UTC) > made.token.expires_at, "the token's end")
    assert "expired" in sentence(server.agent("late").run("enrol", made.text), AGENT_REFUSED)


def test_a_token_enrols_as_many_as_it_says(server: Server) -> None:
    token = server.ok("token", "--only-token", "--uses", 1).strip()
    server.agent("first").ok("enrol", token)
    assert "token" in sentence(server.agent("second").run("enrol", token), AGENT_REFUSED)


def test_an_agent_with_the_certificate_of_another_speaks_for_neither(server: Server) -> None:
    mine, other = server.enrol("mine"), server.enrol("other")
    stolen, own = (_identity(agent) for agent in (other, mine))
    forged = stolen | {"key_prefix": own["key_prefix"]}
    _write_identity(other, forged)
    before = server.json("status")
    done = other.run("run", "--once")
    assert "Traceback" not in done.stderr
    assert own["key_prefix"] in done.stderr
    assert "may not speak for" in done.stderr
    assert server.settled()["journalled"] == before["journalled"]
    # A certificate whose key one has not: refused before anything is sent.
    _write_identity(other, stolen | {"key_pem": own["key_pem"]})
    assert other.run("run", "--once").returncode
    _write_identity(other, stolen)
    other.ok("run", "--once")
    assert server.settled()["journalled"] > before["journalled"]


def test_a_revoked_agent_is_told_so_and_keeps_its_report(server: Server) -> None:
    agent = server.enrol("dismissed")
    server.json("agents", "revoke", agent.status()["observer_id"])
    before = server.json("status")["journalled"]
    assert "revoked" in sentence(agent.run("run", "--once"), AGENT_REFUSED)
    assert server.json("status")["journalled"] == before
    assert "obs-nobody" in sentence(server.run("agents", "revoke", "obs-nobody"), NOT_FOUND)


def _identity(agent: Agent) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((agent.home / "identity.json").read_text("utf-8"))
    return kept


def _write_identity(agent: Agent, words: dict[str, Any]) -> None:
    (agent.home / "identity.json").write_text(json.dumps(words), "utf-8")


# --- lines


def test_bad_lines_are_named_and_take_no_good_one_with_them(server: Server) -> None:
    good, late = json.dumps(machine("good-1")), json.dumps(machine("good-2"))
    unknown = json.dumps(machine("x", colour="red"))
    huge = json.dumps(machine("huge", attributes={"name": "h" * (5 * 1024 * 1024)}))
    rows = [good.encode(), b"{no json", b'{"type": "\xff\xfe"}', b"", unknown.encode(),
            huge.encode(), b'{"type":"observation"}', late.encode()]  # fmt: skip
    done = server.run("import", "observations", "-", "--now", "--json", stdin=b"\n".join(rows))
    assert done.returncode == REFUSED
    said = json.loads(done.stdout)
    assert said["accepted"] == 2
    reasons = {row["line"]: row["reason"] for row in said["refused"]}
    assert list(reasons) == [2, 3, 5, 6, 7]
    assert "UTF-8" in reasons[3]
    assert "colour" in reasons[5]
    assert "longer" in reasons[6]
    assert {"good-1", "good-2"} <= set(names(server))
    assert not {"x", "huge"} & set(names(server))
    again = server.run("import", "observations", "-", "--now", stdin=b"\n".join(rows[:3]))
    assert again.returncode == REFUSED
    assert [line.split(":")[0] for line in again.stderr.splitlines()] == ["line 2", "line 3"]


def test_a_file_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    assert str(missing) in sentence(server.run("import", "observations", missing), 1)


# --- names, accounts, addresses


def test_what_nothing_answers_to_is_named(server: Server) -> None:
    for words in (("show",), ("explain",), ("history",)):
        assert "nowhere-1" in sentence(server.run(*words, "nowhere-1"), NOT_FOUND)
    assert "tok-none" in sentence(server.run("token", "revoke", "tok-none"), NOT_FOUND)


def test_a_wrong_api_token_is_not_allowed(server: Server) -> None:
    sentence(server.run("--server", server.url, "--token", "stk_wrong", "assets"), NOT_ALLOWED)
    sentence(server.run("--server", server.url, "assets"), NOT_ALLOWED)


def test_a_server_that_does_not_answer_is_named(home: Estate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    assert url in sentence(home.run("--server", url, "assets"), UNREACHABLE)


# --- ports and homes in use


@pytest.mark.parametrize("flag", ["--port", "--grpc-port", "--enrol-port"])
def test_a_port_in_use_is_named_with_the_option_that_chooses_another(
    home: Estate, flag: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"--port": 0, "--grpc-port": 0, "--enrol-port": 0} | {flag: port}
        words = [str(word) for pair in ports.items() for word in pair]
        said = sentence(home.run("serve", *words), UNREACHABLE)
    assert f"port {port}" in said
    assert flag in said


def test_a_home_is_served_once(server: Server) -> None:
    zero = ("--port", 0, "--grpc-port", 0, "--enrol-port", 0)
    said = sentence(server.run("serve", *zero), UNREACHABLE)
    assert str(server.home) in said
    assert server.json("status")


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, home: Estate) -> None:
    (tmp_path / "file").write_text("")
    said = sentence(home.run("--home", tmp_path / "file" / "home", "assets"), UNREACHABLE)
    assert str(tmp_path / "file") in said


# --- no room on the disk


def test_with_files_that_may_not_grow_nothing_is_lost(
    tmp_path: Path, start: Callable[..., Any], wait: Callable[..., Any]
) -> None:
    server: Server
    with start(tmp_path / "limit") as server:
        writers = [found for found in server.processes() if _is_role(found)]
        assert len(writers) == 3
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

        def limit(most_bytes: int) -> None:
            for process in writers:
                process.rlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))

        _waits_for_room(server, wait, lambda: limit(4096), lambda: limit(hard), (1, NO_ROOM))
        assert [found.is_running() for found in writers] == [True] * 3
        assert server.stop() < 10


def test_with_a_full_disk_nothing_is_lost(
    tmp_path: Path, start: Callable[..., Any], wait: Callable[..., Any]
) -> None:
    server: Server
    with _small_disk(tmp_path / "disk" / "home") as disk, start(disk.parent) as server:
        filler = disk / "filler"
        _waits_for_room(server, wait, lambda: _fill(filler), filler.unlink, (NO_ROOM,))
        assert server.stop() < 10


def _waits_for_room(
    server: Server,
    wait: Callable[..., Any],
    fill: Callable[[], None],
    make_room: Callable[[], None],
    codes: tuple[int, ...],
) -> None:
    """The server stays up, the agent keeps its report, and it arrives when there is room."""
    agent = server.enrol("agent")
    agent.ok("run", "--once")
    before = server.settled()
    fill()
    with agent.running():
        wait(lambda: agent.status()["waiting_batches"] == 1, "the agent keeps its report")
        row = json.dumps(machine("no-room"))
        refused = server.run("import", "observations", "-", "--now", stdin=row)
        assert refused.returncode in codes, refused.stderr
        sentence(refused, refused.returncode)
        standing = server.json("status")
        assert standing["journalled"] == before["journalled"]
        assert standing["assets"] == before["assets"] > 0
        assert agent.status()["waiting_batches"] == 1
        make_room()
        wait(lambda: agent.status()["waiting_batches"] == 0, "the report arrives")
    assert server.settled()["journalled"] > before["journalled"]
    server.take_in(machine("room-again"))
    assert "room-again" in names(server)


def _is_role(process: psutil.Process) -> bool:
    return "collector.roles" in process.cmdline()


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; the limit of file sizes is tested instead")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as out:
        for size in (1 << 20, 4096):
            try:
                while out.write(b"\0" * size):
                    continue
            except OSError:
                continue
    assert stat.S_ISREG(filler.stat().st_mode)
