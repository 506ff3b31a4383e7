"""The api process: REST and console put together with what they work on."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from cmdb.people import Directory, Identity
from cmdb.people.local import write_local_token
from cmdb.query.observers import ObserverView
from cmdb.query.overview import SourceView
from cmdb.store.port import Record
from cmdb.store.sqlite.desk import open_desk
from cmdb.web import alerts as alert_pages
from cmdb.web.console import install_console
from cmdb.web.shell import Observers, Panel, Services
from collector import api_claims
from collector.alerting import Alerting
from collector.api import ApiServices, build_app
from collector.api_serve import ApiAddress, TlsFiles, is_loopback, serve_api
from collector.clock import utc_now
from collector.deciding import Deciding
from collector.door_client import Door
from collector.failures import FAILURES
from collector.home import Home
from collector.moments import open_past
from collector.names import ALL_ADDRESSES, reachable_names
from collector.not_found import explaining
from collector.operation import Context
from collector.operations import OPERATIONS
from collector.readers import Readers
from collector.server import Options
from licenses import web as licence_pages
from reconcile import web as identity_pages
from reconcile.explain import attributes
from reconcile.rules import web as rules_page
from reconcile.standing import standing

if TYPE_CHECKING:
    from collector.enrolment.registry import Observer

TRANSLATIONS: tuple[tuple[type[Exception], int], ...] = tuple(
    (getattr(import_module(place), name), kind.value) for place, name, kind in FAILURES
)
"""Errors whose message is meant for the caller, most special first."""

_PATIENCE_S = 2.0
_LOOK_EVERY_S = 0.02


class ApiProcess:
    """What requests work with."""

    def __init__(self, home: Home, stack: ExitStack) -> None:
        self._home = home
        self._readers = Readers(home.record_path)
        stack.callback(self._readers.close)
        self.desk = open_desk(home.desk_path)
        stack.callback(self.desk.close)
        self.alerting = Alerting(self.desk.alerts, home.path)
        self.door = Door(home)
        stack.callback(self.door.close)
        self.directory = Directory(self.desk, utc_now, write_local_token(home.run_dir))

    @contextmanager
    def context(self, who: Identity) -> Iterator[Context]:
        """What one call works with."""
        with self.reading() as record:
            yield Context(
                home=self._home,
                record=record,
                account=who.account,
                now=record.view.replay_clock() or utc_now(),
                open_desk=lambda: self.desk,
                open_door=lambda: self.door,
                settle=self._settle,
                open_alerting=lambda: self.alerting,
            )

    @contextmanager
    def reading(self) -> Iterator[Record]:
        """The record for one page."""
        with self._readers.lend() as record, explaining(record):
            yield record

    def _settle(self, sequence: int) -> int:
        """Looks until the record is there or patience ends."""
        until = time.monotonic() + _PATIENCE_S
        while (applied := self._readers.applied()) < sequence and time.monotonic() < until:
            threading.Event().wait(_LOOK_EVERY_S)
        return applied

    @contextmanager
    def alerts_checked(self, stop: threading.Event) -> Iterator[None]:
        """Checks and delivers alerts while the block lasts."""
        worker = threading.Thread(
            target=self.alerting.run, args=(self.reading, stop, utc_now), name="alerts"
        )
        worker.start()
        try:
            yield
        finally:
            stop.set()
            worker.join()

    def alerts(self) -> alert_pages.Alerts:
        """What the pages of alerts ask and do."""
        from cmdb.alerts.apprise_send import known, send
        from cmdb.alerts.courier import Courier

        courier = Courier(self.desk.alerts, send)
        pages = {"licence": "/positions/{}"}
        return alert_pages.Alerts(self.alerting.center, courier.try_channel, known, pages)

    def panels(self) -> tuple[Panel, ...]:
        """What subjects show on the overview."""
        return (
            alert_pages.panel(self.alerting.center),
            licence_pages.panel(utc_now, self.alerting.catalogue),
        )

    def take_entitlements(self, lines: Sequence[str], name: str, by: str) -> bool:
        """Journals entitlements of an uploaded file; says whether the record has them already."""
        from collector.intake_desk import Line
        from collector.journal.port import JSONL_FORM

        journalled = tuple(Line(line.encode("utf-8")) for line in lines)
        last = self.door.append(f"import/{name[:200]}", JSONL_FORM, journalled).last
        self.directory.audit(by, "import.entitlements", name, rows=str(len(lines)))
        return self._settle(last) >= last

    def deciding(self) -> Deciding:
        """The way of people's words from the console into the record."""
        return Deciding(self._home, lambda: self.door, self._settle)

    def observers(self) -> Observers:
        """What the page of observers asks and does."""
        return Observers(every=self._observers, revoke=self._revoke, allow=self._allow)

    def sources(self, _record: Record) -> Iterable[SourceView]:
        """Observers as sources, for the overview."""
        for observer in self.door.list_observers():
            if observer.last_seen and not observer.revoked_at:
                yield SourceView(
                    "/".join(sorted(observer.kinds)),
                    observer.hostname or observer.id,
                    observer.scope,
                    observer.last_seen,
                    "; ".join(observer.complaints[:1]),
                )

    def _observers(self) -> Sequence[ObserverView]:
        return [_view(observer) for observer in self.door.list_observers()]

    def _revoke(self, observer: str, by: str) -> None:
        self.door.revoke_observer(observer)
        self.directory.audit(by, "agents.revoke", observer)

    def _allow(self, observer: str, prefixes: tuple[str, ...], by: str) -> None:
        self.door.allow_scan(observer, prefixes)
        self.directory.audit(by, "agents.allow", observer, prefixes=", ".join(prefixes))


