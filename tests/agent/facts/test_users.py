"""Accounts and log-ins of a captured system."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.facts import users
from agent.facts.users import User

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
eve:x:1001:1001::/home/eve:/bin/zsh
bob:x:1000:1000:Bob,,,:/home/bob:
toor:x:0:0::/root:/bin/sh
broken:x
"""


def login(name: str, seconds: int, kind: int = 7) -> bytes:
    record = bytearray(384)
    struct.pack_into("<h", record, 0, kind)
    struct.pack_into("<32s", record, 44, name.encode())
    struct.pack_into("<i", record, 340, seconds)
    return bytes(record)


def test_who_may_log_in_and_who_did(captured: Captured) -> None:
    captured.add("/etc/passwd", PASSWD)
    lastlog = bytearray(292 * 1002)
    struct.pack_into("<i", lastlog, 292 * 1001, 1700000000)
    captured.add("/var/log/lastlog", bytes(lastlog))
    captured.add(
        "/var/log/wtmp",
        login("bob", 1700000100) + login("bob", 1700000050) + login("eve", 1600000000)
        + login("reboot", 1700000200, kind=2) + b"cut off",
    )  # fmt: skip
    root = captured.root
    assert users.read(root) == users.Users(
        (
            User("bob", "1000", datetime.fromtimestamp(1700000100, UTC)),
            User("eve", "1001", datetime.fromtimestamp(1700000000, UTC)),
            User("root", "0", None),
            User("toor", "0", None),
        )
    )
    assert users.names(root) == {0: "root", 1: "daemon", 4: "sync", 1000: "bob", 1001: "eve"}
    assert root.complaints == ()


def test_no_such_file_is_not_no_account(captured: Captured) -> None:
    assert users.read(captured.root) is None
    captured.add("/etc/passwd", "")
    assert users.read(captured.root) == users.Users(())
