"""The moment that a page shows: asked for in its address, kept in its links, told in a banner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from cmdb.history import BadMoment
from cmdb.model.instants import read_day
from cmdb.query.past import PastNote, Reading
from cmdb.store.port import AssetId, Headline, Record, UnknownAsset
from cmdb.web.draw import instants
from cmdb.web.problem import Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmdb.query.models import AttributeView, Standing

OpenPast = Callable[[Record, str, str, datetime], AbstractContextManager[Reading]]
"""The record as of a moment: what was so then, by what was known then, and what now is."""
NAMES = ("as_of", "known_at")
"""How addresses name the two axes."""
ZONE = "zone"
"""How a form names the zone of its fields, which is UTC."""
_IN_FIELD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
_LONGEST = 64
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form for a time."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class When:
    """What the visitor asked for, as templates show it."""

    as_of: str = ""
    known_at: str = ""
    note: PastNote | None = None
    """None: the present."""
    back: str = ""
    """The address of the same page now."""
    latest: str = ""
    """The last day that can be asked for."""

    @property
    def query(self) -> str:
        """What links to other pages of the same moment end with."""
        return f"?{urlencode(self.asked)}" if self.asked else ""

    @property
    def asked(self) -> dict[str, str]:
        """The axes that were named."""
        every = {"as_of": self.as_of, "known_at": self.known_at}
        return {name: text for name, text in every.items() if text}

    def field(self, name: str) -> Field:
        """The form's field for one of the axes: a day, or a time where one was asked for."""
        at: datetime | None = getattr(self.note, name) if self.note else None
        return time_field(getattr(self, name), at)


def time_field(text: str, at: datetime | None) -> Field:
    """A form's field for a time that was written so and means that."""
    if at is None:
        return Field("date", "")
    if _is_day(text):
        return Field("date", f"{at:%Y-%m-%d}")
    # The field knows whole seconds: the one in which it happened is over then. A distance from now
    # names none, and must not become a time to come.
    whole = at.replace(microsecond=0)
    if whole < at and text[:4].isdecimal():
        whole += timedelta(seconds=1)
    return Field("datetime-local", f"{whole.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")


def _is_day(text: str) -> bool:
    """Whether a time was written as a day, of which all counts."""
    try:
        return bool(read_day(text.strip()))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page reads, and the moment of it."""

    reading: Reading
    when: When

    @property
    def record(self) -> Record:
        """The record as of the moment."""
        return self.reading.record

    @property
    def at(self) -> datetime:
        """The time that the page is about."""
        return self.reading.clock

    def told(self, answer: _Answer) -> _Answer:
        """An answer with the names of the moment, saying of which it is."""
        return self.reading.told(answer)

    def noted(self, note: PastNote | None) -> When:
        """The moment with what an answer says of it."""
        return self.when if note is None else replace(self.when, note=note)


@dataclass(frozen=True, slots=True)
class Present:
    """See cmdb.query.past.Reading: the record as it is."""

    record: Record
    clock: datetime
    of: Callable[[Record, AssetId, datetime], Sequence[AttributeView]]
    why: Callable[[Record, AssetId, datetime], Standing | None]
    note: PastNote | None = None

    def claims(self, asset: AssetId) -> Sequence[AttributeView]:
        """Winning claims of an asset."""
        return self.of(self.record, asset, self.clock)

    def standing(self, asset: AssetId) -> Standing | None:
        """Why an asset is not present."""
        return self.why(self.record, asset, self.clock)

    def headlines(self, assets: Sequence[AssetId]) -> Mapping[AssetId, Headline]:
        """What others show of these assets."""
        return self.record.view.headlines(assets)

    def told(self, answer: _Answer) -> _Answer:
        """The answer as it is."""
        return answer


def asked_of(query: Mapping[str, str]) -> tuple[str, str]:
    """The two axes as an address names them."""
    as_of, known_at = (zoned(query.get(name, "").strip()[: _LONGEST + 1], query) for name in NAMES)
    return as_of, known_at


def zoned(text: str, query: Mapping[str, str]) -> str:
    """A time with the zone that the form says its fields are in: a field has none of its own."""
    return f"{text}Z" if query.get(ZONE) == "Z" and _IN_FIELD.fullmatch(text) else text


@contextmanager
def seen(present: Present, open_past: OpenPast | None, when: When) -> Iterator[Seen]:
    """The record at the moment that a page asks for.

    Raises:
        Refused: That is no time, or what is looked for was not known then.
    """
    when = replace(when, latest=f"{present.clock:%Y-%m-%d}")
    if not when.asked:
        yield Seen(present, when)
        return
    if open_past is None:
        raise Refused(Problem(422, "The past cannot be shown here."))
    with refusing(), open_past(present.record, when.as_of, when.known_at, present.clock) as then:
        try:
            yield Seen(then, replace(when, note=then.note))
        except UnknownAsset as error:
            said = instants(then.note.said) if then.note else ""
            raise Refused(Problem(404, f"Nothing was known under that name, {said}.")) from error


@contextmanager
def refusing() -> Iterator[None]:
    """Texts that are no time are the visitor's to mend."""
    try:
        yield
    except BadMoment as error:
        raise Refused(Problem(422, f"{error}.")) from error
