import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector.home import Home, HomeError, HomeLocked

ROOT = Path(__file__).parents[2]


def test_the_home_is_the_one_asked_for_else_the_environments_else_the_checkouts(
    tmp_path: Path,
) -> None:
    environ = {"STOCKTAKE_HOME": str(tmp_path / "env")}
    assert Home.resolve(tmp_path / "here", environ).path == tmp_path / "here"
    assert Home.resolve(None, environ).path == tmp_path / "env"
    assert Home.resolve(None, {}).path == ROOT / "var"


def test_a_lock_names_the_process_that_holds_it_and_ends_with_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    code = (
        "import sys; from pathlib import Path; from collector.home import Home\n"
        "with Home(Path(sys.argv[1])).lock('server'):\n    print('held', flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        expected = pytest.raises(HomeLocked, match=f"process {other.pid} already works as server")
        with expected, home.lock("server"):
            pass
        assert home.holder("server") == other.pid
        other.kill()
    with home.lock("server"):
        assert home.holder("server") == os.getpid()
    assert home.holder("server") is None


def test_the_directories_are_for_the_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "new").create()
    assert {path.stat().st_mode & 0o777 for path in (home.path, home.run_dir)} == {0o700}


def test_a_home_too_deep_for_a_socket_has_its_door_elsewhere(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("d" * 120))
    assert len(os.fsencode(deep.door_path)) < 108
    assert deep.door_path != Home(tmp_path / ("e" * 120)).door_path


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(HomeError, match="cannot make"):
        Home(tmp_path / "file" / "home").create()
