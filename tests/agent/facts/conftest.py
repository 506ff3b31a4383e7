"""Captured systems of the tests' own making."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.facts.root import Root


class Captured:
    """A folder that stands for a system's root; files are added by their usual path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, path: str, content: str | bytes = "") -> Path:
        where = self.folder / path.lstrip("/")
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content if isinstance(content, bytes) else content.encode())
        return where

    def add_all(self, folder: str, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            self.add(f"{folder}/{name}", content)

    def link(self, path: str, target: str) -> None:
        where = self.folder / path.lstrip("/")
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(target)

    @property
    def root(self) -> Root:
        """A new look at the folder as it is now."""
        return Root(self.folder)


@pytest.fixture
def captured(tmp_path: Path) -> Captured:
    folder = tmp_path / "sysroot"
    folder.mkdir()
    return Captured(folder)
