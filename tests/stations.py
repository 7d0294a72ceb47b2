"""A whole Labelcast in a folder, run as programs: the fixture ``station``, for the tests that kill."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from database import open_database
from digests.cadence import Cadence
from digests.model import delivery
from digests.store import add_digest
from posts.intake import store_posts
from posts.model import SourcePost
from subscribers.model import subscriber, subscription

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120


class Station:
    """A folder with settings, a database and readers of one instant digest; programs run on it."""

    def __init__(self, folder: Path, *, transport: str, database_url: str, connections: int) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []
        self._environment = os.environ | {"PYTHONPATH": str(ROOT)}
        (folder / "labelcast.toml").write_text(
            f"""
            site_url = "https://blog.example"
            database_url = "{database_url}"
            secret_key = "a secret that is long enough for a test"
            [mail]
            transport = "{transport}"
            from = "The News <news@blog.example>"
            connections = {connections}
            [scheduler]
            tick_seconds = 0.2
            """,
            encoding="utf-8",
        )
        self.call("init")
        self.database = open_database(database_url)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``labelcast …``; whatever still runs when the test ends is killed."""
        return self.begin_python("-m", "labelcast", *arguments)

    def begin_python(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a Python program of another kind."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def call(self, *arguments: str) -> str:
        """Run ``labelcast …`` to its end, which must be a good one; what it said."""
        process = self.begin(*arguments)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said.decode()
        return said.decode()

    def add_readers(self, count: int, *, now: datetime) -> None:
        """A digest that comes at once, and so many confirmed readers of it."""
        people = [
            {"id": n, "email": f"r{n}@example.org", "email_key": f"r{n}@example.org", "created_at": now}
            for n in range(1, count + 1)
        ]
        with self.database.write() as connection:
            digest = add_digest(connection, "news", rule="all", cadence=Cadence.INSTANT, now=now).id
            connection.execute(insert(subscriber), [one | {"state": "confirmed"} for one in people])
            common = {"digest_id": digest, "state": "active", "labels": [], "created_at": now}
            rows = [{"subscriber_id": one["id"], "window_start": now} | common for one in people]
            connection.execute(insert(subscription), rows)

    def publish(self, name: str, *, now: datetime) -> None:
        """A new post."""
        url = f"https://blog.example/{name}"
        post = SourcePost(
            uri=url, url=url, title=name, html=f"<p>{name}</p>" * 50, published=now, updated=now
        )
        store_posts(self.database, [post], now=now)

    def states(self) -> Counter[str]:
        """How many deliveries stand in each state."""
        with self.database.read() as connection:
            return Counter(connection.execute(select(delivery.c.state)).scalars())

    def may_write(self) -> bool:
        """Whether nobody holds the write lock of its SQLite database right now."""
        driver = self.database.engine.dialect.dbapi
        assert driver is not None
        lock = driver.connect(self.folder / "labelcast.db", timeout=0.05, isolation_level=None)
        try:
            lock.execute("BEGIN IMMEDIATE")
            lock.execute("ROLLBACK")
        except driver.OperationalError:
            return False
        finally:
            lock.close()
        return True

    def listed(self) -> list[dict[str, Any]]:
        """What ``labelcast deliveries --json`` says."""
        found: list[dict[str, Any]] = json.loads(self.call("deliveries", "--json"))
        return found

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()
        self.database.dispose()


OpenStation = Callable[..., Station]


@pytest.fixture
def open_station(tmp_path: Path) -> Iterator[OpenStation]:
    """Opens stations: ``open_station(transport=…, database_url=…, readers=…)``, closed afterwards."""
    with ExitStack() as open_ones:

        def make(
            *, transport: str, database_url: str | None = None, readers: int, connections: int = 5
        ) -> Station:
            url = database_url or f"sqlite:///{tmp_path / 'labelcast.db'}"
            station = open_ones.enter_context(
                _closing(Station(tmp_path, transport=transport, database_url=url, connections=connections))
            )
            began = datetime.now(UTC) - timedelta(minutes=5)
            station.add_readers(readers, now=began)
            station.publish("something new", now=began + timedelta(minutes=1))
            return station

        yield make


@contextmanager
def _closing(station: Station) -> Iterator[Station]:
    try:
        yield station
    finally:
        station.close()
