"""The phases of the bench, in the order of a life: load, changes, quiet days, reads, kills."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np

from stocktake.v1.dispatch_pb2 import CheckInRequest
from stocktake.v1.dispatch_pb2_grpc import DispatchServiceStub
from tests.bench.ingest import kills, reads
from tests.bench.ingest.figures import Figures, p95
from tests.bench.ingest.identities import Identity, enrol
from tests.bench.ingest.machines import Estate
from tests.bench.ingest.reports import HASHES, hashes_bytes
from tests.bench.ingest.sender import Sender, Sent
from tests.bench.ingest.server import Server, Watch
from tests.bench.ingest.spool import Plan, Workshop, random_order

_UNCHANGED_BATCH = 64
_CONNECTING = 8
_CONNECT_S = 10.0
_SAMPLE_READS = 200
_YEARS_AT_ONCE = 100
"""Machines whose years are made at once: 365 reports of 60 KB for each."""
_TELLING = 1_000
"""Endpoints from which on a tenth of them says something about pace."""
_PRESENT = frozenset(
    {
        "asset", "asset_inside", "asset_whole", "asset_part", "asset_fqdn", "asset_phrase",
        "asset_stale", "bond", "section", "program_tile", "socket_tile", "words_data",
        "words_content", "words_docsize", "words_idx",
    }
)  # fmt: skip
"""Tables of what is so now, written over: what they grow by is room between their rows. Everything
else that grows is taken for history."""


@dataclass(frozen=True)
class Settings:
    """How large, and from which seed."""

    endpoints: int
    seed: int
    senders: int
    identities: int
    read_s: float
    changes_per_s: float
    kill_endpoints: int
    kills: int
    as_of_assets: int
    as_of_days: int


class Bench:
    """One home that lives through the phases."""

    def __init__(self, settings: Settings, folder: Path, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.figures = Figures()
        self._folder = folder
        self._say = say
        self._server = Server(folder)
        self._identities: list[Identity] = []
        self._shop = Workshop(folder, 0, 0, (), 0)
        self._generation = 0

    def close(self) -> None:
        """Leaves nothing running."""
        self._server.kill()

    def load(self) -> None:
        """Everyone's first report; then what it takes on disk, and how long a start takes."""
        self._server, self._identities, self._shop = self._opened(
            self._folder, self.settings.endpoints + self.settings.as_of_assets
        )
        n = self.settings.endpoints
        took, watch, sent = self._clocked(
            Plan("first", "first-reports", [(i, 0) for i in range(n)])
        )
        self.figures.put("first_reports_per_s", n / took)
        if n >= _TELLING:
            self.figures.put("first_reports_slowdown", _slowdown(watch, sent.last_sequence, n))
        else:
            self.figures.missing["first_reports_slowdown"] = f"says nothing below {_TELLING}"
        self._server.stop()
        self.figures.put("store_bytes_per_endpoint", self._server.bytes_of() / n)
        self.figures.beside["store_bytes_by_file"] = {
            path.name: path.stat().st_size for path in sorted(self._server.home.glob("*.db*"))
        }
        self._restart()

    def changes(self) -> None:
        """A day's small change of everyone, in random order."""
        n, before = self.settings.endpoints, self._server.table_bytes()
        whole = self._server.bytes_of("record.db")
        self._generation += 1
        numbers = random_order(self.settings.seed, n, n, self._generation)
        took, _, _ = self._clocked(Plan("change", "small-changes", numbers))
        self.figures.put("small_changes_per_s", n / took)
        self._server.stop()
        grown = {
            table: size - before.get(table, 0)
            for table, size in self._server.table_bytes().items()
            if table not in _PRESENT
        }
        self.figures.put("history_bytes_per_change", sum(grown.values()) / n)
        self.figures.beside["history_bytes_by_table"] = {
            table: round(size / n, 1) for table, size in grown.items() if size >= n
        }
        file_grown = self._server.bytes_of("record.db") - whole
        self.figures.beside["record_file_grown_bytes_per_change"] = round(file_grown / n, 1)
        self._restart()

    def unchanged(self) -> None:
        """Everyone says that nothing changed, in batches over kept connections."""
        n = self.settings.endpoints
        numbers = random_order(self.settings.seed, n, n, 0)
        plan = Plan("unchanged", "nothing-changed", numbers, _UNCHANGED_BATCH)
        took, _, _ = self._clocked(plan)
        self.figures.put("unchanged_per_s", n / took)
        self.figures.beside["unchanged_batch"] = _UNCHANGED_BATCH

    def connections(self) -> None:
        """Check-ins, each over a connection of its own."""
        count = min(2_000, max(40, self.settings.endpoints // 5))
        self._say(f"{count} new connections")
        began = time.monotonic()
        done = _connect(self._server.address, self._identities, count)
        self.figures.put("new_connections_per_s", done / (time.monotonic() - began))

    def reads(self) -> None:
        """What people wait for while changes come in."""
        told = self.settings
        count = int(told.read_s * told.changes_per_s)
        self._generation += 1
        numbers = random_order(told.seed, told.endpoints, count, self._generation)
        self._generation = max(generation for _, generation in numbers)
        spools = self._made(Plan("change", "while-reading", numbers))
        load = reads.Load(self._server.address, self._identities, spools, told.changes_per_s)
        rng = np.random.default_rng([told.seed, 6])
        kinds = {
            "program_query": reads.program_questions(Estate(told.seed, 1).titles, rng),
            "asset_page": reads.page_questions(told.endpoints, rng),
            "search": reads.search_questions(told.endpoints, rng),
        }
        self._say(f"reads for {told.read_s:.0f} s while {told.changes_per_s:.0f} changes/s come in")
        with self._server.rest() as rest:
            before, began = rest.applied(), time.monotonic()
            times, rate = reads.under_load(load, rest, kinds)
            applied = (rest.applied() - before) / (time.monotonic() - began)
        for kind, found in times.items():
            if found:
                self.figures.put(f"{kind}_p95_ms", p95(found))
            else:
                self.figures.missing[f"{kind}_p95_ms"] = "the server does not offer it"
        self.figures.beside["reads_made"] = {kind: len(found) for kind, found in times.items()}
        self.figures.beside["changes_per_s_while_reading"] = round(rate, 1)
        self.figures.beside["changes_in_the_view_per_s_while_reading"] = round(applied, 1)

    def as_of(self) -> None:
        """Reads of a year ago, of assets that changed on each of its days."""
        with self._server.rest() as rest:
            if not reads.offers_as_of(rest):
                self.figures.missing["as_of_p95_ms"] = "assets cannot be asked for as of a time yet"
                return
        told, first = self.settings, self.settings.endpoints
        for start in range(first, first + told.as_of_assets, _YEARS_AT_ONCE):
            some = range(start, min(start + _YEARS_AT_ONCE, first + told.as_of_assets))
            self._age(some, told.as_of_days)
        questions = reads.as_of_questions(first, told.as_of_assets, told.as_of_days)
        with self._server.rest() as rest:
            times = reads.timed(lambda: reads.asked(rest, next(questions)), _SAMPLE_READS)
        self.figures.put("as_of_p95_ms", p95(times))
        self.figures.beside["as_of"] = {"assets": told.as_of_assets, "days": told.as_of_days}

    def _age(self, machines: range, days: int) -> None:
        """Gives some machines a past: a first report, and a small change on every day since."""
        numbers = [(number, day) for number in machines for day in range(days + 1)]
        run = f"days-of-{machines.start:08}"
        spools = self._made(Plan("daily", run, numbers, today=datetime.now(UTC)))
        self._say(f"sending {len(numbers)} reports: {run}")
        with Sender(self._server.address, self._identities) as sender:
            self._server.wait_applied(sender.run(spools).last_sequence)

    def kills(self) -> None:
        """A load of its own, on a home of its own, killed eight times."""
        n = min(self.settings.endpoints, self.settings.kill_endpoints)
        folder = self._folder / "kills"
        folder.mkdir()
        server, identities, shop = self._opened(folder, n)
        try:
            numbers = [(number, 0) for number in range(n)]
            for generation in range(1, kills.GENERATIONS):
                # No more than a random order of each round: an agent's reports stay in order.
                numbers += random_order(self.settings.seed, n, n, generation)
            spools = shop.make(Plan("marked", "through-kills", numbers))
            times = self.settings.kills
            self._say(f"{len(numbers)} reports while the server is killed {times} times")
            moments = kills.moments(self.settings.seed, len(numbers), times)
            found = kills.survived(server, identities, spools, moments)
        finally:
            server.kill()
        self.figures.put("acknowledged", found.acknowledged)
        self.figures.put("lost", found.lost)
        self.figures.put("doubled", found.doubled)
        self.figures.beside["kills"] = found.kills
        self.figures.beside["kill_endpoints"] = n
        self.figures.beside["kill_calls_repeated"] = found.repeated

    def finish(self) -> None:
        """What is known at the end."""
        rss_bytes = self._server.note_rss()
        if rss_bytes:
            self.figures.put("server_rss_bytes", rss_bytes)
        self.figures.beside["rss_note"] = (
            f"{self.settings.identities} enrolled observers speak for {self.settings.endpoints}"
            " endpoints; what the server keeps for each enrolled observer is not in the figure"
        )

    def _opened(self, folder: Path, size: int) -> tuple[Server, list[Identity], Workshop]:
        server = Server(folder)
        self._say("starting a server and enrolling")
        server.start()
        began = time.monotonic()
        identities = enrol(server.home, self.settings.identities)
        self.figures.beside["enrolments_per_s"] = round(
            len(identities) / (time.monotonic() - began), 1
        )
        prefixes = tuple(identity.prefix for identity in identities)
        senders = min(self.settings.senders, len(prefixes))
        with (folder / HASHES).open("wb") as file:
            file.truncate(hashes_bytes(size))
        return server, identities, Workshop(folder, self.settings.seed, size, prefixes, senders)

    def _made(self, plan: Plan) -> list[Path]:
        self._say(f"making {len(plan.numbers)} reports: {plan.run}")
        return self._shop.make(plan)

    def _clocked(self, plan: Plan) -> tuple[float, Watch, Sent]:
        """Seconds from the first call until the last report is in the view."""
        spools = self._made(plan)
        self._say(f"sending {len(plan.numbers)} reports: {plan.run}")
        with Sender(self._server.address, self._identities) as sender, Watch(self._server) as watch:
            used, began = self._cpu_s(), time.monotonic()
            sent = sender.run(spools)
            answered = time.monotonic() - began
            took = watch.wait(sent.last_sequence) - began
        self.figures.beside[f"{plan.run.replace('-', '_')}_acknowledged_per_s"] = round(
            sent.acknowledged / answered, 1
        )
        self.figures.beside[f"{plan.run.replace('-', '_')}_cpu_us_each"] = {
            role: round((seconds - used.get(role, 0.0)) / len(plan.numbers) * 1e6)
            for role, seconds in self._cpu_s().items()
        }
        if sent.acknowledged != len(plan.numbers):
            raise RuntimeError(f"{sent.acknowledged} of {len(plan.numbers)} were acknowledged")
        return took, watch, sent

    def _cpu_s(self) -> dict[str, float]:
        """CPU time so far: of each process of the server, and of the client."""
        return {**self._server.cpu_s(), "client": time.process_time()}

    def _restart(self) -> None:
        self._server.start()
        longest = max(self._server.start_s, self.figures.values.get("restart_s", 0.0))
        self.figures.put("restart_s", longest)


def _slowdown(watch: Watch, last: int, count: int) -> float:
    """1 - the pace of the last tenth by that of the first, into the view."""
    start, tenth = last - count, count / 10
    first = watch.reached(start + tenth) - watch.reached(start)
    final = watch.reached(last) - watch.reached(last - tenth)
    return 1 - first / final if final > 0 else 0.0


def _connect(address: str, identities: Sequence[Identity], count: int) -> int:
    """Check-ins on new connections; how many were answered."""
    done = [0] * _CONNECTING
    failed: list[grpc.RpcError] = []
    end = time.monotonic() + _CONNECT_S

    def work(place: int) -> None:
        for number in range(place, count, _CONNECTING):
            if time.monotonic() > end or failed:
                return
            request = CheckInRequest(protocol_version=1, agent_version="bench")
            request.clock.FromDatetime(datetime.now(UTC))
            identity = identities[number % len(identities)]
            with identity.channel(address, own=True) as channel:
                try:
                    DispatchServiceStub(channel).CheckIn(request, timeout=30)
                except grpc.RpcError as error:
                    failed.append(error)
                    return
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(_CONNECTING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(done)
