"""What a reader gets at an instant, past or to come: the edition they were sent, or the one they would be.

The walk from the last window that was covered to the one asked for is the planner's own: the same windows,
the same news. What is scheduled to appear until then counts as it will.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from digests.cadence import MOMENT, Cadence, Rhythm, next_slot, previous_slot
from digests.model import DeliveryState, Digest, Edition, NoMail, delivery, edition
from digests.planning.editions import news_of
from digests.planning.freezing import no_mail
from digests.planning.introducing import is_introduced
from digests.rendering.printing import draft, edition_contents
from digests.store import reader_rhythm
from digests.subscribed import Subscribed
from posts.intake import release_scheduled
from posts.model import Post
from posts.store import get_posts

_DAY = timedelta(days=1)
# A daily digest is foretold for so long; who asks for more is told of the last of these.
MOST_WINDOWS = 400


@dataclass(frozen=True, slots=True)
class Foretold:
    """An edition and its posts. ``number`` is that of the edition made for them; None: none was yet.

    ``state`` is that of its delivery. ``reason`` tells why nothing is mailed then; ``paused`` that its reader
    has paused.
    """

    edition: Edition
    posts: tuple[Post, ...]
    number: int | None = None
    state: DeliveryState | None = None
    reason: NoMail | None = None
    paused: bool = False


def slot_on(day: date, rhythm: Rhythm) -> datetime:
    """The slot on a local day of a rhythm; the day's end where there is none on it."""
    zone = ZoneInfo(rhythm.timezone)
    begins = datetime.combine(day, time(), zone).astimezone(UTC)
    ends = datetime.combine(day + _DAY, time(), zone).astimezone(UTC)
    if rhythm.cadence is Cadence.INSTANT:
        return ends
    slot = next_slot(rhythm, begins - MOMENT)
    return min(ends, slot)


def foretell(
    connection: Connection, its: Digest, one: Subscribed | None, *, at: datetime, now: datetime
) -> Foretold:
    """What a reader (None: one who chose nothing) gets at ``at``, as far as is known at ``now``.

    At a slot it is that slot's mail; between two, what there is since the last one. For an instant to come it
    is to be called in a transaction that may write; nothing it does stays.
    """
    if one is not None and at <= now and (made := _made(connection, one, at)) is not None:
        return made
    rehearsal = connection.begin_nested()
    try:
        if at > now:
            release_scheduled(connection, now=at)
        return _drafted(connection, its, one, at)
    finally:
        rehearsal.rollback()


def _made(connection: Connection, one: Subscribed, at: datetime) -> Foretold | None:
    """The edition made for them of the window that ended at ``at``, or just before for instant mail."""
    query = (
        select(edition.c.id, edition.c.window_end, delivery.c.state)
        .join(delivery, delivery.c.edition_id == edition.c.id)
        .where(
            delivery.c.subscriber_id == one.subscriber.id,
            edition.c.digest_id == one.digest.id,
            edition.c.window_end <= at,
        )
        .order_by(edition.c.window_end.desc())
    )
    row = connection.execute(query.limit(1)).first()
    if row is None or (row.window_end != at and one.rhythm.cadence is not Cadence.INSTANT):
        return None
    _, its, posts = edition_contents(connection, row.id)
    return Foretold(its, tuple(posts), number=row.id, state=DeliveryState(row.state))


def _drafted(connection: Connection, its: Digest, one: Subscribed | None, at: datetime) -> Foretold:
    rhythm = reader_rhythm(its) if one is None else one.rhythm
    labels = () if one is None else one.subscription.labels
    start = _window_start(connection, its, one, rhythm, at)
    chosen = news_of(connection, its, start, at, labels)
    members = "0" if one is None else str(one.subscription.id)
    if not is_introduced(connection, its, start=start, end=at, members=members):
        its = replace(its, introduction=None)
    drafted = draft(its, (start, at), labels, chosen, chosen_of(one))
    paused_until = None if one is None else one.subscription.paused_until
    return Foretold(
        drafted,
        tuple(get_posts(connection, chosen)),
        reason=no_mail(len(chosen), its),
        paused=paused_until is not None and at < paused_until,
    )


def _window_start(
    connection: Connection, its: Digest, one: Subscribed | None, rhythm: Rhythm, at: datetime
) -> datetime:
    """Where the window begins that ends at ``at``."""
    covered = None if one is None else one.subscription.window_start
    if rhythm.cadence is Cadence.INSTANT:
        return covered if covered is not None and covered < at else at - _DAY
    last = previous_slot(rhythm, at - MOMENT)
    if one is None or covered is None or covered >= at:
        return last
    if covered > last:
        # They chose another rhythm: the first window of it is short.
        return covered
    start, paused_until = covered, one.subscription.paused_until
    slot = next_slot(rhythm, max(start, _before(rhythm, last)))
    while slot < at:
        is_passed_over = paused_until is not None and slot < paused_until
        if is_passed_over or no_mail(_count(connection, its, one, start, slot), its) is not NoMail.TOO_FEW:
            start = slot
        slot = next_slot(rhythm, slot)
    return start


def _before(rhythm: Rhythm, last: datetime) -> datetime:
    """An instant some hundreds of slots before."""
    days = {Cadence.DAILY: 1, Cadence.WEEKLY: 7}.get(rhythm.cadence, 30)
    return last - MOST_WINDOWS * days * _DAY


def _count(connection: Connection, its: Digest, one: Subscribed, start: datetime, end: datetime) -> int:
    if its.min_posts <= 1:
        # Then no window stays open, and nobody needs to know.
        return 0
    return len(news_of(connection, its, start, end, one.subscription.labels))


def chosen_of(one: Subscribed | None) -> Mapping[str, str | None]:
    """What a reader chose of how a mail looks, for ``printing.draft``; empty where there is none."""
    if one is None:
        return {}
    its = one.subscription
    return {
        "language": its.language or one.subscriber.language,
        "content": its.content,
        "form": its.form,
    }
