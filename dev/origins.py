"""Which pages may use the local cloud from a browser: those that this machine serves itself, on whatever port."""

from __future__ import annotations

import re

_OF_THIS_MACHINE = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?")

_PLAIN = re.compile('[!"$-~]*')  # printable ASCII, so that it can stand in a header, but no space and no fragment


def is_local(origin: str) -> bool:
    """Say whether `origin`, as in the header of that name, is a page of this machine."""
    return _OF_THIS_MACHINE.fullmatch(origin) is not None


def origin_of(url: str) -> str | None:
    """Return the origin of a URL of this machine without a fragment; None for any other."""
    found = _OF_THIS_MACHINE.match(url)
    if found is None or not _PLAIN.fullmatch(url) or url[found.end() : found.end() + 1] not in ("", "/", "?"):
        return None
    return found[0]