def serve(
    home: Home,
    options: Options,
    *,
    ready: Callable[[str, str | None], None],
    stop: threading.Event,
) -> None:
    """Serves REST and console until `stop` is set.

    `ready` gets the address and, at the very first start, the password of the account admin.
    """
    https = not is_loopback(options.host)
    with ExitStack() as stack:
        process = ApiProcess(home, stack)
        password = process.directory.ensure_first()
        stack.enter_context(process.alerts_checked(stop))
        own = version("stocktake")
        app = build_app(
            OPERATIONS,
            ApiServices(process.directory, process.context, TRANSLATIONS, https=https, version=own),
        )
        services = Services(
            desk=process.desk,
            directory=process.directory,
            reading=process.reading,
            clock=utc_now,
            claims=attributes,
            standing=standing,
            reasons=api_claims.reasons,
            past=open_past,
            sources=process.sources,
            observers=process.observers(),
            alerts=process.alerts(),
            panels=process.panels(),
            https=https,
            version=own,
        )
        licences = licence_pages.subject_with(process.take_entitlements, process.alerting.catalogue)
        identity = identity_pages.subject_with(process.deciding())
        install_console(app, services, (licences, identity, rules_page.subject()), TRANSLATIONS)
        address = ApiAddress(options.host, options.http_port, options.names)
        tls = _tls(home, options) if https else None
        scheme = "https" if https else "http"

        # What is here now stays: looking for cycles in it again and again takes 30 ms each time.
        gc.collect()
        gc.freeze()

        def announce(port: int) -> None:
            ready(f"{scheme}://{_shown(options)}:{port}", password)

        serve_api(app, address, tls, announce, stop)


def _tls(home: Home, options: Options) -> TlsFiles:
    from collector.enrolment.authority import Authority

    names = reachable_names(options.host, options.names)
    Authority.open(home.authority_dir).server_pair(names, utc_now())
    both = home.authority_dir / "server.pem"
    return TlsFiles(both, both)


def _shown(options: Options) -> str:
    host = options.host
    if host in ALL_ADDRESSES:
        host = options.names[0] if options.names else "localhost"
    return f"[{host}]" if ":" in host else host


def _view(observer: Observer) -> ObserverView:
    return ObserverView(
        observer.id,
        observer.hostname,
        tuple(sorted(observer.kinds)),
        observer.scope,
        observer.agent_version,
        observer.enrolled_at,
        observer.last_seen,
        observer.clock_offset,
        observer.outbox_batches,
        observer.complaints,
        observer.scan_prefixes,
        observer.revoked_at,
    )
