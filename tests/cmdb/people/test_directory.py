"""Accounts and the ways in, on a real desk."""

import stat
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmdb.people import (
    ADMINISTRATOR,
    VIEWER,
    Directory,
    Forbidden,
    Identity,
    InvalidRequest,
    SignInFailed,
    SignInThrottled,
    UnknownAccount,
    Via,
)
from cmdb.people.directory import TokenRequest
from cmdb.people.local import read_local_token, write_local_token
from cmdb.people.sessions import IDLE, LIFETIME
from cmdb.people.throttle import wait_after
from cmdb.store.sqlite.desk import SqliteDesk, open_desk

HOME = "127.0.0.1"


@pytest.fixture
def directory(desk: SqliteDesk, clock: Any) -> Directory:
    return Directory(desk, clock)


@pytest.fixture
def password(directory: Directory) -> str:
    made = directory.ensure_first()
    assert made is not None
    return made


def entered(directory: Directory, name: str, password: str) -> Identity:
    who = directory.by_session(directory.sign_in(name, password, HOME))
    assert who is not None
    return who


def held_by(directory: Directory, token: str) -> Identity:
    who = directory.by_token(token)
    assert who is not None
    return who


def actions(desk: SqliteDesk) -> list[str]:
    return [row.entry.action for row in desk.audited(50)]


def test_the_first_password_is_told_once_and_signs_in(directory: Directory, password: str) -> None:
    assert directory.ensure_first() is None
    who = entered(directory, "Admin ", password)
    assert (who.account, who.roles, who.via) == ("admin", (ADMINISTRATOR,), Via.SESSION)


def test_wrong_name_and_wrong_password_are_told_alike(directory: Directory, password: str) -> None:
    said = set()
    for name, tried in (("admin", "wrong"), ("nobody", password), ("'; --", "x"), ("admin", "")):
        with pytest.raises(SignInFailed) as caught:
            directory.sign_in(name, tried, HOME)
        said.add(str(caught.value))
    assert len(said) == 1


def test_failures_make_the_pair_wait_and_nobody_else(
    directory: Directory, password: str, clock: Any
) -> None:
    for _ in range(4):
        with pytest.raises(SignInFailed):
            directory.sign_in("admin", "wrong", HOME)
    with pytest.raises(SignInThrottled) as caught:
        directory.sign_in("admin", password, HOME)
    assert directory.sign_in("admin", password, "192.0.2.9")
    clock.pass_by(caught.value.wait)
    assert directory.sign_in("admin", password, HOME)


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait_after(count, 4).total_seconds() for count in (3, 4, 5, 6, 40)]
    assert waits == [0, 2, 4, 8, 900]


def test_a_restart_forgives_no_failure(tmp_path: Path, clock: Any) -> None:
    first = open_desk(tmp_path / "desk.db")
    directory = Directory(first, clock)
    directory.ensure_first()
    for _ in range(4):
        with pytest.raises(SignInFailed):
            directory.sign_in("admin", "wrong", HOME)
    first.close()
    second = open_desk(tmp_path / "desk.db")
    with pytest.raises(SignInThrottled):
        Directory(second, clock).sign_in("admin", "wrong", HOME)
    second.close()


@pytest.mark.parametrize("steps", [[IDLE], [IDLE / 2] * int(LIFETIME / (IDLE / 2))])
def test_a_session_ends_when_idle_and_when_old(
    directory: Directory, password: str, clock: Any, steps: list[timedelta]
) -> None:
    secret = directory.sign_in("admin", password, HOME)
    for step in steps[:-1]:
        clock.pass_by(step)
        assert directory.by_session(secret) is not None
    clock.pass_by(steps[-1])
    assert directory.by_session(secret) is None


def test_the_desk_holds_no_secret(directory: Directory, password: str, desk: SqliteDesk) -> None:
    session = directory.sign_in("admin", password, HOME)
    who = directory.by_session(session)
    assert who is not None
    token = directory.issue_token(who, TokenRequest("ci", (VIEWER,), timedelta(days=1)))
    held = b"".join(path.read_bytes() for path in desk.file.path.parent.iterdir())
    assert b"session.start" in held
    for secret in (password, session, token):
        assert secret.encode() not in held
    assert stat.S_IMODE(desk.file.path.stat().st_mode) == 0o600


def test_sign_out_ends_the_session(directory: Directory, password: str, desk: SqliteDesk) -> None:
    secret = directory.sign_in("admin", password, HOME)
    directory.sign_out(secret)
    assert directory.by_session(secret) is None
    assert actions(desk)[0] == "session.end"


