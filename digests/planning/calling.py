"""A digest paused, resumed, sent beside its slots, or given another rhythm.

Who reads it is then called up: each subscription is made due, some thousands in a transaction, and planning
decides for it as for any other. To be called up once too often does no harm: windows that have ended do not
end again. Where the rhythm is another, each loses its slot and is given one of the new rhythm.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    or_,
    select,
    update,
)

from database import UtcDateTime
from digests.cadence import Cadence
from digests.model import Digest, digest
from digests.offer import DigestError
from digests.planning.arming import arm
from digests.store import get_digest
from subscribers.model import CHANGED, SubscriptionState, subscription


class SentMeanwhile(DigestError):
    """It was told to be sent since it was last looked at, so it is not told again."""


def pause_digest(connection: Connection, slug: str, *, now: datetime) -> Digest:
    """Let nothing of a digest come due from now on; raises ``DigestError`` when there is none of that slug.

    What is in the ledger already is sent. Windows stay open, so nothing is lost; what was told to be sent and
    is not planned yet waits too. One that is paused stays so.
    """
    its = get_digest(connection, slug)
    mine = update(digest).where(digest.c.id == its.id, digest.c.paused_at.is_(None))
    connection.execute(mine.values(paused_at=now, send_at=_unless_called(), call_after=None))
    return get_digest(connection, slug)


def resume_digest(connection: Connection, slug: str) -> Digest:
    """Let a digest come due again; raises ``DigestError`` when there is none of that slug, or it is to go.

    Of the slots that went by, the last is sent late unless it is more than ``max_lateness`` ago; else it
    comes with the next. Either holds all that came since the pause began.
    """
    its = get_digest(connection, slug)
    if its.removed_at is not None:
        raise DigestError(f"digest {slug!r} is being removed: wait until it is gone, or add another")
    mine = update(digest).where(digest.c.id == its.id, digest.c.paused_at.is_not(None))
    connection.execute(mine.values(paused_at=None, call_after=0))
    return get_digest(connection, slug)


def send_now(connection: Connection, slug: str, *, last: datetime | None, now: datetime) -> Digest:
    """End all open windows of a digest at ``now``: the next tick mails what is in them.

    ``last`` is when it was last sent so, as whoever tells it has seen: of two who do, or of one who does
    twice, the second is refused. Raises ``DigestError`` when there is none of that slug, or it is paused, and
    ``SentMeanwhile``.
    """
    its = get_digest(connection, slug)
    if its.paused_at is not None:
        raise DigestError(f"digest {slug!r} is paused: resume it first")
    seen = digest.c.send_at.is_(None) if last is None else digest.c.send_at == last
    mine = update(digest).where(digest.c.id == its.id, digest.c.paused_at.is_(None), seen)
    if not connection.execute(mine.values(send_at=now, call_after=0)).rowcount:
        raise SentMeanwhile(f"digest {slug!r} was told to be sent meanwhile: look at it again")
    return get_digest(connection, slug)


def is_anybody_called(connection: Connection, now: datetime) -> bool:
    """Whether there are subscriptions to be called up, or to lose their slot."""
    return any(connection.execute(one).first() is not None for one in (_changed(), _calling(now)))


def call_up(connection: Connection, now: datetime, *, limit: int) -> None:
    """Make so many subscriptions due at most, of the first digest that calls its readers.

    Before that, of one whose rhythm changed, so many lose their slot; and those that lack a window are given
    one, also so many at most.
    """
    # The digest's row first, as whoever changes a digest and then its subscriptions takes them.
    its = connection.execute(_changed().with_for_update(key_share=True)).first()
    if its is not None:
        theirs, after = _next_readers(connection, its.id, its.rearm_after, limit)
        connection.execute(update(subscription).where(theirs).values(next_slot=CHANGED))
        connection.execute(update(digest).where(digest.c.id == its.id).values(rearm_after=after))
        return
    its = connection.execute(_calling(now).with_for_update(key_share=True)).first()
    if its is None or arm(connection, now, limit=limit) == limit:
        return
    theirs, after = _next_readers(connection, its.id, its.call_after, limit)
    connection.execute(_made_due(its, theirs, now))
    connection.execute(update(digest).where(digest.c.id == its.id).values(call_after=after))


def _next_readers(
    connection: Connection, digest_id: int, after: int, limit: int
) -> tuple[ColumnElement[bool], int | None]:
    """The next so many subscriptions of a digest, and behind whom to go on; None: these are the last."""
    # A range of an index, in its order. What is not active is given a window anew when it begins again.
    is_active, reader = subscription.c.state == SubscriptionState.ACTIVE, subscription.c.subscriber_id
    theirs = and_(subscription.c.digest_id == digest_id, is_active, reader > after)
    some = select(reader).where(theirs).order_by(reader).limit(limit).subquery()
    last, count = connection.execute(select(func.max(some.c.subscriber_id), func.count())).one()
    return theirs & (reader <= (last or 0)), last if count == limit else None


def _changed() -> Select[Any]:
    """The first digest whose rhythm changed since its subscriptions were given their slots."""
    query = select(digest.c.id, digest.c.rearm_after).where(digest.c.rearm_after.is_not(None))
    return query.order_by(digest.c.id).limit(1)


def _calling(now: datetime) -> Select[Any]:
    """The first digest that calls its readers at ``now``; a tick told an earlier instant leaves it alone."""
    is_time = or_(digest.c.send_at.is_(None), digest.c.send_at <= now)
    query = select(digest.c.id, digest.c.cadence, digest.c.call_after)
    return query.where(digest.c.call_after.is_not(None), is_time).order_by(digest.c.id).limit(1)


def _made_due(its: Row[Any], theirs: ColumnElement[bool], now: datetime) -> Any:
    """Of these, those with a slot to come have it now; those without slots look at what they have again."""
    is_instant = func.coalesce(subscription.c.cadence, its.cadence) == Cadence.INSTANT
    slot = subscription.c.next_slot
    has_window = subscription.c.window_start.is_not(None)
    waits = or_(and_(~is_instant, slot > now), and_(is_instant, slot > CHANGED))
    step = update(subscription).where(theirs, has_window, waits)
    return step.values(next_slot=case((is_instant, null()), else_=literal(now, UtcDateTime)))


def _unless_called() -> ColumnElement[Any]:
    """What was told to be sent, but for what is not planned yet."""
    return case((digest.c.call_after.is_(None), digest.c.send_at), else_=null())
