"""All readers as a list that an import takes back, and all that is kept about one of them."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, TextIO

from sqlalchemy import Connection, select

from database import Database
from digests.model import bounce, delivery, digest, edition
from feeds.keys import keys_of
from labelcast.readers import suppression_salt
from labelcast.webwork.streaming import PIECE, Line, lines_of
from subscribers.changing import Change, list_changes
from subscribers.consent import Consent, list_consents
from subscribers.csvexport import write_csv
from subscribers.model import Subscriber, Subscription
from subscribers.store import SubscriberError, find, get_subscriber, iterate_subscribers
from subscribers.suppression import find_suppression_of

# Of mails that were sent, so many are read at a time.
BATCH = 1000


def export_readers(connection: Connection, stream: TextIO) -> int:
    """Write all readers as CSV, a line for each subscription, and return how many lines."""
    return write_csv(stream, _readers(connection))


def _readers(connection: Connection) -> Iterator[Line]:
    readers = iterate_subscribers(connection)
    while some := list(islice(readers, PIECE)):
        yield from lines_of(connection, some)


def about_reader(connection: Connection, email: str) -> dict[str, Any]:
    """All that is kept about the reader with this address, as one document: what they may ask to see.

    Raises ``AddressError``, and ``SubscriberError`` when nothing is kept.
    """
    reader = find(connection, email)
    suppressed = _suppressed(connection, email)
    if reader is None:
        if suppressed is None:
            raise SubscriberError(f"nobody has the address {email}: `labelcast subscribers` lists all")
        return {"email": None, "suppressed": suppressed}
    return _standing(connection, reader) | {
        "deliveries": [one for some in _batches(connection, reader.id) for one in some],
        "bounces": list(_bounces(connection, reader.id)),
    }


def stream_about(database: Database, number: int) -> Iterator[bytes]:
    """The same of the reader of that number as JSON, piece by piece: ten years of mail are long.

    Nothing holds the database between two pieces, however slowly they are taken. Nothing at all comes of a
    reader who is not there.
    """
    with database.read() as connection:
        reader = get_subscriber(connection, number)
        if reader is None:
            return
        document = _standing(connection, reader) | {"bounces": list(_bounces(connection, number))}
    yield _json(document).removesuffix("\n}").encode() + b',\n  "deliveries": ['
    last, between = 0, "\n"
    while True:
        with database.read() as connection:
            some = _deliveries(connection, number, after=last)
        if not some:
            break
        last = some[-1][0]
        yield (between + ",\n".join(_json(one, indent=None) for _, one in some)).encode()
        between = ",\n"
    yield b"\n  ]\n}\n"


def _standing(connection: Connection, reader: Subscriber) -> dict[str, Any]:
    """All but what was mailed, and what came back."""
    slugs = {row.id: row.slug for row in connection.execute(select(digest.c.id, digest.c.slug))}
    email = reader.email
    return {
        "email": email,
        "state": reader.state,
        "language": reader.language,
        "added": reader.created_at,
        "suppressed": None if email is None else _suppressed(connection, email),
        "subscriptions": [subscription_document(one) for one in reader.subscriptions],
        "consents": [_consent(one, slugs) for one in list_consents(connection, reader.id)],
        "address_changes": [_address_change(one) for one in list_changes(connection, reader.id)],
        "feed_keys": [
            {"feed": one.feed, "granted": one.created_at, "revoked": one.revoked_at}
            for one in (keys_of(connection, email) if email else ())
        ],
    }


def _suppressed(connection: Connection, email: str) -> dict[str, object] | None:
    known = find_suppression_of(connection, email, salt=suppression_salt(connection))
    return None if known is None else {"reason": known.reason, "at": known.at}


def _address_change(one: Change) -> dict[str, object]:
    return {
        "to": one.email,
        "asked": one.asked_at,
        "agreed_by_old": one.old_agreed_at,
        "agreed_by_new": one.new_agreed_at,
        "settled": one.settled_at,
    }


def _json(document: object, *, indent: int | None = 2) -> str:
    return json.dumps(document, ensure_ascii=False, indent=indent, default=_instant)


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} has no place in JSON")


def subscription_document(one: Subscription) -> dict[str, object]:
    """A subscription with all that its reader chose; None is the digest's own."""
    return {
        "digest": one.digest,
        "state": "asked" if one.waits else one.state,
        "labels": one.labels,
        "cadence": one.cadence,
        "minute": one.minute,
        "weekday": one.weekday,
        "monthday": one.monthday,
        "timezone": one.timezone,
        "language": one.language,
        "content": one.content,
        "form": one.form,
        "paused_until": one.paused_until,
        "window_start": one.window_start,
        "next_slot": one.next_slot,
        "begun": one.created_at,
        "ended": one.ended_at,
    }


def _consent(one: Consent, slugs: Mapping[int, str]) -> dict[str, object]:
    slug = None if one.digest_id is None else slugs.get(one.digest_id)
    return {"kind": one.kind, "at": one.at, "digest": slug, "origin": one.origin, "wording": one.wording}


def _batches(connection: Connection, number: int) -> Iterator[list[dict[str, object]]]:
    last = 0
    while some := _deliveries(connection, number, after=last):
        last = some[-1][0]
        yield [one for _, one in some]


def _deliveries(connection: Connection, number: int, *, after: int) -> list[tuple[int, dict[str, object]]]:
    """The next mails to a reader, each with its delivery's number."""
    query = (
        select(
            delivery.c.id,
            delivery.c.edition_id,
            delivery.c.state,
            delivery.c.message_id,
            delivery.c.reply,
            delivery.c.updated_at,
            digest.c.slug,
            edition.c.window_end,
            edition.c.subject,
        )
        .join(edition, edition.c.id == delivery.c.edition_id)
        .join(digest, digest.c.id == edition.c.digest_id)
        .where(delivery.c.subscriber_id == number, delivery.c.id > after)
        .order_by(delivery.c.id)
        .limit(BATCH)
    )
    return [
        (
            row.id,
            {
                "digest": row.slug,
                "edition": row.edition_id,
                "of": row.window_end,
                "subject": row.subject,
                "state": row.state,
                "message_id": row.message_id,
                "reply": row.reply,
                "at": row.updated_at,
            },
        )
        for row in connection.execute(query)
    ]


def _bounces(connection: Connection, number: int) -> Iterator[dict[str, object]]:
    query = select(bounce).where(bounce.c.subscriber_id == number).order_by(bounce.c.at, bounce.c.id)
    for row in connection.execute(query):
        at: datetime = row.at
        yield {"at": at, "kind": row.kind, "status": row.status, "diagnostic": row.diagnostic}
