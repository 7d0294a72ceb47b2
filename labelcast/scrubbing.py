"""Rewriting an SQLite file: what was deleted stands in its unused parts until then."""

import threading
from typing import Any

import structlog

from database import Database
from database.engine import sqlite_driver

# A larger one takes long to rewrite, and nobody else can write meanwhile.
LARGEST = 1 << 30
# How long to wait for others who are at it.
PATIENCE_SECONDS = 5.0
_LATER = "rewrite it at a quieter time, by VACUUM"

log = structlog.get_logger("labelcast")


def scrub(database: Database) -> str | None:
    """Rewrite the file of an SQLite database, so that nothing deleted can be found in it.

    None when that is done, or needs no doing (PostgreSQL clears its files by itself); else why not, and what
    to do. Nothing is lost either way.
    """
    if not database.is_sqlite:
        return None
    pooled = database.engine.raw_connection()
    driver: Any = pooled.dbapi_connection
    (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
    try:
        driver.execute(f"PRAGMA busy_timeout = {int(PATIENCE_SECONDS * 1000)}")
        return _rewrite(driver)
    except sqlite_driver().Error as error:
        return f"{error}; {_LATER}"
    finally:
        driver.execute(f"PRAGMA busy_timeout = {patience}")
        pooled.close()


class Scrubber:
    """Rewrites the file in the background, once for all who were erased meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._wanted = threading.Event()

    def scrub(self) -> None:
        """Rewrite it now, unless that is being done: then once more afterwards. What ails it is logged."""
        self._wanted.set()
        while self._wanted.is_set() and self._lock.acquire(blocking=False):
            try:
                self._wanted.clear()
                left = scrub(self._database)
                if left is not None:
                    log.warning("the unused parts of the file may hold who was erased", reason=left)
            finally:
                self._lock.release()


def _rewrite(driver: Any) -> str | None:
    pages, size = (driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if pages * size > LARGEST:
        return f"it is {pages * size >> 20} MB large; {_LATER}"
    driver.execute("VACUUM")
    busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return f"others are at it; {_LATER}" if busy else None
