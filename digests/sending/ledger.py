"""The ledger: every delivery's state, moved in steps that only succeed from the state they start in.

    queued ──┐                      ┌─> sent
    deferred ├─ intent ─> sending ──┼─> deferred   (the server said 4xx, or was lost before the data)
    in_doubt ┘  attempt+1           ├─> failed     (5xx, or tried for three days)
                                    └─> in_doubt   (lost after the final dot; or the sender is gone)

    queued, deferred, in_doubt ─> skipped   (the reader left or paused before it was sent)
    in_doubt ─> sent                        (the lost sender comes back and knows better)
    failed, in_doubt ─> queued              (the operator: ``deliveries retry``, ``release``)

Each step is a compare-and-swap on state and attempt, so a worker that was frozen and comes back, or two that
run side by side, never both go on with one delivery. An intent is committed before DATA is sent: what a
killed process leaves behind in ``sending`` is all that can be in doubt. What a limit holds back makes no step
at all: it stays as it was, with the attempts it had.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, and_, case, false, func, literal, select, update

from database import Database
from digests.model import IS_OPEN, WAITING, DeliveryState, delivery
from digests.sending.allowances import Allowances
from digests.sending.due import FIRST, PAUSES, STAYS, Pending, Turn, due_in_turn, open_with
from digests.sending.leases import Leases
from digests.sending.limits import UNLIMITED, Hold, Limits
from digests.sending.steps import Result, record, take_up
from subscribers.model import subscriber, subscription

__all__ = ["GIVE_UP_AFTER", "LEDGER_CACHE", "Ledger", "NoteRefusals", "Pending", "Result", "Taken", "backoff"]

GIVE_UP_AFTER = timedelta(days=3)
# The waits after the first, second, … attempt that was deferred; the last one holds from there on.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
# By so much of itself a wait is longer at most: what was deferred in one instant does not come back in one.
JITTER = 0.25
# A server that cuts every connection after the final dot may take each copy: then the operator decides.
MOST_DOUBTS = 20

_LEFT = "the reader left before it was sent"
_PAUSED = "the reader paused before it was sent"

# Of an SQLite file, in kilobytes for a connection: it goes through the ledger from one end to the other, and
# looks at no page again. With more, memory would grow with the number of readers.
LEDGER_CACHE = 4096

# What is told of refusals: the connection of the step, (delivery, reply) of each, and when.
NoteRefusals = Callable[[Connection, list[tuple[int, str]], datetime], object]


@dataclass(frozen=True, slots=True)
class Taken:
    """Which intents were granted, and which a limit held back: until when, and whether for their domain."""

    granted: Collection[int] = frozenset()
    held: Mapping[int, Hold] = field(default_factory=dict)


def backoff(attempt: int, number: int = 0) -> timedelta:
    """How long the delivery ``number`` waits after the given attempt (1 is the first).

    The jitter follows from the two, as if by chance but the same whoever works it out: what is due when can
    be told from the ledger alone, and a trial can be repeated.
    """
    wait = BACKOFF[min(attempt, len(BACKOFF)) - 1]
    return wait + wait * JITTER * (crc32(b"%d.%d" % (number, attempt)) / 2**32)


class Ledger:
    """The ledger as one sending run sees it.

    ``leases`` are this run's own. ``resend_doubtful`` tells whether what is in doubt is sent again (under its
    Message-ID) or held for the operator. ``limits`` hold for all runs together. ``note_refusals`` is told of
    what failed, in the step that records it.
    """

    def __init__(
        self,
        database: Database,
        leases: Leases,
        *,
        resend_doubtful: bool,
        limits: Limits = UNLIMITED,
        note_refusals: NoteRefusals | None = None,
    ) -> None:
        self._database = database
        self._most_doubts = MOST_DOUBTS if resend_doubtful else 0
        self._allowances = Allowances(limits)
        self._note_refusals = note_refusals
        self.leases = leases

    @property
    def limits(self) -> Limits:
        """What holds messages back."""
        return self._allowances.limits

    def has_due(self, now: datetime) -> bool:
        """Whether anything waits to be sent and may be, or was left behind by a worker."""
        waiting = select(delivery.c.id).where(IS_OPEN, open_with(self._most_doubts), delivery.c.due_at <= now)
        with self._database.read() as connection:
            is_open = self._closed_until(connection, now) is None
            if is_open and connection.execute(waiting.limit(1)).first():
                return True
            sending = select(delivery.c.id).where(IS_OPEN, delivery.c.state == DeliveryState.SENDING)
            return connection.execute(sending.limit(1)).first() is not None

    def closed_until(self, now: datetime) -> datetime | None:
        """When sending may go on, where a limit leaves nothing to do at ``now``; else None."""
        with self._database.read() as connection:
            return self._closed_until(connection, now)

    def _closed_until(self, connection: Connection, now: datetime) -> datetime | None:
        return self._allowances.closed_until(connection, real=self.leases.clock(), now=now)

    def due(
        self,
        now: datetime,
        *,
        after: Turn = FIRST,
        limit: int = 500,
        only: str | None = None,
        without: Collection[str] = (),
    ) -> list[Pending]:
        """Deliveries that are due at ``now``, in turn, after a turn; if none, there are none left.

        Of ``only`` one domain, or of all ``without`` some. Passed over are editions that are not rendered,
        and readers who left or paused, also since ``skip_departed``.
        """
        with self._database.read() as connection:
            return due_in_turn(
                connection,
                now,
                after=after,
                limit=limit,
                most_doubts=self._most_doubts,
                only=only,
                without=without,
            )

    def skip_departed(self, now: datetime) -> int:
        """Skip what waits for readers who left, were suppressed or erased, or who pause; tell how many."""
        why = case((_of_its_reader(STAYS), literal(_PAUSED)), else_=literal(_LEFT))
        step = (
            update(delivery)
            .where(
                IS_OPEN,
                delivery.c.state.in_(WAITING),
                delivery.c.due_at <= now,
                ~_of_its_reader(and_(STAYS, ~PAUSES)),
            )
            .values(state=DeliveryState.SKIPPED, reply=why, updated_at=now)
        )
        with self._database.write() as connection:
            self._allowances.forget(connection, self.leases.clock())
            return connection.execute(step, {"now": now}).rowcount

    def step(self, results: Sequence[Result], intents: Sequence[Pending], *, now: datetime) -> Taken:
        """Record results and take up intents in one commit; tell which intents were granted.

        An intent is refused when the delivery is no longer where ``Pending`` saw it, since another has taken
        it up, and held back where a limit says so.
        """
        with self._database.write() as connection:
            if intents and self.limits.is_counted:
                return self._step_within_limits(connection, results, intents, now)
            self._record(connection, results, now)
            return Taken(self._take_up(connection, intents, now) if intents else frozenset())

    def _step_within_limits(
        self, connection: Connection, results: Sequence[Result], intents: Sequence[Pending], now: datetime
    ) -> Taken:
        wanted = sorted(intents, key=lambda one: one.turn)
        allowances = self._allowances.lock(connection, [one.domain for one in wanted], now)
        real = self.leases.clock()
        self._record(connection, results, now)
        decided = self.limits.decide([one.domain for one in wanted], allowances, real=real, now=now)
        held = {one.id: hold for one, hold in zip(wanted, decided.holds, strict=True) if hold}
        allowed = [one for one in wanted if one.id not in held]
        granted = self._take_up(connection, allowed, now) if allowed else frozenset()
        # What another worker has taken up uses up nothing here.
        taken = [one.domain for one in allowed if one.id in granted]
        used = self.limits.decide(taken, allowances, real=real, now=now)
        self._allowances.store(connection, allowances, used)
        return Taken(granted, held)

    def _record(self, connection: Connection, results: Sequence[Result], now: datetime) -> None:
        record(connection, results, now=now)
        if self._note_refusals is not None:
            failed = [(one.id, one.reply) for one in results if one.state is DeliveryState.FAILED]
            if failed:
                self._note_refusals(connection, failed, now)

    def _take_up(self, connection: Connection, intents: Sequence[Pending], now: datetime) -> Collection[int]:
        return take_up(connection, intents, self.leases, now=now, most_doubts=self._most_doubts)

    def result(self, pending: Pending, *, state: DeliveryState, reply: str, now: datetime) -> Result:
        """What to record of an attempt just made: a deferral backs off, and gives up after three days.

        They are counted from the first attempt: what a limit held back for a week was not tried for a week.
        """
        attempt = pending.attempt + 1
        since = now if pending.tried_at is None else pending.tried_at
        if state is DeliveryState.DEFERRED and now - since > GIVE_UP_AFTER:
            tried = f"gave up after {attempt} attempts in {GIVE_UP_AFTER.days} days: {reply}"
            return Result(pending.id, attempt, DeliveryState.FAILED, tried, now)
        waits = state in {DeliveryState.DEFERRED, DeliveryState.IN_DOUBT}
        due_at = now + backoff(attempt, pending.id) if waits else now
        return Result(pending.id, attempt, state, reply, due_at)


def _of_its_reader(what: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether that holds of the reader a delivery is for; not, where there is none any more.

    A value, and no condition to join by: PostgreSQL before it has statistics joins all with all, and takes
    minutes for a thousand.
    """
    query = select(what).select_from(subscription.join(subscriber))
    return func.coalesce(
        query.where(subscription.c.id == delivery.c.subscription_id).scalar_subquery(), false()
    )
