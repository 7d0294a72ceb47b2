"""A digest with very much hanging on it is emptied in portions before it is removed.

In one statement its deliveries and subscriptions would take a minute, in which nobody else writes to SQLite.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection, Select, Table, delete, func, select

from database import Database
from digests.model import IS_UNSENT, UNSENT, Digest, delivery, edition
from digests.store import find_digest, remove_digest
from subscribers.model import subscription

# So many rows go at once, in about a second; a digest with no more is removed at once.
PORTION = 5_000
# Who waits to write to SQLite looks every tenth of a second whether they may.
BREATH_SECONDS = 0.12


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
