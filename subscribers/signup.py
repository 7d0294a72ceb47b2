"""A reader signs up in person: they are asked by mail, and get nothing before they agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, or_, select

from subscribers.consent import Consent, find_consent, record_consent
from subscribers.model import (
    ConsentKind,
    Subscriber,
    SubscriberState,
    SubscriptionState,
    consent,
    subscriber,
    subscription,
)
from subscribers.store import add_subscriber, confirm, find, get_subscriber
from subscribers.subscribing import begin, hold_others, subscribe
from subscribers.suppression import SuppressionReason, find_suppression_of


@dataclass(frozen=True, slots=True)
class Asked:
    """A subscription that was asked for.

    ``number`` is what the link in the mail signs, and what ``confirm_subscription`` takes; None when there is
    nothing to confirm, for the reader gets this digest already. ``asked_before`` is when the same was last
    asked: nobody is to be bombed with questions.
    """

    subscriber: Subscriber
    subscription_id: int
    number: int | None
    asked_before: datetime | None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A subscription whose reader agreed; ``is_new`` is False when they had done so before."""

    subscriber: Subscriber
    digest_id: int
    is_new: bool


def request_subscription(
    connection: Connection,
    email: str,
    *,
    digest_id: int,
    wording: str,
    origin: str,
    now: datetime,
    salt: str,
    choices: Mapping[str, Any] | None = None,
    language: str | None = None,
) -> Asked:
    """Somebody asks for a digest with this address: keep what they ask, by which words and from where.

    ``choices`` are columns of the subscription (``labels`` as slugs, ``cadence`` and so on). Whoever types an
    address may not be its reader, so nothing changes for one who gets the digest already, and other digests
    go on as they are. Raises ``AddressError``, and ``SubscriberError`` for an address that is suppressed.
    """
    known = find(connection, email)
    reader = add_subscriber(
        connection,
        email,
        confirmed=False,
        now=now,
        salt=salt,
        language=None if known else language,
        asked_anew=True,
    )
    is_reader = reader.state is SubscriberState.CONFIRMED
    active = _active(connection, reader.id, digest_id)
    if active is not None and is_reader:
        return Asked(reader, active, None, None)
    chosen = dict(choices or {})
    ids: dict[str, Any] = {"subscriber_id": reader.id, "digest_id": digest_id}
    number = subscribe(connection, **ids, **chosen, now=now, waits=is_reader, renew=not is_reader)
    before = _last_asked(connection, reader.id, digest_id)
    asked = record_consent(connection, **ids, at=now, origin=origin, wording=wording, kind=ConsentKind.ASKED)
    return Asked(reader, number, asked, before)


def confirm_subscription(
    connection: Connection, number: int, *, origin: str, now: datetime, salt: str
) -> Confirmed | None:
    """The reader says yes to what they were asked, by the number in the link.

    Their yes is kept with the words they were asked by. Saying it twice changes nothing, also after they
    unsubscribed: the same link does not bring them back. None when there is nothing to say yes to: no such
    question, its digest is gone, or its reader is erased or suppressed.
    """
    asked = find_consent(connection, number)
    if asked is None or asked.kind is not ConsentKind.ASKED or asked.digest_id is None:
        return None
    reader = _reachable(connection, asked.subscriber_id, salt=salt)
    if reader is None:
        return None
    if _was_confirmed(connection, asked):
        return Confirmed(reader, asked.digest_id, is_new=False)
    if confirm(connection, reader.id, now=now, salt=salt):
        hold_others(connection, reader.id, but=asked.digest_id)
    mine = select(subscription.c.id).filter_by(subscriber_id=reader.id, digest_id=asked.digest_id)
    begin(connection, connection.execute(mine).scalar_one(), now=now)
    record_consent(
        connection,
        subscriber_id=reader.id,
        digest_id=asked.digest_id,
        at=now,
        origin=origin,
        wording=asked.wording,
        kind=ConsentKind.CONFIRMED,
    )
    return Confirmed(get_subscriber(connection, reader.id) or reader, asked.digest_id, is_new=True)


def has_unanswered(connection: Connection, *, before: datetime) -> bool:
    """Whether somebody was asked and never agreed, the last time before an instant."""
    return connection.execute(_unanswered(before).limit(1)).first() is not None


def forget_unanswered(connection: Connection, *, before: datetime, limit: int = 1000) -> int:
    """Forget who was asked and never agreed, the last time before an instant; how many, ``limit`` at most.

    Anybody may type an address into a form. Whom a list names stays, until somebody asks for them.
    """
    query = _unanswered(before).limit(limit).with_for_update(of=subscriber, skip_locked=True)
    some = connection.execute(query).scalars().all()
    if some:
        connection.execute(delete(subscriber).where(subscriber.c.id.in_(some)))
    return len(some)


def _unanswered(before: datetime) -> Select[int]:
    theirs = consent.c.subscriber_id == subscriber.c.id
    was_asked = exists().where(theirs, consent.c.kind == ConsentKind.ASKED)
    is_more = exists().where(theirs, or_(consent.c.kind != ConsentKind.ASKED, consent.c.at >= before))
    never = (subscriber.c.state == SubscriberState.PENDING) & subscriber.c.confirmed_at.is_(None)
    return select(subscriber.c.id).where(never, subscriber.c.created_at < before, was_asked, ~is_more)


def _active(connection: Connection, subscriber_id: int, digest_id: int) -> int | None:
    ids = {"subscriber_id": subscriber_id, "digest_id": digest_id}
    query = select(subscription.c.id).filter_by(**ids, state=SubscriptionState.ACTIVE)
    return connection.execute(query).scalar_one_or_none()


def _last_asked(connection: Connection, subscriber_id: int, digest_id: int) -> datetime | None:
    query = select(func.max(consent.c.at)).where(
        consent.c.subscriber_id == subscriber_id,
        consent.c.digest_id == digest_id,
        consent.c.kind == ConsentKind.ASKED,
    )
    last: datetime | None = connection.execute(query).scalar_one()
    return last


def _reachable(connection: Connection, subscriber_id: int, *, salt: str) -> Subscriber | None:
    """The reader, unless they are erased or suppressed; an erasure gives way to their own new sign-up."""
    reader = get_subscriber(connection, subscriber_id)
    if reader is None or reader.email is None or reader.state is SubscriberState.SUPPRESSED:
        return None
    known = find_suppression_of(connection, reader.email, salt=salt)
    if known is None or known.reason is SuppressionReason.ERASED:
        return reader
    return None


def _was_confirmed(connection: Connection, asked: Consent) -> bool:
    later = select(consent.c.id).where(
        consent.c.subscriber_id == asked.subscriber_id,
        consent.c.digest_id == asked.digest_id,
        consent.c.kind == ConsentKind.CONFIRMED,
        consent.c.id > asked.id,
    )
    return connection.execute(later.limit(1)).first() is not None
