"""`stocktake programs`, as a user has it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = Path(sys.executable).with_name("stocktake")
_VERSIONS = {"alpha": "3.0.9-1", "beta": "3.0.11-1~deb12u2", "gamma": "3.0.11-1"}


def _run(home: Path, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(_PROGRAM), "--home", str(home), *words],
        input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _line(name: str, version: str) -> str:
    row = {
        "type": "observation", "source": {"kind": "import", "instance": "test"}, "scope": "hq",
        "at": "2026-11-20T00:00:00Z", "native_key": name, "class": "Computer", "full": True,
        "attributes": {"name": name, "system_serial": f"SERIAL-OF-{name}"},
        "programs": [{"name": "openssl", "version": version, "package_system": "deb"}],
    }  # fmt: skip
    return json.dumps(row) + "\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("programs") / "home"
    lines = "".join(_line(name, version) for name, version in _VERSIONS.items())
    done = _run(found, "import", "observations", "-", "--now", stdin=lines)
    assert done.returncode == 0, done.stderr
    return found


def test_who_has_it_older_than_a_version(home: Path) -> None:
    done = _run(home, "programs", "openssl", "--older-than", "3.0.11-1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["name"] for row in found["machines"]} == {"alpha", "beta"}
    assert [row["version"] for row in found["versions"]] == ["3.0.11-1~deb12u2", "3.0.9-1"]
    assert (found["total"], found["cursor"]) == (2, None)


def test_the_table_tells_versions_machines_and_where_to_go_on(home: Path) -> None:
    done = _run(home, "programs", "openssl", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "3.0.11-1~deb12u2" in done.stdout
    assert "1 of 3 machines" in done.stdout
    after = done.stdout.rpartition("--after ")[2].strip()
    rest = _run(home, "programs", "openssl", "--after", after, "--json")
    assert len(json.loads(rest.stdout)["machines"]) == 2


def test_an_unknown_program_is_not_found(home: Path) -> None:
    done = _run(home, "programs", "ssl")
    assert done.returncode == 4
    assert "no program is called 'ssl'; there are openssl" in done.stderr


def test_an_empty_bound_is_refused(home: Path) -> None:
    done = _run(home, "programs", "openssl", "--older-than", " ")
    assert done.returncode == 3
    assert "not empty" in done.stderr
