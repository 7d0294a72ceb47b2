"""An edition planned for a million readers under 500 sets of labels: how long, and in how much memory.

``python -m benchmarks.planning [--readers N] [--sets N] [--database URL]…``

``Planner.plan`` at a weekly digest's slot, of which every reader gets some of 50 posts under 200 labels: the
editions are frozen, a delivery for each reader is entered in the ledger and each window moves on, in
transactions of 20,000 readers. The blog and its readers are written by a process of its own, and planning is
timed in another, so that its peak memory (VmHWM) is planning's alone. Without ``--database`` it is an SQLite
file in the system's folder for such, and PostgreSQL at 127.0.0.1, user postgres, where one answers.

Beside that: the longest that planning held the database at a stretch, since so long nobody else can write to
SQLite; processor time, which a busy machine tells more truly than a clock; and what asking costs (``is_due``)
once nothing is due.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from uuid import uuid4

from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import OperationalError

from benchmarks.processes import ROOT
from benchmarks.timing import verdict
from database import Database, open_database, upgrade
from digests.model import delivery, edition
from digests.planning.editions import Planner
from digests.store import add_digest
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import SourcePost
from subscribers.model import subscriber, subscription

# Monday, 08:00 in Regina.
SLOT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432"
LABELS = 200
POSTS = 50
DOMAINS = ("gmail.example", "outlook.example", "yahoo.example", *(f"d{n}.example" for n in range(500)))
CHUNK = 10_000
MOST_SECONDS = 60
MOST_MEGABYTES = 300


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--readers", type=int, default=1_000_000)
    options.add_argument("--sets", type=int, default=500, help="how many different choices of labels")
    options.add_argument("--database", action="append", help="the address of an empty database")
    options.add_argument("--part", choices=("fill", "plan"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.part == "fill":
        _fill(open_database(chosen.database[0]), chosen.readers, chosen.sets)
    elif chosen.part == "plan":
        _plan(open_database(chosen.database[0]), chosen.readers)
    else:
        with tempfile.TemporaryDirectory() as folder:
            for url in chosen.database or _found(Path(folder)):
                _measure(url, chosen.readers, chosen.sets)


def _found(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'planning.db'}"
    with _postgres() as url:
        if url is not None:
            yield url


@contextmanager
def _postgres() -> Iterator[str | None]:
    """The address of a new database, dropped afterwards; None where no server answers."""
    name = f"labelcast_planning_{uuid4().hex[:8]}"
    server = create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
    except OperationalError:
        print("PostgreSQL: none answers at 127.0.0.1, so it is left out")
        yield None
        return
    try:
        yield f"{SERVER}/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _measure(url: str, readers: int, sets: int) -> None:
    kind = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    common = ["--database", url, "--readers", str(readers), "--sets", str(sets)]
    for part in ("fill", "plan"):
        program = [sys.executable, "-m", "benchmarks.planning", "--part", part, *common]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{kind}, {part}: {done.stderr[-2000:]}")
    *told, last = done.stdout.strip().splitlines()
    seconds, megabytes = map(float, last.split())
    print(kind, *told, sep="\n  ")
    verdict(f"seconds for {readers:,} readers on {kind}", seconds, at_most=MOST_SECONDS)
    verdict("megabytes", megabytes, at_most=MOST_MEGABYTES)


def _fill(database: Database, readers: int, sets: int) -> None:
    upgrade(database)
    chance = random.Random(1)
    began = SLOT - WEEK
    with database.write() as connection:
        create_blog(connection, site_url="https://bench.example", now=began - WEEK)
        its = add_digest(connection, "news", rule="all", timezone="America/Regina", now=began - WEEK).id
    store_posts(database, _posts(chance), now=began + timedelta(days=3))
    choices = [
        sorted(f"label-{n}" for n in chance.sample(range(LABELS), chance.randint(2, 20))) for _ in range(sets)
    ]
    for first in range(1, readers + 1, CHUNK):
        numbers = range(first, min(first + CHUNK, readers + 1))
        people = [
            {"id": n, "email": address, "email_key": address}
            for n in numbers
            for address in (f"reader{n}@{chance.choice(DOMAINS)}",)
        ]
        chosen = [{"id": n, "subscriber_id": n, "labels": chance.choice(choices)} for n in numbers]
        with database.write() as connection:
            person = {"state": "confirmed", "created_at": began, "confirmed_at": began}
            connection.execute(insert(subscriber), [one | person for one in people])
            window = {"window_start": began, "next_slot": SLOT}
            common = {"digest_id": its, "state": "active", "created_at": began} | window
            connection.execute(insert(subscription), [one | common for one in chosen])
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _posts(chance: random.Random) -> Iterator[SourcePost]:
    for number in range(POSTS):
        url = f"https://bench.example/{number}"
        labels = tuple(f"Label {n}" for n in range(LABELS) if n % POSTS == number or chance.random() < 0.1)
        at = SLOT - timedelta(hours=number + 1)
        yield SourcePost(
            uri=url,
            url=url,
            title=f"Post {number}",
            html="<p>News.</p>",
            published=at,
            updated=at,
            labels=labels,
        )


def _worked(database: Database) -> float:
    """Seconds of processor time so far: of this process and, where it is at hand, of its backend."""
    if database.is_sqlite:
        return process_time()
    with database.read() as connection:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    try:
        told = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return process_time()
    times = told.rpartition(")")[2].split()[11:13]
    return process_time() + sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


class _Holding:
    """How long each writing transaction took."""

    def __init__(self, database: Database) -> None:
        self._write = database.write
        self.longest = 0.0
        self.times = 0

    @contextmanager
    def write(self) -> Iterator[object]:
        with self._write() as connection:
            began = perf_counter()
            yield connection
        self.longest = max(self.longest, perf_counter() - began)
        self.times += 1


def _plan(database: Database, readers: int) -> None:
    holding = _Holding(database)
    database.write = holding.write  # type: ignore[assignment,method-assign] # the same, but timed
    planner = Planner(database, mail_domain="bench.example")
    began, worked = perf_counter(), _worked(database)
    report = planner.plan(SLOT)
    seconds, worked = perf_counter() - began, _worked(database) - worked
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    if report.deliveries != readers or peak is None:
        raise SystemExit(f"planned for {report.deliveries} of {readers} readers")
    began = perf_counter()
    planner.is_due(SLOT + timedelta(minutes=1))
    asked = perf_counter() - began
    with database.read() as connection:
        counted = connection.execute(select(func.sum(edition.c.readers))).scalar_one()
        entered = connection.execute(select(func.count()).select_from(delivery)).scalar_one()
    if not counted == entered == readers:
        raise SystemExit(f"{entered} deliveries, {counted} readers counted, not {readers}")
    print(f"{report.editions} editions, {report.deliveries:,} deliveries in {seconds:.1f} s")
    print(f"{worked:.1f} s of processor time, the server's too")
    print(
        f"{holding.times} transactions, the longest {holding.longest:.2f} s; "
        f"asked again: {asked * 1000:.0f} ms"
    )
    print(seconds, int(peak[1]) / 1024)


if __name__ == "__main__":
    main()
