"""What else a reader could get, and taking it up by a button: they read by email already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from digests.rhythm import describe_to_readers
from digests.store import find_digest, offered_digests, reader_rhythm
from digests.subscribed import Subscribed, subscribed_of
from subscribers.consent import record_consent
from subscribers.model import SubscriberState
from subscribers.subscribing import begin, subscribe

WORDING = "On the page of what they get they pressed the button: Subscribe to {title}."
# More than a person would look through.
MOST = 50


@dataclass(frozen=True, slots=True)
class Joined:
    """A digest that a reader may take up, or has; ``number`` is that of the subscription, 0 of none."""

    slug: str
    title: str
    when: str
    number: int = 0


def others_of(connection: Connection, found: Subscribed) -> Sequence[Joined]:
    """The digests that a reader does not get, by title; none for one who has not confirmed yet."""
    if found.subscriber.state is not SubscriberState.CONFIRMED:
        return ()
    held = {one.digest.slug for one in subscribed_of(connection, found.subscriber.id) if one.is_active}
    others = [its for its in offered_digests(connection) if its.slug not in held]
    others.sort(key=lambda its: its.title.casefold())
    return [Joined(its.slug, its.title, describe_to_readers(reader_rhythm(its))) for its in others[:MOST]]


def join(
    connection: Connection, found: Subscribed, slug: str, *, origin: str, now: datetime
) -> Joined | None:
    """Subscribe the reader to a digest, with the record of their consent; doing it twice does it once.

    One they left comes as they chose it before. None when there is no such digest, or they get no mail.
    """
    its = find_digest(connection, slug)
    if its is None or its.removed_at is not None or found.subscriber.state is not SubscriberState.CONFIRMED:
        return None
    ids: dict[str, Any] = {"subscriber_id": found.subscriber.id, "digest_id": its.id}
    theirs = subscribed_of(connection, found.subscriber.id)
    held = next((one for one in theirs if one.digest.id == its.id), None)
    if held is None:
        number, is_new = subscribe(connection, **ids, now=now), True
    else:
        number = held.subscription.id
        is_new = not held.is_active and begin(connection, number, now=now)
    if is_new:
        wording = WORDING.format(title=its.title)
        record_consent(connection, **ids, at=now, origin=origin, wording=wording)
    rhythm = reader_rhythm(its) if held is None else held.rhythm
    return Joined(its.slug, its.title, describe_to_readers(rhythm), number)
