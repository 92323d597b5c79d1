"""Sizes as people read them."""

_THOUSAND = 1000


def readable(size: float) -> str:
    """Return a number of bytes, such as "64.6 kB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < _THOUSAND:
            return f"{size:.3g} {unit}"
        size /= _THOUSAND
    return f"{size:.3g} TB"
