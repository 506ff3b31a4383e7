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


def test_a_home_that_cannot_be_looked_into_says_so(tmp_path: Path) -> None:
    assert not Home(tmp_path / "none").is_made()
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(HomeError, match=r"cannot make or read .*: Not a directory"):
            Home(place).is_made()
    Home(tmp_path).desk_path.touch()
    assert Home(tmp_path).is_made()


def test_a_home_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "loose")
    home.run_dir.mkdir(parents=True)
    home.path.chmod(0o755)
    home.run_dir.chmod(0o777)
    home.create()
    assert {path.stat().st_mode & 0o777 for path in (home.path, home.run_dir)} == {0o700}


def test_a_folder_that_all_share_is_no_home_and_is_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(HomeError, match="shared with others"):
        Home(shared).create()
    assert shared.stat().st_mode & 0o7777 == 0o1777


SERVED = """
import os, sys, threading
from collector import roles
from collector.home import Home
def look(home, options, stop):
    from collector.intake_desk import IntakeDesk
    desk = IntakeDesk(home.create())
    for path in (home.path, home.journal_path, home.path / "journal.db-wal"):
        print(oct(path.stat().st_mode & 0o777))
    desk.close()
roles._ROLES["intake"] = look
sys.exit(roles.main())
"""


def test_what_a_server_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    words = [sys.executable, "-c", SERVED, "intake", str(tmp_path / "home"), '{"names": []}']
    done = subprocess.run(
        words, cwd=ROOT, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=60,
        check=True, umask=0o022,
    )  # fmt: skip
    assert done.stdout.split() == ["0o700", "0o600", "0o600"]


@pytest.mark.parametrize("module", ["collector.cli.main", "agent.cli"])
def test_commands_write_for_their_owner_alone(module: str) -> None:
    code = (
        f"import os, sys, atexit; from {module} import run\n"
        "atexit.register(lambda: print('umask', oct(os.umask(0))))\nsys.argv[1:] = ['--help']\n"
        "run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=True, umask=0o022,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "umask 0o77"


def test_a_home_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    (home.run_dir / "serve.lock").mkdir()
    with pytest.raises(HomeError, match=r"cannot write .*only reads.*--home"):
        home.holder("serve")
