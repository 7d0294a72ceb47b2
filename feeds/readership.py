"""How many read each feed, with no tracking: clients counted a day at a time, and what aggregators report.

A client is known by a hash under a salt of the day. The salt and the hashes are dropped with their day, so
nobody is known from one day to the next, and only numbers stay. No address and no User-Agent is ever stored.
"""

import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from ipaddress import IPv4Address, ip_address, ip_network
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from database import Database
from database.upsert import insert_all_new, insert_new, insert_which_new
from feeds.agents import read_report
from feeds.model import feed_poll, feed_readers, feed_report, poll_salt

# In one process: clients known of a day; and of those, how many may wait to be stored.
MAX_CLIENTS = 200_000
MAX_WAITING = 20_000
# Anyone can claim to be an aggregator: no more of them are believed for one feed.
MAX_AGENTS = 100
KEPT = timedelta(days=30)
EVERY = timedelta(minutes=1)
_SALT_BYTES = 32
_LONGEST_AGENT = 400


class _Poll(NamedTuple):
    """Who asked for which feed, in clear: in memory only, until the next flush."""

    day: date
    feed_uri: str
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads a feed: distinct clients a day, and the readers that aggregators report."""

    clients: int = 0
    reported: int = 0

    @property
    def total(self) -> int:
        """All of them; who uses an aggregator and a reader of their own counts twice."""
        return self.clients + self.reported


class Readership:
    """Counts who polls feeds. Thread-safe; make one for each process and ``flush`` it now and then."""

    def __init__(
        self, database: Database, *, max_clients: int = MAX_CLIENTS, max_waiting: int = MAX_WAITING
    ) -> None:
        self._database = database
        self._max_clients = max_clients
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._day: date | None = None
        self._seen: set[int] = set()
        self._waiting: list[_Poll] = []
        self._reports: dict[tuple[str, str], tuple[int, datetime]] = {}
        self._flushed_at: datetime | None = None

    def note(self, feed_uri: str, address: str, user_agent: str, now: datetime, *, asked: str = "") -> None:
        """A feed was polled; costs some microseconds and no query.

        ``feed_uri`` is the permanent id of a feed that lasts: not of a search or a rule in an address, for of
        these there are endlessly many. ``asked`` is which of its addresses was asked for, where it has
        several: an aggregator reports the readers of each on its own. Beyond the limits of memory polls are
        not counted.
        """
        user_agent = user_agent[:_LONGEST_AGENT]
        report = read_report(user_agent)
        with self._lock:
            if report is not None:
                key = (feed_uri, _agent(report.agent, report.feed_id, asked))
                if key in self._reports or len(self._reports) < self._max_waiting:
                    self._reports[key] = (report.readers, now)
                return
            day = now.astimezone(UTC).date()
            if day != self._day:
                self._day = day
                self._seen.clear()
            # Python's hash has a salt of its own in each process.
            client = hash((feed_uri, address, user_agent))
            if client in self._seen or len(self._seen) >= self._max_clients:
                return
            if len(self._waiting) < self._max_waiting:
                self._seen.add(client)
                self._waiting.append(_Poll(day, feed_uri, address, user_agent))

    def waits(self) -> bool:
        """Whether anything was noted since the last flush."""
        return bool(self._waiting or self._reports)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to store, once in a minute; or a day's salt that is to go."""
        if self._flushed_at is not None and abs(now - self._flushed_at) < EVERY:
            return False
        if self.waits():
            return True
        with self._database.read() as connection:
            first = connection.execute(select(func.min(poll_salt.c.day))).scalar_one()
        return first is not None and first < now.astimezone(UTC).date()

    def flush(self, now: datetime) -> None:
        """Store what was noted, and drop what is of days that are over.

        Raises ``DatabaseUnavailable``; what was noted then waits for the next flush.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, []
            reports, self._reports = self._reports, {}
        try:
            with self._database.write() as connection:
                _store_polls(connection, waiting, today=now.astimezone(UTC).date())
                _store_reports(connection, reports)
                _forget(connection, now)
        except BaseException:
            with self._lock:
                self._waiting = waiting + self._waiting
                self._reports = reports | self._reports
            raise
        self._flushed_at = now


def readers(connection: Connection, *, now: datetime) -> dict[str, Readers]:
    """How many read each feed, by its permanent id: of yesterday's and today's clients the larger number."""
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    clients = (
        select(feed_readers.c.feed_uri, func.max(feed_readers.c.clients))
        .where(feed_readers.c.day >= yesterday)
        .group_by(feed_readers.c.feed_uri)
    )
    reported = (
        select(feed_report.c.feed_uri, func.sum(feed_report.c.readers))
        .where(feed_report.c.reported_at > now - KEPT)
        .group_by(feed_report.c.feed_uri)
    )
    own = {uri: int(count) for uri, count in connection.execute(clients)}
    told = {uri: int(count) for uri, count in connection.execute(reported)}
    return {uri: Readers(own.get(uri, 0), told.get(uri, 0)) for uri in own.keys() | told.keys()}


def _agent(name: str, feed_id: str, asked: str) -> str:
    """An aggregator and which of its subscriptions to a feed: their readers are added up."""
    if not feed_id and not asked:
        return name
    return f"{name}#{blake2b(f'{feed_id} {asked}'.encode(errors='replace'), digest_size=4).hexdigest()}"


def _store_polls(connection: Connection, waiting: Sequence[_Poll], *, today: date) -> None:
    """Count each client once a day, whichever process it asked."""
    for day in sorted({poll.day for poll in waiting}):
        salt = _salt(connection, day, today=today)
        if salt is None:
            continue
        clients = {(poll.feed_uri, _client(salt, poll)) for poll in waiting if poll.day == day}
        rows = [{"day": day, "feed_uri": uri, "client": client} for uri, client in sorted(clients)]
        new = insert_which_new(connection, feed_poll, rows, returning=feed_poll.c.feed_uri)
        _count(connection, day, Counter(new))


def _count(connection: Connection, day: date, new: Counter[str]) -> None:
    """Add clients to each feed's number of the day."""
    if not new:
        return
    zeros = [{"feed_uri": uri, "day": day, "clients": 0} for uri in sorted(new)]
    insert_all_new(connection, feed_readers, zeros, returning=feed_readers.c.feed_uri)
    more = (
        update(feed_readers)
        .where(feed_readers.c.feed_uri == bindparam("uri"), feed_readers.c.day == day)
        .values(clients=feed_readers.c.clients + bindparam("more"))
    )
    connection.execute(more, [{"uri": uri, "more": new[uri]} for uri in sorted(new)])


