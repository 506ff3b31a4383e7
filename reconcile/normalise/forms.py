"""The normal forms in which values are compared, by the name that declarations use.

Two values are the same when their forms are. A form of None says that the value identifies
nothing and says nothing: empty, or of the wrong type.
"""

from __future__ import annotations

import functools
import math
import re
import uuid
from collections.abc import Callable
from itertools import pairwise

from cmdb.model.observation import Json
from reconcile.normalise import placeholders

Form = str | None

_LEGAL = re.compile(
    r"[\s,]+(inc|incorporated|corp|corporation|co|company|ltd|limited|gmbh|ag|sa|llc|plc|bv|oy|ab|"
    r"technologies|computer|computers|systems|international|enterprise)\.?$"
)
_MAKERS = {
    "hewlett-packard": "hp", "hewlett packard": "hp", "hewlett packard enterprise": "hpe",
    "dell emc": "dell", "asustek": "asus", "asustek computer": "asus", "msft": "microsoft",
    "international business machines": "ibm",
}  # fmt: skip
_SAYS_SERIAL = re.compile(r"^(S/N|SN|SERIAL(NO|NUMBER|NR)?)[.]?[:#=]+")
_ROUNDED = re.compile(r"\d([.,]\d+)?E[+]?\d+")
_SHORTEST_SERIAL = 4
_LOCAL_BIT = 0x02
_REPEATED = re.compile(r"(.{1,2})\1{2,}")
_COUNTED = re.compile(r"[A-Z]{0,5}([0-9]{5,})")
_OPENING, _CLOSING = tuple("<([{$"), tuple(">)]}")
_LONGEST_WORD = 12
"""Letters; so many without a digit are no serial number."""
_SHORT_WORD = 6
_SHORTEST_NUMBER = 3
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DATE = re.compile(
    r"(19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](19|20)\d\d", re.ASCII
)
_FEW_BYTES = 4
_COUNTING = "0123456789abcdef" * 3 + "0" + "1234567890abcdef" * 3 + "0" + "1234567890" * 6
_UPWARDS = "0123456789" * 3
_HYPERVISORS = placeholders.HYPERVISOR_MACS
_GIB = 1 << 30
_ROUNDED_ABOVE = 2 * _GIB
_SIZE = re.compile(
    r"(\d{1,3}(?:,\d{3})+|\d{1,15}(?:[.,]\d{1,9})?)\s*([kmgt]?)(?:i?b|bytes?)?",
    re.ASCII | re.IGNORECASE,
)
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": _GIB, "t": 1 << 40}
_SIGNS = re.compile(r"\((r|tm|c)\)|[\u00ae\u2122\u00a9]", re.IGNORECASE)
_MAKER_OF_SYSTEM = re.compile(r"^microsoft (?=windows)|(?<=debian) gnu/linux\b")


def text(value: Json) -> Form:
    """White space at the ends does not count."""
    return value.strip() or None if isinstance(value, str) else _other(value)


def words(value: Json) -> Form:
    """Case and runs of white space do not count."""
    return " ".join(value.casefold().split()) or None if isinstance(value, str) else _other(value)


def system(value: Json) -> Form:
    """Signs of trade marks, and who makes the system, do not count."""
    form = words(_SIGNS.sub(" ", value)) if isinstance(value, str) else words(value)
    return _MAKER_OF_SYSTEM.sub("", form) if form else form


def name(value: Json) -> Form:
    """Case and a closing dot do not count."""
    return value.strip().rstrip(".").casefold() or None if isinstance(value, str) else None


def host_name(value: Json) -> Form:
    """A name that means one machine, without its domain; None for names that setup gives to all."""
    if not isinstance(value, str):
        return None
    short = value.strip().casefold().partition(".")[0]
    return None if short in placeholders.NAMES or _is_address(value) else short


def fqdn(value: Json) -> Form:
    """A name with its domain."""
    full = name(value)
    if full is None or "." not in full or full in placeholders.NAMES or _is_address(full):
        return None
    return full


def vendor(value: Json) -> Form:
    """Case, legal forms and old names of makers do not count."""
    form = words(value)
    while form and (shorter := _LEGAL.sub("", form).rstrip(" ,")) and shorter != form:
        form = shorter
    return _MAKERS.get(form, form) if form else None


def serial(value: Json) -> Form:
    """Case, white space, leading zeros and the words "serial number" do not count.

    What makers print when none was set is none, nor is what a spreadsheet rounded (7.1E+11).
    """
    if not isinstance(value, str) or _says_nothing(value.strip()):
        return None
    form = _SAYS_SERIAL.sub("", re.sub(r"\s+", "", value).upper())
    if _ROUNDED.fullmatch(form):
        return None
    plain = form.strip(".-_*")
    if form in placeholders.SERIALS or plain in placeholders.SERIALS or len(set(plain)) <= 1:
        return None
    if any(part in plain for part in placeholders.SERIAL_PARTS) or _is_filler(form):
        return None
    return form.lstrip("0") if len(form.lstrip("0")) >= _SHORTEST_SERIAL else form


