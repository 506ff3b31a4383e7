"""What was acknowledged survives any kill, once; what was not is sent again."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_PROGRAM = Path(__file__).with_name("kill_wire.py")


def test_five_kills_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(_PROGRAM), "--kills", "5"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    sys.stdout.write(done.stdout)  # the seed, for whoever has to look
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["faults"] == [], done.stderr
    assert done.returncode == 0
    assert told["acknowledged"] > 0
    assert told["journalled"] >= told["kept"] > 0


def test_the_comparison_can_fail() -> None:
    spec = spec_from_file_location("kill_wire", _PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    kill_wire = module_from_spec(spec)
    sys.modules[spec.name] = kill_wire
    spec.loader.exec_module(kill_wire)
    every = frozenset({"a", "b", "c"})
    account = kill_wire.Account(every, frozenset({"a", "b"}), frozenset({"a"}))
    assert kill_wire.faults(account, ["a", "b"]) == []
    assert kill_wire.faults(account, ["a", "b", "b"]) == ["doubled: b x2"]
    assert kill_wire.faults(account, ["b"]) == [
        "lost though acknowledged: a",
        "lost though kept: a",
    ]
    assert kill_wire.faults(account, ["a"]) == ["lost though kept: b"]
    assert kill_wire.faults(account, ["a", "b", "x"]) == ["never made: x"]
    assert kill_wire.faults(kill_wire.Account(every, every, frozenset()), ["a"])
