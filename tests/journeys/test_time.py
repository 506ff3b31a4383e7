"""What was so, and what was believed, at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from collector.cli.show import age
from tests.journeys.conftest import Estate, Server


def line(at: str, observed: str, owner: str, name: str = "pc-1") -> str:
    told: dict[str, Any] = {
        "type": "observation",
        "at": at,
        "observed_at": observed,
        "source": {"kind": "import", "instance": "list"},
        "scope": "hq",
        "native_key": name,
        "full": True,
        "class": "Computer",
        "attributes": {"name": name, "system_serial": f"5CG-{name}", "owner": owner},
    }
    return json.dumps(told)


def test_the_past_is_asked_for_on_two_axes(home: Estate, server: Server) -> None:
    told = (
        line("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "ann"),
        line("2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z", "cleo"),
        # Seen on the fifth, told on the tenth.
        line("2026-03-10T00:00:00Z", "2026-03-05T00:00:00Z", "bob"),
    )
    for estate in (home, server):
        # A replay is applied day by day: what one file tells is learned as fine as that.
        file = home.home.parent / "history.jsonl"
        file.write_text("".join(f"{text}\n" for text in told), encoding="utf-8")
        estate.json("import", "observations", file, "--replay")
        assert owner(estate) == "cleo"
        assert owner(estate, "--as-of", "2026-03-02") == "ann"
        assert owner(estate, "--as-of", "2026-03-06") == "bob"
        assert owner(estate, "--as-of", "2026-03-06", "--known-at", "2026-03-09T12:00:00Z") == "ann"
        assert owner(estate, "--known-at", "2026-03-09T12:00:00Z") == "cleo"
        page = estate.json("show", "pc-1", "--as-of", "2026-03-02")
        assert page["past"]["as_of"].startswith("2026-03-02")
        found = estate.json("diff", "pc-1", "2026-03-02", "2026-03-06")
        assert found["differences"] == [
            {"part": "attribute", "name": "owner", "before": "ann", "after": "bob"}
        ]
        new = estate.json("diff", "pc-1", "2026-02-01")["differences"]
        assert {"part": "attribute", "name": "owner", "before": None, "after": "cleo"} in new
        whole = estate.json("diff", "--estate", "2026-02-01")
        assert (whole["created_total"], whole["changed_total"]) == (1, 0)
        assert [row["name"] for row in whole["created"]] == ["pc-1"]
        later = estate.json("diff", "--estate", "2026-03-02", "2026-03-09")
        assert later["created_total"] == 0
        assert later["changed"] == [{"cls": "Computer", "what": "owner", "assets": 1}]
        owners = ("diff", "--estate", "2026-03-02", "2026-03-09", "--what", "owner")
        found = estate.json(*owners, "--class", "Computer")["changed_assets"]
        assert [(row["name"], row["what"]) for row in found] == [("pc-1", ["owner"])]
        assert estate.json(*owners, "--class", "Printer")["changed_assets"] == []
        assert estate.run("diff", "pc-1").returncode == 2
        assert estate.run("diff", "nobody", "2026-02-01").returncode == 4
        listed = estate.json("assets", "--as-of", "2026-02-01")
        assert listed["assets"] == []


def test_how_a_comparison_was_asked_for_is_told_wrong(home: Estate, server: Server) -> None:
    for estate in (home, server):
        file = home.home.parent / "one.jsonl"
        at = "2026-03-10T00:00:00Z"
        file.write_text(line(at, at, "ann") + "\n", encoding="utf-8")
        estate.json("import", "observations", file, "--replay")
        for words in (("--estate",), ("pc-1",)):
            assert estate.run("diff", *words, "soon").returncode == 2
            assert estate.run("diff", *words, "2026-03-02T10:00").returncode == 2
            wrong = estate.run("diff", *words, "2026-03-06", "2026-03-02")
            assert wrong.returncode == 2
            assert "'2026-03-06' is later than '2026-03-02'" in wrong.stderr
        assert estate.run("show", "pc-1", "--as-of", "2026-03-02T10:00").returncode == 3


def owner(estate: Estate, *options: str, name: str = "pc-1") -> str:
    page = estate.json("show", name, *options)
    values = {row["name"]: row["value"] for row in page["attributes"]}
    return str(values["owner"])


def test_retention_is_shown_set_and_carried_out(home: Estate, server: Server) -> None:
    for estate in (home, server):
        file = home.home.parent / "months.jsonl"
        times = [f"2024-0{month}-{day:02}T00:00:00Z" for month in (1, 4) for day in (3, 9, 20)]
        told = [line(at, at, f"owner-{number}", "pc-2") for number, at in enumerate(times)]
        file.write_text("\n".join(told) + "\n", encoding="utf-8")
        estate.json("import", "observations", file, "--replay")
        assert estate.json("retention", "show")["policy"]["words_days"] == 400
        assert estate.run("retention", "set", "--words", "3").returncode == 3
        kept = estate.json("retention", "set", "--words", "30", "--feed", "forever")
        assert kept["policy"] == {"words_days": 30, "feed_days": None, "runs_days": 400}
        shown = estate.json("retention", "show")
        assert shown["policy"] == kept["policy"]
        assert shown["marks"]["words_from"] is None
        assert estate.json("show", "pc-2", "--as-of", "2024-03-10")["past"]["notes"] == []
        going = estate.json("retention", "run", "--dry-run")["removed"]["words"]
        assert going > 0
        assert estate.json("retention", "run")["removed"]["words"] == going
        assert estate.json("retention", "run", "--dry-run")["removed"]["words"] == 0
        past = estate.json("show", "pc-2", "--as-of", "2024-01-25")
        assert "compacted" in past["past"]["notes"][0]
        assert owner(estate, "--as-of", "2024-01-25", name="pc-2") == "owner-2"
        assert owner(estate, name="pc-2") == "owner-5"


def test_what_is_not_there_is_not_compared(home: Estate) -> None:
    file = home.home.parent / "one.jsonl"
    at = "2026-03-01T00:00:00Z"
    file.write_text(line(at, at, "ann") + "\n", encoding="utf-8")
    home.json("import", "observations", file)
    for words, told in (
        (("--estate", "2026-02-01", "--class", "Nosuch"), "no class 'Nosuch'"),
        (("--estate", "2026-02-01", "--what", "nonsense"), "nothing is told of 'nonsense'"),
        (("pc-1", "2026-02-01", "--class", "Computer"), "go with --estate"),
    ):
        done = home.run("diff", *words)
        assert done.returncode != 0
        assert told in done.stderr


def test_a_word_that_cannot_be_kept_is_refused(home: Estate) -> None:
    at = "2026-03-01T00:00:00Z"
    file = home.home.parent / "two.jsonl"
    told = (line(at, at, "ann", "pc-1"), line(at, at, "bob", "pc-2"))
    file.write_text("".join(f"{text}\n" for text in told), encoding="utf-8")
    home.json("import", "observations", file)
    done = home.run("join", "pc-1", "pc-2", "--note", "x" * 5_000)
    assert done.returncode != 0
    assert "cannot be kept: note is longer than 4096" in done.stderr
    assert home.json("decisions")["decisions"] == []
    assert len(home.assets()) == 2


def test_a_name_that_came_later_says_since_when_it_is(home: Estate) -> None:
    at = "2026-03-01T00:00:00Z"
    file = home.home.parent / "three.jsonl"
    file.write_text(line(at, at, "ann") + "\n", encoding="utf-8")
    home.json("import", "observations", file)
    done = home.run("show", "pc-1", "--as-of", "2026-02-01")
    assert done.returncode == 4
    assert "nothing was known as 'pc-1' at 2026-02-01" in done.stderr
    assert "first seen at 2026-03-01" in done.stderr
    other = home.run("show", "pc-9", "--as-of", "2026-02-01")
    assert "no asset is called 'pc-9'" in other.stderr


def test_questions_count_ages_from_the_clock_of_the_record(home: Estate) -> None:
    fault = Path(__file__).parents[1] / "reconcile" / "faults" / "dr_replica.jsonl"
    home.json("import", "observations", fault)
    found = home.json("twins")
    assert found["as_of"] == home.json("assets")["as_of"]
    told = home.ok("twins")
    side = found["questions"][0]["sides"][0]
    assert age(side["last_seen"], found["as_of"]) in told
    assert age(side["last_seen"]) not in told
