"""Lists of readers, piece by piece: what few readers take is little, however many others there are."""

import tracemalloc
from datetime import UTC, datetime

from sqlalchemy import insert

from database import Database
from digests.store import add_digest
from labelcast.webwork.streaming import stream_readers
from posts.blog import create_blog
from subscribers.model import (
    ConsentKind,
    SubscriberState,
    SubscriptionState,
    consent,
    subscriber,
    subscription,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COUNT = 6000


def fill(database: Database) -> None:
    """Many readers of a digest, the first and the last of them pending."""
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example/", now=NOW)
        its = add_digest(connection, "weekly", rule="all", title="Weekly", cadence="weekly", now=NOW)
        readers, held, agreed = [], [], []
        for number in range(1, COUNT + 1):
            state = SubscriberState.PENDING if number in {1, COUNT} else SubscriberState.CONFIRMED
            email = f"r{number}@example.org"
            readers.append(
                {"id": number, "email": email, "email_key": email, "state": state, "created_at": NOW}
            )
            ids = {"subscriber_id": number, "digest_id": its.id}
            held.append(ids | {"state": SubscriptionState.ACTIVE, "labels": [], "created_at": NOW})
            words = {"at": NOW, "origin": "csv:readers.csv", "wording": "Yes.", "kind": ConsentKind.CLAIMED}
            agreed.append(ids | words)
        for table, rows in ((subscriber, readers), (subscription, held), (consent, agreed)):
            connection.execute(insert(table), rows)


def test_two_readers_with_thousands_between_them_take_as_little_as_two(sqlite_database: Database) -> None:
    fill(sqlite_database)

    def written() -> bytes:
        return b"".join(stream_readers(sqlite_database, SubscriberState.PENDING, None))

    lines = written().splitlines()
    assert [line.split(b",")[0] for line in lines[1:]] == [b"r1@example.org", b"r%d@example.org" % COUNT]
    tracemalloc.start()
    try:
        written()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What is kept of all of them would be some megabytes.
    assert most < 500_000
