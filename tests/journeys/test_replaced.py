"""A machine was replaced under its native key: people speak of what the key left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Estate, Server

NOW = datetime.now(UTC)
KEY = "pc"


def said(source: str, days: int, **attributes: str) -> dict[str, Any]:
    kind, instance = source.split("/")
    return {
        "type": "observation", "source": {"kind": kind, "instance": instance}, "scope": "hq",
        "observed_at": (NOW - timedelta(days=days)).isoformat(),
        "native_key": KEY, "full": True, "class": "Computer", "attributes": attributes,
    }  # fmt: skip


def rows(name: str) -> list[dict[str, Any]]:
    """A key that went from one machine to another; a list; a machine of which nothing tells."""
    left = said("agent/one", 9, name=f"{name}-old", system_serial="5CG1234XYZ")
    following = said("agent/one", 5, name=f"{name}-new", system_serial="MXL0123ABC")
    listed = said("import/list", 8, name=f"{name}-row", owner="hr")
    quiet = [said("agent/q", day, name=f"{name}-quiet", system_serial="PF1A2B3C") for day in (9, 3)]
    return [left, following, listed, *quiet]


class Cli:
    """The command line, as verbs with their answers."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate

    def join(self, *refs: str, dry: bool = False) -> Any:
        return self.estate.json("join", *refs, *(["--dry-run"] if dry else []))

    def split(self, ref: str, record: str, since: str) -> Any:
        return self.estate.json("split", ref, record, "--since", since)

    def retire(self, ref: str) -> Any:
        return self.estate.json("retire", ref)

    def reinstate(self, ref: str) -> Any:
        return self.estate.json("reinstate", ref)

    def set(self, ref: str, pair: str) -> Any:
        return self.estate.json("set", ref, pair)

    def undo(self, number: int) -> Any:
        return self.estate.json("undo", number)

    def show(self, ref: str) -> Any:
        return self.estate.json("show", ref)["asset"]

    def explain(self, ref: str) -> Any:
        return self.estate.json("explain", ref)

    def decisions(self) -> Any:
        return self.estate.json("decisions")["decisions"]


class Rest(Cli):
    """The same over HTTP."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        from cmdb.people.local import read_local_token

        token = read_local_token(server.home / "run")
        self.url, self.headers = f"{server.url}/api/v1", {"authorization": f"Bearer {token}"}

    def _post(self, path: str, **fields: Any) -> Any:
        answer = httpx.post(self.url + path, json=fields, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _get(self, path: str) -> Any:
        return httpx.get(self.url + path, headers=self.headers, timeout=30).json()

    def join(self, *refs: str, dry: bool = False) -> Any:
        return self._post("/identity/join", assets=refs, dry_run=dry)

    def split(self, ref: str, record: str, since: str) -> Any:
        return self._post("/identity/split", asset=ref, records=[record], since=since)

    def retire(self, ref: str) -> Any:
        return self._post(f"/assets/{ref}/retire")

    def reinstate(self, ref: str) -> Any:
        return self._post(f"/assets/{ref}/reinstate")

    def set(self, ref: str, pair: str) -> Any:
        return self._post(f"/assets/{ref}/set", values=[pair])

    def undo(self, number: int) -> Any:
        return self._post("/identity/undo", number=number)

    def show(self, ref: str) -> Any:
        return self._get(f"/assets/{ref}")["asset"]

    def explain(self, ref: str) -> Any:
        return self._get(f"/assets/{ref}/explain")

    def decisions(self) -> Any:
        return self._get("/identity/decisions")["decisions"]


@pytest.fixture(params=["home", "server"])
def face(request: pytest.FixtureRequest) -> Cli:
    estate = request.getfixturevalue(request.param)
    done = estate.take_in(*rows("m"))
    assert done["refused"] == []
    return Cli(estate) if request.param == "home" else Rest(estate)


def ids(face: Cli, *names: str) -> list[str]:
    return [face.show(f"m-{name}")["asset"] for name in names]


def test_what_a_native_key_left_behind_is_joined_alone(face: Cli) -> None:
    old, new, row = refs = ids(face, "old", "new", "row")
    dry = face.join(old, row, dry=True)["effects"]
    assert dry == [f"{row} (m-row) would join {old} (m-old)"]
    joined = face.join(old, row)
    assert joined["effects"] == [f"{row} (m-row) joined {old} (m-old)"]
    assert "as it was on" in joined["text"]
    assert face.show(row)["asset"] == old
    assert "owner" not in face.show(new)["attributes"]
    assert "as it was on" in str(face.explain(old)["links"])
    face.undo(joined["number"])
    assert ids(face, "old", "new", "row") == refs


def test_it_is_retired_and_reinstated_and_values_are_set_on_it(face: Cli) -> None:
    old, new = ids(face, "old", "new")
    face.retire(old)
    assert [face.show(each)["state"] for each in (old, new)] == ["retired", "present"]
    assert "as it was on" in face.explain(old)["state_why"]
    face.reinstate(old)
    assert face.show(old)["state"] == "present"

    done = face.set(old, "owner=ops")["values"]
    assert [(each["value"], each["wins"]) for each in done] == [("ops", True)]
    assert "owner" not in face.show(new)["attributes"]
    newest = face.decisions()[0]
    assert newest["act"] == "set"
    face.undo(newest["number"])
    assert "owner" not in face.show(old)["attributes"]


def test_one_record_is_parted_where_its_machine_was_replaced(face: Cli) -> None:
    (quiet,) = ids(face, "quiet")
    since = (NOW - timedelta(days=6)).isoformat()
    parted = face.split(quiet, "agent/q/hq/pc", since)
    (effect,) = parted["effects"]
    assert effect.startswith(f"1 record left {quiet} (m-quiet) for ci-")
    later = effect.rpartition(" for ")[2].partition(" ")[0]
    assert face.show(quiet)["last_seen"] < since < face.show(later)["first_seen"]
    assert face.estate.json("rebuild")["assets"] == []
    together = face.join(quiet, later)
    assert face.show(later)["asset"] == quiet
    face.undo(together["number"])
    assert face.show(later)["asset"] == later
    face.undo(parted["number"])
    assert face.show(later)["asset"] == quiet


def test_a_border_that_makes_no_sense_is_refused_in_one_sentence(home: Estate) -> None:
    home.take_in(*rows("m"))
    for since, code, words in (
        ("2020-01-01", 3, "told nothing of it before 2020-01-01"),
        ("soon", 3, "is no time"),
        ("2999-01-01", 3, "lies in the future"),
        (NOW.isoformat(), 3, "told nothing of it since"),
    ):
        done = home.run("split", "m-quiet", "agent/q/hq/pc", "--since", since)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
