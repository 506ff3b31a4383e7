"""Rules: checked, tried out, put in force, explained, taken back; through kills, and by role."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmdb.people.local import read_local_token
from cmdb.people.roles import CHANGE_MANAGER, VIEWER
from collector.operations import OPERATIONS
from tests.journeys.conftest import Estate, Server

GOOD = """\
# The list of the personnel department knows the names best.
classes:
  Device:
    attributes:
      name:
        order:
          - import/hr: 90 days
          - agent
"""
BAD = GOOD.replace("import/hr", "imprt/hr").replace("name:", "nam:") + "silnce: {}\n"


def told(kind: str, instance: str, key: str, name: str) -> dict[str, Any]:
    return {
        "type": "observation",
        "source": {"kind": kind, "instance": instance},
        "scope": "hq",
        "native_key": key,
        "full": True,
        "class": "Computer",
        "attributes": {"name": name, "system_serial": f"5CG-{key}"},
    }


def both(key: str) -> tuple[dict[str, Any], ...]:
    return told("cloud", "vc", key, f"vm-{key}"), told("import", "hr", key, f"hr-{key}")


def write(folder: Path, text: str, name: str = "rules.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def names(estate: Estate) -> set[str]:
    return {row["name"] for row in estate.assets()}


def test_a_file_is_refused_with_all_its_lines(home: Estate, server: Server, tmp_path: Path) -> None:
    good, bad = write(tmp_path, GOOD), write(tmp_path, BAD, "bad.yaml")
    home.ok("token")  # begins it
    for estate in (home, server):
        checked = estate.run("rules", "check", bad)
        assert checked.returncode == 1
        places = [line.split(": ")[0] for line in checked.stderr.splitlines()]
        assert places == [f"{bad}:5:7", f"{bad}:9:1"]
        for word in ("apply", "simulate"):
            refused = estate.run("rules", word, bad)
            assert refused.returncode == 3
            first = "bad.yaml, line 5: unknown attribute of Device 'nam'; did you mean name?"
            assert first in refused.stderr
            assert "line 9: unknown name 'silnce'; did you mean silence?" in refused.stderr
        assert estate.run("rules", "check", good).returncode == 0
        assert estate.run("rules", "undo").returncode == 3


def test_rules_from_a_file_to_the_estate_and_back(
    home: Estate, server: Server, tmp_path: Path
) -> None:
    good = write(tmp_path, GOOD)
    for estate in (home, server):
        estate.take_in(*both("a"), *both("b"))
        tried_out(estate, good)
        assert names(estate) == {"vm-a", "vm-b"}
        done = estate.json("rules", "apply", good, "--note", "they know")
        assert (done["version"], done["work"]) == (1, None)
        assert names(estate) == {"hr-a", "hr-b"}
        explained(estate)
        assert estate.json("rules", "simulate", good)["totals"]["assets"] == 0
        assert estate.run("rules", "apply", good).returncode == 3
        export = write(tmp_path, estate.ok("rules", "export"), "export.yaml")
        assert estate.json("rules", "simulate", export, "--days", "0")["assets"] == []

        assert estate.ok("rules", "export", "--version", "1") == GOOD
        assert estate.run("rules", "export", "--version", "7").returncode == 3
        assert "other rules would hold" in estate.ok("undo", "1", "--dry-run")
        assert estate.json("rules", "undo")["version"] == 0
        assert names(estate) == {"vm-a", "vm-b"}
        assert "undone by 2" in estate.ok("rules", "history")
        estate.json("undo", "2")
        (version,) = estate.json("rules", "history")["versions"]
        assert version["in_force"]
        assert (version["version"], version["file"], version["note"]) == (
            1, "rules.yaml", "they know",
        )  # fmt: skip
        assert "the rules of rules.yaml hold" in estate.ok("decisions")


def test_a_source_that_nobody_heard_is_refused_unless_it_is_to_come(
    home: Estate, server: Server, tmp_path: Path
) -> None:
    slip = GOOD.replace("import/hr", "import/hrr") + "      owner: {order: [cloud/aws]}\n"
    file = write(tmp_path, slip)
    for estate in (home, server):
        estate.take_in(*both("u"))
        checked = estate.run("rules", "check", file)
        assert checked.returncode == 1
        first, second = checked.stderr.splitlines()
        assert first.startswith(f"{file}:7:13: source import/hrr was never heard in this estate;")
        assert "did you mean import/hr?" in first
        assert f"{file}:9:23: source cloud/aws was never heard" in second
        assert "there is cloud/vc" in second
        for word in ("simulate", "apply"):
            refused = estate.run("rules", word, file)
            assert refused.returncode == 3
            assert "rules.yaml, line 7: source import/hrr was never heard" in refused.stderr
            estate.ok("rules", word, file, "--unheard")
        # It holds now, and may be checked as it is.
        export = write(tmp_path, estate.ok("rules", "export"), "held.yaml")
        estate.ok("rules", "check", export)
        estate.ok("rules", "undo")


def tried_out(estate: Estate, file: Path) -> None:
    found = estate.json("rules", "simulate", file)
    values = [value for each in found["assets"] for value in each["values"]]
    pairs = {(value["before"], value["after"]) for value in values}
    assert pairs == {("vm-a", "hr-a"), ("vm-b", "hr-b")}
    assert found["totals"]["assets"] == 2
    assert "2 assets would differ: 2 values" in estate.ok("rules", "simulate", file)


def explained(estate: Estate) -> None:
    (why,) = estate.json("explain", "hr-a", "name")["attributes"]
    assert why["origin"] == "rules version 1, line 6 (order)"
    assert "by rules version 1, line 6 (order)" in estate.ok("explain", "hr-a", "name")
    shown = estate.json("rules", "show", "--class", "VirtualMachine")
    (row,) = [each for each in shown["values"] if each["attribute"] == "name"]
    assert row["order"] == ["import/hr: 90 days", "agent: 30 days"]


def test_what_is_no_rules_file_is_refused(home: Estate, tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"a: b\n" * 10_000_000)
    missing = tmp_path / "missing.yaml"
    assert home.run("rules", "check", large).returncode == 1
    assert "larger than" in home.run("rules", "apply", large).stderr
    assert "cannot read" in home.run("rules", "check", missing).stderr
    done = home.run("rules", "check", "-", stdin=b"silence:\n  agent: \xff\n")
    assert (done.returncode, done.stderr) == (
        1, "standard input:2:10: not UTF-8: invalid start byte\n"
    )  # fmt: skip
    assert home.run("rules", "simulate", large).returncode == 2
    # A check needs no home.
    assert not home.home.exists()


@pytest.mark.parametrize("kill", ["reconcile", "server"])
def test_a_kill_in_the_middle_leaves_nothing_half_done(
    start: Callable[..., Any], wait: Callable[..., Any], tmp_path: Path, kill: str
) -> None:
    good = write(tmp_path, GOOD + "stop_list: {limit: 23}\n")
    count = 600
    with start(tmp_path / "served") as server:
        server.take_in(*(line for n in range(count) for line in both(f"{n:04}")))
        token = read_local_token(server.home / "run") or ""
        post(server, token, "rules/apply", {"text": good.read_text(encoding="utf-8")})

        def work() -> Any:
            return get(server, token, "rules/progress")["work"]

        def going() -> bool:
            found = work()
            return found is not None and 0 < found["done"] < found["total"]

        wait(going, "the rules are being carried out")
        if kill == "reconcile":
            (process,) = [p for p in server.processes() if "reconcile" in p.cmdline()]
            process.kill()
        else:
            for process in server.processes():
                process.send_signal(signal.SIGKILL)
            server.clear()
            server.start()
            token = read_local_token(server.home / "run") or ""
        wait(lambda: work() is None, "all is carried out", 90)
        found = {row["attributes"]["name"] for row in server.lines("export", "assets")}
        assert found == {f"hr-{n:04}" for n in range(count)}


def post(server: Server, token: str, path: str, body: dict[str, Any]) -> Any:
    return asked(server, token, path, json.dumps(body).encode())


def get(server: Server, token: str, path: str) -> Any:
    return asked(server, token, path, None)


def asked(server: Server, token: str, path: str, body: bytes | None) -> Any:
    request = urllib.request.Request(
        f"{server.url}/api/v1/{path}",
        body,
        {"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def folded(page: str) -> int:
    return page.count("<details><summary>")


def test_the_console_shows_rules_and_takes_a_version_back(server: Server, tmp_path: Path) -> None:
    server.take_in(*both("c"))
    server.json("rules", "apply", write(tmp_path, GOOD + "# again\nstop_list: {limit: 23}\n"))
    with httpx.Client(base_url=server.url, timeout=30, follow_redirects=True) as client:
        form = {"name": "admin", "password": server.password}
        assert client.post("/sign-in", data=form).status_code == 200
        page = client.get("/rules").text
        assert "line 6 (order)" in page
        assert "import/hr: 90 days, agent: 30 days" in page
        assert folded(page) >= 8, "a phone has no room for all of it"
        assert "<details open>" not in page
        computer = client.get("/rules?cls=Computer").text
        assert "Retire after" in computer
        assert folded(computer) == 0
        assert computer.count("<details open><summary>") > 1
        fields = dict(re.findall(r'name="(csrf|act|number)" value="([^"]+)"', page))
        asked = client.post("/identity/ask", data=fields).text
        assert "other rules would hold" in asked
        client.post("/identity/decide", data=fields)
        newest = server.json("rules", "history")["versions"][0]
        assert not newest["in_force"]
        assert newest["undone_by"]


def test_who_decides_on_identity_decides_on_rules() -> None:
    roles = {each.name: each.role for each in OPERATIONS}
    writes = {"rules.apply", "rules.undo", "rules.simulate", "rules.stop"}
    assert {roles[name] for name in writes} == {roles["twins.answer"]} == {CHANGE_MANAGER}
    assert {roles["rules.show"], roles["rules.history"], roles["rules.export"]} == {VIEWER}
