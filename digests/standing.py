"""How the mail stands: per edition, per answer of the servers, and how far it is behind."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, update

from database.upsert import insert_new
from digests.model import (
    HAS_FAILED,
    IS_OPEN,
    IS_UNSENT,
    UNSENT,
    WAITING,
    DeliveryState,
    allowance,
    delivery,
    digest,
    edition,
)
from digests.planning.agenda import IS_INSTANT, subscriptions
from subscribers.model import CHANGED, subscription

# How much of a server's reply tells it from others: its codes, "550 5.7.26", not its queue's number.
CODES_LENGTH = 10
# The same of a text of our own.
TEXT_LENGTH = 32
RECENT = 50
# The allowance that tells who sends an alert.
_ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class EditionStanding:
    """An edition, and how many of its deliveries stand in each state.

    ``reason`` tells why it was not mailed (None: it was, or will be); ``readers`` is how many it is for.
    """

    id: int
    digest: str
    window_start: datetime
    window_end: datetime
    labels: tuple[str, ...]
    language: str
    reason: str | None
    readers: int
    subject: str | None
    states: Mapping[DeliveryState, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """How many deliveries got an answer of one kind; ``example`` is one of them."""

    state: DeliveryState
    answer: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is due and not dealt with: how many messages, and how long ago the oldest slot was."""

    due: int
    lag: timedelta


def edition_standings(
    connection: Connection,
    *,
    slug: str | None = None,
    number: int | None = None,
    numbers: Collection[int] | None = None,
    before: int | None = None,
    limit: int = RECENT,
) -> list[EditionStanding]:
    """The newest editions, of one digest or just one where asked, with their deliveries counted.

    ``numbers`` are those that may be among them; ``before`` is the number of one that they are older than.
    """
    columns = (
        edition.c.id,
        digest.c.slug,
        edition.c.window_start,
        edition.c.window_end,
        edition.c.labels,
        edition.c.language,
        edition.c.reason,
        edition.c.readers,
        edition.c.subject,
    )
    query = select(*columns).join(digest, digest.c.id == edition.c.digest_id)
    if slug is not None:
        query = query.where(digest.c.slug == slug)
    if number is not None:
        query = query.where(edition.c.id == number)
    if numbers is not None:
        query = query.where(edition.c.id.in_(numbers))
    if before is not None:
        query = query.where(edition.c.id < before)
    rows = connection.execute(query.order_by(edition.c.id.desc()).limit(limit)).all()
    counted = count_by_edition(connection, {row.id: row.readers for row in rows if row.reason is None})
    return [
        EditionStanding(
            row.id,
            row.slug,
            row.window_start,
            row.window_end,
            tuple(row.labels.split(",")) if row.labels else (),
            row.language,
            row.reason,
            row.readers,
            row.subject,
            counted.get(row.id, {}),
        )
        for row in rows
    ]


def count_answers(
    connection: Connection,
    *,
    number: int | None = None,
    state: DeliveryState | None = None,
    editions: int = RECENT,
) -> list[AnswerCount]:
    """What servers answered, the most frequent first: for one edition, or for the newest ``editions``."""
    if number is None:
        recent = select(edition.c.id).order_by(edition.c.id.desc()).limit(editions)
        numbers: Sequence[int] = connection.execute(recent).scalars().all()
    else:
        numbers = [number]
    starts_with_code = func.substr(delivery.c.reply, 1, 1).between("0", "9")
    length = case((starts_with_code, CODES_LENGTH), else_=TEXT_LENGTH)
    answer = func.substr(delivery.c.reply, 1, length)
    query = (
        select(delivery.c.state, answer, func.count(), func.min(delivery.c.reply))
        .where(delivery.c.edition_id.in_(numbers), delivery.c.reply.is_not(None))
        .group_by(delivery.c.state, answer)
        .order_by(func.count().desc(), delivery.c.state, answer)
    )
    if state is not None:
        query = query.where(delivery.c.state == state)
    return [
        AnswerCount(DeliveryState(its), str(text).strip(), count, example)
        for its, text, count, example in connection.execute(query)
    ]


