"""The pages of licence positions over HTTP, on a real record."""

import csv
import io
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import uvicorn
from fastapi import FastAPI

from cmdb.people import VIEWER, Directory
from cmdb.people.roles import LICENCE_MANAGER
from cmdb.store.sqlite.desk import open_desk
from cmdb.web.console import install_console
from cmdb.web.shell import Services
from collector.moments import open_past
from collector.sources.lines import parse
from licenses.entitlements import read_csv
from licenses.errors import CatalogueError
from licenses.web import SAMPLE, panel, subject_with
from reconcile.pipeline import Pipeline

VISIO = ("Microsoft Visio Professional 2021 - en-us", "Microsoft Corporation")
IDEA = ("JetBrains IntelliJ IDEA 2025", "JetBrains s.r.o.")
HOSTILE = '<img src=x onerror="alert(1)">/=1+1'
RIGHTS = (
    "product,quantity,start,end,contract\n"
    "Microsoft Visio,1,2025-01-01,,C-1\n"
    "Microsoft Visio,5,2024-01-01,2025-12-31,C-0\n"
    f'"{HOSTILE.replace(chr(34), chr(34) * 2)}",4,,,C-2\n'
)


@dataclass
class Site:
    """A running console over a record of its own."""

    client: httpx.Client
    directory: Directory
    record: Any
    password: str = ""
    took: list[tuple[int, str, str]] = field(default_factory=list)

    def sign_in(self, name: str, password: str) -> None:
        form = {"name": name, "password": password}
        assert self.client.post("/sign-in", data=form).status_code == 303

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def upload(self, body: bytes, name: str = "rights.csv", csrf: str | None = None) -> Any:
        found = re.search(r'name="csrf" value="([^"]+)"', self.page("/account"))
        assert found
        form = {"csrf": found[1] if csrf is None else csrf}
        files = {"file": (name, body, "text/csv")}
        return self.client.post("/entitlements", data=form, files=files)


@contextmanager
def _serving(app: FastAPI) -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def site(
    tmp_path: Path, record_of: Any, machine: Callable[..., str], now: datetime
) -> Iterator[Site]:
    """Two machines that need three rights; one owned, five expired."""
    said = [machine("pc-1", VISIO), machine("pc-2", VISIO, IDEA)]
    rights = list(read_csv(RIGHTS.encode(), "first.csv", now).lines)
    with closing(open_desk(tmp_path / "desk.db")) as desk, record_of(said, rights) as record:
        directory = Directory(desk, lambda: now)
        password = directory.ensure_first()
        assert password

        @contextmanager
        def reading() -> Iterator[Any]:
            from cmdb.store.sqlite.record import open_record

            with closing(open_record(tmp_path / "record.db", readonly=True)) as opened:
                yield opened

        took: list[tuple[int, str, str]] = []

        def take(lines: Sequence[str], name: str, by: str) -> bool:
            from cmdb.store.sqlite.record import open_record

            with closing(open_record(tmp_path / "record.db")) as opened:
                Pipeline(opened).apply([parse(line, now) for line in lines], now)
            took.append((len(lines), name, by))
            return name != "slow.csv"

        services = Services(
            desk=desk,
            directory=directory,
            reading=reading,
            clock=lambda: now,
            panels=(panel(lambda: now),),
            past=open_past,
        )
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        install_console(app, services, (subject_with(take),))
        with _serving(app) as url, httpx.Client(base_url=url, timeout=20) as client:
            made = Site(client, directory, record, password, took)
            made.sign_in("admin", password)
            yield made


def test_the_list_is_worst_first_and_says_how_each_stands(site: Site) -> None:
    page = site.page("/positions")
    table = page[page.index("<tbody>") :]
    places = [table.index(text) for text in ("Microsoft Visio", "IntelliJ IDEA", "onerror")]
    assert places == sorted(places)
    assert '<b class="bad-text">1 short</b>' in page
    assert "4 spare" in page
    assert "<img src=x" not in page


def test_the_list_is_filtered_by_state_and_by_asset(site: Site) -> None:
    expired = site.page("/positions?state=expired")
    assert "Microsoft Visio" in expired
    assert "IntelliJ" not in expired
    page = site.page("/positions/Microsoft Visio")
    second = re.search(r'href="/assets/(ci-\d+)"[^>]*>.*?<bdi>pc-1</bdi>', page)
    assert second
    concerned = site.page(f"/positions?asset={second[1]}")
    assert "Microsoft Visio" in concerned
    assert "IntelliJ" not in concerned
    assert "Only what concerns" in concerned
    assert "No position is like that" in site.page("/positions?state=not+counted")


