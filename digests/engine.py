"""Digests in this process: plan what is due, render each edition once, send what waits.

Each of the three is a question and an answer for the scheduler, and any number of processes may ask them side
by side: the database's unique keys and the ledger's compare-and-swap keep them from doing anything twice.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
import uvloop
from jinja2 import Environment
from sqlalchemy import Select, exists, select, update

from database import Database
from digests.model import WAITING, delivery, edition
from digests.planning.editions import Planner, PlanReport
from digests.rendering.message import Publisher, RenderingError, print_edition
from digests.rendering.printing import edition_contents
from digests.sending.delivery import Connection, Delivery, DeliveryReport
from digests.sending.leases import LEASE, Leases
from digests.sending.ledger import Ledger, NoteRefusals
from digests.sending.letters import EditionLetters
from digests.sending.limits import UNLIMITED, Limits
from outbox.marks import MessageError

log = structlog.get_logger("digests")


@dataclass(frozen=True, slots=True)
class Sending:
    """How mail leaves: ``connect`` makes a connection, ``connections`` of them at once.

    ``resend_doubtful``: what is in doubt is sent again under its Message-ID, or else held for the operator.
    ``lease``: how long a worker that says nothing is believed to be sending. ``limits``: how fast and when.
    ``note_refusals`` is told of what failed, in the transaction that records it.
    """

    connect: Callable[[], Connection]
    connections: int
    resend_doubtful: bool = True
    lease: timedelta = LEASE
    limits: Limits = UNLIMITED
    note_refusals: NoteRefusals | None = None


class Engine:
    """Planning, rendering and sending over one database.

    ``clock`` gives the real time, for leases and rates only. ``ledger_database`` is the same one, where
    sending has connections of its own to it.
    """

    def __init__(
        self,
        database: Database,
        *,
        environment: Environment,
        publisher: Publisher,
        planner: Planner,
        letters: EditionLetters,
        sending: Sending,
        clock: Callable[[], datetime],
        ledger_database: Database | None = None,
    ) -> None:
        self._database = database
        self._ledger_database = ledger_database or database
        self._environment = environment
        self._publisher = publisher
        self._planner = planner
        self._letters = letters
        self._sending = sending
        self._clock = clock
        self._waits_for: str | None = None

    def has_plans(self, now: datetime) -> bool:
        """Whether a digest is due."""
        return self._planner.is_due(now)

    def plan(self, now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> PlanReport:
        """Make the editions and deliveries that are due; the rest is left when the process is stopping."""
        return self._planner.plan(now, stopping=stopping)

    def has_unrendered(self, now: datetime) -> bool:
        """Whether an edition that somebody waits for has no message yet."""
        with self._database.read() as connection:
            return connection.execute(unrendered(now).limit(1)).first() is not None

    def render(
        self,
        now: datetime,
        *,
        enough: Callable[[], bool] = lambda: False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> int:
        """Render what was not yet, each edition once for all its readers; return how many.

        When that was ``enough``, or the process is ``stopping``, the rest is left to the next tick. So is one
        that cannot be rendered, when its template may be mended; the others are rendered all the same, and
        then none is left for having been enough: what fails would keep them from their turn each time. Raises
        the first such error at the end.
        """
        with self._database.read() as connection:
            numbers = connection.execute(unrendered(now)).scalars().all()
        failed: list[ValueError] = []
        rendered = 0
        for number in numbers:
            try:
                self._render(number, now)
                rendered += 1
            except (RenderingError, MessageError) as error:
                failed.append(error)
            if stopping() or (enough() and not failed):
                break
        if failed:
            raise failed[0]
        return rendered

    def _render(self, number: int, now: datetime) -> None:
        with self._database.read() as connection:
            digest, its, posts = edition_contents(connection, number)
        printed = print_edition(
            self._environment, digest=digest, edition=its, posts=posts, publisher=self._publisher
        )
        with self._database.write() as connection:
            # The first to have rendered it wins: every reader of an edition gets the same.
            kept = update(edition).where(edition.c.id == number, edition.c.message.is_(None))
            connection.execute(
                kept.values(message=printed.message.blob, subject=printed.subject, rendered_at=now)
            )

    def has_mail(self, now: datetime) -> bool:
        """Whether a delivery is due, or was left behind by a worker."""
        return self._ledger().has_due(now)

    def deliver(
        self,
        now: datetime,
        *,
        enough: Callable[[], bool] = lambda: False,
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _count: None,
    ) -> DeliveryReport:
        """Send what is due, until ``enough`` says to stop; what is in hand is finished first.

        That is not given up when the database goes away, but when the process is ``stopping``.
        """
        delivery_run = Delivery(
            self._ledger(),
            self._letters,
            self._sending.connect,
            connections=self._sending.connections,
            threads=(os.cpu_count() or 1) if self._letters.are_signed else 0,
            enough=enough,
            stopping=stopping,
            progress=progress,
            waits=self._wait,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(delivery_run.run(now))

    def waits_for(self) -> str | None:
        """What a run of sending waits for at this moment, in a line; None: nothing. For any thread."""
        return self._waits_for

    def _wait(self, why: str | None) -> None:
        self._waits_for = why

    def _ledger(self) -> Ledger:
        leases = Leases(self._ledger_database, clock=self._clock, length=self._sending.lease)
        sending = self._sending
        return Ledger(
            self._ledger_database,
            leases,
            resend_doubtful=sending.resend_doubtful,
            limits=sending.limits,
            note_refusals=sending.note_refusals,
        )


def unrendered(now: datetime) -> Select[int]:
    """The editions that somebody waits for at ``now`` and that have no message yet."""
    waits = exists().where(
        delivery.c.edition_id == edition.c.id,
        delivery.c.state.in_(WAITING),
        delivery.c.due_at <= now,
    )
    lacks = (edition.c.message.is_(None), edition.c.reason.is_(None))
    return select(edition.c.id).where(*lacks, waits).order_by(edition.c.id)


def for_at_most(seconds: float, stopping: Callable[[], bool]) -> Callable[[], bool]:
    """An ``enough``: true after so many seconds, or when the process is stopping."""
    until = time.monotonic() + seconds
    return lambda: stopping() or time.monotonic() > until
