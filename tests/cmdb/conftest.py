"""A small estate, made by the real pipeline, and a console on top of it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cmdb.model.observation import (
    Extent,
    Json,
    Observation,
    Programs,
    RecordKey,
    Section,
    SectionKind,
    Source,
)
from cmdb.store.port import Record
from cmdb.store.sqlite.desk import SqliteDesk, open_desk
from cmdb.store.sqlite.record import open_record
from reconcile.pipeline import Pipeline

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>\'"\u202egnp'
MACHINES = 60


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, passed: timedelta) -> None:
        self.now += passed


@dataclass(frozen=True)
class Estate:
    """A record on disk."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[Record]:
        record = open_record(self.path, readonly=True)
        try:
            with record.snapshot():
                yield record
        finally:
            record.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    path = tmp_path_factory.mktemp("estate") / "record.db"
    record = open_record(path)
    pipeline = Pipeline(record)
    pipeline.apply([machine(number) for number in range(MACHINES)], NOW - timedelta(days=2))
    pipeline.apply([machine(7, memory_bytes=32 << 30)], NOW - timedelta(hours=1))
    record.close()
    return Estate(path)


@pytest.fixture(scope="session")
def empty_estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    path = tmp_path_factory.mktemp("empty") / "record.db"
    open_record(path).close()
    return Estate(path)


@pytest.fixture(scope="session")
def make_machine() -> Callable[..., Observation]:
    return machine


def machine(number: int, **extra: Json) -> Observation:
    name = HOSTILE if number == 3 else f"web-{number:03d}"
    at = NOW - timedelta(days=2) if not extra else NOW - timedelta(hours=1)
    computer: dict[str, Json] = {
        "name": name,
        "vendor": ("Dell Inc.", "Lenovo", "HPE")[number % 3],
        "model": 'PowerEdge "R650"' if number % 3 == 0 else "ThinkSystem",
        "system_serial": f"SN{number:06d}X",
        "memory_bytes": 16 << 30,
        "cpu_cores": 16,
        **extra,
    }
    system: dict[str, Json] = {"os_name": "Debian GNU/Linux", "os_version": "12 (bookworm)"}
    cls = ("Computer", "VirtualMachine", "Computer", "NetworkDevice")[number % 4]
    bodies: dict[SectionKind, Json | tuple[Programs, ...]] = {
        SectionKind.HEAD: {"class": cls},
        SectionKind.COMPUTER: computer,
        SectionKind.OPERATING_SYSTEM: system,
        SectionKind.INTERFACES: _interfaces(number),
        SectionKind.DISKS: [{"name": "nvme0n1", "kind": "disk", "size_bytes": 512 << 30}],
        SectionKind.SERVICES: _services(),
        SectionKind.CONNECTIONS: _connections(number),
        SectionKind.PROGRAMS: _programs(),
    }
    sections = {kind: Section(Extent.FULL, body) for kind, body in bodies.items()}
    key = RecordKey(Source("agent", f"agent-{number:03d}"), "hq", f"host-{number}")
    return Observation(key, at, at, full=True, sections=sections)


def _interfaces(number: int) -> Json:
    return [
        {
            "name": "eth0",
            "mac": f"00:16:3e:00:{number >> 8:02x}:{number & 255:02x}",
            "kind": "ethernet",
            "addresses": [f"10.0.{number >> 8}.{number & 255}/16"],
            "speed_bps": 10_000_000_000,
            "up": True,
        }
    ]


def _services() -> Json:
    return [
        {"protocol": "tcp", "address": "0.0.0.0", "port": 22, "process": "sshd"},
        {
            "protocol": "tcp",
            "address": "0.0.0.0",
            "port": 5432,
            "process": "postgres",
            "package": "postgresql-15",
            "package_version": "15.10-0+deb12u1",
        },
    ]


def _connections(number: int) -> Json:
    if number == 0:
        return []
    return [
        {
            "protocol": "tcp",
            "outbound": True,
            "server_address": f"10.0.{number - 1 >> 8}.{number - 1 & 255}",
            "server_port": 5432,
            "process": "app",
            "count": 4,
        }
    ]


def _programs() -> tuple[Programs, ...]:
    names = [
        f"{stem}{part}" for stem in ("libssl", "curl", "nginx", "python") for part in range(60)
    ]
    entries = tuple(f"{name}\t1.{len(name)}-1\tamd64\tDebian" for name in sorted(names))
    return (Programs("deb", entries),)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SqliteDesk]:
    opened = open_desk(tmp_path / "desk.db")
    yield opened
    opened.close()


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Runs code in a fresh interpreter and returns what it printed."""

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return done.stdout

    return run