def _salt(connection: Connection, day: date, *, today: date) -> bytes | None:
    """A day's salt, the same in all processes; None when its day is over and it is gone.

    The row is locked until this flush is done: one flush at a time.
    """
    if day >= today:
        made = {"day": day, "salt": secrets.token_bytes(_SALT_BYTES)}
        insert_new(connection, poll_salt, made, returning=poll_salt.c.day)
    query = select(poll_salt.c.salt).where(poll_salt.c.day == day).with_for_update()
    salt: bytes | None = connection.execute(query).scalar_one_or_none()
    return salt


def _client(salt: bytes, poll: _Poll) -> bytes:
    said = f"{_network(poll.address)} {poll.user_agent}".encode(errors="replace")
    return blake2b(said, digest_size=16, key=salt).digest()


def _network(address: str) -> str:
    """What of an address stays the same for a day: of IPv6 the /64, whose rest changes by the hour."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network(f"{address.partition('%')[0]}/64", strict=False))


def _store_reports(connection: Connection, reports: dict[tuple[str, str], tuple[int, datetime]]) -> None:
    """Keep the last number that each aggregator told of each feed."""
    if not reports:
        return
    rows = [
        {"feed_uri": uri, "agent": agent, "readers": count, "reported_at": at}
        for (uri, agent), (count, at) in sorted(reports.items())
    ]
    uris = sorted({uri for uri, _ in reports})
    per_feed = (
        select(feed_report.c.feed_uri, func.count())
        .where(feed_report.c.feed_uri.in_(uris))
        .group_by(feed_report.c.feed_uri)
    )
    known = Counter({uri: int(count) for uri, count in connection.execute(per_feed)})
    told = (
        update(feed_report)
        .where(feed_report.c.feed_uri == bindparam("b_uri"), feed_report.c.agent == bindparam("b_agent"))
        .values(readers=bindparam("b_readers"), reported_at=bindparam("b_at"))
    )
    for row in rows:
        values = {"b_uri": row["feed_uri"], "b_agent": row["agent"], "b_readers": row["readers"]}
        if connection.execute(told, {**values, "b_at": row["reported_at"]}).rowcount:
            continue
        uri = str(row["feed_uri"])
        if known[uri] < MAX_AGENTS:
            known[uri] += 1
            insert_new(connection, feed_report, row, returning=feed_report.c.agent)


def _forget(connection: Connection, now: datetime) -> None:
    """Drop the salts and hashes of days that are over, and numbers that nobody told for long."""
    today = now.astimezone(UTC).date()
    if connection.dialect.name == "sqlite":
        # What is deleted is overwritten, not only unlinked: a day's hashes mean nothing without its salt.
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    for table in (poll_salt, feed_poll):
        connection.execute(delete(table).where(table.c.day < today))
    connection.execute(delete(feed_readers).where(feed_readers.c.day < today - KEPT))
    connection.execute(delete(feed_report).where(feed_report.c.reported_at <= now - KEPT))
