"""Writing on the way to an answer: it waits for other writers for a moment only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from database import Database
from database.engine import BUSY_SECONDS

PATIENCE_MILLISECONDS = 250


@contextmanager
def hasty_write(database: Database, *, is_durable: bool) -> Iterator[Connection]:
    """A writing transaction that waits for others only for a moment; the driver's errors pass through.

    Unless ``is_durable`` it does not wait for the disk either: on SQLite ``synchronous=NORMAL`` keeps the
    database whole and may lose just this transaction when the power fails; any later one that is synced takes
    it along.
    """
    with database.engine.connect().execution_options(labelcast_writes=True) as connection:
        if not database.is_sqlite:
            with connection.begin():
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE_MILLISECONDS}")
                if not is_durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection
            return
        _pragmas(connection, busy=PATIENCE_MILLISECONDS, synchronous="FULL" if is_durable else "NORMAL")
        try:
            with connection.begin():
                yield connection
        finally:
            _pragmas(connection, busy=BUSY_SECONDS * 1000, synchronous="FULL")


def _pragmas(connection: Connection, *, busy: int, synchronous: str) -> None:
    # On the driver's own connection: SQLAlchemy begins a transaction first, and inside one they do nothing.
    driver: Any = connection.connection.dbapi_connection
    cursor = driver.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {busy}")
    cursor.execute(f"PRAGMA synchronous = {synchronous}")
    cursor.close()