def _says_nothing(value: str) -> bool:
    """Words in place of a number, something in brackets, an error of a spreadsheet, or a date."""
    if (value[:1] in _OPENING and value[-1:] in _CLOSING) or value.startswith("#"):
        return True
    if any(letter.isdigit() for letter in value):
        return _DATE.fullmatch(value) is not None
    # Some numbers have no digit; they are printed in capitals, and longer than short words.
    several = len(value.split()) > 1 or len(value) >= _LONGEST_WORD
    return several or len(value) <= _SHORT_WORD or value != value.upper()


def _is_filler(form: str) -> bool:
    """A placeholder under other punctuation, one or two characters over and over, or a count."""
    bare = re.sub(r"[^0-9A-Z]", "", form)
    if bare in placeholders.BARE_SERIALS or _REPEATED.fullmatch(bare):
        return True
    if len(bare) < _SHORTEST_NUMBER or bare in _ALPHABET:
        return True
    counted = _COUNTED.fullmatch(bare)
    return counted is not None and (counted[1] in _UPWARDS or counted[1] in _UPWARDS[::-1])


def bios_uuid(value: Json) -> Form:
    """The lesser of both byte orders: old SMBIOS and many tools swap the first three fields."""
    plain = read_uuid(value) if isinstance(value, str) else None
    if plain is None:
        return None
    orders = sorted((str(plain), str(uuid.UUID(bytes=plain.bytes_le))))
    if _is_drawn(plain) or any(order in placeholders.UUIDS for order in orders):
        return None
    return orders[0]


def read_uuid(text: str) -> uuid.UUID | None:
    """The UUID that a text is, however useless; None: it is none."""
    try:
        return uuid.UUID(text.strip().strip("{}"))
    except ValueError:
        return None


def _is_drawn(value: uuid.UUID) -> bool:
    """A few bytes over and over, or digits that count: nobody made it, or drew it by lot."""
    steps = {(two - one) % 256 for one, two in pairwise(value.bytes)}
    return len(set(value.bytes)) <= _FEW_BYTES or len(steps) == 1 or value.hex in _COUNTING


def number(value: Json) -> Form:
    """Numbers written as texts count as numbers."""
    try:
        real = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(real):
        return None
    return f"{real:g}" if real % 1 else str(int(real))


def size_bytes(value: Json) -> Form:
    """Above 2 GiB rounded up to whole GiB: firmware and kernels keep some memory to themselves.

    Lists write units, each in its own way; those of memory are powers of two, however written.
    """
    size = written_bytes(value) if isinstance(value, str) else None
    if size is None:
        whole = number(value)
        if whole is None:
            return None
        size = int(float(whole))
    return str(-(-size // _GIB) * _GIB if size > _ROUNDED_ABOVE else size)


def written_bytes(text: str) -> int | None:
    """The size that a text such as 16 GB or 16,384 MiB means; None: it means none."""
    written = _SIZE.fullmatch(text.strip())
    if written is None:
        return None
    digits = _THOUSANDS.sub("", written[1]).replace(",", ".")
    return int(float(digits) * _UNITS[written[2].lower()])


def instant(value: Json) -> Form:
    """To the minute: boot times are computed from an uptime and a clock that is set."""
    return value[:16] if isinstance(value, str) and value else None


def mac(value: Json) -> Form:
    """Twelve hexadecimal digits of an address that one adapter has for life, else None."""
    digits, local = adapter(value) if isinstance(value, str) else (None, False)
    return None if local else digits


@functools.lru_cache(maxsize=50_000)
def adapter(value: str) -> tuple[Form, bool]:
    """Digits of an adapter's address, and whether software gave it: such means little elsewhere.

    Those that hypervisors hand out stay with a machine for life, though the bit says local.
    """
    digits = _mac_digits(value)
    if digits is None:
        return None, False
    local = bool(int(digits[:2], 16) & _LOCAL_BIT)
    return digits, local and not digits.startswith(_HYPERVISORS)


def is_of_container(value: str) -> bool:
    """Whether an adapter's address is one that container engines make from its IP address."""
    return re.sub(r"[^0-9a-f]", "", value.casefold()).startswith(placeholders.CONTAINER_MACS)


def _mac_digits(value: str) -> Form:
    digits = re.sub(r"[^0-9a-f]", "", value.casefold())
    if len(digits) != 12 or digits in placeholders.MACS:  # noqa: PLR2004 - 48 bits
        return None
    if len(set(digits)) == 1 or digits.startswith(placeholders.MAC_PREFIXES):
        return None
    return digits


def _other(value: Json) -> Form:
    return str(value).casefold() if isinstance(value, bool | int | float) else None


def _is_address(value: str) -> bool:
    return re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*", value.strip()) is not None


def _remembered(form: Callable[[Json], Form]) -> Callable[[Json], Form]:
    """The form with a memory: estates repeat their vendors, models and versions.

    Serial numbers and UUIDs are asked about twice for each report.
    """
    known = functools.lru_cache(maxsize=20_000)(form)

    @functools.wraps(form)
    def remembered(value: Json) -> Form:
        return known(value) if isinstance(value, str) else form(value)

    return remembered


FORMS: dict[str, Callable[[Json], Form]] = {
    "text": text,
    "words": _remembered(words),
    "name": name,
    "fqdn": fqdn,
    "vendor": _remembered(vendor),
    "system": _remembered(system),
    "serial": _remembered(serial),
    "uuid": _remembered(bios_uuid),
    "number": number,
    "bytes": size_bytes,
    "instant": instant,
}
"""By the name in an attribute's or key's `normal`."""
