"""The memory of sending, from few deliveries to very many.

``python -m benchmarks.sending_memory [COUNT …]``

For each count (10,000 and 1,000,000 unless others are given) an SQLite file with so many queued deliveries of
one edition of 24 KB, half of them to one domain, and a process of its own that sends them all: every letter
is spliced, every step committed, and what stands for the server takes each message at once. Its peak is what
the kernel tells of it, Python and the program included.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from benchmarks.digests_smtp import SENDER, fill, publish_news
from benchmarks.splice import template
from benchmarks.timing import verdict
from database import Database, open_database, upgrade
from digests.planning.editions import Planner
from digests.sending.delivery import Delivery
from digests.sending.leases import Leases
from digests.sending.ledger import LEDGER_CACHE, Ledger
from digests.sending.letters import EditionLetters
from outbox.outcome import Outcome
from subscribers.tokens import TokenSigner

CONNECTIONS = 32
COUNTS = (10_000, 1_000_000)
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

# One reader is planned for; the others are made from that one.
_READERS = """
INSERT INTO subscriber (id, email, email_key, state, created_at)
WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT i, 'reader' || i || '@' || d, 'reader' || i || '@' || d, 'confirmed', created_at FROM (
  SELECT i, CASE i % 2 WHEN 0 THEN 'big.example' ELSE 'd' || (i % 5000) || '.example' END AS d FROM n
) CROSS JOIN (SELECT created_at FROM subscriber WHERE id = 1)
"""
_SUBSCRIPTIONS = """
INSERT INTO subscription (id, subscriber_id, digest_id, state, labels, created_at)
SELECT s.id, s.id, one.digest_id, one.state, one.labels, one.created_at
FROM subscriber AS s CROSS JOIN (SELECT * FROM subscription WHERE id = 1) AS one WHERE s.id > 1
"""
_DELIVERIES = """
INSERT INTO delivery (id, edition_id, subscriber_id, subscription_id, state, attempt, doubts, message_id,
                      priority, domain, due_at, created_at, updated_at)
SELECT s.id, one.edition_id, s.id, s.id, 'queued', 0, 0, '<' || s.id || '@bench.example>', 1,
       substr(s.email, instr(s.email, '@') + 1), one.due_at, one.created_at, one.updated_at
FROM subscriber AS s CROSS JOIN (SELECT * FROM delivery ORDER BY id LIMIT 1) AS one WHERE s.id > 1
"""


@dataclass(slots=True)
class Taker:
    """What stands for a server."""

    usable: bool = True
    broke: bool = False

    async def open(self) -> None:
        """At once."""

    async def close(self) -> None:
        """At once."""

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        """Take it."""
        taken = await may_send() and fence() and sender and recipient and data
        return Outcome("sent" if taken else "withheld", "250 2.0.0 Ok")


def prepare(database: Database, count: int) -> None:
    """So many deliveries, queued."""
    upgrade(database)
    fill(database, 1)
    Planner(database, mail_domain="bench.example").plan(publish_news(database, 0))
    with database.write() as connection:
        connection.execute(text(_READERS), {"count": count})
        connection.execute(text(_SUBSCRIPTIONS))
        connection.execute(text(_DELIVERIES))
        connection.execute(text("UPDATE edition SET message = :blob"), {"blob": template().blob})


def send(file: str) -> None:
    """Send all, and print the peak in kilobytes."""
    database = open_database(f"sqlite:///{file}")
    database.limit_cache(LEDGER_CACHE)
    ledger = Ledger(database, Leases(database, clock=lambda: datetime.now(UTC)), resend_doubtful=True)
    letters = EditionLetters(database, sender=SENDER, signer=TokenSigner(["x" * 32]))
    began = perf_counter()
    report = asyncio.run(Delivery(ledger, letters, Taker, connections=CONNECTIONS).run(NOW))
    seconds = perf_counter() - began
    database.dispose()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = re.findall(r"VmHWM:\s+(\d+)", status)
    print(peak, f"{report.states.total() / seconds:.0f}")


def measure(count: int) -> tuple[float, float]:
    """The peak of sending so many, in megabytes, and how many were sent a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sending.db"
        database = open_database(f"sqlite:///{file}")
        prepare(database, count)
        database.dispose()
        program = [sys.executable, "-m", "benchmarks.sending_memory", "--send", str(file)]
        said = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
    return int(said[0]) / 1024, float(said[1])


def main() -> None:
    """Measure and print; ``--send FILE`` is the process of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("counts", type=int, nargs="*", default=COUNTS)
    options.add_argument("--send", default=None)
    chosen = options.parse_args()
    if chosen.send:
        send(chosen.send)
        return
    peaks = []
    for count in chosen.counts:
        peak, rate = measure(count)
        peaks.append(peak)
        print(f"{count:>9} deliveries: peak {peak:4.0f} MB, {rate:5.0f} a second")
    verdict("peak memory, most deliveries to fewest", peaks[-1] / peaks[0], at_most=1.1)


if __name__ == "__main__":
    main()
