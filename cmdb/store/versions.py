"""Versions as bytes that sort as the package system itself would order them.

Made once when a release is interned, so that "older than" is a comparison of bytes. Any text has
a key: versions come from endpoints and are hostile. Equal keys mean versions that the package
system takes for the same, such as 1.0 and 1.00. Knows nothing of stores.
"""

from __future__ import annotations

import re
from collections.abc import Callable

TEXT_MOST = 256
"""Characters of a version that count; real ones are far shorter."""

_LESS, _END, _CARET, _WORD, _NUMBER = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
_TEXT_END = b"\x00"
_LENGTH_MOST = 0xFE
_DELETE = 0x7F


def sort_key(package_system: str, version: str) -> bytes:
    """Bytes that order the versions of one package system; keys of two systems say nothing.

    deb as dpkg does (deb-version(7)), rpm as rpmvercmp does, pip by PEP 440, npm and its like by
    semantic versioning 2.0, others by their numbers and words: 1.2 is 1.2.0, and 2.0-beta comes
    before 2.0.
    """
    make = _FORMS.get(package_system.lower(), _generic)
    return make(version.strip()[:TEXT_MOST])


def _number(digits: str) -> bytes:
    """A whole number of any size: how many digits, and these."""
    significant = digits.lstrip("0").encode("ascii")
    size = len(significant)
    lead = bytes([size]) if size < _LENGTH_MOST else b"\xff" + size.to_bytes(4, "big")
    return lead + significant


# --- deb


def _deb(version: str) -> bytes:
    epoch, colon, rest = version.partition(":")
    if not colon or not _is_digits(epoch):
        epoch, rest = "", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return _number(epoch) + _deb_part(upstream) + _deb_part(revision)


def _deb_part(text: str) -> bytes:
    """Words and numbers by turns, a word first; the tilde comes before the end of a word.

    Where the text ends, dpkg goes on to read nothing and zero: so does a closing empty word.
    """
    found = []
    at = 0
    for match in _WORDS_AND_NUMBERS.finditer(text):
        found += [_deb_word(match[1]), _number(match[2])]
        at = match.end()
    if at < len(text) or not found:
        found += [_deb_word(text[at:]), _number("")]
    return b"".join([*found, _END])


def _deb_word(word: str) -> bytes:
    return b"".join(_DEB_ORDER[byte] for byte in word.encode("utf-8", "surrogatepass")) + _END


def _deb_order(byte: int) -> bytes:
    """Tilde, end, letters, all else: as dpkg's order() has it."""
    char = chr(byte)
    if char == "~":
        return _LESS
    if char.isascii() and char.isalpha():
        return bytes([byte])
    return bytes([0x80 | byte]) if byte < _DELETE else bytes([0xFF, byte])


_WORDS_AND_NUMBERS = re.compile("([^0-9]*)([0-9]+)")
_DEB_ORDER = tuple(map(_deb_order, range(256)))


# --- rpm


def _rpm(version: str) -> bytes:
    epoch, colon, rest = version.partition(":")
    if not colon or not _is_digits(epoch):
        epoch, rest = "", version
    upstream, _, release = rest.partition("-")
    return _number(epoch) + _rpm_part(upstream) + _rpm_part(release)


def _rpm_part(text: str) -> bytes:
    """Words and numbers; what parts them does not count (rpmio/rpmvercmp.cc)."""
    return b"".join(map(_rpm_token, _RPM_TOKENS.findall(text))) + _END


def _rpm_token(part: str) -> bytes:
    if part == "~":
        return _LESS
    if part == "^":
        return _CARET
    if _is_digits(part):
        return _NUMBER + _number(part)
    return _WORD + part.encode("ascii") + _TEXT_END


_RPM_TOKENS = re.compile("[0-9]+|[A-Za-z]+|~|\\^")


# --- pip

# PEP 440, appendix B, with the spellings that its normal form takes for one.
_PEP440 = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_n>[0-9]+)?)?"
    r"(?P<post>-(?P<post_n1>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n2>[0-9]+)?)?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>[0-9]+)?)?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.ASCII,
)
_PRE = {"a": b"a", "alpha": b"a", "b": b"b", "beta": b"b"}
_NOTHING_BEFORE, _SOME, _NOTHING_AFTER = b"\x00", b"\x01", b"\x02"


