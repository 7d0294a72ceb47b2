"""What of all there is needs somebody, and the numbers of the first page: each a look into an index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, func, literal, select

from digests.cadence import next_slot
from digests.model import IS_UNSENT, DeliveryState, Digest, delivery, digest
from digests.offer import reader_rhythm
from digests.rhythm import Cadence
from digests.standing import EditionStanding
from posts.model import PostState, post
from subscribers.model import SubscriberState, subscriber

# Nobody needs to know how many more there are, and to count on would take its time.
MOST = 10_000
# As much of an edition failed: that is more than a few bad addresses.
FAILING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Need:
    """Something to be done: how bad it is (``problem``, ``warning``), what, and the page where."""

    kind: str
    said: str
    to: str


@dataclass(frozen=True, slots=True)
class Next:
    """A digest and its next slot; None: it has none, for it is instant or paused."""

    slug: str
    title: str
    at: datetime | None
    is_paused: bool


def capped(connection: Connection, table: Table, *which: ColumnElement[bool]) -> int:
    """How many rows there are, or ``MOST`` + 1 where there are more."""
    some = select(literal(1)).select_from(table).where(*which).limit(MOST + 1).subquery()
    counted: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return counted


def told(number: int) -> str:
    """A number as it is shown: ``1,204``, ``more than 10,000``."""
    return f"more than {MOST:,}" if number > MOST else f"{number:,}"


def numbers(connection: Connection) -> list[tuple[str, int, str]]:
    """What there is: a name, how many, and the page where."""
    active = capped(connection, subscriber, subscriber.c.state == SubscriberState.CONFIRMED)
    live = capped(connection, post, post.c.state == PostState.LIVE)
    digests = connection.execute(select(func.count()).select_from(digest)).scalar_one()
    return [("Posts", live, "/posts"), ("Readers", active, "/readers"), ("Digests", digests, "/digests")]


def needs(connection: Connection) -> Iterator[Need]:
    """What went wrong with mail, and what has to be there before any can go."""
    for state, kind, one, more in (
        (DeliveryState.IN_DOUBT, "problem", "1 message is in doubt", "messages are in doubt"),
        (DeliveryState.FAILED, "warning", "1 message failed", "messages failed"),
    ):
        counted = capped(connection, delivery, IS_UNSENT, delivery.c.state == state)
        if counted:
            said = one if counted == 1 else f"{told(counted)} {more}"
            yield Need(kind, f"{said}.", f"/deliveries?state={state}")
    if connection.execute(select(post.c.id).limit(1)).first() is None:
        yield Need("warning", "There is no post yet: import some.", "/posts")
    if connection.execute(select(digest.c.id).limit(1)).first() is None:
        yield Need(
            "warning", "There is no digest yet: make one, and readers can subscribe to it.", "/digests"
        )


def upcoming(digests: Sequence[Digest], *, now: datetime, most: int = 8) -> list[Next]:
    """The digests whose own next slots come first; pure."""
    found = [Next(its.slug, its.title, _slot(its, now), its.paused_at is not None) for its in digests]
    return sorted(found, key=lambda one: (one.at is None, one.at or now, one.slug))[:most]


def _slot(its: Digest, now: datetime) -> datetime | None:
    if its.paused_at is not None or its.cadence == Cadence.INSTANT:
        return None
    return next_slot(reader_rhythm(its), now)


def failing(editions: Sequence[EditionStanding]) -> Iterator[Need]:
    """Of some editions those of which much failed; pure."""
    for one in editions:
        failed = one.states.get(DeliveryState.FAILED, 0)
        if failed and failed >= one.readers * FAILING_SHARE:
            said = f"Of edition {one.id} of {one.digest} {failed:,} of {one.readers:,} messages failed."
            yield Need("problem", said, f"/deliveries/{one.id}")
