"""All readers as a list that an import takes back, and all that is kept about one of them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TextIO

from sqlalchemy import Connection, select

from digests.model import bounce, delivery, digest, edition
from labelcast.readers import suppression_salt
from subscribers.address import address_key
from subscribers.consent import Consent, list_consents
from subscribers.csvexport import Agreed, Consents, write_csv
from subscribers.model import ConsentKind, Subscriber, SubscriberState, Subscription, consent, suppression
from subscribers.store import SubscriberError, find, iterate_subscribers
from subscribers.suppression import address_hash, find_suppression_of


def export_readers(connection: Connection, stream: TextIO) -> int:
    """Write all readers as CSV, a line for each subscription, and return how many lines."""
    return write_csv(stream, _readers(connection))


def _readers(connection: Connection) -> Iterator[tuple[Subscriber, Consents, str | None]]:
    consents = _consents(connection)
    salt = suppression_salt(connection)
    reasons = {row.hash: row.reason for row in connection.execute(select(suppression))}
    for reader in iterate_subscribers(connection):
        reason = None
        if reader.email is not None and reader.state is SubscriberState.SUPPRESSED:
            reason = reasons.get(address_hash(address_key(reader.email), salt=salt))
        yield reader, consents.get(reader.id, {}), reason


def _consents(connection: Connection) -> dict[int, dict[str | None, Agreed]]:
    """The last consent of each reader to each digest, given or claimed."""
    query = (
        select(consent.c.subscriber_id, digest.c.slug, consent.c.at, consent.c.origin)
        .outerjoin(digest, digest.c.id == consent.c.digest_id)
        .where(consent.c.kind != ConsentKind.ASKED)
        .order_by(consent.c.at, consent.c.id)
    )
    found: dict[int, dict[str | None, Agreed]] = {}
    for number, slug, at, origin in connection.execute(query):
        found.setdefault(number, {})[slug] = Agreed(at, origin)
    return found


def about_reader(connection: Connection, email: str) -> dict[str, Any]:
    """All that is kept about the reader with this address, as one document: what they may ask to see.

    Raises ``AddressError``, and ``SubscriberError`` when nothing is kept.
    """
    reader = find(connection, email)
    known = find_suppression_of(connection, email, salt=suppression_salt(connection))
    suppressed = None if known is None else {"reason": known.reason, "at": known.at}
    if reader is None:
        if known is None:
            raise SubscriberError(f"nobody has the address {email}: `labelcast subscribers` lists all")
        return {"email": None, "suppressed": suppressed}
    slugs = {row.id: row.slug for row in connection.execute(select(digest.c.id, digest.c.slug))}
    return {
        "email": reader.email,
        "state": reader.state,
        "language": reader.language,
        "added": reader.created_at,
        "suppressed": suppressed,
        "subscriptions": [subscription_document(one) for one in reader.subscriptions],
        "consents": [_consent(one, slugs) for one in list_consents(connection, reader.id)],
        "deliveries": list(_deliveries(connection, reader.id)),
        "bounces": list(_bounces(connection, reader.id)),
    }


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


def _deliveries(connection: Connection, number: int) -> Iterator[dict[str, object]]:
    query = (
        select(delivery, digest.c.slug, edition.c.window_end)
        .join(edition, edition.c.id == delivery.c.edition_id)
        .join(digest, digest.c.id == edition.c.digest_id)
        .where(delivery.c.subscriber_id == number)
        .order_by(delivery.c.id)
    )
    for row in connection.execute(query):
        yield {
            "digest": row.slug,
            "edition": row.edition_id,
            "of": row.window_end,
            "state": row.state,
            "message_id": row.message_id,
            "reply": row.reply,
            "at": row.updated_at,
        }


def _bounces(connection: Connection, number: int) -> Iterator[dict[str, object]]:
    query = select(bounce).where(bounce.c.subscriber_id == number).order_by(bounce.c.at, bounce.c.id)
    for row in connection.execute(query):
        at: datetime = row.at
        yield {"at": at, "kind": row.kind, "status": row.status, "diagnostic": row.diagnostic}
