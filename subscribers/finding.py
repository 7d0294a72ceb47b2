"""Readers as the publisher looks for them: a page at a time, by indexes, however many there are."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    UnaryExpression,
    exists,
    func,
    literal,
    literal_column,
    select,
)

from subscribers.address import address_key
from subscribers.model import (
    DOMAIN,
    SubscriberState,
    SubscriptionState,
    subscriber,
    subscription,
    suppression,
)
from subscribers.suppression import address_hash

# So many rows of an index are looked through for a page that a further condition thins out.
WINDOW = 5000
# Beyond so many they are not counted.
COUNTED = 10_000
_NUMBER = re.compile(r"(?:reader\s*|#)(\d{1,18})", re.IGNORECASE)
# Sorts behind every character that an address may hold.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom the publisher looks for.

    ``text`` is the beginning of an address, a domain (``@example.org``), or a number (``reader 17``).
    """

    text: str = ""
    state: SubscriberState | None = None
    digest_id: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A reader as listed; ``since`` is when they came to be what they are, None: nobody knows any more."""

    id: int
    email: str | None
    state: SubscriberState
    since: datetime | None
    subscriptions: int


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some of those found; ``then`` is where to go on, None: there are no more.

    A page may hold few or none and yet have more behind it: it was not looked for them any further.
    """

    readers: Sequence[Found]
    then: int | None


@dataclass(frozen=True, slots=True)
class _Way:
    """How the readers are gone through: a condition that an index has, and its order."""

    where: tuple[ColumnElement[bool], ...]
    order: tuple[UnaryExpression[Any], ...]
    after: ColumnElement[bool] | None
    filters: tuple[ColumnElement[bool], ...]


def find_readers(
    connection: Connection, asked: Asked, *, salt: str, after: int | None = None, limit: int = 50
) -> FoundPage:
    """A page of the readers asked for: the newest first, or by address where its beginning was given.

    ``after`` is where the page before ended (``FoundPage.then``); ``salt`` is that of suppressed addresses.
    """
    if number := _NUMBER.fullmatch(asked.text.strip()):
        rows = connection.execute(_columns().where(subscriber.c.id == int(number[1]))).all()
        return FoundPage(_found(connection, rows, salt), None)
    way = _way(connection, asked, after)
    here = way.where if way.after is None else (*way.where, way.after)
    if not way.filters:
        rows = connection.execute(_columns().where(*here).order_by(*way.order).limit(limit + 1)).all()
        then = rows[limit - 1].id if len(rows) > limit else None
        return FoundPage(_found(connection, rows[:limit], salt), then)
    looked = select(subscriber.c.id).where(*here).order_by(*way.order)
    if _is_by_subscription(asked):
        looked = looked.join(subscription, subscription.c.subscriber_id == subscriber.c.id)
    some = looked.limit(WINDOW).subquery()
    query = _columns().join(some, some.c.id == subscriber.c.id).where(*way.filters)
    rows = connection.execute(query.order_by(*_plain(way, asked)).limit(limit + 1)).all()
    if len(rows) > limit:
        return FoundPage(_found(connection, rows[:limit], salt), rows[limit - 1].id)
    last = connection.execute(looked.offset(WINDOW - 1).limit(1)).scalar()
    return FoundPage(_found(connection, rows, salt), last)


def count_readers(connection: Connection, asked: Asked, *, most: int = COUNTED) -> int | None:
    """How many readers there are of a state or of a digest; None: more than ``most``."""
    if asked.digest_id is not None:
        what = select(literal(1)).where(*_subscribed(asked.digest_id))
    elif asked.state is not None:
        what = select(literal(1)).where(subscriber.c.state == asked.state)
    else:
        what = select(literal(1)).select_from(subscriber)
    some = what.limit(most + 1).subquery()
    counted: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return None if counted > most else counted


def _columns() -> Select[Any]:
    return select(
        subscriber.c.id,
        subscriber.c.email,
        subscriber.c.email_key,
        subscriber.c.state,
        subscriber.c.created_at,
        subscriber.c.confirmed_at,
    )


