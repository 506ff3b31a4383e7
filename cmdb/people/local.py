"""The local administrator: whoever can read a file in the home directory of the server.

The command line on the same machine uses it, so that it needs no account. The file is new at
each start of the server and readable by its owner only.
"""

from __future__ import annotations

import os
from pathlib import Path

from cmdb.people.secrets import new_token

LOCAL_ACCOUNT = "local"
LOCAL_TOKEN_FILE = "admin.token"  # noqa: S105


def write_local_token(run_dir: Path) -> str:
    """Puts a fresh token into `run_dir`, in one step, and returns it."""
    token = new_token()
    path = run_dir / LOCAL_TOKEN_FILE
    fresh = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    fresh.replace(path)
    return token


def read_local_token(run_dir: Path) -> str | None:
    """The token of the server that runs on this home; None where there is none to read."""
    try:
        return (run_dir / LOCAL_TOKEN_FILE).read_text(encoding="ascii").strip() or None
    except OSError:
        return None
