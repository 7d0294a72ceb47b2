"""A digest is taken apart beside those who send its mail."""

from threading import Timer

from sqlalchemy import select, update

from database import Database
from digests.model import delivery
from digests.removing import empty_and_remove
from digests.store import find_digest, get_digest
from tests.digests_newsroom import HOUR, MONDAY, WEEK, Newsroom


def test_what_is_being_sent_is_not_waited_for(postgres_database: Database) -> None:
    newsroom = Newsroom(postgres_database)
    its = newsroom.digest()
    for _ in range(3):
        newsroom.reader(its)
    newsroom.plan(MONDAY)
    newsroom.publish("one", MONDAY + HOUR)
    newsroom.plan(MONDAY + WEEK)
    with postgres_database.read() as connection:
        ids = set(connection.execute(select(delivery.c.id)).scalars())
        kept = get_digest(connection, "weekly")
    left: list[set[int]] = []
    with postgres_database.engine.connect() as sender:
        sender.execute(update(delivery).where(delivery.c.id == min(ids)).values(attempt=1))
        # Whoever waits for it all the same waits in vain, but not for ever.
        late = Timer(10, sender.commit)
        late.start()

        def look(_done: int) -> None:
            with postgres_database.read() as connection:
                left.append(set(connection.execute(select(delivery.c.id)).scalars()))
            if len(left) == 2:
                late.cancel()
                sender.commit()

        empty_and_remove(postgres_database, kept, progress=look, portion=1)
        late.cancel()
    assert len(ids) == 3
    assert left[1] == {min(ids)}
    assert left[2] == set()
    with postgres_database.read() as connection:
        assert find_digest(connection, "weekly") is None
