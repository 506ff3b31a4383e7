"""Parameters of a request: known ones, numbers that a store can look up, errors in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmdb.people import ADMINISTRATOR, VIEWER, Directory
from cmdb.store.sqlite.desk import open_desk
from collector.api import ApiServices, build_app
from collector.operation import Context, Operation
from tests.collector.api.test_api import NOW, Taken, serving


@dataclass(frozen=True)
class NumberParams:
    number: int
    before: int | None = None
    limit: int = 10
    tags: tuple[str, ...] = ()


def _number(_: Context, params: NumberParams) -> Taken:
    return Taken("number", params.number)


OPERATIONS = (
    Operation("undo", "POST", "/undo", "Undo", NumberParams, Taken, _number, ADMINISTRATOR),
    Operation("numbered", "GET", "/n/{number}", "One", NumberParams, Taken, _number, VIEWER),
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    desk = open_desk(tmp_path / "desk.db")

    @contextmanager
    def context(_: object) -> Iterator[Any]:
        yield None

    app = build_app(OPERATIONS, ApiServices(Directory(desk, lambda: NOW, "stk_local"), context))
    known = {"authorization": "Bearer stk_local"}
    with serving(app) as port:
        base = f"http://127.0.0.1:{port}/api/v1"
        with httpx.Client(base_url=base, headers=known, timeout=20) as opened:
            yield opened
    desk.close()


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["detail"])


def test_one_that_is_not_known_is_refused_and_the_nearest_named(client: httpx.Client) -> None:
    assert "'limt' is not known here (did you mean 'limit'?)" in refused(client.get("/n/1?limt=5"))
    assert "did you mean" not in refused(client.get("/n/1?zz=1"))
    assert client.get("/n/1?limit=5").status_code == 200


def test_numbers_are_those_that_can_be_looked_up(client: httpx.Client) -> None:
    for said in (True, -1, 2**63, "x"):
        refused(client.post("/undo", json={"number": said}))
    assert client.post("/undo", json={"number": 2**63 - 1}).json()["size_bytes"] == 2**63 - 1
    for path in (f"/n/{2**63}", "/n/-1", f"/n/1?before={2**64}", "/n/1?limit=-1"):
        told = refused(client.get(path))
        assert "SQLite" not in told
    assert client.get("/n/7?before=3").json()["size_bytes"] == 7


def test_an_error_speaks_of_lists_as_json_does(client: httpx.Client) -> None:
    body = {"number": 1, "tags": "one"}
    told = refused(client.post("/undo", json=body))
    assert "should be a list" in told
    assert "tuple" not in told
