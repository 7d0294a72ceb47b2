"""One trial: workers are killed and frozen, clocks jump, the database goes; then all is judged.

Everything random follows from the seed but the timing of processes, which no seed can hold.
"""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from database import Database, open_database, upgrade
from digests.cadence import Cadence
from digests.store import add_digest
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import SourcePost
from subscribers.model import subscriber, subscription
from tests.chaos.databases import Outage
from tests.chaos.judgement import Verdict, has_open, judge
from tests.chaos.server import SLOW_DOMAIN, ChaosServer

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 2.0
# How long an event waits for its share of the messages.
PATIENCE_SECONDS = 6.0
# After the trial's events all retries come due within so much of its own time, well before they are given up.
STEP = timedelta(hours=1)
MOST_STEPS = 60
END_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a trial is."""

    readers: int
    events: int
    workers: int = 2
    connections: int = 5


@dataclass
class Trial:
    """The trial of a seed, in a folder, over a database at ``url``."""

    seed: int
    size: Size
    folder: Path
    url: str
    server: ChaosServer
    outages: Sequence[Outage] = ()
    said: list[str] = field(default_factory=list)
    cost: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._wrong = self._ahead = timedelta(0)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._clock = self.folder / "clock"
        self._settings = self.folder / "labelcast.toml"

    def run(self) -> Verdict:
        """Run it; what became of everybody."""
        began = datetime.now(UTC) - timedelta(minutes=5)
        database = self._prepare(began)
        try:
            self._publish(database, "first", began + timedelta(minutes=1))
            self._workers = [self._begin() for _ in range(self.size.workers)]
            for number in range(self.size.events):
                self._wait_for_messages((number + 1) * self.size.readers * 2 // (self.size.events + 2))
                if number == self.size.events // 2:
                    self._publish(database, "second", self._now())
                self._event()
            self._come_to_rest(database)
            return judge(database, self.server, most_repeats=self.cost, said=tuple(self.said))
        finally:
            self._end()
            database.dispose()

    # Before.

    def _prepare(self, began: datetime) -> Database:
        self._settings.write_text(
            f"""
            site_url = "https://chaos.example"
            database_url = "{self.url}"
            secret_key = "a secret that is long enough for a trial"
            [mail]
            transport = "smtp://127.0.0.1:{self.server.port}?timeout=1"
            from = "The News <news@chaos.example>"
            connections = {self.size.connections}
            """,
            encoding="utf-8",
        )
        self._shift()
        database = open_database(self.url)
        upgrade(database)
        with database.write() as connection:
            create_blog(connection, site_url="https://chaos.example", now=began)
            digest = add_digest(connection, "news", rule="all", cadence=Cadence.INSTANT, now=began).id
            people = [self._person(number, began) for number in range(1, self.size.readers + 1)]
            connection.execute(insert(subscriber), people)
            common = {"digest_id": digest, "state": "active", "labels": [], "created_at": began}
            rows = [{"subscriber_id": one["id"], "window_start": began} | common for one in people]
            connection.execute(insert(subscription), rows)
        return database

    def _person(self, number: int, began: datetime) -> dict[str, object]:
        domain = SLOW_DOMAIN if number % 10 == 0 else f"d{number % 7}.example"
        email = f"r{number}@{domain}"
        return {"id": number, "email": email, "email_key": email, "state": "confirmed", "created_at": began}

    def _publish(self, database: Database, name: str, now: datetime) -> None:
        url = f"https://chaos.example/{name}"
        post = SourcePost(
            uri=url, url=url, title=name, html=f"<p>{name}</p>" * 50, published=now, updated=now
        )
        store_posts(database, [post], now=now)

    # While it runs.

    def _begin(self) -> subprocess.Popen[bytes]:
        arguments = [str(self._settings), str(self._clock), str(LEASE_SECONDS)]
        log = (self.folder / "workers.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker", *arguments], cwd=ROOT, stderr=log, stdout=log
            )

    def _event(self) -> None:
        """Something happens; how much may be sent twice for it is added to the cost."""
        connections = self.size.connections
        everywhere = connections * self.size.workers
        happenings: list[tuple[str, Callable[[], None], int]] = [
            ("kill -9", self._kill, connections),
            ("frozen for a moment", lambda: self._freeze(0.3), connections),
            ("frozen beyond the lease", lambda: self._freeze(LEASE_SECONDS * 1.5), connections),
            ("the clock jumps", self._jump, everywhere),
            ("time goes by", self._go_on, 0),
            *((outage.name, lambda it=outage: self._be_gone(it), everywhere) for outage in self.outages),
        ]
        name, happen, cost = self._chance.choice(happenings)
        self.said.append(name)
        self.cost += cost
        happen()
        self._see_to_workers()

    def _kill(self) -> None:
        victim = self._chance.randrange(len(self._workers))
        self._workers[victim].kill()
        self._workers[victim].wait()
        self._workers[victim] = self._begin()

    def _freeze(self, seconds: float) -> None:
        victim = self._chance.choice(self._workers)
        victim.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        victim.send_signal(signal.SIGCONT)

    def _jump(self) -> None:
        self._wrong += timedelta(seconds=self._chance.choice((-3600, -30, 5, 600, 7200)))
        self._shift()

    def _go_on(self) -> None:
        self._ahead += timedelta(minutes=self._chance.randint(1, 20))
        self._shift()

    def _be_gone(self, outage: Outage) -> None:
        outage.begin()
        try:
            time.sleep(self._chance.uniform(0.2, 1.5))
        finally:
            outage.end()

    def _see_to_workers(self) -> None:
        """A worker that ended by itself is a fault of ours, and not one that was asked for."""
        for worker in self._workers:
            if worker.poll() is not None:
                log = (self.folder / "workers.log").read_text(errors="replace")
                raise RuntimeError(f"seed {self.seed}: a worker died: {log[-3000:]}")

    # The clock.

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._wrong + self._ahead

    def _shift(self) -> None:
        new = self._clock.with_suffix(".new")
        new.write_text(f"{self._wrong.total_seconds()} {self._ahead.total_seconds()}", encoding="ascii")
        new.replace(self._clock)

    def _wait_for_messages(self, count: int) -> None:
        """Until the server has kept so many, or for a while: retries wait for the trial's own time."""
        until = time.monotonic() + PATIENCE_SECONDS
        while sum(map(len, self.server.record.kept.values())) < count and time.monotonic() < until:
            time.sleep(0.02)

    # After.

    def _come_to_rest(self, database: Database) -> None:
        """All is well again, and time goes by until nothing waits."""
        self.server.is_calm = True
        self._wrong = timedelta(0)
        until = time.monotonic() + END_SECONDS
        for _ in range(MOST_STEPS):
            self._ahead += STEP
            self._shift()
            time.sleep(LEASE_SECONDS / 2)
            self._see_to_workers()
            if not has_open(database, self.size.readers):
                return
            if time.monotonic() > until:
                break
        raise RuntimeError(f"seed {self.seed}: it did not come to rest: {', '.join(self.said)}")

    def _end(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()
