"""The ledger: every delivery's state, moved in steps that only succeed from the state they start in.

    queued ──┐                      ┌─> sent
    deferred ├─ intent ─> sending ──┼─> deferred   (the server said 4xx, or was lost before the data)
    in_doubt ┘  attempt+1           ├─> failed     (5xx, or tried for too long)
                                    └─> in_doubt   (lost after the final dot; or the sender is gone)

    queued, deferred, in_doubt ─> skipped   (the reader left before it was sent)
    in_doubt ─> sent                        (the lost sender comes back and knows better)
    failed, in_doubt ─> queued              (the operator: ``deliveries retry``, ``release``)

Each step is a compare-and-swap on state and attempt, so a worker that was frozen and comes back, or two that
run side by side, never both go on with one delivery. An intent is committed before DATA is sent: what a
killed process leaves behind in ``sending`` is all that can be in doubt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, ColumnElement, Connection, Integer, and_, bindparam, or_, select, update

from database import Database, ManyRows
from digests.leases import Leases, taken_by
from digests.model import IS_OPEN, WAITING, DeliveryState, delivery, edition
from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription

GIVE_UP_AFTER = timedelta(days=5)
# The waits after the first, second, … attempt that was deferred; the last one holds from there on.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
# A server that cuts every connection after the final dot may take each copy: then the operator decides.
MOST_DOUBTS = 20

_STAYS = and_(
    subscription.c.state == SubscriptionState.ACTIVE, subscriber.c.state == SubscriberState.CONFIRMED
)

# Whether a reader stays and the message is there is asked as columns: asked as conditions, SQLite would begin
# with all the readers who stay.
_WANTED = (
    select(
        delivery.c.id,
        delivery.c.attempt,
        delivery.c.edition_id,
        delivery.c.subscription_id,
        subscriber.c.email,
        delivery.c.message_id,
        delivery.c.created_at,
        and_(_STAYS, edition.c.message.is_not(None)).label("is_ready"),
    )
    .join(edition, edition.c.id == delivery.c.edition_id)
    .outerjoin(subscription, subscription.c.id == delivery.c.subscription_id)
    .outerjoin(subscriber, subscriber.c.id == subscription.c.subscriber_id)
    .order_by(delivery.c.id)
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that is due: what is needed to send it, and the attempt it stands at."""

    id: int
    attempt: int
    edition_id: int
    subscription_id: int
    email: str
    message_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the attempt ``attempt`` of a delivery."""

    id: int
    attempt: int
    state: DeliveryState
    reply: str
    due_at: datetime


def backoff(attempt: int) -> timedelta:
    """How long to wait after the given attempt (1 is the first)."""
    return BACKOFF[min(attempt, len(BACKOFF)) - 1]


class Ledger:
    """The ledger as one sending run sees it.

    ``leases`` are this run's own. ``resend_doubtful`` tells whether what is in doubt is sent again (under its
    Message-ID) or held for the operator.
    """

    def __init__(self, database: Database, leases: Leases, *, resend_doubtful: bool) -> None:
        self._database = database
        self._most_doubts = MOST_DOUBTS if resend_doubtful else 0
        self.leases = leases

    def has_due(self, now: datetime) -> bool:
        """Whether anything waits to be sent, or was left behind by a worker."""
        waiting = select(delivery.c.id).where(IS_OPEN, self._may_be_sent(), delivery.c.due_at <= now)
        with self._database.read() as connection:
            if connection.execute(waiting.limit(1)).first():
                return True
            sending = select(delivery.c.id).where(IS_OPEN, delivery.c.state == DeliveryState.SENDING)
            return connection.execute(sending.limit(1)).first() is not None

    def due(self, now: datetime, *, after: int = 0, limit: int = 500) -> list[Pending]:
        """Deliveries that are due at ``now``, by number, after ``after``; if none, there are none left.

        Passed over are editions that are not rendered, and readers who left, also since ``skip_departed``.
        """
        with self._database.read() as connection:
            while numbers := self._due_numbers(connection, now, after=after, limit=limit):
                wanted = connection.execute(_WANTED.where(delivery.c.id.in_(numbers)))
                if found := [Pending(*row[:-1]) for row in wanted if row.is_ready]:
                    return found
                after = numbers[-1]
        return []

    def _due_numbers(self, connection: Connection, now: datetime, *, after: int, limit: int) -> Sequence[int]:
        """The next deliveries whose time has come: one range of ix_delivery_open, no join, no sort."""
        query = select(delivery.c.id).where(
            IS_OPEN, self._may_be_sent(), delivery.c.due_at <= now, delivery.c.id > after
        )
        return connection.execute(query.order_by(delivery.c.id).limit(limit)).scalars().all()

    def skip_departed(self, now: datetime) -> int:
        """Skip what waits for readers who left, were suppressed or erased; tell how many."""
        stays = (
            select(subscription.c.id)
            .join(subscriber, subscriber.c.id == subscription.c.subscriber_id)
            .where(subscription.c.id == delivery.c.subscription_id, _STAYS)
        )
        step = (
            update(delivery)
            .where(IS_OPEN, delivery.c.state.in_(WAITING), delivery.c.due_at <= now, ~stays.exists())
            .values(state=DeliveryState.SKIPPED, reply="the reader left before it was sent", updated_at=now)
        )
        with self._database.write() as connection:
            return connection.execute(step).rowcount

    def step(self, results: Sequence[Result], intents: Sequence[Pending], *, now: datetime) -> set[int]:
        """Record results and take up intents in one commit; return the numbers of the intents granted.

        An intent is refused when the delivery is no longer where ``Pending`` saw it: another has taken it up.
        """
        with self._database.write() as connection:
            for due_at, some in _by_due(results).items():
                _RECORD.run(connection, {"due_at": due_at, "updated_at": now}, map(_recorded, some))
            return self._take_up(connection, intents, now) if intents else set()

    def result(self, pending: Pending, *, state: DeliveryState, reply: str, now: datetime) -> Result:
        """What to record of an attempt just made: a deferral backs off, and gives up after five days."""
        attempt = pending.attempt + 1
        if state is DeliveryState.DEFERRED and now - pending.created_at > GIVE_UP_AFTER:
            tried = f"gave up after {attempt} attempts in {GIVE_UP_AFTER.days} days: {reply}"
            return Result(pending.id, attempt, DeliveryState.FAILED, tried, now)
        waits = state in {DeliveryState.DEFERRED, DeliveryState.IN_DOUBT}
        return Result(pending.id, attempt, state, reply, now + backoff(attempt) if waits else now)

    def _may_be_sent(self) -> ColumnElement[bool]:
        return _open_with(self._most_doubts)

    def _take_up(self, connection: Connection, intents: Sequence[Pending], now: datetime) -> set[int]:
        """Move the intents to ``sending``; the numbers of those that were where they were seen."""
        shared = {
            "worker": self.leases.worker,
            "lease_until": self.leases.until(),
            "updated_at": now,
            "most": self._most_doubts,
        }
        # In one order for all workers: two that want the same would else wait for each other.
        wanted = sorted(intents, key=lambda one: one.id)
        rows = [{"its_id": one.id, "its_attempt": one.attempt} for one in wanted]
        if _TAKE_UP.run(connection, shared, rows) == len(rows):
            return {one.id for one in intents}
        return taken_by(connection, self.leases.worker, [(one.id, one.attempt + 1) for one in intents])


def _by_due(results: Sequence[Result]) -> Mapping[datetime, list[Result]]:
    """Results by when they are due again, which nearly all of a round share."""
    found: dict[datetime, list[Result]] = {}
    for result in results:
        found.setdefault(result.due_at, []).append(result)
    return found


def _recorded(result: Result) -> dict[str, object]:
    return {
        "its_id": result.id,
        "its_attempt": result.attempt,
        "state": result.state.value,
        "reply": result.reply,
        "doubt": int(result.state is DeliveryState.IN_DOUBT),
    }


def _open_with(most_doubts: int | BindParameter[int]) -> ColumnElement[bool]:
    """Whether a delivery may be taken up: in doubt only when that was so fewer than so many times."""
    return or_(
        delivery.c.state == DeliveryState.QUEUED,
        delivery.c.state == DeliveryState.DEFERRED,
        and_(delivery.c.state == DeliveryState.IN_DOUBT, delivery.c.doubts < most_doubts),
    )


# One row at a time by its key, many at once: made once, since making them takes longer than running them.
_TAKE_UP = ManyRows(
    update(delivery)
    .where(
        delivery.c.id == bindparam("its_id"),
        delivery.c.attempt == bindparam("its_attempt"),
        _open_with(bindparam("most", type_=Integer)),
    )
    .values(
        state=DeliveryState.SENDING,
        attempt=delivery.c.attempt + 1,
        worker=bindparam("worker"),
        lease_until=bindparam("lease_until"),
        updated_at=bindparam("updated_at"),
    )
)

# A result may also settle what was put in doubt meanwhile, as long as nobody has begun the next attempt.
_RECORD = ManyRows(
    update(delivery)
    .where(
        delivery.c.id == bindparam("its_id"),
        delivery.c.attempt == bindparam("its_attempt"),
        or_(delivery.c.state == DeliveryState.SENDING, delivery.c.state == DeliveryState.IN_DOUBT),
    )
    .values(
        state=bindparam("state"),
        reply=bindparam("reply"),
        due_at=bindparam("due_at"),
        doubts=delivery.c.doubts + bindparam("doubt"),
        worker=None,
        lease_until=None,
        updated_at=bindparam("updated_at"),
    )
)
