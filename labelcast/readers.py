"""Readers added by the publisher: an address, a digest, and what they chose of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from digests.cadence import CadenceError, zone_name
from digests.deliveries import forget_reader
from digests.model import Digest
from digests.store import DigestError, reader_cadence
from posts.blog import get_blog
from posts.labels import slugify
from posts.lookup import find_label
from subscribers.consent import record_consent
from subscribers.csvfile import BadRow, Row
from subscribers.model import Subscriber
from subscribers.store import SubscriberError, add_subscriber, erase, find, subscribe

# What is recorded of a consent that the publisher vouches for.
WORDING = "The publisher says that this reader agreed to get the digest {slug}."


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
    renew: bool,
    origin: str,
    now: datetime,
) -> Subscriber:
    """Add a reader and subscribe them; one who is subscribed already stays so, with what they choose now.

    ``confirmed``: they agreed, and the publisher vouches for it; that is recorded with ``origin``. ``renew``:
    one who unsubscribed is subscribed again. A chosen label may be one that no post has yet. Raises
    ``AddressError``, ``SubscriberError``, ``CadenceError`` or ``DigestError``.
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
        renew=renew,
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
                # An old list must not bring back who unsubscribed since it was written.
                add_reader(
                    connection,
                    row.email,
                    digest,
                    choice,
                    confirmed=confirmed,
                    renew=False,
                    origin=origin,
                    now=now,
                )
        except (SubscriberError, CadenceError, DigestError) as error:
            skipped.append(BadRow(row.line, str(error)))
        else:
            subscribed += 1
    return ReadersReport(subscribed, tuple(skipped))


def erase_reader(connection: Connection, email: str, *, now: datetime) -> bool:
    """Forget who a reader is: the address, here and in the ledger; False if that was done before.

    What waits for them is not sent. Raises ``SubscriberError`` for an address that nobody has.
    """
    known = find(connection, email)
    done = erase(connection, email, now=now, salt=suppression_salt(connection))
    if known is not None:
        forget_reader(connection, known.id, now=now)
    return done


def unknown_choices(connection: Connection, names: Iterable[str]) -> list[str]:
    """The labels among a reader's choices that no post has yet."""
    return [name for name in names if find_label(connection, name, counted=False) is None]


def _label_slug(connection: Connection, name: str) -> str:
    """The slug of a label, or the one it will have when the first post with it comes."""
    label = find_label(connection, name, counted=False)
    return slugify(name, taken=lambda _slug: False) if label is None else label.slug
