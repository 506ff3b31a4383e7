"""The command `stocktake-agent` as people and scripts meet it: processes and exit codes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import cli
from agent.uplink import identity
from agent.uplink.identity import Identity

STATUS = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n"
NOBODY = 65534


def agent(
    *words: str | Path, home: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", "--home", str(home), *map(str, words)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def sysroot(tmp_path: Path) -> Path:
    root = tmp_path / "sysroot"
    for name, content in {
        "etc/hostname": "web1\n",
        "var/lib/dpkg/status": STATUS
        + "".join("\n" + STATUS.replace("bash", f"lib{n}") for n in range(30)),
        "sys/class/dmi/id/product_serial": "SN1\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.fixture
def enrolled(home: Path) -> Path:
    """A home with an identity whose collector is not there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody_there = f"127.0.0.1:{server.getsockname()[1]}"
    now = datetime.now(UTC)
    key = identity.new_key_pem()
    identity.save(
        home,
        Identity(
            observer_id="obs-abcdefghij",
            key_prefix="obs-abcdefghij",
            scope="site",
            collectors=(nobody_there,),
            not_before=now,
            not_after=now + timedelta(days=30),
            key_pem=key,
            certificate_pem=self_signed(key, now),
            authority_pem=self_signed(key, now),
            sealing_key="",
            scan_prefixes=("127.0.0.0/30",),
        ),
    )
    return home


def self_signed(key_pem: str, now: datetime) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
        .public_key(key.public_key()).not_valid_before(now)
        .not_valid_after(now + timedelta(days=30))
    )  # fmt: skip
    signed = made.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_help_is_quick_and_tells_the_exit_codes(home: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = agent("--help", home=home)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert "not enrolled: there is no identity" in done.stdout
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0 < used_s < 0.15


def test_version(home: Path) -> None:
    assert agent("--version", home=home).stdout.startswith("stocktake-agent 0.")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "required"),
        (["dance"], 2, "invalid choice"),
        (["show", "--section", "gossip"], 2, "'gossip' is no section; there are computer"),
        (["show", "--sysroot", "/nowhere"], 2, "/nowhere is not a folder"),
        (["scan", "127.0.0.1", "--every", "soon"], 2, "'soon' is no duration"),
        (["scan", "127.0.0.1", "--ports", "0"], 2, "'0' is no port"),
        (["scan", "127.0.0.1"], 4, "enrol"),
        (["run", "--once"], 4, "enrol"),
        (["status"], 4, "enrol"),
        (["enrol", "nonsense"], 2, "token"),
    ],
)
def test_errors_are_one_sentence_and_a_code(
    home: Path, words: list[str], code: int, message: str
) -> None:
    done = agent(*words, home=home)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code
    assert done.stdout == ""


def test_a_captured_system_as_json(home: Path, sysroot: Path) -> None:
    done = agent("show", "--sysroot", sysroot, "--json", "--native-key", "k1", home=home)
    document = json.loads(done.stdout)
    assert document["native_key"] == "k1"
    assert document["source"] == {"kind": "agent", "instance": "unenrolled-web1"}
    assert document["sections"]["computer"]["system_serial"] == "SN1"
    assert document["sections"]["programs"]["count"] == 31
    assert document["complaints"] == []


def test_a_captured_system_for_people(home: Path, sysroot: Path) -> None:
    done = agent("show", "--sysroot", sysroot, home=home)
    lines = done.stdout.splitlines()
    assert lines[0] == "Computer web1"
    assert "  Serial number  SN1" in lines
    assert "Programs (31)" in lines
    assert "  ... and 11 more; --all shows them" in lines
    whole = agent("show", "--sysroot", sysroot, "--all", home=home).stdout
    assert "more; --all" not in whole
    assert whole.count("\n  lib") == 30


def test_only_one_section(home: Path, sysroot: Path) -> None:
    done = agent("show", "--sysroot", sysroot, "--json", "--section", "programs", home=home)
    assert list(json.loads(done.stdout)["sections"]) == ["programs"]


def test_an_enrolled_agent_shows_its_own_name(enrolled: Path) -> None:
    done = agent("show", "--json", "--section", "computer", home=enrolled)
    document = json.loads(done.stdout)
    assert document["native_key"] == "obs-abcdefghij"
    assert document["scope"] == "site"


