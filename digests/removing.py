"""A digest with very much hanging on it is emptied in portions before it is removed.

In one statement its deliveries and subscriptions would take a minute, in which nobody else writes to SQLite.
Who removes one marks it; ticks take it apart, and a process that dies leaves the rest to the next.
"""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Select, Table, delete, func, select, update

from database import Database
from digests.model import IS_UNSENT, UNSENT, Digest, delivery, digest, edition
from digests.store import find_digest, list_digests, remove_digest
from subscribers.model import subscription

# So many rows go at once, in about a second; a digest with no more is removed at once.
PORTION = 5_000
# Who waits to write to SQLite looks every tenth of a second whether they may.
BREATH_SECONDS = 0.12


def remove_or_mark(connection: Connection, its: Digest, *, now: datetime) -> bool:
    """Remove a digest with all that is its own; where that is much, mark it to go. Tell whether it is gone.

    One that is marked is paused for good and offered to nobody. Once more changes nothing.
    """
    if its.removed_at is None and count_rows(connection, its) <= PORTION:
        remove_digest(connection, its.slug, force=True)
        return True
    values = {"paused_at": its.paused_at or now, "removed_at": now}
    none_comes = dict.fromkeys(("send_at", "call_after", "rearm_after"))
    mine = update(digest).where(digest.c.id == its.id, digest.c.removed_at.is_(None))
    connection.execute(mine.values(values | none_comes))
    return False


def has_removals(connection: Connection) -> bool:
    """Whether a digest is marked to go."""
    query = select(digest.c.id).where(digest.c.removed_at.is_not(None)).limit(1)
    return connection.execute(query).first() is not None


def remove_marked(database: Database, *, stopping: Callable[[], bool] = lambda: False) -> list[Digest]:
    """Take those apart that are marked to go, until told to stop; return which are gone."""

    def look(_done: int) -> None:
        if stopping():
            raise _Stopped

    with database.read() as connection:
        marked = [its for its in list_digests(connection) if its.removed_at is not None]
    gone = []
    for its in marked:
        try:
            empty_and_remove(database, its, progress=look)
        except _Stopped:
            break
        gone.append(its)
    return gone


class _Stopped(Exception):
    """What is left stays for the next tick."""


def count_rows(connection: Connection, its: Digest, *, most: int = PORTION + 1) -> int:
    """How many deliveries and subscriptions a digest has, each counted up to ``most``."""
    found = 0
    for _, query in _hanging(its):
        found += connection.execute(
            select(func.count()).select_from(query.limit(most).subquery())
        ).scalar_one()
    return found


def empty_and_remove(
    database: Database,
    its: Digest,
    *,
    progress: Callable[[int], None] = lambda _done: None,
    portion: int = PORTION,
) -> int:
    """Remove a digest, a transaction for each portion; return how many rows went before it did.

    ``progress`` is told how many did, and may raise to stop between two: what is left stays, and the same
    again goes on. One that is not there any more is done, also where another has its slug by now.
    """
    done = 0
    while True:
        with database.write() as connection:
            found = find_digest(connection, its.slug, lock=True)
            # SQLite gives numbers again.
            if found is None or (found.id, found.created_at) != (its.id, its.created_at):
                return done
            gone = _take(connection, its, portion)
            if not gone:
                remove_digest(connection, its.slug, force=True)
                return done
        done += gone
        progress(done)
        time.sleep(BREATH_SECONDS if database.is_sqlite else 0)


def _take(connection: Connection, its: Digest, portion: int) -> int:
    # What waits goes before all else, so that it is mailed no more.
    waiting = _deliveries(its).where(IS_UNSENT, delivery.c.state.in_(UNSENT))
    for table, query in [(delivery, waiting), *_hanging(its)]:
        # What is being sent or planned is left for later: of two that wait for each other's rows one fails.
        some = query.limit(portion).with_for_update(of=table, skip_locked=True).scalar_subquery()
        gone = connection.execute(delete(table).where(table.c.id.in_(some))).rowcount
        if gone:
            return gone
    return 0


def _hanging(its: Digest) -> list[tuple[Table, Select[int]]]:
    """Its deliveries first: each refers to a subscription."""
    return [
        (delivery, _deliveries(its)),
        (subscription, select(subscription.c.id).where(subscription.c.digest_id == its.id)),
    ]


def _deliveries(its: Digest) -> Select[int]:
    mine = select(edition.c.id).where(edition.c.digest_id == its.id)
    return select(delivery.c.id).where(delivery.c.edition_id.in_(mine))
