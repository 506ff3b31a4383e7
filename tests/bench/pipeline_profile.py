"""Speed of the way from the journal into the record alone, on observations made here.

`python -m tests.bench.pipeline_profile --endpoints 2000 [--profile]` prints one JSON object: first
reports, small changes and unchanged reports a second, and bytes in the record for each endpoint.
The input is made before the clock starts, as the intake journals it, so that only ingest and
pipeline are measured.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import json
import pstats
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from cmdb.store.sqlite.record import open_record
from collector import ingest
from collector.journal.port import Entry
from reconcile.pipeline import Pipeline
from stocktake.v1 import intake_pb2
from stocktake.v1 import observation_pb2 as pb

START = datetime(2026, 3, 1, tzinfo=UTC)
TITLES = 20_000
_WARM = 5
"""Tenths before the profile begins."""
_SHOWN = 10
"""Bytes for each endpoint; tables that grow by less are left out."""
PHASES: tuple[tuple[str, int, Sequence[str] | None], ...] = (
    ("first", 0, None),
    ("changes", 1, ("programs", "listening_services")),
    ("unchanged", 1, ()),
)
PROCESSES = ("nginx", "java", "python3", "sshd", "postgres", "chronyd", "node", "envoy")


@dataclass
class Catalogue:
    """Program entries with their hashes, the often installed ones first."""

    entries: list[list[tuple[bytes, str]]]
    weights: list[float]

    @classmethod
    def made(cls, rng: random.Random) -> Catalogue:
        """20,000 titles, some with several versions."""
        entries = []
        for title in range(TITLES):
            name = f"{rng.choice(('lib', 'python3-', 'fonts-', ''))}{rng.getrandbits(40):x}-{title}"
            versions = []
            for _ in range(rng.choice((1, 1, 2, 4))):
                version = f"{rng.randrange(20)}.{rng.randrange(30)}-{rng.randrange(9)}"
                text = f"{name}\t{version}\tamd64\tDebian"
                versions.append((hashlib.blake2b(text.encode(), digest_size=8).digest(), text))
            entries.append(versions)
        return cls(entries, [1 / (rank + 20) ** 0.9 for rank in range(TITLES)])


class Estate:
    """Endpoints by number; the same seed makes the same estate."""

    def __init__(self, endpoints: int, seed: int, programs: int = 1_500) -> None:
        self.size, self.seed, self.programs = endpoints, seed, programs
        self.catalogue = Catalogue.made(random.Random(seed))
        rng = random.Random(seed + 1)
        self.sockets = [
            (self.address(rng.randrange(endpoints), 0), rng.choice((443, 5432, 8080, 22, 389)))
            for _ in range(max(60, endpoints // 25))
        ]
        self.sockets += [
            (f"198.51.{rng.randrange(256)}.{rng.randrange(256)}", 443) for _ in range(2_000)
        ]

    @staticmethod
    def address(number: int, adapter: int) -> str:
        """Of one adapter of one endpoint."""
        return f"10.{adapter * 16 + number // 65_536}.{number // 256 % 256}.{number % 256}"

    def installed(self, number: int, swap: int = 0) -> dict[int, int]:
        """Title and version of an endpoint's programs; `swap` of them differ from the first."""
        rng = random.Random(f"{self.seed}/{number}")
        titles = dict.fromkeys(
            rng.choices(range(TITLES), self.catalogue.weights, k=self.programs * 2)
        )
        found = {t: rng.randrange(len(self.catalogue.entries[t])) for t in titles}
        kept = dict(islice(found.items(), self.programs))
        spare = list(islice(found.items(), self.programs, None))
        for (old, _), (new, version) in zip(list(kept.items())[:swap], spare, strict=False):
            del kept[old]
            kept[new] = version
        return kept

    def report(
        self, number: int, at: datetime, *, change: int = 0, only: Sequence[str] | None = None
    ) -> bytes:
        """A full report; `change` alters three programs and one service each time; sections not in
        `only` travel as unchanged."""
        item = intake_pb2.Item()
        said = item.observation
        name = f"m{number:06}"
        said.source.kind, said.source.instance = "agent", name
        said.scope, said.native_key, said.full = "site", name, True
        setattr(said, "class", "Computer")
        said.observed_at.FromDatetime(at)
        rng = random.Random(f"{self.seed}:{number}")
        self._scalars(said, number, rng)
        self._adapters(said.sections.add().network_interfaces, number, rng)
        self._inside(said, rng)
        self._programs(said.sections.add().programs, number, 3 * change)
        self._sockets(said, number, rng, change)
        for section in said.sections:
            body = section.WhichOneof("body")
            if only is not None and body is not None and body not in only:
                section.state = pb.SECTION_STATE_UNCHANGED
                section.content_hash = b"0" * 32
                getattr(section, body).Clear()
                getattr(section, body).SetInParent()
            elif only is not None and body == "programs":
                self._differ(section, number, 3 * change)
        return item.SerializeToString()

    def _scalars(self, said: pb.Observation, number: int, rng: random.Random) -> None:
        computer = said.sections.add().computer
        computer.name, computer.fqdn = f"host-{number}", f"host-{number}.site.example"
        computer.vendor, computer.model = "Dell Inc.", rng.choice(("R650", "R750", "OptiPlex 7090"))
        computer.system_serial, computer.board_serial = f"SN{number:07}", f"BN{number:07}"
        computer.chassis_serial, computer.asset_tag = f"CH{number:07}", f"AT{number:06}"
        computer.bios_uuid = f"4c4c4544-{number:04x}-4a10-8052-{rng.getrandbits(48):012x}"
        computer.machine_id = f"{rng.getrandbits(128):032x}"
        computer.bios_version, computer.bios_date = "2.19.1", "06/04/2024"
        computer.chassis_type, computer.cpu_model = "Rack Mount Chassis", "Intel Xeon Gold 6338"
        computer.memory_bytes = rng.choice((8, 16, 64, 256)) << 30
        computer.cpu_sockets, computer.cpu_cores, computer.cpu_threads = 2, 64, 128
        computer.architecture = "x86_64"
        system = said.sections.add().operating_system
        system.os_name, system.os_version = "Debian GNU/Linux", "12 (bookworm)"
        system.kernel_version, system.timezone = "6.1.0-28-amd64", "Etc/UTC"
        system.booted_at.FromDatetime(START - timedelta(minutes=rng.randrange(90_000)))
        system.installed_at.FromDatetime(START - timedelta(days=rng.randrange(900)))
        values = said.sections.add().attributes.values
        for place in range(16):
            values[f"site.attribute_{place}"].text = f"value {rng.randrange(500)}"

    def _adapters(self, body: pb.NetworkInterfaces, number: int, rng: random.Random) -> None:
        for place in range(8):
            row = body.interfaces.add()
            row.name, row.kind = f"eth{place}", pb.INTERFACE_KIND_ETHERNET
            mac = (0x3C52 << 32) + number * 8 + place
            row.mac = ":".join(f"{mac >> shift & 255:02x}" for shift in range(40, -8, -8))
            row.speed_bps, row.mtu_bytes, row.up = 10**10, 1_500, rng.random() < 0.9
            row.addresses.add(address=self.address(number, place), prefix_length=16)

    @staticmethod
    def _inside(said: pb.Observation, rng: random.Random) -> None:
        disks = said.sections.add().disks
        for place in range(4):
            disks.disks.add(
                name=f"nvme{place}n1", kind="disk", size_bytes=960_197_124_096, vendor="Samsung",
                model="MZQL2960HCJR", serial=f"S64FNE0R{rng.randrange(10**6):06}",
            )  # fmt: skip
        body = said.sections.add().components
        for place in range(40):
            body.components.add(
                kind="memory" if place < 24 else "psu" if place < 28 else "card",
                slot=f"A{place}", vendor="Samsung", model=rng.choice(("M393A4K40", "M393A8G40")),
                serial=f"{rng.getrandbits(32):08X}", size_bytes=32 << 30,
            )  # fmt: skip

    def _programs(self, body: pb.Programs, number: int, swap: int) -> None:
        chosen = [
            self.catalogue.entries[title][version]
            for title, version in self.installed(number, swap).items()
        ]
        chosen.sort(key=lambda entry: int.from_bytes(entry[0], "little"))
        body.package_system, body.count = "deb", len(chosen)
        body.hashes = b"".join(found for found, _ in chosen)
        body.entries = "".join(text + "\n" for _, text in chosen).encode()

    def _differ(self, section: pb.Section, number: int, swap: int) -> None:
        """Leaves of the programs what differs from those of the first report."""
        before, after = pb.Programs(), pb.Programs()
        self._programs(before, number, 0)
        self._programs(after, number, swap)
        rows = [
            dict(zip(_hashes(said), said.entries.split(b"\n"), strict=False))
            for said in (before, after)
        ]
        come = [found for found in rows[1] if found not in rows[0]]
        body = section.programs
        section.state, section.base_hash = pb.SECTION_STATE_CHANGED, b"0" * 32
        body.whole_hash = hashlib.blake2b(after.hashes, digest_size=8).digest()
        body.gone = b"".join(found for found in rows[0] if found not in rows[1])
        body.hashes, body.count = b"".join(come), len(come)
        body.entries = b"".join(rows[1][found] + b"\n" for found in come)

    def _sockets(self, said: pb.Observation, number: int, rng: random.Random, change: int) -> None:
        services = said.sections.add().listening_services
        for port in sorted({22, 443, 5432, 8080, 9100, 111, 25, 10_000 + change}):
            services.services.add(
                protocol="tcp", address="0.0.0.0", port=port, user="root",
                process=_process(port), executable=f"/usr/sbin/{PROCESSES[port % 8]}",
                package=PROCESSES[port % 8], package_version=f"1.{rng.randrange(4)}-1",
            )  # fmt: skip
        body = said.sections.add().connections
        own = self.address(number, 0)
        for place in range(60):
            out = place < 45
            server, port = self.sockets[int(len(self.sockets) * rng.random() ** 2)]
            body.connections.add(
                protocol="tcp", outbound=out, server_address=server if out else own,
                server_port=port if out else 443, process=PROCESSES[rng.randrange(8)],
                client_address=own if out else self.address(rng.randrange(self.size), 0),
                count=rng.randrange(1, 9),
            )  # fmt: skip


