"""The bench runs on a small estate, and its judge tells right from wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bench_reconcile import FAULTS, Told, make, write_truth
from tests.bench.reconcile.judge import Thing, judge, same
from tests.bench.reconcile.product import objects
from tests.bench.reconcile.stretches import BadExport, record_key

Told_ = list[tuple[dict[str, Any], str | None]]
_AT = "2026-03-0{}T00:00:00Z"


def test_a_small_estate_goes_through_the_product() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_reconcile", "--endpoints", "60", "--seed", "3"],
        capture_output=True, text=True, timeout=240, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["refused"] == told["engine"]["unassigned"] == 0
    assert told["observations"] > 5_000
    assert set(told["fault_groups"]) == {fault.name for fault in FAULTS}
    assert set(told["fault_groups"]) <= set(told["engine"]["faults"])
    for side in ("engine", "baseline"):
        assert 0 < told[side]["recall"] <= 1
        assert 0 < told[side]["precision"] <= 1
        assert told[side]["state_of"] > 3 < told[side]["value_of"]
    assert told["baseline"]["false_merges"] > 0


def test_a_seed_makes_the_same_estate_and_another_makes_another(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make(60, seed, tmp_path / f"{name}.jsonl.gz")
        texts.append([json.dumps(line) for line in objects(tmp_path / f"{name}.jsonl.gz")])
    assert len(texts[0]) > 5_000
    assert texts[0] == texts[1] != texts[2]


def test_lines_arrive_in_order_and_the_truth_names_them(tmp_path: Path) -> None:
    told, _ = make(60, 1, tmp_path / "sample.jsonl.gz")
    write_truth(told, tmp_path / "truth.jsonl.gz")
    lines = list(objects(tmp_path / "sample.jsonl.gz"))
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    observed = [n for n, line in enumerate(lines, 1) if line["type"] == "observation"]
    truth = list(objects(tmp_path / "truth.jsonl.gz"))
    assert [entry["line"] for entry in truth if "line" in entry] == observed
    assert {e["thing"] for e in truth if e.get("line") and e["thing"]} == {
        e["thing"] for e in truth if "faults" in e
    }


def test_the_truth_itself_scores_full_marks(tmp_path: Path) -> None:
    told, _ = make(60, 1, tmp_path / "sample.jsonl.gz")
    found = judge(told.observed(), told.things, _true_identity(told), _true_assets(told))
    shown = found.overall.shown()
    assert found.unassigned == 0
    assert shown["false_merges"] == shown["questions"] == 0
    assert shown["recall"] == shown["precision"] == shown["state"] == shown["value"] == 1
    assert shown["state_of"] > 3 < shown["value_of"]


def _true_identity(told: Told) -> Iterator[dict[str, Any]]:
    """Each record cut where its thing changes."""
    held: dict[Any, list[tuple[str, str]]] = defaultdict(list)
    for line, thing in told.observed():
        held[record_key(line)].append((line["observed_at"], thing or "nothing"))
    for (kind, instance, scope, native), said in held.items():
        said.sort()
        cuts = [
            said[0],
            *(two for one, two in pairwise(said) if one[1] != two[1]),
        ]
        ends = [at for at, _ in cuts[1:]]
        for (begin, thing), end in zip(cuts, [*ends, None], strict=True):
            yield _stretch(thing, begin, end, key=(kind, instance, scope, native))


def _true_assets(told: Told) -> Iterator[dict[str, Any]]:
    for name, thing in told.things.items():
        values = {
            name: want["any"][0] if isinstance(want, dict) else want
            for name, want in thing.attributes.items()
        }
        cls, state = (*thing.classes, "Device")[0], (*thing.states, "present")[0]
        yield {"asset": name, "class": cls, "state": state, "attributes": values, "aliases": []}


def _stretch(
    asset: str, begin: str | None = None, end: str | None = None, *,
    state: str = "linked", key: tuple[str, str, str, str] = ("agent", "x", "s", "k"),
) -> dict[str, Any]:  # fmt: skip
    kind, instance, scope, native = key
    return {
        "source": {"kind": kind, "instance": instance}, "scope": scope, "native_key": native,
        "from": begin, "to": end, "asset": asset, "state": state,
    }  # fmt: skip


def _line(day: int, native: str = "k") -> dict[str, Any]:
    return {
        "type": "observation", "at": _AT.format(day), "observed_at": _AT.format(day),
        "source": {"kind": "agent", "instance": "x"}, "scope": "s", "native_key": native,
    }  # fmt: skip


TWO: Told_ = [(_line(1), "a"), (_line(2), "a"), (_line(3), "b"), (_line(4), "b")]
THINGS = {"a": Thing("a"), "b": Thing("b")}


def test_a_record_about_two_things_is_a_false_merge() -> None:
    found = judge(TWO, THINGS, [_stretch("1")], []).overall
    assert found.merges == {"1"}
    assert (found.right, found.joined, found.found, found.pairs) == (2, 6, 2, 2)


def test_stretches_keep_them_apart() -> None:
    cut = [_stretch("1", None, _AT.format(3)), _stretch("2", _AT.format(3))]
    found = judge(TWO, THINGS, cut, []).overall
    assert (found.merges, found.found, found.pairs, found.whole) == (set(), 2, 2, 2)


def test_a_thing_in_two_assets_costs_recall_unless_asking_is_right() -> None:
    lines: Told_ = [(_line(1), "a"), (_line(2, "other"), "a")]
    apart = [_stretch("1"), _stretch("2", state="twin", key=("agent", "x", "s", "other"))]
    found = judge(lines, {"a": Thing("a")}, apart, []).overall
    assert (found.found, found.pairs, found.questions) == (0, 1, 1)
    asked = judge(lines, {"a": Thing("a", twin_ok=True)}, apart, []).overall
    assert (asked.found, asked.pairs, asked.questions) == (1, 1, 0)


def test_a_line_without_a_record_stands_alone() -> None:
    found = judge(TWO, THINGS, [], [])
    assert (found.unassigned, found.overall.found, found.overall.pairs) == (4, 0, 2)


def test_an_earlier_id_means_the_asset_of_today() -> None:
    rows = [{"asset": "2", "class": "X", "state": "present", "attributes": {}, "aliases": ["1"]}]
    cut = [_stretch("1", None, _AT.format(3)), _stretch("2", _AT.format(3))]
    assert judge(TWO, THINGS, cut, rows).overall.merges == {"2"}


def test_stretches_that_overlap_are_refused() -> None:
    with pytest.raises(BadExport, match="overlap"):
        judge(TWO, THINGS, [_stretch("1"), _stretch("2", _AT.format(2))], [])


@pytest.mark.parametrize(
    ("want", "got", "holds"),
    [
        ("a", "a ", True), ("a", "A", False), ({"any": ["a"], "nocase": True}, "A", True),
        (100, 100, True), (100, 101, False), ({"any": [100], "within": 0.02}, 101, True),
        ({"any": [None, ""]}, None, True), ("a", None, False), (100, "100", False),
    ],
)  # fmt: skip
def test_values_are_compared_as_the_truth_says(want: Any, got: Any, *, holds: bool) -> None:
    assert same(want, got) is holds