def _way(connection: Connection, asked: Asked, after: int | None) -> _Way:
    filters: list[ColumnElement[bool]] = []
    text = "".join(asked.text.split())
    if text and asked.state is not None:
        filters.append(subscriber.c.state == asked.state)
    if text and asked.digest_id is not None:
        mine = _subscribed(asked.digest_id)
        filters.append(exists().where(*mine, subscription.c.subscriber_id == subscriber.c.id))
    older = None if after is None else subscriber.c.id < after
    newest_first = (subscriber.c.id.desc(),)
    if text:
        domain = _domain_of(connection, text)
        if domain is not None:
            its = literal_column(DOMAIN[connection.dialect.name]) == domain
            return _Way((its,), newest_first, older, tuple(filters))
        key = subscriber.c.email_key
        beginning = _beginning(text)
        further = None if after is None else _behind(connection, after)
        return _Way(_begins(connection, key, beginning), (_in_order(connection),), further, tuple(filters))
    if asked.digest_id is not None:
        if asked.state is not None:
            filters.append(subscriber.c.state == asked.state)
        theirs = (*_subscribed(asked.digest_id),)
        number = subscription.c.subscriber_id
        older = None if after is None else number < after
        if not filters:
            # The readers are behind the index of subscriptions: a condition of theirs that always holds.
            filters.append(subscriber.c.id.is_not(None))
        return _Way(theirs, (number.desc(),), older, tuple(filters))
    states = () if asked.state is None else (subscriber.c.state == asked.state,)
    return _Way(states, newest_first, older, ())


def _plain(way: _Way, asked: Asked) -> tuple[UnaryExpression[Any], ...]:
    """The same order, of readers alone."""
    return (subscriber.c.id.desc(),) if _is_by_subscription(asked) else way.order


def _is_by_subscription(asked: Asked) -> bool:
    return asked.digest_id is not None and not asked.text.strip()


def _subscribed(digest_id: int) -> tuple[ColumnElement[bool], ...]:
    active = subscription.c.state == SubscriptionState.ACTIVE
    return subscription.c.digest_id == digest_id, active


def _beginning(text: str) -> str:
    """The beginning of an address as keys are written."""
    return address_key(text) if "@" in text else unicodedata.normalize("NFC", text.casefold())


def _domain_of(connection: Connection, text: str) -> str | None:
    """The domain that is meant: what begins with @, or looks like one and begins no address."""
    if text.startswith("@"):
        return text[1:].casefold()
    if "@" in text or "." not in text:
        return None
    begins = _begins(connection, subscriber.c.email_key, _beginning(text))
    some = connection.execute(select(subscriber.c.id).where(*begins).limit(1)).first()
    return text.casefold() if some is None else None


def _begins(
    connection: Connection, key: ColumnElement[Any], beginning: str
) -> tuple[ColumnElement[bool], ...]:
    """That a key begins so, as a range of an index; PostgreSQL's must not go by the language's order."""
    if connection.dialect.name == "sqlite":
        return key >= beginning, key < beginning + _LAST
    return key.op("~>=~", is_comparison=True)(beginning), key.op("~<~", is_comparison=True)(beginning + _LAST)


def _in_order(connection: Connection) -> UnaryExpression[Any]:
    if connection.dialect.name == "sqlite":
        return subscriber.c.email_key.asc()
    return literal_column("subscriber.email_key USING ~<~")  # type: ignore[return-value]


def _behind(connection: Connection, number: int) -> ColumnElement[bool]:
    """That a key comes after that of a reader; one without an address any more has none before it."""
    its = connection.execute(select(subscriber.c.email_key).where(subscriber.c.id == number)).scalar() or ""
    if connection.dialect.name == "sqlite":
        return subscriber.c.email_key > its
    return subscriber.c.email_key.op("~>~", is_comparison=True)(its)


def _found(connection: Connection, rows: Sequence[Any], salt: str) -> list[Found]:
    numbers = [row.id for row in rows]
    # Their state is looked at here: asked for it, SQLite would go through all that are active.
    held = select(subscription.c.subscriber_id, subscription.c.state).where(
        subscription.c.subscriber_id.in_(numbers)
    )
    counts = Counter(row.subscriber_id for row in connection.execute(held) if row.state == "active")
    suppressed = _suppressed_since(connection, rows, salt)
    return [
        Found(
            row.id,
            row.email,
            SubscriberState(row.state),
            _since(row, suppressed),
            counts[row.id],
        )
        for row in rows
    ]


def _since(row: Any, suppressed: Mapping[int, datetime]) -> datetime | None:
    match SubscriberState(row.state):
        case SubscriberState.PENDING:
            at = row.created_at
        case SubscriberState.CONFIRMED:
            at = row.confirmed_at
        case SubscriberState.SUPPRESSED:
            at = suppressed.get(row.id)
        case SubscriberState.ERASED:
            at = None
    found: datetime | None = at
    return found


def _suppressed_since(connection: Connection, rows: Sequence[Any], salt: str) -> dict[int, datetime]:
    hashes = {
        address_hash(row.email_key, salt=salt): row.id
        for row in rows
        if row.state == SubscriberState.SUPPRESSED and row.email_key
    }
    query = select(suppression.c.hash, suppression.c.at).where(suppression.c.hash.in_(list(hashes)))
    return {hashes[row.hash]: row.at for row in connection.execute(query)} if hashes else {}