def _process(port: int) -> str:
    """Services that come and go are of programs of their own."""
    return PROCESSES[port % 8] if port < 10_000 else f"daemon-{port}"


def _hashes(said: pb.Programs) -> list[bytes]:
    return [said.hashes[start : start + 8] for start in range(0, len(said.hashes), 8)]


def _apply(
    pipeline: Pipeline, bodies: Sequence[tuple[str, bytes]], at: datetime, group: int
) -> float:
    """Takes them in groups; seconds of this process's time."""
    started = time.process_time()
    for start in range(0, len(bodies), group):
        entries = [
            Entry("observer/x", form, at, body) for form, body in bodies[start : start + group]
        ]
        pipeline.apply([ingest.statement(entry) for entry in entries], at)
    return time.process_time() - started


def _chunks(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def run(endpoints: int, *, group: int, profile: str, seed: int = 7) -> dict[str, object]:
    """The figures."""
    estate = Estate(endpoints, seed)
    watch = cProfile.Profile()
    found: dict[str, object] = {"endpoints": endpoints, "group": group}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.db"
        record = open_record(path)
        pipeline = Pipeline(record)
        order = list(range(endpoints))
        sizes: dict[str, int] = {}
        for hour, (phase, change, only) in enumerate(PHASES):
            at = START + timedelta(hours=hour)
            rates: list[float] = []
            before = path.stat().st_size
            for numbers in _chunks(order, max(group, endpoints // 10)):
                bodies = [
                    ingest.journalled(
                        intake_pb2.Item.FromString(
                            estate.report(number, at, change=change, only=only)
                        )
                    )
                    for number in numbers
                ]
                if phase == profile and len(rates) >= _WARM:
                    watch.enable()
                rates.append(len(numbers) / _apply(pipeline, bodies, at, group))
                watch.disable()
            found[f"{phase}_per_s"] = [round(rate) for rate in rates]
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
            grown = path.stat().st_size - before
            found[f"{phase}_bytes_per_endpoint"] = round(grown / endpoints)
            sizes, known = _sizes(path, endpoints), sizes
            found[f"{phase}_growth"] = {
                name: size - known.get(name, 0)
                for name, size in sizes.items()
                if size - known.get(name, 0) >= _SHOWN
            }
            random.Random(seed).shuffle(order)
        record.close()
    if profile:
        pstats.Stats(watch, stream=sys.stderr).sort_stats("tottime").print_stats(60)
    return found


def _sizes(path: Path, endpoints: int) -> dict[str, int]:
    """Bytes for each endpoint by table and index, where SQLite tells them."""
    db = sqlite3.connect(path)
    try:
        rows = db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC")
        return {name: round(size / endpoints) for name, size in rows}
    except sqlite3.OperationalError:
        return {}
    finally:
        db.close()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, default=1_000)
    parser.add_argument("--group", type=int, default=128)
    parser.add_argument("--profile", default="", choices=("", "first", "changes", "unchanged"))
    options = parser.parse_args()
    print(json.dumps(run(options.endpoints, group=options.group, profile=options.profile)))  # noqa: T201


if __name__ == "__main__":
    main()
