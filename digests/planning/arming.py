"""Subscriptions are given their first window and slot, and another slot when their rhythm has changed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from digests.cadence import MOMENT, first_window
from digests.planning.agenda import IS_CHANGED, IS_NEW, RHYTHM, rhythm_of, subscriptions
from digests.planning.enlisting import Move, move
from subscribers.model import subscriber, subscription


def arm(connection: Connection, now: datetime, *, limit: int) -> int:
    """Give so many subscriptions at most the window and slot that they lack; tell how many lacked one.

    A subscription begins when it was made, or later, when its reader confirmed. A tick told an instant before
    that (a rehearsal) counts it as made just before.
    """
    columns = (subscription.c.id, subscription.c.window_start, subscription.c.created_at)
    query = subscriptions(*columns, subscriber.c.confirmed_at, *RHYTHM)
    armed = 0
    for one in (IS_NEW, IS_CHANGED):
        found = query.where(one).limit(limit - armed).with_for_update(of=subscription, skip_locked=True)
        rows = connection.execute(found).all()
        move(connection, _moves(rows, now))
        armed += len(rows)
    return armed


def _moves(rows: Iterable[Any], now: datetime) -> Iterator[Move]:
    """Where they begin; most readers of a digest begin alike."""
    alike: dict[tuple[datetime, datetime | None], list[str]] = defaultdict(list)
    for row in rows:
        begun = max(row.created_at, row.confirmed_at or row.created_at)
        start = first_window(rhythm_of(row), min(begun, now - MOMENT))
        alike[row.window_start or start.window_start, start.next_slot].append(str(row.id))
    for (window_start, next_slot), numbers in alike.items():
        yield Move(window_start, next_slot, ",".join(numbers))
