"""What the sources say of an estate, day by day, in order of arrival."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from tests.bench.reconcile import voices
from tests.bench.reconcile.estate import DAYS, Estate, Site, Thing
from tests.bench.reconcile.voices import Line

Told = tuple[Line, str | None]
"""A line, and the thing it speaks of; None for runs, people and shared addresses."""
_MORNING, _SPAN = 28_800, 7_200
_SCAN, _SNMP, _CLOUD, _LIST = 39_600, 46_800, 50_400, 54_000
_HOUR = 3_600
_LIST_EVERY, _MOBILE_EVERY = 14, 7
_ALL: Line = {"all": True}
_T = TypeVar("_T")


def tell(estate: Estate) -> Iterator[Told]:
    """All lines; the estate changes underneath."""
    calendar = _Calendar(estate)
    for day in range(DAYS):
        yield from calendar.day(day)
    yield from calendar.rest()


class _Calendar:
    """The days of one estate."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._rng = random.Random(estate.rng.getrandbits(64))
        self._waiting: list[tuple[str, int, Line, str | None]] = []
        self._count = 0
        self._runs = 0
        self._addresses: dict[int, str | None] = {}

    def day(self, day: int) -> Iterator[Told]:
        """Lines that arrive on this day."""
        for action in self._estate.plan.pop(day, ()):
            action()
        present = [thing for thing in self._estate.things if self._is_present(thing, day)]
        self._address(present, day)
        for thing in present:
            self._agents(thing, day)
        self._sites(present, day)
        self._lists(day)
        for line, name in self._estate.words.pop(day, ()):
            self._put(line, name)
        yield from self._due(voices.stamp(day + 1, 0))

    def rest(self) -> Iterator[Told]:
        """What is still on its way at the end."""
        yield from self._due("9")

    def _is_present(self, thing: Thing, day: int) -> bool:
        if not thing.lives(day):
            return False
        chance = thing.kind.presence
        if chance == 1:
            return True
        return self._rng.random() < (chance if day % 7 < 5 else chance / 8)

    def _address(self, present: list[Thing], day: int) -> None:
        self._addresses = {}
        for site in self._estate.sites:
            site.expire(day)
        for thing in present:
            if not thing.adapters or thing.off:
                continue
            if thing.kind.name == "laptop":
                thing.up = self._adapter(thing)
            adapter = thing.adapters[thing.up]
            holder = adapter.mac if adapter.lends else f"{thing.number}/{adapter.mac}"
            self._addresses[thing.number] = thing.fixed or thing.site.lease(holder, day, self._rng)

    def _adapter(self, thing: Thing) -> int:
        lent = [place for place, adapter in enumerate(thing.adapters) if adapter.lends]
        if lent and self._rng.random() < 0.8:
            return lent[0]
        return int(self._rng.random() < 0.5)

    def _agents(self, thing: Thing, day: int) -> None:
        if thing.agent is None:
            return
        address = self._addresses[thing.number]
        second = _MORNING + self._rng.random() * _SPAN
        now = (address or "", thing.adapters[thing.up].mac)
        due = thing.told is None or (day + thing.phase) % (thing.kind.every_days or 3) == 0
        if (due or thing.keyed_by_adapter) and thing.partial_from > day:
            line = voices.agent(thing, day, second, address, full=True)
            self._put(self._perhaps_late(thing, line, day), thing.name)
        elif now != thing.told or due:
            self._put(voices.agent(thing, day, second, address, full=False), thing.name)
        thing.told = now
        if thing.edr and due:
            self._put(voices.edr(thing, day, second + 300, address), thing.name)

    def _perhaps_late(self, thing: Thing, line: Line, day: int) -> Line:
        if thing.late:
            version = f"99.{day}.0"
            line["attributes"] = line["attributes"] | {"os_version": version}
            thing.expect["os_version"] = version
            if self._rng.random() < 0.5:
                line["at"] = voices.stamp(min(DAYS, day + self._rng.randrange(5, 25)), 60_000)
        elif self._rng.random() < 0.003:
            line["at"] = voices.stamp(day, 80_000)
        return line

    def _sites(self, present: list[Thing], day: int) -> None:
        held: dict[int, list[Thing]] = defaultdict(list)
        for thing in present:
            held[thing.site.number].append(thing)
        for site in self._estate.sites:
            here = held[site.number]
            if (day + site.number) % (1 if site.number % 10 == 0 else 7) == 0:
                self._scan(site, here, day)
            if (day + site.number) % 4 == 0:
                self._snmp(site, here, day)
            if (day + site.number) % 3 == 0:
                self._managers(site, here, day)

    def _scan(self, site: Site, here: list[Thing], day: int) -> None:
        lines: list[Told] = []
        for thing in here:
            address = self._addresses.get(thing.number)
            missed = thing.kind.presence < 1 and self._rng.random() < 0.005
            if not thing.scanned or address is None or missed:
                continue
            lines.append((self._seen(site, thing, address), thing.name))
        for at, address, mac, name in self._estate.shared.get(day, ()):
            if at is site:
                lines.append(({"address": address, "mac": mac, "name": name}, None))
        source = ("scan", f"probe-{site.scope}")
        state = self._state(site, day)
        run = self._run(source, site.scope, (day, _SCAN), voices.covers(site), state)
        for seen, name in self._reached(lines, state):
            second = _SCAN + self._rng.random() * _HOUR
            self._put(voices.scan(site, run, day, second, seen), name)

    def _seen(self, site: Site, thing: Thing, address: str) -> Line:
        named = site.routed or self._rng.random() < 0.5
        guess = self._rng.choice(thing.guesses) if thing.guesses else "Device"
        mac = None if site.routed else thing.adapters[thing.up].mac
        name = thing.facts.get("name") if named else None
        return {"address": address, "mac": mac, "name": name, "class": guess}

    def _snmp(self, site: Site, here: list[Thing], day: int) -> None:
        source = ("snmp", f"snmp-{site.scope}")
        state = self._state(site, day)
        run = self._run(source, site.scope, (day, _SNMP), voices.covers(site), state)
        for thing in self._reached([thing for thing in here if thing.snmp], state):
            second = _SNMP + self._rng.random() * _HOUR
            self._put(voices.snmp(thing, run, day, second), thing.name)

    def _managers(self, site: Site, here: list[Thing], day: int) -> None:
        managed: dict[str, list[Thing]] = defaultdict(list)
        for thing in here:
            if thing.manager:
                managed[thing.manager[0]].append(thing)
        for instance, things in managed.items():
            source = ("cloud", instance)
            run = self._run(source, site.scope, (day, _CLOUD), _ALL, "complete")
            for thing in things:
                second = _CLOUD + self._rng.random() * _HOUR
                address = self._addresses.get(thing.number)
                self._put(voices.manager(thing, run, day, second, address), thing.name)

    def _lists(self, day: int) -> None:
        alive = [thing for thing in self._estate.things if thing.lives(day)]
        when = (day, _LIST + 60.0)
        if day % _LIST_EVERY == 2:
            run = self._list("cmdb-csv", day)
            for thing in alive:
                if thing.row:
                    self._put(voices.row(thing, run, *when), thing.name)
                if thing.second_row:
                    key = f"CI9{thing.number:06d}"
                    line = voices.listed("cmdb-csv", key, run, when, thing.second_row, thing)
                    self._put(line, thing.name)
        if day % _MOBILE_EVERY == 4:
            self._other_lists(alive, day)

    def _other_lists(self, alive: list[Thing], day: int) -> None:
        when = (day, _LIST + 60.0)
        run = self._list("mdm", day)
        for thing in alive:
            if thing.kind.name == "mobile":
                facts = {n: thing.facts[n] for n in ("name", "vendor", "model", "system_serial")}
                facts["mac"] = thing.adapters[0].mac
                line = voices.listed("mdm", f"mdm-{thing.number}", run, when, facts, thing)
                self._put(line, thing.name)
        run = self._list("sccm-export", day)
        for thing in alive:
            if thing.other_list:
                key = f"sccm-{thing.number}"
                line = voices.listed("sccm-export", key, run, when, thing.other_list, thing)
                self._put(line, thing.name)

    def _list(self, instance: str, day: int) -> str:
        return self._run(("import", instance), "company", (day, _LIST), _ALL, "complete")

    def _state(self, site: Site, day: int) -> str:
        if day >= site.quiet_from:
            return self._rng.choice(("failed", "partial"))
        chance = self._rng.random()
        return "partial" if chance < 0.02 else "failed" if chance < 0.03 else "complete"

    def _reached(self, seen: list[_T], state: str) -> list[_T]:
        share = {"complete": 1.0, "partial": 0.5, "failed": 0.0}[state]
        return [one for one in seen if self._rng.random() < share]

    def _run(
        self, source: tuple[str, str], scope: str, when: tuple[int, int], covers: Line, state: str
    ) -> str:
        """A run of an hour; what it sees lies between its start and its end."""
        self._runs += 1
        run, (day, second) = f"r-{self._runs:07d}", when
        begin: Line = {"event": "start", "covers": covers}
        end: Line = {"event": "end", "covers": covers, "state": state}
        self._put(voices.run_event(source, scope, run, when, begin), None)
        self._put(voices.run_event(source, scope, run, (day, second + _HOUR + 60), end), None)
        return run

    def _put(self, line: Line, name: str | None) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (line["at"], self._count, line, name))

    def _due(self, until: str) -> Iterator[Told]:
        while self._waiting and self._waiting[0][0] < until:
            _, _, line, name = heapq.heappop(self._waiting)
            yield line, name
            if name and line["type"] == "observation" and self._rng.random() < 0.002:
                yield line, name