def test_one_position_proves_each_right_with_links_both_ways(site: Site) -> None:
    page = site.page("/positions/Microsoft Visio")
    assert "Microsoft Visio Professional 2021 - en-us" in page
    assert "pc-1" in page
    assert "pc-2" in page
    assert "C-0" in page
    assert "2025-12-31" in page
    assert "1 more right is needed" in page
    asset = re.search(r'href="/assets/(ci-\d+)"', page)
    assert asset
    assert f'href="/positions?asset={asset[1]}"' in site.page(f"/assets/{asset[1]}")


def test_a_product_is_found_by_another_name_and_a_strange_one_by_its_own(site: Site) -> None:
    answer = site.client.get("/positions/MS Visio")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/positions/Microsoft%20Visio"
    link = re.search(r'href="(/positions/[^"]*onerror[^"]*)"', site.page("/positions"))
    assert link
    strange = site.page(link[1].replace("&amp;", "&"))
    assert "Enough, with 4 to spare" in strange
    assert "<img src=x" not in strange
    missing = site.client.get("/positions/Nothing")
    assert missing.status_code == 404
    assert "Microsoft Visio" in missing.text


def test_tables_leave_as_csv_and_xlsx(site: Site) -> None:
    rows = list(csv.DictReader(io.StringIO(site.page("/positions.csv").lstrip("\ufeff"))))
    assert (rows[0]["product"], rows[0]["required"], rows[0]["owned"], rows[0]["expired"]) == (
        "Microsoft Visio", "2", "1", "5",
    )  # fmt: skip
    assert len(rows) == 3
    one = site.page("/positions.csv?product=Microsoft+Visio").lstrip("\ufeff")
    proof = list(csv.DictReader(io.StringIO(one)))
    assert sorted(row["part"] for row in proof) == ["owned", "owned", "required", "required"]
    body = site.client.get("/positions.xlsx?state=expired").content
    sheet = openpyxl.load_workbook(io.BytesIO(body)).active
    assert sheet is not None
    assert [row[0] for row in sheet.iter_rows(values_only=True)] == ["product", "Microsoft Visio"]
    assert site.client.get("/positions.pdf").status_code == 404


def test_the_sample_can_be_uploaded_as_it_is(site: Site) -> None:
    body = site.client.get("/entitlements/sample.csv").content
    answer = site.upload(body)
    assert answer.status_code == 200
    assert site.took == [(len(SAMPLE) - 1, "rights.csv", "admin")]
    assert "26" in site.page("/positions/Microsoft Visio"), "25 more than before"


def test_good_rows_are_taken_and_bad_ones_named_by_line(site: Site) -> None:
    answer = site.upload(b"product,quantity\nMicrosoft Visio,7\nOracle,many\n,3\n")
    assert answer.status_code == 422
    assert "1 row of <bdi>rights.csv</bdi> taken, 2 not" in answer.text
    assert "rights.csv line 3, quantity" in answer.text
    assert "rights.csv line 4, product" in answer.text
    assert "6 spare" in answer.text, "the list already counts what was taken"


def test_what_is_kept_but_not_counted_yet_is_said_so(site: Site) -> None:
    good = b"product,quantity\nMicrosoft Visio,7\n"
    assert "still being counted" in site.upload(good, "slow.csv").text
    assert "still being counted" not in site.upload(good, "fast.csv").text


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n"])
def test_a_file_that_is_none_takes_nothing(site: Site, body: bytes) -> None:
    answer = site.upload(body)
    assert answer.status_code == 422
    assert "Nothing was taken" in answer.text
    assert site.took == []


def test_uploads_are_for_those_who_manage_licences(site: Site) -> None:
    good = b"product,quantity\nMicrosoft Visio,7\n"
    assert site.upload(good, csrf="").status_code == 403, "forged"
    viewer = site.directory.create("admin", "vera", (VIEWER,))
    manager = site.directory.create("admin", "lena", (LICENCE_MANAGER,))
    site.sign_in("vera", viewer)
    assert "Record what is owned" not in site.page("/positions")
    assert site.upload(good).status_code == 403
    assert site.took == []
    site.sign_in("lena", manager)
    assert "Record what is owned" in site.page("/positions")
    assert site.upload(good).status_code == 200
    assert site.took == [(1, "rights.csv", "lena")]


def test_the_overview_names_what_is_out_of_order(site: Site) -> None:
    page = site.page("/")
    assert "Licences out of order" in page
    assert "2 required, 1 owned" in page


def test_a_bad_catalogue_does_not_take_the_overview_with_it(site: Site, now: datetime) -> None:
    def broken() -> Any:
        raise CatalogueError("catalogue.toml line 3 is odd")

    held: Any = panel(lambda: now, broken).data(site.record)
    assert held == {"first": (), "total": 0, "message": "catalogue.toml line 3 is odd"}


def test_nobody_gets_in_without_signing_in(site: Site) -> None:
    site.client.cookies.clear()
    for path in ("/positions", "/positions/x", "/positions.csv", "/entitlements/sample.csv"):
        assert site.client.get(path).headers["location"].startswith("/sign-in")
    assert site.client.post("/entitlements").status_code == 401
