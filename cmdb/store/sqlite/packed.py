"""Sets of release ids as bytes: ascending differences in byte planes, with days where known.

Also the difference of two such sets, which is all that the past of a list of programs keeps.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint32]
Days = NDArray[np.uint16]

_MARK = b"\xff\xff\xff\xff"
"""Schema 1 began with the number of ids, which cannot be this large."""
_HEADER = struct.Struct("<4sIBB")
_PATCH = struct.Struct("<cBHHH")
_MANY, _FEW = b"\x01", b"\x02"
"""The first byte of a patch; zstd frames begin with another. Few ids have a shorter header, and the
width that the largest needs."""
_SHORT = struct.Struct("<cBBBB")
_FEW_AT_MOST = 0xFF
_DATED = 0x80
_WIDTHS: dict[int, np.dtype[np.unsignedinteger]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}
_PLACES = np.array([1, 1 << 8, 1 << 16], np.uint32)
_MOST_PATCHED = 0xFFFF
_MOST_DIFFERENCES = 8
_differences: dict[tuple[bytes, bytes], Delta] = {}
NONE: Ids = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Delta:
    """What came and what went from an older set to a newer one."""

    come: Ids
    gone: Ids


def pack(ids: Ids, days: Days | None = None) -> bytes:
    """The bytes of ascending ids, with the day of each since 1970, 0 for unknown."""
    known = days if days is not None and days.any() else None
    steps = np.array(ids, "<u4")
    steps[1:] -= ids[:-1]
    width = 1 if not len(steps) else max(1, (int(steps.max()).bit_length() + 7) // 8)
    planes = steps.view(np.uint8).reshape(-1, 4)[:, :width].T.tobytes()
    tail = b"" if known is None else known.astype("<u2").view(np.uint8).reshape(-1, 2).T.tobytes()
    return _HEADER.pack(_MARK, len(ids), width, int(known is not None)) + planes + tail


def unpack(body: bytes) -> tuple[Ids, Days | None]:
    """What pack() packed, or schema 1; nothing for an empty body."""
    if not body:
        return NONE, None
    if body[:4] != _MARK:
        return _unpack_first(body)
    _, count, width, dated = _HEADER.unpack_from(body)
    end = _HEADER.size + width * count
    planes = np.frombuffer(body, np.uint8, width * count, _HEADER.size)
    wide = np.zeros((count, 4), np.uint8)
    wide[:, :width] = planes.reshape(width, count).T
    ids = np.cumsum(wide.view("<u4").ravel(), dtype=np.uint32)
    if not dated:
        return ids, None
    days = np.ascontiguousarray(np.frombuffer(body, np.uint8, 2 * count, end).reshape(2, count).T)
    return ids, days.view("<u2").ravel()


def count_of(body: bytes) -> int:
    """How many ids pack() packed."""
    return int(_HEADER.unpack_from(body)[1])


def _unpack_first(body: bytes) -> tuple[Ids, Days | None]:
    count = int.from_bytes(body[:4], "little")
    ids = np.cumsum(np.frombuffer(body, "<u4", count, 4), dtype=np.uint32)
    rest = body[4 + 4 * count :]
    return ids, np.frombuffer(rest, "<u2") if rest else None


def difference(older: Ids, newer: Ids) -> Delta:
    """What came and what went; both ascending, each id once."""
    return Delta(newer[~within(newer, older)], older[~within(older, newer)])


def within(ids: Ids, others: Ids) -> NDArray[np.bool_]:
    """Which of these are among others, which ascend."""
    if not len(others):
        return np.zeros(len(ids), bool)
    place = np.searchsorted(others, ids)
    place[place == len(others)] = 0
    return np.asarray(others[place] == ids)


def difference_of(older: bytes, newer: bytes) -> Delta:
    """The same of two packed sets: asked for by all who have to do with one change."""
    known = _differences.get((older, newer))
    if known is None:
        known = difference(unpack(older)[0], unpack(newer)[0])
        learn(older, newer, known)
    return known


def learn(older: bytes, newer: bytes, delta: Delta) -> None:
    """Remembers a difference for those who will ask for it next."""
    if len(_differences) >= _MOST_DIFFERENCES:
        _differences.clear()
    _differences[older, newer] = delta


def make_patch(older: bytes, newer: bytes) -> bytes | None:
    """What turns the newer set into the older one; None where it cannot."""
    delta = difference_of(older, newer)
    ids, days = unpack(older) if _is_dated(older) else (NONE, None)
    now, now_days = unpack(newer) if days is not None else (NONE, None)
    if days is not None and now_days is None:
        return None
    again = _altered(ids, days, now, now_days)
    counts = len(delta.gone), len(delta.come), len(again)
    if max(counts) > _MOST_PATCHED:
        return None
    parts = [delta.gone, delta.come, again]
    tail = b""
    if days is not None:
        told = np.concatenate([delta.gone, again])
        tail = days[np.searchsorted(ids, told)].astype("<u2").tobytes()
    body = np.concatenate(parts).astype("<u4").view(np.uint8).reshape(-1, 4)
    if max(counts) > _FEW_AT_MOST:
        return _PATCH.pack(_MANY, int(days is not None), *counts) + body.tobytes() + tail
    largest = max([0xFFFF, *(int(part[-1]) for part in parts if len(part))])
    width = (largest.bit_length() + 7) // 8
    body = body[:, :width]
    head = width | (0 if days is None else _DATED)
    return _SHORT.pack(_FEW, head, *counts) + body.tobytes() + tail


def _is_dated(body: bytes) -> bool:
    """Whether a set may have days."""
    return body[:4] != _MARK or bool(_HEADER.unpack_from(body)[3])


def _altered(ids: Ids, days: Days | None, now: Ids, now_days: Days | None) -> Ids:
    """Ids in both whose day differs."""
    if days is None or now_days is None:
        return NONE
    both, old, new = np.intersect1d(ids, now, assume_unique=True, return_indices=True)
    return np.asarray(both[days[old] != now_days[new]], np.uint32)


def is_patch(patch: bytes) -> bool:
    """Whether make_patch() made it."""
    return patch[:1] in (_MANY, _FEW)


def _read_patch(patch: bytes) -> tuple[bool, Ids, Ids, Ids, Days]:
    if patch[:1] == _FEW:
        _, head, gone, come, again = _SHORT.unpack_from(patch)
        dated, width, start = head & _DATED, head & ~_DATED, _SHORT.size
    else:
        _, dated, gone, come, again = _PATCH.unpack_from(patch)
        width, start = 4, _PATCH.size
    count = gone + come + again
    ids = _read_ids(patch, start, count, width)
    days = np.frombuffer(patch, "<u2", -1 if dated else 0, start + width * count)
    return bool(dated), ids[:gone], ids[gone : gone + come], ids[gone + come :], days


def _read_ids(body: bytes, start: int, count: int, width: int) -> Ids:
    if width in _WIDTHS:
        return np.frombuffer(body, _WIDTHS[width], count, start).astype(np.uint32)
    return np.frombuffer(body, np.uint8, count * width, start).reshape(-1, width) @ _PLACES


def delta_of(patch: bytes) -> Delta:
    """What came and what went from the older to the newer set, read from the patch."""
    _, gone, come, _, _ = _read_patch(patch)
    return Delta(come, gone)


def deltas_of(patches: Sequence[bytes]) -> tuple[Ids, NDArray[np.bool_]]:
    """All that came or went by patches, in their order, and whether it went: was there before."""
    heads = np.frombuffer(b"".join([patch[: _SHORT.size] for patch in patches]), np.uint8)
    table = heads.reshape(-1, _SHORT.size)
    if (table[:, 0] == _FEW[0]).all() and (table[:, 1] < _DATED).all():
        return _read_all(patches, table[:, 1], table[:, 2:])
    deltas = [delta_of(patch) for patch in patches]
    told = [ids for delta in deltas for ids in (delta.gone, delta.come)]
    went = np.repeat([True, False] * len(deltas), [len(ids) for ids in told])
    return np.concatenate(told), went


def _read_all(
    patches: Sequence[bytes], widths: NDArray[np.uint8], counts: NDArray[np.uint8]
) -> tuple[Ids, NDArray[np.bool_]]:
    """The same of hundreds of small ones, at once; those of one width together."""
    each = widths.repeat(counts.sum(axis=1, dtype=np.int64))
    told = np.empty(len(each), np.uint32)
    for width in np.unique(widths).tolist():
        chosen = zip(patches, widths.tolist(), strict=True)
        body = b"".join([patch[_SHORT.size :] for patch, its in chosen if its == width])
        told[each == width] = _read_ids(body, 0, len(body) // width, width)
    went = np.tile(np.array([True, False, False]), len(patches))
    return told, went.repeat(counts.ravel())


def apply_patch(patch: bytes, newer: bytes) -> bytes:
    """The older set."""
    now, now_days = unpack(newer)
    dated, gone, come, again, told = _read_patch(patch)
    kept = ~np.isin(now, come)
    ids = np.concatenate([now[kept], gone])
    order = np.argsort(ids, kind="stable")
    if not dated:
        return pack(ids[order])
    base = np.zeros(len(now), np.uint16) if now_days is None else now_days.copy()
    base[np.searchsorted(now, again)] = told[len(gone) :]
    return pack(ids[order], np.concatenate([base[kept], told[: len(gone)]])[order])