def backlog(connection: Connection, now: datetime) -> Backlog:
    """What is due at ``now`` and waits still: messages, and slots that nobody has planned yet."""
    is_due = and_(IS_OPEN, delivery.c.state.in_(WAITING), delivery.c.due_at <= now)
    due, oldest = connection.execute(
        select(func.count(), func.min(edition.c.window_end))
        .select_from(delivery.join(edition, edition.c.id == delivery.c.edition_id))
        .where(is_due)
    ).one()
    # The instant cadence has no slots: it notes there up to where it found too few posts.
    unplanned = subscriptions(func.min(subscription.c.next_slot)).where(
        subscription.c.next_slot > CHANGED, subscription.c.next_slot <= now, ~IS_INSTANT
    )
    slots = [slot for slot in (oldest, connection.execute(unplanned).scalar()) if slot is not None]
    return Backlog(due, max(now - min(slots), timedelta(0)) if slots else timedelta(0))


def failing_editions(
    connection: Connection, *, share: float, since: datetime, limit: int
) -> list[EditionStanding]:
    """Editions made after ``since`` of which at least that share failed, and nobody was told of yet.

    Editions come in the order of their numbers: it is read back to the last one before, and no further.
    """
    before = select(edition.c.id).where(edition.c.created_at < since).order_by(edition.c.id.desc()).limit(1)
    last = connection.execute(before).scalar() or 0
    failed = func.count(delivery.c.id)
    query = (
        select(edition.c.id)
        .join(delivery, and_(delivery.c.edition_id == edition.c.id, HAS_FAILED))
        .where(delivery.c.edition_id > last, edition.c.alerted_at.is_(None))
        .group_by(edition.c.id, edition.c.readers)
        .having(failed >= edition.c.readers * share)
        .order_by(edition.c.id)
        .limit(limit)
    )
    numbers = connection.execute(query).scalars().all()
    return [one for number in numbers for one in edition_standings(connection, number=number)]


def claim_alerts(connection: Connection, *, now: datetime, length: timedelta) -> bool:
    """Whether this process is to tell the operator: the others leave it to it so long, or until it is done.

    A claim further off than that is a rehearsal's, and nobody's.
    """
    insert_new(connection, allowance, {"key": _ALERTS, "at": now, "used": 0}, returning=allowance.c.key)
    is_free = or_(allowance.c.at <= now, allowance.c.at > now + 2 * length)
    claim = update(allowance).where(allowance.c.key == _ALERTS, is_free)
    return connection.execute(claim.values(at=now + length)).rowcount > 0


def release_alerts(connection: Connection, *, now: datetime) -> None:
    """Whoever claimed them told the operator, or could not."""
    connection.execute(update(allowance).where(allowance.c.key == _ALERTS).values(at=now))


def mark_alerted(connection: Connection, numbers: Sequence[int], *, now: datetime) -> None:
    """The operator was told of these editions."""
    mine: ColumnElement[bool] = edition.c.id.in_(numbers)
    connection.execute(update(edition).where(mine).values(alerted_at=now))


def count_by_edition(
    connection: Connection, readers: Mapping[int, int]
) -> dict[int, dict[DeliveryState, int]]:
    """How many deliveries stand in each state, by edition; ``readers`` is how many each edition is for.

    Those that were sent are not gone through: they are all but the others, which have an index.
    """
    query = (
        select(delivery.c.edition_id, delivery.c.state, func.count())
        .where(IS_UNSENT, delivery.c.state.in_(UNSENT), delivery.c.edition_id.in_(list(readers)))
        .group_by(delivery.c.state, delivery.c.edition_id)
    )
    found: dict[int, dict[DeliveryState, int]] = {number: {} for number in readers}
    for number, state, count in connection.execute(query) if readers else ():
        found[number][DeliveryState(state)] = count
    for number, states in found.items():
        sent = readers[number] - sum(states.values())
        if sent > 0:
            states[DeliveryState.SENT] = sent
    return found
