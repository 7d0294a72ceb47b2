"""The engine keeps writers apart, snapshots whole and datetimes in UTC."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import StatementError

from database import Database, DatabaseUnavailable, open_database
from posts.model import fetched

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)


def _store(database: Database, at: datetime, *, url: str = "http://blog.example/feed") -> None:
    with database.write() as connection:
        connection.execute(insert(fetched).values(url=url, fetched_at=at))


def test_an_instant_comes_back_in_utc(database: Database) -> None:
    _store(database, NOON.astimezone(timezone(timedelta(hours=-6))))
    with database.read() as connection:
        stored = connection.execute(select(fetched.c.fetched_at)).scalar_one()
    assert stored == NOON
    assert stored.utcoffset() == timedelta(0)


def test_a_datetime_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a timezone"):
        _store(database, NOON.replace(tzinfo=None))


def test_instants_sort_as_time_does(database: Database) -> None:
    moments = [
        NOON.replace(microsecond=0),
        NOON,
        NOON + timedelta(microseconds=1),
        NOON + timedelta(days=400),
    ]
    for number, moment in enumerate(reversed(moments)):
        _store(database, moment, url=f"u{number}")
    with database.read() as connection:
        assert (
            list(connection.execute(select(fetched.c.fetched_at).order_by(fetched.c.fetched_at)).scalars())
            == moments
        )


def test_an_error_repeats_nothing_of_what_was_to_be_stored(database: Database) -> None:
    _store(database, NOON, url="ann@example.org")
    with pytest.raises(StatementError) as failed:
        _store(database, NOON.replace(year=2031), url="ann@example.org")
    assert "2031" not in str(failed.value)


def test_a_block_that_raises_stores_nothing(database: Database) -> None:
    def stumble() -> None:
        with database.write() as connection:
            connection.execute(insert(fetched).values(url="u", fetched_at=NOON))
            raise RuntimeError("stumbled")

    with pytest.raises(RuntimeError, match="stumbled"):
        stumble()
    with database.read() as connection:
        assert connection.execute(select(fetched.c.url)).all() == []


def test_a_reader_sees_one_state_while_a_writer_commits(database: Database) -> None:
    _store(database, NOON, url="one")
    with database.read() as reader:
        before = reader.execute(select(fetched.c.url)).all()
        _store(database, NOON, url="two")
        assert reader.execute(select(fetched.c.url)).all() == before


def test_two_writers_lose_no_update(sqlite_database: Database) -> None:
    """Read, add one, write back, from eight threads: without BEGIN IMMEDIATE some of it is lost."""
    _store(sqlite_database, NOON)

    def add_one() -> None:
        for _ in range(10):
            with sqlite_database.write() as connection:
                count = connection.execute(select(fetched.c.etag)).scalar_one() or "0"
                connection.execute(update(fetched).values(etag=str(int(count) + 1)))

    threads = [threading.Thread(target=add_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite_database.read() as connection:
        assert connection.execute(select(fetched.c.etag)).scalar_one() == "80"


def test_sqlite_is_set_up_to_survive_a_crash(sqlite_database: Database) -> None:
    with sqlite_database.read() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


@pytest.mark.parametrize("url", ["no address", "mysql://root@127.0.0.1/blog"])
def test_an_address_of_another_kind_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^database_url: [^\n]+$"):
        open_database(url)


def test_a_database_that_is_gone_is_one_line_without_its_password(tmp_path: Path) -> None:
    missing = open_database(f"sqlite:///{tmp_path}/no/such/folder/labelcast.db")
    with (
        pytest.raises(DatabaseUnavailable, match=r"^database sqlite:[^\n]+unable to open[^\n]+$"),
        missing.read(),
    ):
        pass
    refused = open_database("postgresql+psycopg://postgres:hush@127.0.0.1:1/blog")
    with pytest.raises(DatabaseUnavailable) as caught, refused.read():
        pass
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_transaction_that_was_frozen_for_too_long_is_a_database_that_went_away(
    postgres_database: Database,
) -> None:
    """So whoever waits for databases tries again; the server ends such a session with words of its own."""
    session = text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid")

    def freeze() -> None:
        with postgres_database.write() as frozen:
            pid = frozen.execute(text("SELECT pg_backend_pid()")).scalar_one()
            frozen.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
            is_there = True
            while is_there:
                with postgres_database.read() as other:
                    is_there = other.execute(session, {"pid": pid}).first() is not None

    with pytest.raises(DatabaseUnavailable, match="idle-in-transaction"):
        freeze()
    with postgres_database.read() as again:
        assert again.execute(text("SELECT 1")).scalar_one() == 1
