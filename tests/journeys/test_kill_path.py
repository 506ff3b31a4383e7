"""What was acknowledged is in the record once, whatever was killed on the way."""

import json
import subprocess
import sys
from pathlib import Path

from tests.journeys.kill_compare import Account, Found, faults

_PROGRAM = Path(__file__).with_name("kill_path.py")
_EVERY = frozenset({"a#1", "b#1", "a#2"})
_GOOD = Found(("a#1", "b#1", "a#2"), ("a#2", "a#1", "b#1"), ("a#2",), ("b", "a"))
_ACCOUNT = Account(_EVERY, _EVERY, frozenset({"a#1", "a#2"}))


def test_ten_kills_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(_PROGRAM), "--kills", "10"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    sys.stdout.write(done.stdout)  # the seed, for whoever has to look
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["faults"] == [], done.stderr
    assert done.returncode == 0
    assert told["acknowledged"] > 0
    assert told["applied"] == told["journalled"] >= told["kept"] > 0
    assert sum(told["killed"].values()) == 10


def test_the_comparison_finds_nothing_where_nothing_is_wrong() -> None:
    assert faults(_ACCOUNT, _GOOD) == []


def test_the_comparison_finds_every_fault() -> None:
    def told(journal: str, record: str, feed: str = "a#2", created: str = "b a") -> list[str]:
        parts = (tuple(words.split()) for words in (journal, record, feed, created))
        return faults(_ACCOUNT, Found(*parts))

    whole, applied = "a#1 b#1 a#2", "a#2 a#1 b#1"
    assert told(whole + " a#1", applied) == ["journalled 2 times: a#1"]
    assert told(whole, applied + " a#1") == ["applied 2 times: a#1"]
    assert told(whole, "a#2 a#1") == ["journalled and not applied: b#1"]
    assert told("a#1 a#2", "a#2 a#1") == ["kept and never sent: b#1"]
    assert "acknowledged and not journalled: a#1" in told("b#1 a#2", "a#2 b#1")
    assert told(whole + " c#1", applied + " c#1") == ["journalled and never made: c#1"]
    assert told(whole, applied, "a#2 a#2") == ["the feed told 2 times: a#2"]
    assert told(whole, applied, created="b a a") == ["the feed made 2 times: a"]
    assert told(whole, applied, "a#3") == ["told of and never applied: a#3"]
    assert "nothing was compared" in told("", "", "", "")
