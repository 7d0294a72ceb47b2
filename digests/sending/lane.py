"""A lane: one connection at a time, one message after another, at most one open intent."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from database import DatabaseUnavailable
from digests.model import DeliveryState
from digests.sending.commits import Commits, Intent
from digests.sending.due import Pending
from digests.sending.ledger import Ledger, Result
from digests.sending.limits import PATIENCE_SECONDS, Hold
from digests.sending.outside import Connection, Letters
from digests.sending.press import Press
from digests.sending.supply import Supply
from outbox.marks import MessageError
from outbox.outcome import Outcome

log = structlog.get_logger("digests.sending.delivery")

# A lane that has had nothing to send for so long hangs up: servers do not like to be kept waiting.
IDLE_SECONDS = 5.0

_STATES = {
    "sent": DeliveryState.SENT,
    "deferred": DeliveryState.DEFERRED,
    "failed": DeliveryState.FAILED,
    "in_doubt": DeliveryState.IN_DOUBT,
    # The fence fell before the first byte: known not to be sent, so it may be tried again.
    "withheld": DeliveryState.DEFERRED,
}


@dataclass(slots=True)
class DeliveryReport:
    """What one run of sending came to: how many per state, and what kept it from going on, if anything.

    ``held_until``: what is left waits for a limit, so long at least.
    """

    states: Counter[DeliveryState] = field(default_factory=Counter)
    recovered: int = 0
    skipped: int = 0
    trouble: str | None = None
    held_until: datetime | None = None

    def __str__(self) -> str:
        counts = [f"{count} {state.replace('_', ' ')}" for state, count in sorted(self.states.items())]
        counts += [f"{self.skipped} skipped"] if self.skipped else []
        counts += [f"{self.recovered} found in doubt"] if self.recovered else []
        if self.held_until is not None:
            counts.append(f"the rest is held back until {self.held_until:%Y-%m-%dT%H:%MZ}")
        return ", ".join(counts + ([self.trouble] if self.trouble else []))


@dataclass(slots=True)
class Run:
    """What the lanes of a run share. ``enough`` ends it; so does ``is_ending``, which they set.

    ``press`` makes the letters in threads, where that takes long. ``breaks`` counts the connections that
    broke one after another, before their message was taken; with ``most_breaks`` it is not the messages that
    are at fault.
    """

    ledger: Ledger
    letters: Letters
    connect: Callable[[], Connection]
    enough: Callable[[], bool]
    progress: Callable[[int], None]
    most_breaks: int
    press: Press | None = None
    report: DeliveryReport = field(default_factory=DeliveryReport)
    breaks: int = 0
    is_ending: bool = False

    def is_over(self) -> bool:
        """Whether no other message is to be begun."""
        return self.is_ending or self.enough()

    def hold(self, until: datetime) -> None:
        """End it: a limit holds back all that is left."""
        self.is_ending = True
        self.report.held_until = until


class Lane:
    """Sends what the supply gives over a connection of its own, a new one when it breaks."""

    def __init__(self, run: Run, commits: Commits, supply: Supply) -> None:
        self._run = run
        self._commits = commits
        self._supply = supply
        self._connection: Connection | None = None
        self._result: Result | None = None
        self._clock = asyncio.get_running_loop().time
        self._sent_at = self._clock()

    async def send_all(self) -> None:
        """Send until nothing is left, enough was done, or there is no way out."""
        try:
            while not self._run.is_over():
                pending = self._supply.take()
                if pending is None:
                    if not await self._wait():
                        break
                elif not await self._deal_with(pending):
                    break
        finally:
            self._supply.lane_ended()
            await self._hand_in()
            if self._connection is not None:
                await self._connection.close()

    async def _deal_with(self, pending: Pending) -> bool:
        """Send one; False when there is no way out, or no leave that is worth waiting for."""
        connection = self._connection
        if connection is None or not connection.usable:
            connection = await self._reconnect()
            if connection is None:
                self._supply.put_back(pending)
                return False
        intent = self._commits.submit(self._result, pending)
        self._result = None
        # Without limits MAIL and RCPT travel while the intent is committed.
        if self._run.ledger.limits.is_counted and not await intent.granted():
            return await self._refused(pending, intent.hold)
        outcome = await self._send(connection, pending, intent)
        self._supply.done(pending)
        self._sent_at = self._clock()
        granted = await intent.granted()
        self._commits.close(intent)
        if granted:
            self._settle(pending, outcome)
            self._look_for_breaks(outcome, connection)
        return True

    async def _send(self, connection: Connection, pending: Pending, intent: Intent) -> Outcome:
        letters = self._run.letters
        try:
            press = self._run.press
            data = letters.data(pending) if press is None else await press.data(pending)
        except MessageError as error:
            return Outcome("failed", f"no message can be made: {error}")
        except DatabaseUnavailable as error:
            return Outcome("deferred", f"no message could be made: {error.public}")
        return await connection.send(
            letters.sender(pending), pending.email, data, may_send=intent.granted, fence=intent.holds
        )

    def _settle(self, pending: Pending, outcome: Outcome) -> None:
        """Note what to record of a message that was this worker's to send."""
        state = _STATES[outcome.kind]
        result = self._run.ledger.result(
            pending, state=state, reply=outcome.reply, now=self._commits.about_now()
        )
        self._result = result
        self._run.report.states[result.state] += 1
        self._run.progress(1)
        if state is not DeliveryState.SENT:
            log.warning("not sent", delivery=pending.id, state=result.state, reply=outcome.reply)

    async def _wait(self) -> bool:
        """Wait until there may be something to send; False when there will not be."""
        if self._result is not None:
            await self._hand_in()
            return True
        if self._supply.is_at_end(PATIENCE_SECONDS):
            return False
        await self._supply.wait(IDLE_SECONDS)
        if self._connection is not None and self._clock() - self._sent_at > IDLE_SECONDS:
            await self._connection.close()
            self._connection = None
        return True

    async def _hand_in(self) -> None:
        """Have the last result recorded, where no other message takes it along."""
        if self._result is not None:
            recorded, self._result = self._commits.submit(self._result, None), None
            await recorded.granted()

    async def _reconnect(self) -> Connection | None:
        if self._connection is not None:
            await self._connection.close()
        self._connection = None
        connection = self._run.connect()
        try:
            await connection.open()
        except ConnectionError as error:
            self._run.report.trouble = str(error)
            return None
        self._connection = connection
        return connection

    async def _refused(self, pending: Pending, hold: Hold | None) -> bool:
        """An intent was not granted: another has the delivery, or a limit; False when this lane may go."""
        if hold is None:
            self._supply.done(pending)
            return True
        run = self._run
        seconds = (hold.until - run.ledger.leases.clock()).total_seconds()
        self._supply.put_back(pending, until=self._clock() + seconds if hold.is_domains else None)
        if hold.is_domains:
            return True
        if seconds <= PATIENCE_SECONDS:
            await self._supply.pause(seconds)
            return True
        if self._supply.waiting.lanes == 1:
            # By the run's own clock, which may be a rehearsal's.
            until = self._commits.moment() + timedelta(seconds=seconds + 0.5)
            run.hold(until.replace(microsecond=0))
        # Else the lanes that are left are enough for what the limit lets go.
        return False

    def _look_for_breaks(self, outcome: Outcome, connection: Connection) -> None:
        """End the run when one connection after another breaks before its message is taken."""
        run = self._run
        if connection.usable or outcome.kind in {"sent", "failed"} or _is_of_the_message(outcome.reply):
            run.breaks = 0
        elif outcome.kind == "deferred":
            run.breaks += 1
            if run.breaks >= run.most_breaks:
                run.report.trouble = f"one connection after another broke: {outcome.reply}"
                run.is_ending = True


def _is_of_the_message(reply: str) -> bool:
    """Whether a server said so of a message: 421 is of the connection, and so is what no server said."""
    return reply.startswith("4") and not reply.startswith("421")
