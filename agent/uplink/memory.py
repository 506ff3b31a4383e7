"""What the agent remembers between runs: what a collector acknowledged, and its settings.

All of it can be lost: the next report is then a full one and the next check-in brings settings.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from google.protobuf.message import DecodeError

from agent.uplink import identity as identities
from agent.uplink.config import write_durably
from stocktake.v1.dispatch_pb2 import ObserverSettings

_ACKNOWLEDGED = "acknowledged.json"
_SETTINGS = "settings.json"
_OUTLINES = "programs"
_OUTLINE = ".outline"
_log = logging.getLogger(__name__)


class Memory:
    """The memory of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def acknowledged(self, native_key: str) -> dict[str, bytes]:
        """Hashes of a record's sections that a collector holds, by the name of the section."""
        kept = self._read(_ACKNOWLEDGED).get(native_key, {})
        if not isinstance(kept, dict):
            return {}
        try:
            return {str(name): bytes.fromhex(content) for name, content in kept.items()}
        except (ValueError, TypeError):
            return {}

    def acknowledge(self, native_key: str, hashes: Mapping[str, bytes]) -> None:
        """Keep what a collector holds of a record now; empty for nothing."""
        kept = self._read(_ACKNOWLEDGED)
        kept[native_key] = {name: content.hex() for name, content in hashes.items()}
        self._write(_ACKNOWLEDGED, kept)

    def outlines(self) -> dict[bytes, bytes]:
        """What is remembered of lists of programs, by their content hash."""
        found = {}
        for path in self._outlines():
            with suppress(OSError, ValueError):
                found[bytes.fromhex(path.stem)] = path.read_bytes()
        return found

    def keep_outline(self, content_hash: bytes, outline: bytes) -> None:
        """Remember a list of programs besides the one that a collector holds, and no others."""
        folder = self._home / _OUTLINES
        held = {content for kept in self._read(_ACKNOWLEDGED) for content in self._hashes(kept)}
        wanted = {content_hash.hex(), *held}
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            for path in self._outlines():
                if path.stem not in wanted:
                    path.unlink(missing_ok=True)
            path = folder / f"{content_hash.hex()}{_OUTLINE}"
            if not path.exists():
                write_durably(path, outline)
        except OSError as error:
            _log.warning("cannot write in %s: %s", folder, error.strerror)

    def _outlines(self) -> list[Path]:
        return sorted((self._home / _OUTLINES).glob(f"*{_OUTLINE}"))

    def _hashes(self, native_key: str) -> list[str]:
        return [content.hex() for content in self.acknowledged(native_key).values()]

    def settings(self) -> tuple[ObserverSettings, bytes | None]:
        """The settings last told, and their hash; the usual ones and None before that."""
        kept = self._read(_SETTINGS)
        try:
            settings = ObserverSettings.FromString(bytes.fromhex(str(kept["settings"])))
            return settings, bytes.fromhex(str(kept["hash"]))
        except (KeyError, ValueError, DecodeError):
            usual = ObserverSettings()
            usual.report_every.FromTimedelta(timedelta(hours=4))
            usual.check_in_every.FromTimedelta(timedelta(seconds=60))
            return usual, None

    def keep_settings(self, settings: ObserverSettings, content_hash: bytes) -> None:
        """Keep settings as told, and the allowed prefixes with the identity."""
        words = {"settings": settings.SerializeToString().hex(), "hash": content_hash.hex()}
        self._write(_SETTINGS, words)
        identity = identities.load(self._home)
        prefixes = tuple(settings.scan_prefixes)
        if prefixes != identity.scan_prefixes:
            identities.save(self._home, replace(identity, scan_prefixes=prefixes))

    def _read(self, name: str) -> dict[str, object]:
        try:
            kept = json.loads((self._home / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, name: str, words: Mapping[str, object]) -> None:
        try:
            write_durably(self._home / name, json.dumps(words).encode())
        except OSError as error:
            _log.warning("cannot write %s: %s", self._home / name, error.strerror)
