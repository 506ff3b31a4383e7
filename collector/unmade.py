"""A home that is not there yet: what begins one makes it, all else is told so and makes nothing.

Knows no operation by name: each declares what becomes of it here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from collector.client import Estate, NoHome, Params
from collector.home import Home
from collector.local import LocalEstate
from collector.operation import Homeless, Operation
from collector.operations import operation


class UnmadeEstate:
    """The estate of such a home."""

    def __init__(self, home: Home, make: Callable[[], Estate]) -> None:
        """`make` makes the home and opens it."""
        self._home = home
        self._make = make
        self._estate: Estate | None = None
        self._stack = ExitStack()

    def close(self) -> None:
        """Lets go of what only tried something out."""
        self._stack.close()

    def call(self, name: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        """See collector.client.Estate.

        Raises:
            NoHome: It is about what nobody ever wrote.
        """
        return self._opened(operation(name), params).call(name, params)

    def stream(self, name: str, params: Params) -> Iterator[Any]:
        """See collector.client.Estate."""
        return self._opened(operation(name), params).stream(name, params)

    def _opened(self, asked: Operation, params: Params) -> Estate:
        if self._estate is None:
            if asked.homeless is Homeless.REFUSED or params.get("dry_run"):
                raise NoHome(self._home.path)
            self._estate = self._tried() if asked.homeless is Homeless.TRIED else self._make()
        return self._estate

    def _tried(self) -> Estate:
        """What tries out what is handed in, such as a rules file, does so on an empty estate."""
        folder = tempfile.TemporaryDirectory(prefix="stocktake-", ignore_cleanup_errors=True)
        estate = LocalEstate(Home(Path(self._stack.enter_context(folder))))
        self._stack.callback(estate.close)
        return estate
