"""Sending with the ledger, beside the same messages sent with none, and beside RSA alone.

``python -m benchmarks.sending [--messages N] [--connections N] [--rounds N] [--database URL]``

Messages of 24 KB go to Postfix's smtp-sink (Debian: postfix), spliced from one edition for each reader.
*Ours* is a run of sending on an SQLite file (or a PostgreSQL database that is empty): each step of each
delivery is committed (``synchronous=FULL``). *Raw* makes the same messages and sends them over the same
client and as many connections, and keeps no record. *Signed* has each message signed (DKIM, RSA-2048); beside
it the RSA operations alone, on all processors. All in turns, in one process each; medians of the rounds.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import update

import templates
from benchmarks.digests_smtp import PUBLISHER, SENDER, fill, publish_news
from benchmarks.splice import sink
from benchmarks.timing import verdict
from database import Database, open_database, upgrade
from digests.engine import Engine, Sending
from digests.model import delivery
from digests.planning.editions import Planner
from digests.sending.due import Pending
from digests.sending.leases import Leases
from digests.sending.ledger import Ledger
from digests.sending.letters import EditionLetters
from outbox.dkim import Signer
from outbox.dkimkeys import DkimKey
from outbox.smtp import SmtpConnection, SmtpSettings
from subscribers.tokens import TokenSigner


def engine_of(
    database: Database, settings: SmtpSettings, letters: EditionLetters, connections: int
) -> Engine:
    """An engine that sends to the sink."""
    return Engine(
        database,
        environment=templates.environment(),
        publisher=PUBLISHER,
        planner=Planner(database, mail_domain="bench.example"),
        letters=letters,
        sending=Sending(connect=lambda: SmtpConnection(settings), connections=connections),
        clock=lambda: datetime.now(UTC),
    )


def ours(database: Database, engine: Engine, now: datetime, messages: int) -> float:
    """Messages a second of a run of sending."""
    with database.write() as connection:
        anew = {"state": "queued", "attempt": 0, "due_at": now, "tried_at": None, "reply": None}
        connection.execute(update(delivery).values(anew))
    began = perf_counter()
    report = engine.deliver(now)
    taken = perf_counter() - began
    if report.states != {"sent": messages}:
        raise RuntimeError(str(report))
    return messages / taken


def raw(
    wanted: Sequence[Pending],
    settings: SmtpSettings,
    letters: EditionLetters,
    lanes: int,
    *,
    threads: int = 0,
) -> float:
    """Messages a second with no ledger: who gets one is in memory before it begins."""
    numbers = iter(wanted)

    async def may_send() -> bool:
        return True

    async def lane(pool: ThreadPoolExecutor) -> None:
        connection = SmtpConnection(settings)
        await connection.open()
        loop = asyncio.get_running_loop()
        for one in numbers:
            data = await loop.run_in_executor(pool, letters.data, one) if threads else letters.data(one)
            outcome = await connection.send(SENDER, one.email, data, may_send=may_send, fence=lambda: True)
            if outcome.kind != "sent":
                raise RuntimeError(str(outcome))
        await connection.close()

    async def run() -> None:
        with ThreadPoolExecutor(threads or 1) as pool:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(lane(pool))

    began = perf_counter()
    uvloop.run(run())
    return len(wanted) / (perf_counter() - began)


def rsa_alone(key: rsa.RSAPrivateKey, count: int) -> float:
    """Signatures a second, a thread for each processor; RSA lets go of Python's lock."""
    threads = os.cpu_count() or 1

    def sign(share: int) -> None:
        for number in range(share):
            key.sign(b"%d" % number, PKCS1v15(), SHA256())

    began = perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(sign, [count // threads] * threads))
    return count // threads * threads / (perf_counter() - began)


@contextmanager
def opened(url: str | None) -> Iterator[Database]:
    """A database of its own, migrated."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url or f"sqlite:///{Path(folder) / 'sending.db'}")
        upgrade(database)
        yield database
        database.dispose()


def letters_of(database: Database, key: rsa.RSAPrivateKey | None) -> EditionLetters:
    """The letters, signed where there is a key."""
    signers = [Signer("bench.example", "one", DkimKey(key))] if key else []
    return EditionLetters(database, sender=SENDER, signer=TokenSigner(["x" * 32]), signers=signers)


@dataclass
class Rates:
    """What each way came to: messages a second, and microseconds of processor time a message."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    worked: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, way: Callable[[], float], messages: int) -> None:
        """Run it once."""
        before = process_time()
        self.rates.setdefault(name, []).append(way())
        self.worked.setdefault(name, []).append((process_time() - before) / messages * 1e6)

    def show(self) -> None:
        """A line for each way."""
        for name, each in self.rates.items():
            told = f"{median(each):6.0f} a second (median), {max(each):6.0f} (best)"
            print(f"{name:13} {told}, {median(self.worked[name]):4.0f} µs of a processor each")

    def ratio(self, one: str, other: str) -> float:
        """The median of the rounds."""
        return median(mine / its for mine, its in zip(self.rates[one], self.rates[other], strict=True))


def measure(
    database: Database, settings: SmtpSettings, *, messages: int, connections: int, rounds: int
) -> Rates:
    """All ways in turns."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    fill(database, messages)
    now = publish_news(database, 0)
    plain, signed = letters_of(database, None), letters_of(database, key)
    engine = engine_of(database, settings, plain, connections)
    engine.plan(now)
    engine.render(now)
    ledger = Ledger(database, Leases(database, clock=lambda: now), resend_doubtful=True)
    wanted = ledger.due(now, limit=10**9)
    signing = engine_of(database, settings, signed, connections)
    threads = os.cpu_count() or 1
    ways: dict[str, Callable[[], float]] = {
        "ours": lambda: ours(database, engine, now, messages),
        "raw": lambda: raw(wanted, settings, plain, connections),
        "ours, signed": lambda: ours(database, signing, now, messages),
        "raw, signed": lambda: raw(wanted, settings, signed, connections, threads=threads),
        "RSA alone": lambda: rsa_alone(key, messages),
    }
    found = Rates()
    for _ in range(rounds):
        for name, way in ways.items():
            found.note(name, way, messages)
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=5000)
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--database", default=None)
    chosen = options.parse_args()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if program is None:
        sys.exit("smtp-sink is missing: apt-get install postfix")
    with opened(chosen.database) as database, sink(program) as settings:
        found = measure(
            database,
            settings,
            messages=chosen.messages,
            connections=chosen.connections,
            rounds=chosen.rounds,
        )
    print(f"{chosen.messages} messages, {chosen.connections} connections")
    found.show()
    verdict("ours to raw (median of rounds)", found.ratio("ours", "raw"), at_least=0.6)
    verdict("signed to RSA alone", found.ratio("ours, signed", "RSA alone"), at_least=0.8)
    print(f"     signed to the same with no ledger: {found.ratio('ours, signed', 'raw, signed'):.2f}")


if __name__ == "__main__":
    main()
