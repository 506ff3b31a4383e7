"""The command line's way to an estate: through the server of its home, another server, or none.

An operation is called by its name. Answers are plain JSON either way, so that a command cannot
tell, and need not know, who worked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from collector.home import PATIENCE, Home, HomeBusy, HomeLocked, patiently
from collector.server import LOCK, server_of

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

    from collector.local import LocalEstate

Answer = Any
"""Parsed JSON."""
Params = Mapping[str, Any]
"""Parameters by name; those left out have the defaults of the operation."""

_TIMEOUT_S = 600.0


class CallFailed(Exception):
    """The operation was not done; the message says why and what to do.

    CallFailed
    ├── NotFound      nothing answers to that name
    │   └── NoHome    there is no home where one was asked for; none was made
    ├── Refused       bad input: see the message
    ├── NotAllowed    the token or account may not do this
    ├── Unreachable   nobody answers, or the home is in use
    └── NoRoom        the disk is full; nothing was changed
    """


class NotFound(CallFailed):
    """Nothing answers to that name."""


class NoHome(NotFound):
    """There is no home where one was asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is no home at {path}, so nothing is known; 'stocktake serve' makes one, as do"
            " 'stocktake import observations FILE' and 'stocktake demo load'; --home names another"
        )


class Refused(CallFailed):
    """Bad input."""


class NotAllowed(CallFailed):
    """Not with this token or account."""


class Unreachable(CallFailed):
    """Nobody answers, or the home is in use."""


class NoRoom(CallFailed):
    """The disk is full."""


class Estate(Protocol):
    """Somebody who does operations."""

    def call(self, name: str, params: Params) -> Answer:
        """The answer of an operation.

        Raises:
            CallFailed: It was not done.
        """
        ...

    def stream(self, name: str, params: Params) -> Iterator[Answer]:
        """The lines of an operation that streams."""
        ...


@contextmanager
def open_estate(
    home: Home,
    server: str | None,
    token: str | None,
    doing: str = "stocktake",
    patience: timedelta = PATIENCE,
) -> Iterator[Estate]:
    """The estate of a home, or that of a server elsewhere.

    Args:
        home: The home, used when no server is named.
        server: Address of a server, such as https://cmdb.example:8440.
        token: API token for it.
        doing: The command, for others who wait for the home meanwhile.
        patience: For how long to wait for another command to end, or a server to answer.

    Raises:
        HomeBusy: The home is in use by something that does not answer.
    """
    if server:
        yield RemoteEstate(server, token, None)
        return
    with ExitStack() as stack:

        def enter() -> Estate:
            return _served(home, token) or _local(home, doing, stack)

        if home.is_made():
            yield patiently(enter, patience)
            return
        from collector.unmade import UnmadeEstate

        unmade = UnmadeEstate(home, lambda: patiently(enter, patience))
        stack.callback(unmade.close)
        yield unmade


def _served(home: Home, token: str | None) -> Estate | None:
    url = server_of(home)
    if url is None:
        return None
    from cmdb.people.local import read_local_token

    authority = home.authority_dir / "root.pem"
    return RemoteEstate(url, token or read_local_token(home.run_dir), authority)


def _local(home: Home, doing: str, stack: ExitStack) -> LocalEstate:
    from collector.local import LocalEstate

    try:
        stack.enter_context(home.lock(LOCK, doing))
    except HomeBusy:
        raise
    except HomeLocked as locked:
        # A server came between: it answers soon.
        raise HomeBusy(home.path, LOCK, locked.pid) from locked
    estate = LocalEstate(home)
    stack.callback(estate.close)
    return estate


class RemoteEstate:
    """An estate behind its REST interface."""

    def __init__(self, url: str, token: str | None, authority: Path | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused(f"{url!r} is no address of a server, such as https://host:8440")
        self._url = url
        self._https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._https else 80)
        self._token = token
        self._authority = authority

    def call(self, name: str, params: Params) -> Answer:
        """See Estate."""
        with self._asked(name, params) as response:
            return json.load(response)

    def stream(self, name: str, params: Params) -> Iterator[Answer]:
        """See Estate."""
        with self._asked(name, params) as response:
            for line in response:
                yield json.loads(line)

    @contextmanager
    def _asked(self, name: str, params: Params) -> Iterator[HTTPResponse]:
        from http.client import HTTPException

        method, path, body = _request(name, params)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            _check(response)
            yield response
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{self._url} does not answer: {error}") from error
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection

        if not self._https:
            return HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        import ssl

        context = ssl.create_default_context()
        if self._authority and self._authority.exists():
            context.load_verify_locations(self._authority)
        return HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=context)


def _request(name: str, values: Mapping[str, Any]) -> tuple[str, str, bytes | None]:
    from collector.operations.paths import PATHS

    method, template = PATHS[name]
    named = set(re.findall(r"{(\w+)}", template))
    path = "/api/v1" + template
    for field in named:
        path = path.replace(f"{{{field}}}", quote(str(values[field]), safe=""))
    rest = {field: value for field, value in values.items() if field not in named}
    if method == "GET":
        query = [
            (field, _text(item))
            for field, value in rest.items()
            for item in (value if isinstance(value, tuple | list) else (value,))
            if item is not None
        ]
        return method, f"{path}?{urlencode(query)}" if query else path, None
    return method, path, json.dumps(rest).encode()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_FAILURES: dict[int, type[CallFailed]] = {
    400: Refused,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Refused,
    413: Refused,
    422: Refused,
    429: Unreachable,
    503: Unreachable,
    507: NoRoom,
}
_FIRST_ERROR = 400


def _check(response: HTTPResponse) -> None:
    if response.status < _FIRST_ERROR:
        return
    body = response.read(1024 * 1024)
    try:
        problem = json.loads(body)
        message = problem.get("detail") or problem.get("title") or str(problem)
    except ValueError:
        message = f"the server answered {response.status} {response.reason}"
    raise _FAILURES.get(response.status, CallFailed)(str(message))
