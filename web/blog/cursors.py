"""A place among posts as it stands in an address: by date, so that it stays when posts come and go."""

import re
from datetime import UTC, datetime

from posts.selecting import Cursor

_CURSOR = re.compile(r"(\d{8}T\d{6})\.(\d{6})Z-(\d{1,18})")


def write_cursor(cursor: Cursor) -> str:
    """A place as it stands in an address: ``20261109T140000.000000Z-17``."""
    return f"{cursor.published.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z-{cursor.id}"


def read_cursor(text: str | None) -> Cursor | None:
    """The place that an address names; None when it names none, and then the newest posts are shown."""
    found = _CURSOR.fullmatch(text or "")
    if found is None:
        return None
    try:
        published = datetime.strptime(f"{found[1]}.{found[2]}+0000", "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return None
    return Cursor(published, int(found[3]))