def test_a_reset_password_ends_sessions_and_the_old_password(
    directory: Directory, password: str
) -> None:
    secret = directory.sign_in("admin", password, HOME)
    fresh = directory.reset_password("local", "admin")
    assert directory.by_session(secret) is None
    with pytest.raises(SignInFailed):
        directory.sign_in("admin", password, HOME)
    assert directory.sign_in("admin", fresh, HOME)
    with pytest.raises(UnknownAccount, match="admin"):
        directory.reset_password("local", "nobody")


def test_changing_ones_password_needs_the_old_one_and_length(
    directory: Directory, password: str
) -> None:
    who = entered(directory, "admin", password)
    with pytest.raises(SignInFailed):
        directory.change_password(who, "wrong", "long enough, surely")
    with pytest.raises(InvalidRequest):
        directory.change_password(who, password, "short")
    directory.change_password(who, password, "long enough, surely")
    assert directory.sign_in("admin", "long enough, surely", HOME)


def test_tokens_are_narrow_expire_and_can_be_revoked(
    directory: Directory, password: str, clock: Any
) -> None:
    who = entered(directory, "admin", password)
    token = directory.issue_token(who, TokenRequest("ci", (VIEWER,), timedelta(days=30)))
    other = directory.issue_token(who, TokenRequest("ci 2", (VIEWER,), timedelta(days=30)))
    holder = directory.by_token(token)
    assert holder is not None
    assert holder.roles == (VIEWER,)
    with pytest.raises(Forbidden):
        holder.require(ADMINISTRATOR)
    directory.revoke_token(who, next(row.id for row in directory.tokens() if row.label == "ci"))
    assert directory.by_token(token) is None
    clock.pass_by(timedelta(days=30))
    assert directory.by_token(other) is None
    assert directory.by_token("stk_unknown") is None


@pytest.mark.usefixtures("password")
def test_a_token_never_outgrows_its_account(directory: Directory) -> None:
    first = directory.create("admin", "carol", [ADMINISTRATOR])
    who = entered(directory, "carol", first)
    token = directory.issue_token(who, TokenRequest("t", (ADMINISTRATOR,), timedelta(days=1)))
    directory.set_roles("admin", "carol", [VIEWER], disabled=False)
    assert held_by(directory, token).roles == ()
    viewer = entered(directory, "carol", first)
    with pytest.raises(InvalidRequest):
        directory.issue_token(viewer, TokenRequest("t", (ADMINISTRATOR,), timedelta(days=1)))
    with pytest.raises(UnknownAccount):
        directory.revoke_token(viewer, 999)
    directory.set_roles("admin", "carol", [VIEWER], disabled=True)
    assert directory.by_token(token) is None


@pytest.mark.usefixtures("password")
def test_the_last_administrator_stays(directory: Directory) -> None:
    for roles, disabled in (([VIEWER], False), ([ADMINISTRATOR], True)):
        with pytest.raises(InvalidRequest):
            directory.set_roles("admin", "admin", roles, disabled=disabled)


@pytest.mark.parametrize("name", ["", "local", "system", "a b", "x" * 65, "<script>", "admin"])
@pytest.mark.usefixtures("password")
def test_names_that_are_not_taken(directory: Directory, name: str) -> None:
    with pytest.raises(InvalidRequest):
        directory.create("admin", name, [VIEWER])


@pytest.mark.usefixtures("password")
def test_every_write_is_audited(directory: Directory, desk: SqliteDesk) -> None:
    directory.create("admin", "carol", [VIEWER])
    directory.set_roles("admin", "carol", [VIEWER], disabled=True)
    directory.reset_password("admin", "carol")
    with pytest.raises(SignInFailed):
        directory.sign_in("my secret password", "x", HOME)
    assert actions(desk)[:5] == [
        "session.refuse",
        "account.reset_password",
        "account.change",
        "account.create",
        "account.create",
    ]
    assert desk.audited(1)[0].entry.target == "?"


def test_the_local_token_administers_and_is_new_each_time(
    tmp_path: Path, desk: SqliteDesk, clock: Any
) -> None:
    first = write_local_token(tmp_path)
    second = write_local_token(tmp_path)
    assert first != second
    assert read_local_token(tmp_path) == second
    assert stat.S_IMODE((tmp_path / "admin.token").stat().st_mode) == 0o600
    directory = Directory(desk, clock, second)
    assert directory.by_token(first) is None
    assert held_by(directory, second).may(ADMINISTRATOR)
    assert read_local_token(tmp_path / "nowhere") is None


def test_many_threads_make_one_first_account(tmp_path: Path, clock: Any) -> None:
    desk = open_desk(tmp_path / "desk.db")
    made: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: made.append(Directory(desk, clock).ensure_first()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in made if each]) == 1
    assert len(desk.people.accounts()) == 1
    desk.close()
