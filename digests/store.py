"""Digests in the database: added, found, changed, removed."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from digests.cadence import At, Cadence, check_at, parse_at, zone_name
from digests.model import Digest, digest, edition
from digests.offer import (
    LEAST_LATENESS,
    MAX_AGE,
    MAX_LATENESS,
    DigestError,
    check_cadences,
    check_day,
    check_language,
    check_rule,
    check_slug,
    check_span,
    check_template,
    check_title,
    digest_at,
    filled,
    reader_cadence,
    reader_rhythm,
)
from digests.shape import SHAPE, Shape, check_shape
from subscribers.model import CHANGED, SubscriptionState, subscription

__all__ = [
    "DigestError",
    "add_digest",
    "check_unread",
    "count_subscriptions",
    "digest_at",
    "find_digest",
    "get_digest",
    "list_digests",
    "offered_digests",
    "reader_cadence",
    "reader_rhythm",
    "remove_digest",
    "update_digest",
]

_SECOND = timedelta(seconds=1)
_NEW = 0


def add_digest(
    connection: Connection,
    slug: str,
    *,
    rule: str,
    now: datetime,
    title: str | None = None,
    cadence: str = Cadence.WEEKLY,
    cadences: Sequence[str] | None = None,
    at: str | None = None,
    timezone: str = "UTC",
    language: str = "en",
    template: str = "digest",
    max_age: timedelta = MAX_AGE,
    max_lateness: timedelta | None = None,
    **shape: Unpack[Shape],
) -> Digest:
    """Store a new digest.

    ``at`` is as ``parse_at`` reads it (Monday, the 1st, 08:00 where it leaves something open); ``cadences``
    are those a reader may choose (None: all); ``max_lateness`` is the cadence's of ``MAX_LATENESS`` where it
    is None; ``shape`` is how much of what it shows. Raises ``DigestError``, ``CadenceError`` or
    ``posts.rules.RuleError``; nothing is stored then.
    """
    its = Cadence.parse(cadence)
    offered = check_cadences(its, cadences)
    day = check_day(at, its, None if cadences is None else offered)
    made = Digest(
        id=_NEW,
        slug=check_slug(slug),
        title=check_title(slug.replace("-", " ").capitalize() if title is None else title),
        rule=check_rule(rule),
        template=check_template(template),
        language=check_language(language),
        cadence=its,
        cadences=offered,
        minute=day.minute,
        weekday=day.weekday or 0,
        monthday=day.monthday or 1,
        timezone=zone_name(timezone),
        max_age=check_span("max_age", max_age, least=_SECOND),
        max_lateness=_lateness(max_lateness, its),
        created_at=now,
        **check_shape(shape),
    )
    if find_digest(connection, slug) is not None:
        raise DigestError(f"digest {slug!r} is there already: choose another slug, or remove it first")
    statement = insert(digest).values(_values(made)).returning(digest.c.id)
    return replace(made, id=connection.execute(statement).scalar_one())


def find_digest(connection: Connection, slug: str, *, lock: bool = False) -> Digest | None:
    """The digest of that slug, or None. ``lock``: nobody else changes it until this transaction ends."""
    if "\0" in slug:
        # Whoever asks may be a stranger, and PostgreSQL takes it for a fault of ours.
        return None
    query = select(digest).where(digest.c.slug == slug)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).first()
    return None if row is None else _digest(row)


def get_digest(connection: Connection, slug: str) -> Digest:
    """The digest of that slug; raises ``DigestError``, naming the nearest ones, when there is none."""
    found = find_digest(connection, slug)
    if found is not None:
        return found
    slugs = list(connection.execute(select(digest.c.slug).order_by(digest.c.slug)).scalars())
    near = get_close_matches(slug, slugs, n=3) or slugs[:3]
    hint = f"there is {', '.join(near)}" if near else "add it with `labelcast digests add`"
    raise DigestError(f"digest {slug[:80]!r} is not there: {hint}")


def list_digests(connection: Connection) -> list[Digest]:
    """All digests, by slug."""
    return [_digest(row) for row in connection.execute(select(digest).order_by(digest.c.slug))]


def offered_digests(connection: Connection) -> list[Digest]:
    """Those that a reader may come to read, by slug: all that are not being removed."""
    return [its for its in list_digests(connection) if its.removed_at is None]


def update_digest(
    connection: Connection,
    slug: str,
    *,
    rule: str | None = None,
    title: str | None = None,
    cadence: str | None = None,
    cadences: Sequence[str] | None = None,
    at: str | None = None,
    timezone: str | None = None,
    language: str | None = None,
    template: str | None = None,
    max_age: timedelta | None = None,
    max_lateness: timedelta | None = None,
    **shape: Unpack[Shape],
) -> Digest:
    """Change what is given of a digest and return it; raises as ``add_digest`` does, with nothing changed.

    When its rhythm changes, its subscriptions lose their next slot: the next tick gives them one of the new
    rhythm. Their windows go on where they ended. Who waits for more posts is looked at anew when another
    number of them is enough.
    """
    old = get_digest(connection, slug)
    its = Cadence.parse(cadence or old.cadence)
    offered = check_cadences(its, cadences or sorted({*old.cadences, its}))
    day = _changed_day(at, old, offered)
    lateness = old.max_lateness if its == old.cadence else None
    new = replace(
        old,
        rule=old.rule if rule is None else check_rule(rule),
        title=old.title if title is None else check_title(title),
        cadence=its,
        cadences=offered,
        minute=day.minute,
        weekday=day.weekday or 0,
        monthday=day.monthday or 1,
        timezone=old.timezone if timezone is None else zone_name(timezone),
        language=old.language if language is None else check_language(language),
        template=old.template if template is None else check_template(template),
        max_age=old.max_age if max_age is None else check_span("max_age", max_age, least=_SECOND),
        max_lateness=_lateness(lateness if max_lateness is None else max_lateness, its),
        **check_shape(shape),
    )
    connection.execute(update(digest).where(digest.c.id == old.id).values(_values(new)))
    _rearm(connection, old, new)
    return new


def _rearm(connection: Connection, old: Digest, new: Digest) -> None:
    """Have their slot taken from the subscriptions of a digest that a change of it makes another.

    Of a rhythm that is another the next tick does it: they may be a million, and nobody waits for that.
    """
    if reader_rhythm(new) != reader_rhythm(old):
        connection.execute(update(digest).where(digest.c.id == old.id).values(rearm_after=0))
    elif new.min_posts != old.min_posts:
        # Without slots, it tells up to where there were too few posts.
        is_instant = func.coalesce(subscription.c.cadence, new.cadence) == Cadence.INSTANT
        theirs = update(subscription).where(subscription.c.digest_id == old.id, is_instant)
        connection.execute(theirs.values(next_slot=CHANGED))


def count_editions(connection: Connection, its: Digest, *, most: int = 1000) -> int:
    """How many editions a digest has, counted up to ``most``."""
    some = select(edition.c.id).where(edition.c.digest_id == its.id).limit(most).subquery()
    number: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return number


def check_unread(connection: Connection, its: Digest) -> None:
    """Raise ``DigestError`` where readers are subscribed: nobody is lost by a slip of the hand."""
    is_active = subscription.c.state == SubscriptionState.ACTIVE
    active = count_subscriptions(connection, its, is_active)
    if active:
        raise DigestError(
            f"digest {its.slug!r} has {active} subscription{'s' if active > 1 else ''}: "
            "removing it ends them and forgets what was sent; say so with --force"
        )


def count_subscriptions(connection: Connection, its: Digest, *which: ColumnElement[bool]) -> int:
    """How many subscriptions a digest has, of readers who left too."""
    query = select(func.count()).where(subscription.c.digest_id == its.id, *which)
    found: int = connection.execute(query).scalar_one()
    return found


def remove_digest(connection: Connection, slug: str, *, force: bool = False) -> int:
    """Remove a digest with its subscriptions, editions and ledger; return how many subscriptions it had.

    Raises ``DigestError`` when there is none of that slug, or without ``force`` as ``check_unread`` does.
    """
    found = get_digest(connection, slug)
    if not force:
        check_unread(connection, found)
    total = count_subscriptions(connection, found)
    connection.execute(delete(digest).where(digest.c.id == found.id))
    return total


def _lateness(asked: timedelta | None, cadence: Cadence) -> timedelta:
    lateness = MAX_LATENESS[cadence] if asked is None else asked
    return check_span("max_lateness", lateness, least=LEAST_LATENESS)


def _changed_day(text: str | None, old: Digest, offered: Sequence[Cadence]) -> At:
    kept = At(minute=old.minute, weekday=old.weekday, monthday=old.monthday)
    if text is None:
        return kept
    at = parse_at(text)
    check_at(at, offered)
    return filled(at, kept)


def _values(its: Digest) -> dict[str, Any]:
    """The row's columns, but for its number and what only ``planning.calling`` sets."""
    values = {field.name: getattr(its, field.name) for field in fields(its)}
    for name in ("id", "paused_at", "removed_at", "send_at"):
        del values[name]
    values["cadences"] = list(its.cadences)
    values["max_age_seconds"] = int(values.pop("max_age").total_seconds())
    values["max_lateness_seconds"] = int(values.pop("max_lateness").total_seconds())
    return values


def _digest(row: Row[Any]) -> Digest:
    return Digest(
        id=row.id,
        slug=row.slug,
        title=row.title,
        rule=row.rule,
        template=row.template,
        language=row.language,
        cadence=row.cadence,
        cadences=tuple(row.cadences),
        minute=row.minute,
        weekday=row.weekday,
        monthday=row.monthday,
        timezone=row.timezone,
        max_age=row.max_age_seconds * _SECOND,
        max_lateness=row.max_lateness_seconds * _SECOND,
        created_at=row.created_at,
        introduction=row.introduction,
        introduced_at=row.introduced_at,
        paused_at=row.paused_at,
        removed_at=row.removed_at,
        send_at=row.send_at,
        **{name: getattr(row, name) for name in SHAPE},
    )
