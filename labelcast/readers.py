"""Readers as the publisher sees to them: added, changed, paused, unsubscribed, forgotten."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from digests.cadence import CadenceError
from digests.choosing import Words, pause_end, read_choices
from digests.deliveries import forget_reader
from digests.model import Digest
from digests.store import get_digest
from feeds.keys import forget_key_holder
from outbox.noticequeue import drop_waiting
from posts.blog import get_blog
from posts.labels import slugify
from posts.lookup import find_label
from subscribers.address import address_key, normalize
from subscribers.consent import record_consent
from subscribers.model import ConsentKind, Subscriber, SubscriberState, Subscription, SubscriptionState
from subscribers.store import (
    SubscriberError,
    add_subscriber,
    erase,
    find,
    subscribe,
    unsubscribe,
    unsubscribe_all,
)
from subscribers.subscribing import change, hold_others

# What is recorded of a consent that the publisher vouches for.
WORDING = "The publisher says that this reader agreed to get the digest {slug}."


def suppression_salt(connection: Connection) -> str:
    """The salt of suppressed addresses: it has to stay for good, so it is not the secret, which rotates."""
    return str(get_blog(connection).feed_namespace)


def add_reader(
    connection: Connection,
    email: str,
    digest: Digest,
    words: Words,
    *,
    confirmed: bool,
    origin: str,
    now: datetime,
) -> Subscriber:
    """Add a reader and subscribe them; one who is subscribed already stays so, with what they choose now.

    ``confirmed``: they agreed, and the publisher vouches for it; that is recorded with ``origin``, and one
    who unsubscribed is subscribed again. Else nothing is sent yet: one who gets other mail already is not
    given this too before they agree. A chosen label may be one that no post has yet. Raises ``AddressError``,
    ``SubscriberError``, ``CadenceError`` or ``DigestError``.
    """
    before = find(connection, email)
    held = _held(before, digest.slug)
    choices = read_choices(digest, words, slug_of=lambda name: label_slug(connection, name), chosen=held)
    reader = add_subscriber(
        connection, email, confirmed=confirmed, now=now, salt=suppression_salt(connection)
    )
    gets_mail = before is not None and before.state is SubscriberState.CONFIRMED
    ids: dict[str, Any] = {"subscriber_id": reader.id, "digest_id": digest.id}
    waits = gets_mail and not confirmed and held is None
    subscribe(connection, **ids, **choices, now=now, renew=confirmed, waits=waits)
    if confirmed:
        if before is not None and not gets_mail:
            hold_others(connection, reader.id, but=digest.id)
        wording = WORDING.format(slug=digest.slug)
        kind = ConsentKind.CLAIMED
        record_consent(connection, **ids, at=now, origin=origin, wording=wording, kind=kind)
    return find(connection, email) or reader


def change_reader(connection: Connection, email: str, slug: str, words: Words) -> Subscription:
    """Change what a reader chose of a digest; return it as it was.

    Raises ``SubscriberError`` when they are not subscribed to it, ``CadenceError`` or ``DigestError``.
    """
    digest = get_digest(connection, slug)
    (held,) = _active(connection, email, slug)
    choices = read_choices(digest, words, slug_of=lambda name: label_slug(connection, name), chosen=held)
    change(connection, held.id, choices)
    return held


def pause_reader(
    connection: Connection, email: str, slug: str | None, *, until: str | None, now: datetime
) -> list[tuple[str, datetime | None]]:
    """Pause a reader's subscriptions (to one digest, or to all) until a date; None resumes them.

    A date is the beginning of that day in the subscription's timezone. Returns each digest's slug and the
    instant. Raises ``SubscriberError``, and ``CadenceError`` for a date that is none or has passed.
    """
    paused = []
    for held in _active(connection, email, slug):
        timezone = held.timezone or get_digest(connection, held.digest).timezone
        end = None if until is None else pause_end(until, timezone)
        if end is not None and end <= now:
            raise CadenceError(f"--until: {until!r} has passed: nothing would be paused")
        change(connection, held.id, {"paused_until": end})
        paused.append((held.digest, end))
    return paused


def unsubscribe_reader(connection: Connection, email: str, slug: str | None, *, now: datetime) -> list[str]:
    """End a reader's subscription to a digest, or all of them; return the digests' slugs.

    Raises ``SubscriberError`` when there is none to end.
    """
    held = _active(connection, email, slug)
    known = find(connection, email)
    if slug is None and known is not None:
        unsubscribe_all(connection, known.id, now=now)
    for one in held:
        unsubscribe(connection, one.id, now=now)
    return [one.digest for one in held]


def erase_reader(connection: Connection, email: str, *, now: datetime) -> bool:
    """Forget who a reader is: the address, here, in the ledger and at feed keys; False if done before.

    What waits for them is not sent, also if somebody just typed an address that nobody has here. Raises
    ``SubscriberError`` where there is nothing at all to forget.
    """
    known = find(connection, email)
    key = normalize(email).key
    dropped = drop_waiting(connection, lambda other: address_key(other) == key)
    try:
        done = erase(connection, email, now=now, salt=suppression_salt(connection))
    except SubscriberError:
        if not dropped:
            raise
        done = True
    if known is not None:
        forget_reader(connection, known.id, now=now)
    forget_key_holder(connection, email, now=now)
    return done


def unknown_choices(connection: Connection, names: Iterable[str]) -> list[str]:
    """The labels among a reader's choices that no post has yet."""
    return [name for name in names if name and find_label(connection, name, counted=False) is None]


def _active(connection: Connection, email: str, slug: str | None) -> list[Subscription]:
    """A reader's subscription to a digest, or all of them, but those that ended."""
    reader = find(connection, email)
    if reader is None or reader.email is None:
        raise SubscriberError(f"nobody has the address {email}: `labelcast subscribers` lists all")
    if slug is not None:
        get_digest(connection, slug)
    held = [one for one in reader.subscriptions if one.state is SubscriptionState.ACTIVE]
    mine = [one for one in held if slug in {None, one.digest}]
    if not mine:
        what = "to no digest" if slug is None or not held else f"not to {slug}"
        hint = f", but to {', '.join(one.digest for one in held)}" if held else ""
        raise SubscriberError(f"{reader.email} is subscribed {what}{hint}")
    return mine


def _held(reader: Subscriber | None, slug: str) -> Subscription | None:
    held = reader.subscriptions if reader else ()
    return next((one for one in held if one.digest == slug), None)


def label_slug(connection: Connection, name: str) -> str:
    """The slug of a label, or the one it will have when the first post with it comes."""
    label = find_label(connection, name, counted=False)
    return slugify(name, taken=lambda _slug: False) if label is None else label.slug
