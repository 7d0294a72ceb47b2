"""What strangers left goes in time, also where nobody comes by again: typed addresses, uploaded lists."""

import os
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from database import Database
from digests.store import add_digest
from labelcast.duties import LOOKED_EVERY, UNANSWERED, forgetting
from subscribers.changing import ask_change, list_changes
from subscribers.signup import confirm_subscription, request_subscription
from subscribers.store import add_subscriber, list_subscribers
from web.admin.keeping import KEPT_SECONDS, Keeping
from web.admin.uploads import Upload

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LASTS = timedelta(days=7)


def test_an_address_that_nobody_agreed_to_in_time_is_forgotten(database: Database, tmp_path: Path) -> None:
    duty = forgetting(database, Keeping(tmp_path / "never made"), lasts=LASTS)
    with database.write() as connection:
        reader = add_subscriber(connection, "a@example.org", confirmed=True, now=NOW, salt="salt").id
        ask_change(connection, reader, "typed@example.org", now=NOW, lasts=LASTS)
    late = NOW + LASTS
    assert not duty.is_due(late - timedelta(seconds=1))
    assert duty.is_due(late)
    duty.do(late)
    assert not duty.is_due(late)
    with database.read() as connection:
        assert [one.email for one in list_changes(connection, reader)] == [None]


def test_who_was_asked_and_never_answered_is_forgotten_and_nobody_else(
    database: Database, tmp_path: Path
) -> None:
    duty = forgetting(database, Keeping(tmp_path / "never made"), lasts=LASTS)
    with database.write() as connection:
        its = add_digest(connection, "week", rule="all", title="Week", now=NOW)

        def asked(name: str, now: datetime = NOW) -> int:
            told = request_subscription(
                connection,
                f"{name}@example.org",
                digest_id=its.id,
                wording="Do you?",
                origin="192.0.2.1",
                now=now,
                salt="salt",
            )
            assert told.number is not None
            return told.number

        asked("typed")
        asked("again")
        asked("again", NOW + UNANSWERED / 2)
        confirm_subscription(connection, asked("agreed"), origin="192.0.2.1", now=NOW, salt="salt")
        add_subscriber(connection, "listed@example.org", confirmed=False, now=NOW, salt="salt")
    late = NOW + UNANSWERED + timedelta(seconds=1)
    for now, left in ((late - timedelta(days=1), 4), (late, 3), (late + UNANSWERED, 2)):
        assert duty.is_due(now) is (left < 4)
        duty.do(now)
        assert not duty.is_due(now + LOOKED_EVERY)
        with database.read() as connection:
            assert len(list_subscribers(connection)) == left
    with database.read() as connection:
        assert {one.email for one in list_subscribers(connection)} == {
            "agreed@example.org",
            "listed@example.org",
        }


def test_an_uploaded_list_that_nobody_comes_back_for_is_removed(
    sqlite_database: Database, tmp_path: Path
) -> None:
    keeping = Keeping(tmp_path / "kept")
    duty = forgetting(sqlite_database, keeping, lasts=LASTS)
    old, new = (keeping.keep(Upload("readers.csv", 3, BytesIO(b"a,b"))) for _ in range(2))
    assert not duty.is_due(NOW)
    path = keeping.find(old)
    assert path is not None
    then = path.stat().st_mtime - KEPT_SECONDS - 1
    os.utime(path, (then, then))
    assert duty.is_due(NOW)
    duty.do(NOW)
    assert (keeping.find(old), keeping.find(new) is None) == (None, False)
    assert not duty.is_due(NOW)