def test_status_of_an_enrolled_agent(enrolled: Path) -> None:
    document = json.loads(agent("status", "--json", home=enrolled).stdout)
    assert document["observer_id"] == "obs-abcdefghij"
    assert document["scan_prefixes"] == ["127.0.0.0/30"]
    assert document["waiting_batches"] == 0
    assert "observer id            obs-abcdefghij" in agent("status", home=enrolled).stdout


def test_a_scan_that_was_not_allowed(enrolled: Path) -> None:
    done = agent("scan", "127.0.1.0/24", home=enrolled)
    assert done.returncode == 3
    assert "127.0.1.0/24 may not be scanned" in done.stderr
    assert "(127.0.0.0/30)" in done.stderr


def test_a_dry_run_tries_nothing(enrolled: Path) -> None:
    done = agent("scan", "127.0.0.0/30", "--ports", "1-10", "--dry-run", home=enrolled)
    assert done.returncode == 0
    assert done.stdout.startswith("2 addresses in 127.0.0.0/30, 10 ports each")
    assert json.loads(agent("status", "--json", home=enrolled).stdout)["waiting_batches"] == 0


def test_a_scan_whose_collector_is_away_is_kept(enrolled: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = agent(
            "scan", "127.0.0.0/30", "--ports", str(port), "--technique", "tcp", "--json",
            home=enrolled,
        )  # fmt: skip
    assert done.returncode == 5, done.stderr
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert documents[0]["run"]["state"] == "RUN_STATE_STARTED"
    assert documents[-1]["run"]["state"] == "RUN_STATE_COMPLETE"
    assert [d["native_key"] for d in documents[1:-1]] == ["127.0.0.1", "127.0.0.2"]
    first = documents[1]["sections"]["listening_services"]["services"]
    assert [service["port"] for service in first] == [port]
    assert json.loads(agent("status", "--json", home=enrolled).stdout)["waiting_batches"] >= 1


def test_ctrl_c_between_two_scans_is_clean(enrolled: Path) -> None:
    # Whoever runs the tests in the background has SIGINT ignored, and so would the agent.
    command = ["env", "--default-signal=INT",
               sys.executable, "-m", "agent.cli", "--home", str(enrolled), "scan", "127.0.0.1",
               "--ports", "1", "--technique", "tcp", "--json", "--every", "1h"]  # fmt: skip
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "last known settings" not in line:  # The first scan is over and kept.
                break
        running.send_signal(signal.SIGINT)
        try:
            _, rest = running.communicate(timeout=20)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "Traceback" not in rest
    assert rest.endswith("stocktake-agent: stopped\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_is_told_what_he_cannot_see(home: Path, sysroot: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    show = [sys.executable, "-m", "agent.cli", "--home", str(home), "show", "--json"]
    if subprocess.run([*become, sys.executable, "-c", "import agent.cli"], check=False).returncode:
        pytest.skip("an ordinary user cannot read this checkout")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run([*become, *show], capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    services = document["sections"]["listening_services"]["services"]
    (ours,) = (service for service in services if service["port"] == port)
    assert "process" not in ours
    assert ours["user"] == "root"
    (complaint,) = (c for c in document["complaints"] if "open port" in c)
    assert complaint.startswith("could not see the process")
    assert complaint.endswith("; run as root")
    # The folder of the tests is closed to others; theirs is in the open.
    with tempfile.TemporaryDirectory() as open_folder:
        captured = Path(open_folder) / "sysroot"
        shutil.copytree(sysroot, captured)
        Path(open_folder).chmod(0o755)
        (captured / "var/lib/dpkg/status").chmod(0)
        (captured / "sys/class/dmi/id/product_serial").chmod(0o400)
        done = subprocess.run(
            [*become, *show, "--sysroot", str(captured)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    document = json.loads(done.stdout)
    programs = document["sections"]["programs"]
    assert programs == {
        "state": "SECTION_STATE_NOT_COLLECTED",
        "reason": "permission denied reading /var/lib/dpkg/status; run as root",
    }
    assert "system_serial" not in document["sections"]["computer"]
    assert (
        "permission denied reading /sys/class/dmi/id/product_serial; run as root"
        in document["complaints"]
    )


def test_durations_and_ports_of_the_command_line() -> None:
    assert cli.duration("15m") == timedelta(minutes=15)
    assert cli.duration("1d") == timedelta(days=1)
    assert cli.ports("22, 80,8000-8002,80") == (22, 80, 8000, 8001, 8002)
