"""How the command line shows things, and how it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from collector.cli import options, show
from collector.client import CallFailed, NoRoom, NotAllowed, NotFound, Refused, Unreachable

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_every_failure_has_its_documented_exit_code() -> None:
    codes = {kind: options.code_of(kind("x")) for kind in CallFailed.__subclasses__()}
    assert codes == {NotFound: 4, Refused: 3, NotAllowed: 6, Unreachable: 5, NoRoom: 7}
    assert options.code_of(CallFailed("x")) == 1
    documented = dict(options.EXIT_CODES)
    assert set(codes.values()) < set(documented)
    assert len(documented) == len(options.EXIT_CODES) == 8


def test_a_table_in_a_pipe_is_whole_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    show.table(("name", "count #"), [("a", 5), ("日本", 12), (long, None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "count"]
    assert long in lines[4]
    assert lines[2].endswith("    5")
    assert lines[3].endswith("   12")
    assert len(lines[2]) - len(lines[3]) == 2  # two letters that take two columns each


@pytest.mark.parametrize("rows", [3, 101])
@pytest.mark.parametrize("width", [60, 100])
def test_a_table_is_no_wider_than_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, rows: int, width: int
) -> None:
    headers = ("asset", "class", "name", "system", "seen")
    row = ("ci-1", "Computer", "日本" * 50, "Debian GNU/Linux " * 10, "3 d")
    monkeypatch.setenv("COLUMNS", str(width))
    show.table(headers, [row] * rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "日" in "".join(lines)
    assert "…" in "".join(lines)
    assert "ci-1" in "".join(lines)
    for said in ("", "0", "wide", "-5"):
        monkeypatch.setenv("COLUMNS", said)
        show.table(headers, [row])
        assert "日本" * 50 in capsys.readouterr().out


def test_a_table_of_no_rows_shows_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("name", "state"), [])
    assert capsys.readouterr().out.split()[:2] == ["name", "state"]


def test_text_of_others_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\u202eevil\r[bold]x"
    show.table(("name",), [(hostile,)])
    show.facts((("name", hostile),))
    said = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(said)
    assert "[bold]x" in said


@pytest.mark.parametrize(
    ("ago", "words"),
    [(5, "5 s"), (90, "1 min"), (7200, "2 h"), (86_400 * 12, "12 d")],
)
def test_ages_are_in_words(ago: int, words: str) -> None:
    instant = (NOW - timedelta(seconds=ago)).isoformat()
    assert show.age(instant, NOW.isoformat()) == words
    assert show.age(None) == "never"


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (2**34, "16 GiB")],
)
def test_bytes_are_in_powers_of_1024(size: int, words: str) -> None:
    assert show.quantity(size, "byte") == words
    assert show.quantity(size, None) == str(size)
