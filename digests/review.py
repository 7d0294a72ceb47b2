"""The ledger as the publisher's pages show it: a page at a time, by indexes, however much was sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from digests.model import IS_UNSENT, DeliveryState, bounce, delivery, digest, edition, edition_post
from digests.standing import CODES_LENGTH, RECENT, TEXT_LENGTH, AnswerCount
from posts.model import PostState, post
from subscribers.model import subscriber

# Of each state so many answers are read, the newest; and of what was sent.
MOST_ANSWERS = 2000
MOST_SENT = 500
_ANSWERED = (DeliveryState.FAILED, DeliveryState.IN_DOUBT, DeliveryState.DEFERRED, DeliveryState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Mail:
    """One edition to one reader; ``was_rendered``: there is a message that it was, or will be."""

    id: int
    edition: int
    digest: str
    subject: str | None
    window_end: datetime
    was_rendered: bool
    subscriber: int
    email: str | None
    state: DeliveryState
    attempts: int
    doubts: int
    due_at: datetime
    reply: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Bounce:
    """What came back from a reader's server."""

    at: datetime
    kind: str
    status: str | None
    diagnostic: str | None


@dataclass(frozen=True, slots=True)
class InEdition:
    """A post of an edition, as it stands now."""

    id: int
    title: str
    state: PostState


def mails_of_reader(
    connection: Connection, subscriber_id: int, *, before: int | None = None, limit: int = 25
) -> list[Mail]:
    """What a reader was or will be sent, newest first; before the delivery of a number, or all."""
    query = _mails().where(delivery.c.subscriber_id == subscriber_id)
    return _read(connection, query, before, limit)


