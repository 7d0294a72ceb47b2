"""Readers added by the publisher: an address, a digest, and what they chose of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from digests.cadence import CadenceError, zone_name
from digests.model import Digest
from digests.store import DigestError, reader_cadence
from posts.blog import get_blog
from posts.lookup import find_label, nearest_labels
from subscribers.consent import record_consent
from subscribers.csvfile import BadRow, Row
from subscribers.model import Subscriber
from subscribers.store import SubscriberError, add_subscriber, subscribe

# What is recorded of a consent that the publisher vouches for.
WORDING = "The publisher says that this reader agreed to get the digest {slug}."


class NoSuchLabel(LookupError):
    """A reader's choice names a label that is not there."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader chose instead of the digest's own; nothing of it: the digest as it is."""

    labels: Sequence[str] = ()
    cadence: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class ReadersReport:
    """What an import of readers did: how many are subscribed now, and the lines that were skipped."""

    subscribed: int
    skipped: tuple[BadRow, ...]


def suppression_salt(connection: Connection) -> str:
    """The salt of suppressed addresses: it has to stay for good, so it is not the secret, which rotates."""
    return str(get_blog(connection).feed_namespace)


def add_reader(
    connection: Connection,
    email: str,
    digest: Digest,
    choice: Choice,
    *,
    confirmed: bool,
    origin: str,
    now: datetime,
) -> Subscriber:
    """Add a reader and subscribe them; one who is subscribed already stays so, with what they choose now.

    ``confirmed``: they agreed, and the publisher vouches for it; that is recorded with ``origin``. Raises
    ``AddressError``, ``SubscriberError``, ``CadenceError``, ``DigestError`` or ``NoSuchLabel``.
    """
    labels = [_label_slug(connection, name) for name in choice.labels]
    cadence = None if choice.cadence is None else str(reader_cadence(digest, choice.cadence))
    timezone = None if choice.timezone is None else zone_name(choice.timezone)
    reader = add_subscriber(
        connection, email, confirmed=confirmed, now=now, salt=suppression_salt(connection)
    )
    subscribe(
        connection,
        subscriber_id=reader.id,
        digest_id=digest.id,
        labels=labels,
        cadence=cadence,
        timezone=timezone,
        now=now,
        renew=confirmed,
    )
    if confirmed:
        wording = WORDING.format(slug=digest.slug)
        record_consent(
            connection, subscriber_id=reader.id, digest_id=digest.id, at=now, origin=origin, wording=wording
        )
    return reader


def import_readers(
    connection: Connection,
    rows: Iterable[Row | BadRow],
    digest: Digest,
    *,
    confirmed: bool,
    origin: str,
    now: datetime,
) -> ReadersReport:
    """Add the readers of a CSV; a line that cannot be taken is skipped, and listed. Raises ``CsvError``."""
    subscribed = 0
    skipped = []
    for row in rows:
        if isinstance(row, BadRow):
            skipped.append(row)
            continue
        choice = Choice(row.labels, row.cadence, row.timezone)
        try:
            with connection.begin_nested():
                add_reader(connection, row.email, digest, choice, confirmed=confirmed, origin=origin, now=now)
        except (SubscriberError, CadenceError, DigestError, NoSuchLabel) as error:
            skipped.append(BadRow(row.line, str(error)))
        else:
            subscribed += 1
    return ReadersReport(subscribed, tuple(skipped))


def _label_slug(connection: Connection, name: str) -> str:
    label = find_label(connection, name)
    if label is None:
        nearest = nearest_labels(connection, name)
        hint = f"the nearest: {', '.join(nearest)}" if nearest else "`labelcast labels` lists them all"
        raise NoSuchLabel(f"no post has the label {name!r}: {hint}")
    return label.slug
