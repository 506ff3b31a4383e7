"""The estate of a home without a server: what a server does by and by is done before it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.cli import data
from collector.client import NotFound, Refused
from collector.home import Home
from collector.local import LocalEstate
from tests.reconcile.history import observation

Import = Callable[..., None]


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[LocalEstate]:
    with closing(LocalEstate(Home(tmp_path / "home"))) as opened:
        yield opened


@pytest.fixture
def bring(estate: LocalEstate) -> Import:
    """Imports lines; all that they tell is in the view when it returns."""

    def done(*lines: dict[str, Any], replay: bool = True) -> None:
        text = "\n".join(map(json.dumps, lines))
        told = estate.call("import.observations", {"text": text, "replay": replay})
        assert (told["accepted"], told["refused"]) == (len(lines), [])
        estate.call("import.wait", {"sequence": told["sequence"]})

    return done


def machine(number: int, at: int, **attributes: Any) -> dict[str, Any]:
    named = {"name": f"pc-{number}", "system_serial": f"SER0000{number}", **attributes}
    return observation("agent", f"k{number}", at, attributes=named)


def test_an_import_weighs_what_time_alone_has_changed(estate: LocalEstate, bring: Import) -> None:
    bring(machine(1, 0))
    assert estate.call("assets.show", {"ref": "pc-1"})["asset"]["state"] == "present"
    # The replay is over: from here on it is now, and nobody heard of pc-1 since.
    new = machine(2, 0)
    del new["at"], new["observed_at"]
    bring(new, replay=False)
    assert estate.call("assets.show", {"ref": "pc-2"})["asset"]["state"] == "present"
    assert estate.call("assets.show", {"ref": "pc-1"})["asset"]["state"] == "retired"


def test_a_difference_says_what_was_compacted(estate: LocalEstate, bring: Import) -> None:
    days = (0, 3, 9, 12, 200)
    bring(*(machine(1, 24 * day, owner=f"owner-{day}") for day in days))

    def notes(name: str, **asked: str) -> str:
        return "\n".join(estate.call(name, {"first": "2026-01-05", **asked})["notes"])

    every = {"assets.diff": {"ref": "pc-1"}, "estate.diff": {}}
    for name, asked in every.items():
        assert notes(name, **asked) == ""
    estate.call("retention.set", {"words": "30", "feed": "40", "runs": "50"})
    ordered = estate.call("retention.run", {})
    estate.call("import.wait", {"sequence": ordered["last"]})
    one = notes("assets.diff", ref="pc-1", second="2026-01-11")
    assert "this part of the past was compacted: before 2026-06-20" in one
    assert "the change feed begins at 2026-06-10" in one
    assert one.count("compacted") == 1
    assert "the change feed begins at 2026-06-10" in notes("estate.diff")
    late = {"first": "2026-07-01", "second": "2026-07-02"}
    for name, asked in every.items():
        assert notes(name, **asked, **late) == ""


@pytest.mark.parametrize("path", ["x\0", "../../x", "x.tar"])
def test_a_backup_is_written_to_an_absolute_path_alone(estate: LocalEstate, path: str) -> None:
    with pytest.raises(Refused, match="absolute"):
        estate.call("backup", {"path": path})


@pytest.mark.parametrize("limit", [-1, 2**63])
def test_a_number_that_no_store_can_look_up_is_refused(estate: LocalEstate, limit: int) -> None:
    with pytest.raises(Refused, match="whole number from 0"):
        estate.call("changes.list", {"before": limit})


def test_days_out_of_bounds_are_refused_in_the_words_of_the_command(estate: LocalEstate) -> None:
    with pytest.raises(Refused) as refused:
        estate.call("retention.set", {"words": "2"})
    assert str(refused.value) == "words is 2 days; give 30 to 36500 days, or forever"
    kept = estate.call("retention.set", {"words": "forever"})
    assert kept["policy"]["words_days"] is None


def test_retiring_says_whose_sight_ends_it(estate: LocalEstate, bring: Import) -> None:
    bring(machine(1, 0))
    done = estate.call("assets.retire", {"ref": "pc-1"})
    assert done["text"].endswith(
        "is retired until an agent, a scan or another source that looks at things sees it again"
    )
    listed = observation("import", "row", 2, attributes={"system_serial": "SER00001"})
    bring(listed)
    assert estate.call("assets.show", {"ref": "pc-1"})["asset"]["state"] == "retired"
    bring(machine(1, 3))
    assert estate.call("assets.show", {"ref": "pc-1"})["asset"]["state"] == "present"


def test_a_replay_does_not_set_a_live_clock_back(estate: LocalEstate, bring: Import) -> None:
    new = machine(2, 0)
    del new["at"], new["observed_at"]
    bring(new, replay=False)
    with pytest.raises(Refused, match="set its clock back to 2026-01-01T00:00:00Z; without"):
        bring(machine(1, 0))
    assert estate.call("status", {})["replay"] is False
    with pytest.raises(NotFound):
        estate.call("assets.show", {"ref": "pc-1"})
    # What began as a replay goes on as one, though something arrived live meanwhile.
    text = json.dumps(machine(1, 0))
    more = {"text": text, "replay": True, "first_line": 1_001}
    assert estate.call("import.observations", more)["accepted"] == 1


def test_the_clock_of_a_replay_never_moves_back(
    estate: LocalEstate, bring: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(machine(1, 0), machine(1, 24 * 6))
    stood = estate.call("status", {})["clock"]
    assert stood.startswith("2026-01-07")
    again = "\n".join(json.dumps(machine(number, 0)) for number in (1, 2))
    told = estate.call("import.observations", {"text": again, "replay": True})
    estate.call("import.wait", {"sequence": told["sequence"]})
    assert (told["clock"], told["earlier"]) == (stood, 2)
    assert estate.call("status", {})["clock"] == stood
    data._report(told)
    assert f"never moves back: it is {stood}" in capsys.readouterr().out
    # What was learned now was not known before.
    assert estate.call("assets.show", {"ref": "pc-2"})["asset"]["name"] == "pc-2"
    with pytest.raises(NotFound):
        estate.call("assets.show", {"ref": "pc-2", "known_at": "2026-01-04"})
    assert estate.call("assets.show", {"ref": "pc-1", "as_of": "2026-01-06"})
    bring(machine(1, 24 * 7))
    assert estate.call("status", {})["clock"] > stood
