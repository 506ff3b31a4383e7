"""A rules file as a tree of texts with their lines, and nothing else that YAML can do.

Anchors, aliases and tags are refused: they are how a small file becomes a large one, or
something that is no data. Size, depth and number of nodes are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import Event

MOST_BYTES = 256 * 1024
MOST_DEPTH = 8
MOST_NODES = 50_000
MOST_PROBLEMS = 100


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in a rules file, and where."""

    line: int
    """From 1."""
    column: int
    """From 1."""
    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the file."""

    line: int
    column: int

    def problem(self, text: str) -> Problem:
        """Something that is wrong here."""
        return Problem(self.line, self.column, text)


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A single value, as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entries(Node):
    """Names with what is said of them."""

    entries: tuple[tuple[Text, Node], ...]


class Malformed(ValueError):
    """It cannot be read as a tree at all."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def decoded(body: bytes) -> str:
    """The text of a file.

    Raises:
        Malformed: It is too large, or no UTF-8.
    """
    if len(body) > MOST_BYTES:
        raise Malformed(Problem(1, 1, f"the file is larger than {MOST_BYTES} bytes"))
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = body[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        raise Malformed(Problem(line, column, f"not UTF-8: {error.reason}")) from error


def tree(text: str, problems: list[Problem]) -> Node | None:
    """The tree of a file; None when the file says nothing. Repeated names become problems.

    Raises:
        Malformed: It cannot be read; the problem tells the first place.
    """
    import yaml

    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Malformed(Problem(1, 1, f"the file is larger than {MOST_BYTES} bytes"))
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Building(yaml.parse(text, Loader=loader), problems).document()
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        place = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise Malformed(
            Problem(*place, f"a character that no text holds: {error.reason}")
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Malformed(Problem(*place, f"not YAML: {error.problem or error.context}")) from error
    except (UnicodeEncodeError, yaml.YAMLError) as error:
        raise Malformed(Problem(1, 1, f"not YAML: {error}")) from error


class _Building:
    """Makes nodes of the parser's events, which come one by one."""

    def __init__(self, events: Iterator[Event], problems: list[Problem]) -> None:
        self._events = events
        self._problems = problems
        self._count = 0

    def document(self) -> Node | None:
        """The one document."""
        from yaml import DocumentEndEvent, DocumentStartEvent, StreamEndEvent, StreamStartEvent

        found: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Malformed(_place(event).problem("a second document: a file holds one"))
            elif not isinstance(event, StreamStartEvent | StreamEndEvent | DocumentEndEvent):
                found = self._node(event, 1)
        return found

    def _node(self, event: Event, depth: int) -> Node:
        from yaml import AliasEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceStartEvent

        place = _place(event)
        self._count += 1
        if depth > MOST_DEPTH or self._count > MOST_NODES:
            raise Malformed(place.problem("nested too deep" if depth > MOST_DEPTH else "too much"))
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise Malformed(place.problem("anchors (&) and aliases (*) are not read: write it out"))
        if getattr(event, "tag", None):
            raise Malformed(place.problem(f"tags are not read: {event.tag}"))  # type: ignore[attr-defined]
        if isinstance(event, ScalarEvent):
            plain = event.value.strip()
            empty = event.style is None and plain in {"~", "null"}
            return Text(place.line, place.column, "" if empty else plain)
        if isinstance(event, SequenceStartEvent):
            return Items(place.line, place.column, tuple(self._items(depth)))
        assert isinstance(event, MappingStartEvent)
        return Entries(place.line, place.column, tuple(self._entries(depth)))

    def _items(self, depth: int) -> Iterator[Node]:
        from yaml import SequenceEndEvent

        while not isinstance(event := next(self._events), SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[Text, Node]]:
        from yaml import MappingEndEvent

        seen: dict[str, int] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Text):
                raise Malformed(key.problem("a name is a text"))
            if key.text in seen:
                first = seen[key.text]
                self._problems.append(key.problem(f"{key.text!r} stands in line {first} already"))
                continue
            seen[key.text] = key.line
            yield key, value


def _place(event: Event) -> Node:
    mark = event.start_mark
    assert mark is not None
    return Node(mark.line + 1, mark.column + 1)