def mails_of_edition(
    connection: Connection,
    number: int,
    state: DeliveryState,
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[Mail]:
    """Deliveries of an edition in one state, newest first. Raises ``ValueError`` for those that were sent:
    of them there may be a million, and no order is kept.
    """
    if state is DeliveryState.SENT:
        raise ValueError("what was sent is not listed by edition")
    query = _mails().where(IS_UNSENT, delivery.c.state == state, delivery.c.edition_id == number)
    return _read(connection, query, before, limit)


def count_in_state(connection: Connection, state: DeliveryState, *, most: int = RECENT) -> dict[int, int]:
    """How many deliveries stand in a state that is not sent: by edition, the newest ``most`` of them."""
    query = (
        select(delivery.c.edition_id, func.count())
        .where(IS_UNSENT, delivery.c.state == state)
        .group_by(delivery.c.edition_id)
        .order_by(delivery.c.edition_id.desc())
        .limit(most)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def bounces_of_reader(connection: Connection, subscriber_id: int, *, limit: int = 50) -> list[Bounce]:
    """What came back from a reader's server, newest first."""
    query = select(bounce.c.at, bounce.c.kind, bounce.c.status, bounce.c.diagnostic)
    mine = query.where(bounce.c.subscriber_id == subscriber_id).order_by(
        bounce.c.at.desc(), bounce.c.id.desc()
    )
    return [Bounce(*row) for row in connection.execute(mine.limit(limit))]


def posts_in_edition(connection: Connection, number: int, *, limit: int = 100) -> list[InEdition]:
    """An edition's posts, in its order."""
    query = (
        select(post.c.id, post.c.title, post.c.state)
        .join(edition_post, edition_post.c.post_id == post.c.id)
        .where(edition_post.c.edition_id == number)
        .order_by(edition_post.c.position)
    )
    return [
        InEdition(row.id, row.title, PostState(row.state)) for row in connection.execute(query.limit(limit))
    ]


def answers(
    connection: Connection, *, number: int | None = None, most: int = MOST_ANSWERS
) -> tuple[list[AnswerCount], bool]:
    """What servers answered to what was not sent, the most frequent first; and whether that is all of it.

    Of one edition, or of the newest 50. Of each state the newest ``most`` are read.
    """
    found: list[AnswerCount] = []
    whole = True
    where = delivery.c.edition_id == number if number else delivery.c.edition_id > _oldest(connection)
    for state in _ANSWERED:
        newest = (delivery.c.edition_id.desc(), delivery.c.id.desc())
        some = (
            select(delivery.c.reply)
            .where(IS_UNSENT, delivery.c.state == state, where)
            .order_by(*newest)
            .limit(most)
        )
        counted = _grouped(connection, some, state)
        whole = whole and sum(one.count for one in counted) < most
        found += [one for one in counted if one.answer]
    return sorted(found, key=lambda one: (-one.count, one.state, one.answer)), whole


def sent_answers(connection: Connection, number: int, *, most: int = MOST_SENT) -> list[AnswerCount]:
    """What servers answered to some of what was sent of an edition."""
    some = (
        select(delivery.c.reply, delivery.c.state)
        .where(delivery.c.edition_id == number)
        .order_by(delivery.c.subscriber_id.desc())
        .limit(most)
        .subquery()
    )
    sent = select(some.c.reply).where(some.c.state == DeliveryState.SENT)
    return [one for one in _grouped(connection, sent, DeliveryState.SENT) if one.answer]


def mailed_on(connection: Connection, start: datetime, end: datetime, *, last: int) -> Mapping[int, int]:
    """Editions made from ``start`` until ``end``, and how many readers each is for.

    They are gone through from the one of the number ``last`` back, in steps: each row holds its message too.
    """
    columns = (edition.c.id, edition.c.created_at, edition.c.reason)
    found: list[int] = []
    while True:
        query = select(*columns).where(edition.c.id <= last).order_by(edition.c.id.desc()).limit(200)
        rows = connection.execute(query).all()
        found += [row.id for row in rows if start <= row.created_at < end and row.reason is None]
        if not rows or rows[-1].created_at < start:
            break
        last = rows[-1].id - 1
    asked = select(edition.c.id, edition.c.readers).where(edition.c.id.in_(found))
    return {row.id: row.readers for row in connection.execute(asked)} if found else {}


def _oldest(connection: Connection) -> int:
    """The number before the newest 50 editions."""
    query = select(edition.c.id).order_by(edition.c.id.desc()).offset(RECENT).limit(1)
    return connection.execute(query).scalar() or 0


def _grouped(connection: Connection, some: Select[Any], state: DeliveryState) -> list[AnswerCount]:
    reply = some.subquery().c.reply
    length = case(
        (func.substr(reply, 1, 1).between("0", "9"), CODES_LENGTH),
        # A Maildir names a file for each: they are one answer.
        (func.substr(reply, 1, 6) == "in new", 6),
        else_=TEXT_LENGTH,
    )
    answer = func.coalesce(func.substr(reply, 1, length), "").label("answer")
    query = select(answer, func.count(), func.min(reply)).group_by(answer)
    tallied: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for text, count, example in connection.execute(query):
        tallied[text.strip()] += count
        examples.setdefault(text.strip(), example or "")
    return [AnswerCount(state, text, count, examples[text]) for text, count in tallied.items()]


def _mails() -> Select[Any]:
    return (
        select(
            delivery.c.id,
            delivery.c.edition_id,
            digest.c.slug,
            edition.c.subject,
            edition.c.window_end,
            edition.c.rendered_at,
            delivery.c.subscriber_id,
            subscriber.c.email,
            delivery.c.state,
            delivery.c.attempt,
            delivery.c.doubts,
            delivery.c.due_at,
            delivery.c.reply,
            delivery.c.updated_at,
        )
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .join(edition, edition.c.id == delivery.c.edition_id)
        .join(digest, digest.c.id == edition.c.digest_id)
        .order_by(delivery.c.id.desc())
    )


def _read(connection: Connection, query: Select[Any], before: int | None, limit: int) -> list[Mail]:
    if before is not None:
        query = query.where(delivery.c.id < before)
    rows: Sequence[Any] = connection.execute(query.limit(limit)).all()
    return [
        Mail(
            row.id,
            row.edition_id,
            row.slug,
            row.subject,
            row.window_end,
            row.rendered_at is not None,
            row.subscriber_id,
            row.email,
            DeliveryState(row.state),
            row.attempt,
            row.doubts,
            row.due_at,
            row.reply,
            row.updated_at,
        )
        for row in rows
    ]
