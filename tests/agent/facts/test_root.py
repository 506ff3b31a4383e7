"""Files of a captured system are read safely, whatever somebody put there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.errors import UsageError
from agent.facts.root import Root

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured


def test_an_absolute_link_stays_inside(captured: Captured, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    captured.add("/secret", "inside")
    captured.link("/etc/name", str(tmp_path / "secret"))
    captured.link("/etc/other", "/secret")
    assert captured.root.text("/etc/name") is None
    assert captured.root.text("/etc/other") == "inside"


def test_dots_do_not_climb_out(captured: Captured, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    captured.link("/etc/name", "../../../secret")
    captured.link("/etc/folder", "../..")
    assert captured.root.text("/etc/name") is None
    assert captured.root.text("/../secret") is None
    assert captured.root.text("/etc/folder/secret") is None


def test_a_linked_folder_leads_on(captured: Captured) -> None:
    captured.add("/sys/devices/pci/net/eth0/address", "aa\n")
    captured.link("/sys/class/net/eth0", "../../devices/pci/net/eth0")
    assert captured.root.value("/sys/class/net/eth0/address") == "aa"
    assert captured.root.resolved("/sys/class/net/eth0") == "/sys/devices/pci/net/eth0"


def test_a_circle_of_links_is_nothing(captured: Captured) -> None:
    captured.link("/a", "/b")
    captured.link("/b", "/a")
    root = captured.root
    assert root.text("/a") is None
    assert root.names("/a") == ()
    assert not root.exists("/a")


def test_a_long_file_is_cut_and_said_so(captured: Captured) -> None:
    captured.add("/long", b"x" * 100)
    root = captured.root
    assert root.data("/long", 10) == b"x" * 10
    assert root.complaints == ("/long is longer than 10 bytes; the rest was not read.",)


def test_a_pipe_is_not_waited_for(captured: Captured) -> None:
    os.mkfifo(captured.folder / "pipe")
    assert captured.root.data("/pipe") is None


def test_what_is_not_utf8_is_replaced(captured: Captured) -> None:
    captured.add("/name", b"caf\xe9\0\n")
    assert captured.root.value("/name") == "caf\ufffd"


def test_absent_is_no_complaint_and_empty_is_not_absent(captured: Captured) -> None:
    captured.add("/empty", "")
    root = captured.root
    assert root.value("/absent") is None
    assert root.value("/empty") == ""
    assert root.complaints == ()


def test_once_reads_once(captured: Captured) -> None:
    calls = []

    def read(root: Root) -> int:
        calls.append(root)
        return 7

    root = captured.root
    assert [root.once(read), root.once(read)] == [7, 7]
    assert len(calls) == 1


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        Root(tmp_path / "nowhere")


def test_only_the_running_system_is_live(captured: Captured) -> None:
    assert Root("/").is_live
    assert not captured.root.is_live
