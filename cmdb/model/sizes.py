"""Numbers of bytes in words, for sentences and terminals."""

_KIB = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Bytes in powers of 1024."""
    amount, step = float(count), 0
    while amount >= _KIB and step < len(_UNITS) - 1:
        amount, step = amount / _KIB, step + 1
    return f"{amount:.0f} {_UNITS[step]}" if amount % 1 == 0 else f"{amount:.1f} {_UNITS[step]}"
