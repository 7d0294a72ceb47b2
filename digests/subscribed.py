"""A subscription by its number: whose it is, and the digest it is to."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from digests.model import Digest
from digests.rhythm import Rhythm
from digests.store import get_digest, reader_rhythm
from subscribers.listing import get_subscriber
from subscribers.model import Subscriber, SubscriberState, Subscription, SubscriptionState, subscription


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription, the subscriber it is of with all their subscriptions, and its digest."""

    subscription: Subscription
    subscriber: Subscriber
    digest: Digest

    @property
    def is_active(self) -> bool:
        """Whether its reader gets the digest, or will once they have confirmed."""
        return self.subscription.state is SubscriptionState.ACTIVE

    @property
    def may_be_written_to(self) -> bool:
        """Whether mail may go to this reader: not to one who was erased or suppressed."""
        return self.subscriber.state in {SubscriberState.CONFIRMED, SubscriberState.PENDING}

    @property
    def rhythm(self) -> Rhythm:
        """When it comes."""
        its = self.subscription
        return reader_rhythm(
            self.digest,
            cadence=its.cadence,
            minute=its.minute,
            weekday=its.weekday,
            monthday=its.monthday,
            timezone=its.timezone,
        )


def find_subscribed(connection: Connection, number: int) -> Subscribed | None:
    """The subscription of that number; None when it is not there (any more)."""
    query = select(subscription.c.subscriber_id).where(subscription.c.id == number)
    reader = connection.execute(query).scalar_one_or_none()
    return None if reader is None else _of(connection, reader, number)


def subscribed_of(connection: Connection, subscriber_id: int) -> list[Subscribed]:
    """All subscriptions of a subscriber, in the order of the digests' slugs."""
    found = get_subscriber(connection, subscriber_id)
    if found is None:
        return []
    return [Subscribed(one, found, get_digest(connection, one.digest)) for one in found.subscriptions]


def _of(connection: Connection, subscriber_id: int, number: int) -> Subscribed | None:
    theirs = subscribed_of(connection, subscriber_id)
    return next((one for one in theirs if one.subscription.id == number), None)
