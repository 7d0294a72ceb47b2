"""Pages of a feed that has no archive (RFC 5005 §3): the newest, and those before a place among its posts."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select

from feeds.selection import FeedSpec
from posts.model import post
from posts.revisions import batched
from posts.scope import newest_in

_CURSOR = re.compile(r"(\d{8}T\d{6})\.(\d{6})Z-(\d{1,18})")
_TICK = timedelta(microseconds=1)


class Place(NamedTuple):
    """A place among a feed's posts: a post's time, by which they are ordered, and its id."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z-{self.id}"


def read_place(text: str | None) -> Place | None:
    """The place that an address names (``20261109T140000.000000Z-17``); None when it names none."""
    found = _CURSOR.fullmatch(text or "")
    if found is None:
        return None
    try:
        at = datetime.strptime(f"{found[1]}.{found[2]}+0000", "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return None
    return Place(at, int(found[3])) if at < datetime.max.replace(tzinfo=UTC) - _TICK else None


def page_of(connection: Connection, spec: FeedSpec, before: Place | None) -> tuple[list[int], Place | None]:
    """The ids of a page of a feed's posts in its order, and before which place the next page begins."""
    wanted, ties = spec.entries + 1, 0
    while True:
        found = _newest(connection, spec, before, limit=wanted + ties)
        places = _places(connection, spec, found)
        left = [one for one in found if before is None or places[one] < before]
        # Posts of the very same instant may stand before the place: ask for as many more.
        if len(left) >= wanted or len(found) < wanted + ties:
            break
        ties = 2 * (ties + len(found) - len(left))
    shown = left[: spec.entries]
    return shown, places[shown[-1]] if len(left) > len(shown) else None


def _newest(connection: Connection, spec: FeedSpec, before: Place | None, *, limit: int) -> list[int]:
    if before is None:
        return newest_in(connection, spec.scope, limit=limit, ordering=spec.ordering)
    # The place itself is among them, and so is what shares its time.
    until = (None, before.at + _TICK)
    if spec.ordering == "updated":
        return newest_in(connection, spec.scope, limit=limit, ordering="updated", updated=until)
    return newest_in(connection, spec.scope, limit=limit, published=until)


def _places(connection: Connection, spec: FeedSpec, post_ids: Sequence[int]) -> dict[int, Place]:
    at = post.c.updated if spec.ordering == "updated" else post.c.published
    found: dict[int, Place] = {}
    for some in batched(post_ids):
        for row in connection.execute(select(post.c.id, at).where(post.c.id.in_(some))):
            found[row[0]] = Place(row[1], row[0])
    return found