def _pip(version: str) -> bytes:
    match = _PEP440.fullmatch(version.lower())
    if match is None:
        return b"\x00" + _generic(version)
    said = match.groupdict()
    release = [number.lstrip("0") for number in match["release"].split(".")]
    while release and not release[-1]:
        release.pop()
    post = b"".join(
        [_SOME, _number(said["post_n1"] or said["post_n2"] or "")]
        if said["post"]
        else [_NOTHING_BEFORE]
    )
    return b"".join((
        b"\x01",
        _number(said["epoch"] or ""),
        *(_NUMBER + _number(number) for number in release), _END,
        _pip_pre(said),
        post,
        _SOME + _number(said["dev_n"] or "") if said["dev"] else _NOTHING_AFTER,
        _pip_local(said["local"]),
    ))  # fmt: skip


def _pip_pre(said: dict[str, str | None]) -> bytes:
    """1.0.dev1 comes before 1.0a1, and that before 1.0."""
    if said["pre"]:
        return _SOME + _PRE.get(said["pre"], b"r") + _number(said["pre_n"] or "")
    return _NOTHING_BEFORE if said["dev"] and not said["post"] else _NOTHING_AFTER


def _pip_local(local: str | None) -> bytes:
    if local is None:
        return _NOTHING_BEFORE
    return _SOME + b"".join(map(_text_or_number, re.split("[-_.]", local))) + _TEXT_END


def _text_or_number(text: str, *, number_first: bool = False) -> bytes:
    """PEP 440 has texts before numbers, semantic versioning numbers before texts."""
    if _is_digits(text):
        return (b"\x01" if number_first else b"\x02") + _number(text)
    mark = b"\x02" if number_first else b"\x01"
    return mark + text.encode("utf-8", "surrogatepass") + _TEXT_END


# --- semantic versions, and all others

_SEMANTIC = re.compile(
    r"[v=]?([0-9]+(?:\.[0-9]+)*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+.*)?", re.ASCII
)
_TOKENS = re.compile("[0-9]+|[^\\W\\d_]+")
_BEFORE = ("dev", "snapshot", "nightly", "alpha", "a", "beta", "b", "milestone", "m", "preview",
           "pre", "ctp", "rc", "cr")  # fmt: skip
"""Words that say that a version is not out yet, the earliest first."""


def _semantic(version: str) -> bytes:
    match = _SEMANTIC.fullmatch(version)
    if match is None:
        return _generic(version)
    numbers = _without_zeros([_NUMBER + _number(part) for part in match[1].split(".")])
    if match[2] is None:
        return b"".join([*numbers, _END])
    before = [_text_or_number(part, number_first=True) for part in match[2].split(".")]
    return b"".join([*numbers, _LESS, *before, _TEXT_END])


def _generic(version: str) -> bytes:
    tokens = _TOKENS.findall(version.casefold().removeprefix("v"))
    found: list[bytes] = []
    for token in tokens:
        if _is_digits(token):
            found.append(_NUMBER + _number(token))
        else:
            found = _without_zeros(found)
            found.append(_word(token))
    return b"".join([*_without_zeros(found), _END])


def _word(word: str) -> bytes:
    if word in _BEFORE:
        return _LESS + bytes([_BEFORE.index(word)])
    return _WORD + word.encode("utf-8", "surrogatepass") + _TEXT_END


def _without_zeros(tokens: list[bytes]) -> list[bytes]:
    """1.2.0 is 1.2."""
    zero, end = _NUMBER + _number(""), len(tokens)
    while end and tokens[end - 1] == zero:
        end -= 1
    return tokens[:end]


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


_FORMS: dict[str, Callable[[str], bytes]] = {
    "deb": _deb,
    "rpm": _rpm,
    "pip": _pip,
    "npm": _semantic,
    "cargo": _semantic,
    "nuget": _semantic,
    "go": _semantic,
}
