"""Sending what is due: many connections at once, one commit per round of them.

Each lane holds one connection and at most one open intent. The result of its last message and the intent of
its next go into the same commit, together with those of all the lanes that wait at that moment; MAIL and RCPT
may travel meanwhile, DATA only once the intent is durable.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from database import DatabaseUnavailable
from digests.commits import Commits, Intent
from digests.ledger import Ledger, Pending, Result
from digests.model import DeliveryState
from outbox.marks import MessageError
from outbox.outcome import Outcome

log = structlog.get_logger("digests.delivery")

FETCH = 500


class Connection(Protocol):
    """One way out: a connection to an SMTP server, or a Maildir."""

    @property
    def usable(self) -> bool:
        """Whether another message may be sent over it."""
        ...

    async def open(self) -> None:
        """Connect; raise ``ConnectionError`` when that cannot be."""
        ...

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        """Send one message: ask ``may_send`` before DATA, and ``fence`` before the message's first byte."""
        ...

    async def close(self) -> None:
        """Say goodbye."""
        ...


class Letters(Protocol):
    """Where the bytes of a message come from."""

    def sender(self, pending: Pending) -> str:
        """The envelope's sender of a delivery."""
        ...

    def data(self, pending: Pending) -> bytes:
        """The message of a delivery, ready for the connection it goes over."""
        ...


@dataclass(slots=True)
class DeliveryReport:
    """What one run of sending came to: how many per state, and what kept it from going on, if anything."""

    states: Counter[DeliveryState] = field(default_factory=Counter)
    recovered: int = 0
    skipped: int = 0
    trouble: str | None = None

    def __str__(self) -> str:
        counts = [f"{count} {state.replace('_', ' ')}" for state, count in sorted(self.states.items())]
        counts += [f"{self.skipped} skipped"] if self.skipped else []
        counts += [f"{self.recovered} found in doubt"] if self.recovered else []
        return ", ".join(counts + ([self.trouble] if self.trouble else []))


_STATES = {
    "sent": DeliveryState.SENT,
    "deferred": DeliveryState.DEFERRED,
    "failed": DeliveryState.FAILED,
    "in_doubt": DeliveryState.IN_DOUBT,
    # The fence fell before the first byte: known not to be sent, so it may be tried again.
    "withheld": DeliveryState.DEFERRED,
}


class Delivery:
    """One run of sending: everything that is due at ``now``, or as much as fits until ``enough`` says so.

    ``connect`` makes a connection that is not open yet; ``progress`` is told of each message dealt with.
    A database that is gone is waited for until ``stopping``; ``waits`` is told why, and None when it is back.
    """

    def __init__(
        self,
        ledger: Ledger,
        letters: Letters,
        connect: Callable[[], Connection],
        *,
        connections: int,
        enough: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _count: None,
        stopping: Callable[[], bool] = lambda: False,
        waits: Callable[[str | None], None] = lambda _why: None,
    ) -> None:
        self._stopping = stopping
        self._waits = waits
        self._ledger = ledger
        self._letters = letters
        self._connect = connect
        self._lanes = connections
        self._enough = enough
        self._progress = progress
        self._waiting: deque[Pending] = deque()
        self._last = 0
        self._exhausted = False
        self._refilling = asyncio.Lock()
        self._report = DeliveryReport()

    async def run(self, now: datetime) -> DeliveryReport:
        """Send; return the report. Raises what the ledger's database raises when it stays away.

        An error that ends a lane ends no other; the first is raised when all of them are through.
        """
        async with Commits(self._ledger, now=now, give_up=self._stopping, waits=self._waits) as commits:
            self._report.recovered = await commits.call(self._ledger.leases.recover, now)
            self._report.skipped = await commits.call(self._ledger.skip_departed, now)
            await self._refill(commits, now)
            lanes = [self._lane(commits, now) for _ in range(min(self._lanes, len(self._waiting)))]
            # No task group: it would break off the messages of all lanes for an error in one.
            ended = await asyncio.gather(*lanes, return_exceptions=True)
        for error in filter(None, ended):
            raise error
        return self._report

    async def _lane(self, commits: Commits, now: datetime) -> None:
        """Send one after another over a connection of its own, a new one when it breaks."""
        connection: Connection | None = None
        result: Result | None = None
        try:
            while (pending := await self._next(commits, now)) is not None:
                if connection is None or not connection.usable:
                    connection = await self._reconnect(connection)
                    if connection is None:
                        self._waiting.appendleft(pending)
                        break
                intent = commits.submit(result, pending)
                result = None
                outcome = await self._send(connection, pending, intent)
                granted = await intent.granted()
                commits.close(intent)
                result = self._settle(pending, outcome, now) if granted else None
        finally:
            if result is not None:
                await commits.submit(result, None).granted()
            if connection is not None:
                await connection.close()

    async def _send(self, connection: Connection, pending: Pending, intent: Intent) -> Outcome:
        try:
            data = self._letters.data(pending)
        except MessageError as error:
            return Outcome("failed", f"no message can be made: {error}")
        except DatabaseUnavailable as error:
            return Outcome("deferred", f"no message could be made: {error.public}")
        return await connection.send(
            self._letters.sender(pending), pending.email, data, may_send=intent.granted, fence=intent.holds
        )

    def _settle(self, pending: Pending, outcome: Outcome, now: datetime) -> Result:
        """What to record of a message that was this worker's to send."""
        state = _STATES[outcome.kind]
        result = self._ledger.result(pending, state=state, reply=outcome.reply, now=now)
        self._report.states[result.state] += 1
        self._progress(1)
        if state is not DeliveryState.SENT:
            log.warning("not sent", delivery=pending.id, state=result.state, reply=outcome.reply)
        return result

    async def _reconnect(self, broken: Connection | None) -> Connection | None:
        if broken is not None:
            await broken.close()
        connection = self._connect()
        try:
            await connection.open()
        except ConnectionError as error:
            self._report.trouble = str(error)
            return None
        return connection

    async def _next(self, commits: Commits, now: datetime) -> Pending | None:
        """The next delivery; None when there is none left or enough was done."""
        if self._enough():
            return None
        if not self._waiting:
            async with self._refilling:
                if not self._waiting:
                    await self._refill(commits, now)
        return self._waiting.popleft() if self._waiting else None

    async def _refill(self, commits: Commits, now: datetime) -> None:
        if self._exhausted:
            return
        found = await commits.insist(self._ledger.due, now, after=self._last, limit=FETCH)
        self._exhausted = not found
        if found:
            self._last = found[-1].id
            self._waiting.extend(found)
