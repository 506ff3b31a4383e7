"""Parameters of operations as HTTP carries them: path, query, body, file, and If-Match.

A field that the path names is read from there. Others come from the query of GET and DELETE and
from the JSON body of the rest. Two are special: `file: BinaryIO` is the raw body, and
`revision: int | None` is what If-Match said.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, BinaryIO, get_type_hints

from fastapi import Body, Depends, Header, Path, Query, Request
from pydantic import BeforeValidator, ConfigDict, Field

from collector.operation import LARGEST

REVISION = "revision"
FILE = "file"
IF_MATCH = "if-match"
_BODY = "body"
_IN_QUERY = frozenset({"GET", "HEAD", "DELETE"})
_SPOOL_BYTES = 1 << 20
_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')


def _no_truth(value: object) -> object:
    """JSON's true is no 1."""
    if isinstance(value, bool):
        raise ValueError("is a whole number, not true or false")  # noqa: TRY004 - pydantic's own
    return value


_Number = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=LARGEST)]


@dataclass(frozen=True)
class Binding:
    """How the parameters of one operation travel."""

    params: type
    parameters: tuple[inspect.Parameter, ...]

    def make(self, values: Mapping[str, object]) -> object:
        """The parameters from what the framework read.

        Raises:
            ValueError: they do not go together, by their own rules.
        """
        flat = {name: held for name, held in values.items() if name != _BODY}
        body = values.get(_BODY)
        if body is not None:
            assert dataclasses.is_dataclass(body)
            flat |= {each.name: getattr(body, each.name) for each in dataclasses.fields(body)}
        if isinstance(said := flat.get(REVISION), str):
            found = _ETAG.fullmatch(said.strip())
            if found is None:
                raise ValueError('If-Match is an ETag that was given out, such as "12".')
            flat[REVISION] = int(found[1])
        if not _is_text(list(flat.values())):
            raise ValueError("A text is not Unicode: it holds one half of a surrogate pair.")
        return self.params(**flat)

    def refuse_others(self, method: str, query: Iterable[str]) -> None:
        """No parameter is taken that is not known: a misspelt date would be answered as of now.

        Raises:
            ValueError: one is in the query that does not belong there.
        """
        known = {each.name for each in dataclasses.fields(self.params)} - {REVISION, FILE}
        reads = method in _IN_QUERY
        for name in query:
            if reads and name in known:
                continue
            where = "belongs into the JSON body" if name in known else "is not known here"
            close = difflib.get_close_matches(name[:80], sorted(known), 1) if reads else []
            told = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"The parameter {name[:80]!r} {where}{told}; nothing was done.")


def bind(params: type, path: str, method: str) -> Binding:
    """How the fields of `params` travel in a request.

    Raises:
        TypeError: the path names what is no field.
    """
    read = get_type_hints(params, include_extras=True)
    hints = {name: _bounded(hint) for name, hint in read.items()}
    fields = {each.name: each for each in dataclasses.fields(params)}
    in_path = set(re.findall(r"{(\w+)(?::\w+)?}", path))
    if unknown := in_path - fields.keys():
        raise TypeError(f"{path} names {sorted(unknown)}, which {params.__name__} does not have")
    found, body = [], []
    for name, declared in fields.items():
        if name in in_path:
            found.append(_parameter(name, Annotated[hints[name], Path()], MISSING))
        elif hints[name] is BinaryIO:
            found.append(_parameter(name, Annotated[BinaryIO, Depends(spooled)], MISSING))
        elif name == REVISION:
            found.append(_parameter(name, Annotated[str | None, Header(alias=IF_MATCH)], None))
        elif method in _IN_QUERY:
            found.append(_parameter(name, Annotated[hints[name], Query()], _default(declared)))
        else:
            body.append((name, hints[name], declared))
    if body:
        found.append(_body(params, body))
    return Binding(params, tuple(found))


def _bounded(hint: Any) -> Any:  # noqa: ANN401 - a type
    if hint is int:
        return _Number
    return _Number | None if hint == int | None else hint


def _is_text(value: object) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, Mapping):
        return all(_is_text(each) for pair in value.items() for each in pair)
    return not isinstance(value, list | tuple) or all(map(_is_text, value))


async def spooled(request: Request) -> AsyncIterator[BinaryIO]:
    """The raw body as a file, on disk when it is large."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
        async for chunk in request.stream():
            file.write(chunk)
        file.seek(0)
        yield file  # type: ignore[misc]  # SpooledTemporaryFile is an IO[bytes]


def _body(params: type, fields: list[tuple[str, Any, dataclasses.Field[Any]]]) -> inspect.Parameter:
    made: list[tuple[str, Any, dataclasses.Field[Any]]] = []
    for name, hint, declared in fields:
        copy: Any = dataclasses.field()
        if declared.default_factory is not MISSING:
            copy = dataclasses.field(default_factory=declared.default_factory)
        elif declared.default is not MISSING:
            copy = dataclasses.field(default=declared.default)
        made.append((name, hint, copy))
    # A misspelt "dry_run" must not be carried out.
    strict = {"__pydantic_config__": ConfigDict(extra="forbid")}
    model = dataclasses.make_dataclass(
        params.__name__, made, frozen=True, kw_only=True, namespace=strict
    )
    return _parameter(_BODY, Annotated[model, Body()], MISSING)


def _default(declared: dataclasses.Field[Any]) -> object:
    if declared.default_factory is not MISSING:
        made: object = declared.default_factory()
        return made
    default: object = declared.default
    return default


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    shown = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=shown
    )
