"""Mail that is no digest: asked for by ``enqueue``, written when its turn comes, sent until it has arrived.

Whoever asks only leaves a row behind, so they learn nothing from how long it takes, and nothing is lost with
the process. Any number of processes may drain the queue; each notice is taken by one of them, for a while.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection as DatabaseConnection

from database import Database, DatabaseUnavailable
from outbox.dkim import Signer, sign
from outbox.message import dot_stuff
from outbox.model import Notice, NoticeState
from outbox.noticequeue import (
    Letter,
    Taken,
    drop_waiting,
    enqueue,
    finish,
    freeze,
    has_old,
    is_due,
    retake,
    sweep,
    take,
    try_again,
    without_addresses,
)
from outbox.outcome import MAX_REPLY, Outcome
from outbox.servers import Connection
from outbox.single import send_one

__all__ = ["Composer", "Drained", "Letter", "Notice", "Notices", "drop_waiting", "enqueue"]

# None: there is nothing to say any more.
Composer = Callable[[DatabaseConnection, Notice], Letter | None]

# How long a process that sends a notice is believed to be at it: longer than a server takes to answer.
LEASE = timedelta(minutes=12)
# After each attempt, then every time the last; and no more once it is that old.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
GIVE_UP_AFTER = timedelta(days=1)
# Sent at once, each over a connection of its own: one server that is slow holds up no more than these.
AT_ONCE = 8
SWEEP_EVERY = timedelta(hours=1)

log = structlog.get_logger("notices")


@dataclass(slots=True)
class Drained:
    """How many notices came to which state; ``trouble`` is why the drain ended early, if it did."""

    states: Counter[NoticeState] = field(default_factory=Counter)
    trouble: str | None = None

    def __str__(self) -> str:
        """``3 sent, 1 queued``; empty when nothing was done."""
        return ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()) if count)


@dataclass(frozen=True, slots=True)
class _InHand:
    """What is to be sent, and until when it is this process's."""

    notice: Notice
    letter: Letter
    until: datetime


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of it; it was never tried where no server was reached."""

    notice: Notice
    outcome: Outcome
    was_reached: bool = True


class Notices:
    """Sends what waits.

    ``composers`` write the mails, by kind; a kind that is not among them is left to a process that knows it.
    ``sender`` is the envelope's; ``signers`` sign by DKIM; ``clock`` gives the real time, which leases go by.
    """

    def __init__(
        self,
        database: Database,
        composers: Mapping[str, Composer],
        *,
        connect: Callable[[], Connection],
        sender: str,
        clock: Callable[[], datetime],
        signers: Sequence[Signer] = (),
    ) -> None:
        self._database = database
        self._composers = dict(composers)
        self._connect = connect
        self._sender = sender
        self._clock = clock
        self._signers = signers
        self._swept_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether something waits, or is old enough to be forgotten."""
        with self._database.read() as connection:
            if is_due(connection, now=now, real=self._clock()):
                return True
            return self._may_sweep(now) and has_old(connection, now=now)

    def drain(self, now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> Drained:
        """Send all that is due, some at a time, until nothing is, no server is reached, or it is stopping.

        Raises ``DatabaseUnavailable``; whatever was in hand then is taken up again later.
        """
        drained = Drained()
        while not stopping() and drained.trouble is None:
            in_hand = self._take_some(now, drained, stopping)
            if not in_hand:
                break
            self._record(asyncio.run(self._send_all(in_hand)), drained, now)
        if self._may_sweep(now):
            self._swept_at = now
            with self._database.write() as connection:
                sweep(connection, now=now)
        return drained

    def _may_sweep(self, now: datetime) -> bool:
        return self._swept_at is None or abs(now - self._swept_at) >= SWEEP_EVERY

    def _take_some(self, now: datetime, drained: Drained, stopping: Callable[[], bool]) -> list[_InHand]:
        """Some that are due, each with its message."""
        some: list[_InHand] = []
        while len(some) < AT_ONCE and not stopping():
            until = self._clock() + LEASE
            try:
                taken, letter = self._take(now, until)
            except _ComposingFailed as error:
                self._fail(error, now)
                drained.states[NoticeState.FAILED] += 1
                continue
            if taken is None:
                break
            if letter is None:
                drained.states[NoticeState.NEEDLESS] += 1
            else:
                some.append(_InHand(taken.notice, letter, until))
        return some

    def _take(self, now: datetime, until: datetime) -> tuple[Taken | None, Letter | None]:
        """Take one up and have its message frozen, in one transaction: all of it is done or none."""
        with self._database.write() as connection:
            taken = take(connection, self._composers.keys(), now=now, real=self._clock(), until=until)
            if taken is None or taken.letter is not None:
                return taken, taken.letter if taken else None
            letter = self._composed(connection, taken.notice)
            if letter is None:
                finish(connection, taken.notice, NoticeState.NEEDLESS, now=now)
            else:
                freeze(connection, taken.notice, letter)
            return taken, letter

    def _composed(self, connection: DatabaseConnection, its: Notice) -> Letter | None:
        try:
            letter = self._composers[its.kind](connection, its)
            if letter is None:
                return None
            signed = sign(letter.message, self._signers, at=self._clock())
            return Letter(letter.recipient, signed, letter.message_id)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            raise _ComposingFailed(its) from error

    def _fail(self, error: "_ComposingFailed", now: datetime) -> None:
        """One that cannot be written is given up; the others go on."""
        its = error.notice
        why = without_addresses(f"{type(error.__cause__).__name__}: {' '.join(str(error.__cause__).split())}")
        log.warning("notice cannot be written", kind=its.kind, notice=its.id, error=why)
        with self._database.write() as connection:
            if retake(connection, its):
                finish(connection, its, NoticeState.FAILED, now=now, reply=f"not written: {why}"[:MAX_REPLY])

    async def _send_all(self, some: Sequence[_InHand]) -> list[_Sent]:
        return await asyncio.gather(*(self._send(one) for one in some))

    async def _send(self, one: _InHand) -> _Sent:
        data = dot_stuff(one.letter.message)
        try:
            outcome = await send_one(
                self._connect(),
                self._sender,
                one.letter.recipient,
                data,
                fence=lambda: self._clock() < one.until,
            )
        except OSError as error:
            return _Sent(one.notice, Outcome("deferred", " ".join(str(error).split())), was_reached=False)
        return _Sent(one.notice, outcome)

    def _record(self, some: Sequence[_Sent], drained: Drained, now: datetime) -> None:
        with self._database.write() as connection:
            for one in some:
                state, due = after(one.outcome, one.notice, now=now)
                its, reply = one.notice, one.outcome.reply
                if state is NoticeState.QUEUED:
                    is_ours = try_again(connection, its, due=due, reply=reply)
                else:
                    is_ours = finish(connection, its, state, now=now, reply=reply)
                drained.states[state] += is_ours
        for one in some:
            if not one.was_reached:
                drained.trouble = one.outcome.reply


def after(outcome: Outcome, its: Notice, *, now: datetime) -> tuple[NoticeState, datetime]:
    """The state that follows from an attempt, and when the next one is due.

    What is in doubt is sent again: it is the same message with the same Message-ID.
    """
    if outcome.kind == "sent":
        return NoticeState.SENT, now
    if outcome.kind == "withheld":
        return NoticeState.QUEUED, now
    due = now + backoff(its.attempt)
    if outcome.kind == "failed" or due > its.created_at + GIVE_UP_AFTER:
        return NoticeState.FAILED, now
    return NoticeState.QUEUED, due


def backoff(attempt: int) -> timedelta:
    """How long a notice waits after the given attempt (1 is the first)."""
    return BACKOFF[min(attempt, len(BACKOFF)) - 1]


class _ComposingFailed(Exception):
    """A composer raised; the transaction that it was asked in is undone."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.kind)
        self.notice = notice
