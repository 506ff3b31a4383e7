"""The product, from outside: its command in processes of their own, on a home of its own."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BIN = Path(sys.executable).parent / "stocktake"


class ProductFailed(RuntimeError):
    """The command ended with an error; the text says what it said last."""


def import_lines(home: Path, sample: Path) -> tuple[dict[str, Any], int]:
    """Imports a gzipped file; the command's answer, and the most memory that it held, in bytes."""
    log = home.with_name("import.log")
    words = [str(_BIN), "--home", str(home), "import", "observations", "-", "--json"]
    with log.open("wb") as errors, home.with_name("import.json").open("w+b") as out:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=errors)
        assert process.stdin is not None
        try:
            with gzip.open(sample) as lines, process.stdin as pipe:
                shutil.copyfileobj(lines, pipe, 1 << 20)
        except BrokenPipeError:
            pass  # It ended early: its status says so below.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        answer = out.read().decode("utf-8")
    if process.returncode:
        last = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise ProductFailed(f"import ended with {process.returncode}: {last}{answer[-2_000:]}")
    return json.loads(answer), used.ru_maxrss * 1024


def export(home: Path, what: str, to: Path) -> None:
    """Writes an export into a file."""
    with to.open("wb") as out:
        done = subprocess.run(
            [str(_BIN), "--home", str(home), "export", what],
            stdout=out, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    if done.returncode:
        text = done.stderr.decode("utf-8", "replace")[-2_000:]
        raise ProductFailed(f"export {what} ended with {done.returncode}: {text}")


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a JSON Lines file, gzipped or plain."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
