"""The supervisor: who dies is started again where it was; who dies with it leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from cmdb.store.sqlite.record import open_record
from collector.client import RemoteEstate
from collector.home import Home, HomeBusy, HomeLocked, patiently
from collector.server import LOCK, ROLES, Options, ServerError, Started, serve, server_of

_FREE = Options(http_port=0, grpc_port=0, enrol_port=0)


@contextmanager
def serving(home: Home) -> Iterator[Started]:
    stop, up = threading.Event(), threading.Event()
    said: list[Started] = []

    def ready(started: Started) -> None:
        said.append(started)
        up.set()

    thread = threading.Thread(
        target=serve, args=(home, _FREE), kwargs={"stop": stop, "ready": ready}
    )
    thread.start()
    try:
        assert up.wait(60)
        yield said[0]
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < end, f"waited 30 s for {what}"
        time.sleep(0.05)
    return found


def child(role: str, home: Home, but: int = 0) -> psutil.Process | None:
    for process in psutil.Process().children():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if role in words and str(home.path) in words and process.pid != but:
            return process
    return None


def answers(home: Home) -> Any:
    from cmdb.people.local import read_local_token
    from collector.client import CallFailed

    url = server_of(home)
    assert url
    try:
        estate = RemoteEstate(url, read_local_token(home.run_dir), None)
        return estate.call("agents.list", {}) is not None
    except CallFailed:
        return None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_each_child_is_started_again_on_its_own_ports(home: Home) -> None:
    with serving(home) as started:
        for role in ROLES:
            died = until(partial(child, role, home), role)
            died.kill()
            until(partial(child, role, home, died.pid), f"{role} to be started again")
            until(lambda: answers(home), "answers from all of it")
        assert server_of(home) == started.url
        listening = {
            connection.laddr.port
            for process in psutil.Process().children()
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert {started.grpc_port, started.enrol_port} <= listening
    assert child("intake", home) is None


def test_work_in_the_background_yields_to_answers(home: Home) -> None:
    mine = os.nice(0)
    group = Path("/proc/self/autogroup")
    with serving(home):
        nicenesses = {}
        for role in ROLES:
            process = child(role, home)
            assert process is not None
            nicenesses[role] = process.nice() - mine
            if group.exists() and role != "api":
                weighed = Path(f"/proc/{process.pid}/autogroup").read_text(encoding="ascii")
                assert weighed.split()[-1] == "10"
    assert nicenesses == {"intake": min(10, 19 - mine), "reconcile": min(10, 19 - mine), "api": 0}


def test_a_child_that_loses_its_parent_ends(home: Home, tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys, threading; from pathlib import Path; from collector.home import Home;"
        " from collector.server import Options, serve;"
        " serve(Home(Path(sys.argv[1])), Options('127.0.0.1', 0, 0, 0), stop=threading.Event(),"
        " ready=lambda started: print('ready', flush=True))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(home.path)], stdout=subprocess.PIPE, cwd=tmp_path
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"ready\n"
        children = psutil.Process(parent.pid).children()
        assert len(children) == len(ROLES)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(10)
        _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []


def test_nobody_serves_a_home_that_was_left(home: Home) -> None:
    assert server_of(home) is None
    with serving(home):
        assert server_of(home)
        assert home.holder("serve") == os.getpid()
    assert server_of(home) is None


def test_a_home_is_served_once(home: Home) -> None:
    with serving(home), pytest.raises(Exception, match="already works as serve"):
        serve(home, _FREE, stop=threading.Event(), ready=lambda _: None)


def test_a_part_that_cannot_start_is_named_and_nothing_is_left(home: Home) -> None:
    home.create()
    home.journal_path.write_bytes(b"this is no database, and long enough to be seen as such" * 99)
    with pytest.raises(ServerError, match=r"journal\.db"):
        serve(home, _FREE, stop=threading.Event(), ready=lambda _: None)
    assert all(child(role, home) is None for role in ROLES)


def test_a_command_at_work_is_no_server_that_answers(home: Home) -> None:
    with home.lock(LOCK):
        (home.run_dir / "server.json").unlink(missing_ok=True)
        with pytest.raises(HomeBusy, match=f"process {os.getpid()} uses .*--home"):
            server_of(home)
        # As a server that was killed leaves it.
        left = {"url": "http://127.0.0.1:1", "pid": os.getpid() + 1}
        (home.run_dir / "server.json").write_text(json.dumps(left))
        with pytest.raises(HomeBusy):
            server_of(home)


def test_a_command_meets_another_at_work_with_one_sentence(home: Home) -> None:
    words = [str(Path(sys.executable).with_name("stocktake")), "--home", str(home.path), "status"]
    home.create()
    open_record(home.record_path).close()
    with home.lock(LOCK, "stocktake import observations"):
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    said = f"process {os.getpid()} uses {home.path}: the command 'stocktake import observations',"
    assert said in done.stderr
    # It ends by itself: nobody is told to stop it.
    assert "which ends by itself; try again" in done.stderr
    assert "stop it" not in done.stderr


def test_commands_at_once_wait_for_each_other(home: Home) -> None:
    open_record(home.create().record_path).close()
    words = [str(Path(sys.executable).with_name("stocktake")), "--home", str(home.path)]
    pipe = subprocess.PIPE
    both = [
        subprocess.Popen([*words, *asked], stdout=pipe, stderr=pipe, text=True)
        for asked in (("user", "add", "dana"), ("assets",), ("user", "add", "kim"))
    ]
    told = [each.communicate(timeout=60) for each in both]
    assert [each.returncode for each in both] == [0, 0, 0], told


def test_a_server_waits_for_a_command_to_end(home: Home) -> None:
    with ExitStack() as held:
        held.enter_context(home.lock(LOCK, "stocktake join"))
        with pytest.raises(HomeBusy, match="'stocktake join', which ends by itself"):
            patiently(lambda: home.lock(LOCK).__enter__(), timedelta(0))
        release = threading.Timer(0.5, held.close)
        release.start()
        with serving(home):
            assert server_of(home)
        release.join()


def test_nobody_waits_for_a_server(home: Home) -> None:
    with home.lock(LOCK):
        begun = time.monotonic()
        with pytest.raises(HomeLocked, match="stop it") as refused:
            patiently(lambda: home.lock(LOCK).__enter__())
        assert not isinstance(refused.value, HomeBusy)
        assert time.monotonic() - begun < 3
