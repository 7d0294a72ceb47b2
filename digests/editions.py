"""Planning: which digests are due, which posts each edition holds, and who gets it.

All of it happens in one transaction: the edition is frozen, its deliveries are entered in the ledger and the
subscriptions' windows move on together, or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from database import Database
from database.upsert import insert_all_new
from digests.agenda import Due, arm, due_subscriptions, is_anything_due, move_on
from digests.model import DeliveryState, Digest, delivery, edition, edition_post
from digests.selection import choose, current_labels
from digests.store import list_digests
from posts.blog import close_news, get_blog
from posts.intake import release_scheduled
from posts.lookup import label_aliases
from posts.rules import parse
from posts.store import News, news

BATCH = 2000


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What planning came to: new editions, new deliveries, and digests too late that fold into the next."""

    editions: int = 0
    deliveries: int = 0
    folded: int = 0
    decided: int = 0

    def __str__(self) -> str:
        """In a line; empty when nothing worth a word was done."""
        words = []
        if self.deliveries:
            words.append(f"{self.deliveries} deliveries of {self.editions} new editions")
        if self.folded:
            words.append(f"{self.folded} digests too late, folded into the next")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class EditionKey:
    """What readers share who share an edition."""

    digest_id: int
    window_start: datetime
    window_end: datetime
    labels: tuple[str, ...]
    language: str


class Planner:
    """Turns due subscriptions into editions and deliveries. ``mail_domain`` ends each Message-ID."""

    def __init__(self, database: Database, *, mail_domain: str) -> None:
        self._database = database
        self._mail_domain = mail_domain

    def is_due(self, now: datetime) -> bool:
        """Whether there is anything to plan at ``now``."""
        with self._database.read() as connection:
            return is_anything_due(connection, now)

    def plan(self, now: datetime) -> PlanReport:
        """Plan all that is due at ``now``, a transaction per ``BATCH`` of subscriptions."""
        editions = deliveries = folded = decided = 0
        while True:
            with self._database.write() as connection:
                part = self._plan_batch(connection, now)
            editions += part.editions
            deliveries += part.deliveries
            folded += part.folded
            decided += part.decided
            if part.decided < BATCH:
                return PlanReport(editions, deliveries, folded, decided)

    def _plan_batch(self, connection: Connection, now: datetime) -> PlanReport:
        # Held to the end: no import may store news into a window while it is being closed.
        get_blog(connection, lock=True)
        # What becomes visible by now does so before a window that ends by now is closed.
        release_scheduled(connection, now=now)
        arm(connection, now)
        digests = {one.id: one for one in list_digests(connection)}
        due = due_subscriptions(connection, now, digests=digests, limit=BATCH)
        sendable = [one for one in due if one.window_end is not None]
        posts = _Posts(connection, digests, label_aliases(connection))
        editions = deliveries = 0
        for key, group in _by_edition(sendable, posts.aliases).items():
            found = self._edition(connection, key, group, posts, now)
            if found is not None:
                number, is_new = found
                editions += is_new
                deliveries += self._enlist(connection, number, group, now)
        move_on(connection, due)
        if sendable:
            close_news(connection, until=max(one.window_end for one in sendable if one.window_end))
        return PlanReport(editions, deliveries, len(due) - len(sendable), len(due))

    def _edition(
        self, connection: Connection, key: EditionKey, group: Sequence[Due], posts: "_Posts", now: datetime
    ) -> tuple[int, bool] | None:
        """The edition's number and whether it is new; None when there is no news to make one of."""
        unique = {
            "digest_id": key.digest_id,
            "window_start": key.window_start,
            "window_end": key.window_end,
            "labels": ",".join(key.labels),
            "language": key.language,
            "template": posts.digests[key.digest_id].template,
        }
        existing = select(edition.c.id).filter_by(**unique)
        known = connection.execute(existing).scalar_one_or_none()
        if known is not None:
            return known, False
        chosen = posts.of(key)
        if not chosen:
            return None
        folded = any(one.folded for one in group)
        values = {**unique, "folded": folded, "created_at": now}
        number = connection.execute(insert(edition).values(values).returning(edition.c.id)).scalar_one()
        frozen = [
            {"edition_id": number, "position": place, "post_id": post} for place, post in enumerate(chosen)
        ]
        connection.execute(insert(edition_post), frozen)
        return number, True

    def _enlist(self, connection: Connection, number: int, group: Iterable[Due], now: datetime) -> int:
        """Enter the deliveries in the ledger, unless they are there."""
        rows = [
            {
                "edition_id": number,
                "subscriber_id": one.subscriber_id,
                "subscription_id": one.subscription_id,
                "state": DeliveryState.QUEUED,
                "attempt": 0,
                "doubts": 0,
                "message_id": f"<{uuid4().hex}@{self._mail_domain}>",
                "due_at": now,
                "created_at": now,
                "updated_at": now,
            }
            for one in group
        ]
        return insert_all_new(connection, delivery, rows, returning=delivery.c.id)


class _Posts:
    """Which posts each edition of a batch gets; a window's news is asked for once, whatever was chosen."""

    def __init__(
        self, connection: Connection, digests: Mapping[int, Digest], aliases: Mapping[str, str]
    ) -> None:
        self.digests = digests
        self.aliases = aliases
        self._connection = connection
        self._news: dict[tuple[int, datetime, datetime], Sequence[News]] = {}

    def of(self, key: EditionKey) -> tuple[int, ...]:
        window = (key.digest_id, key.window_start, key.window_end)
        if window not in self._news:
            its = self.digests[key.digest_id]
            self._news[window] = _window_news(self._connection, its, key.window_start, key.window_end)
        return choose(self._news[window], key.labels, aliases=self.aliases)


def _window_news(connection: Connection, its: Digest, start: datetime, end: datetime) -> Sequence[News]:
    return news(connection, parse(its.rule), after=start, until=end, max_age=its.max_age)


def news_of(
    connection: Connection, its: Digest, start: datetime, end: datetime, labels: Sequence[str]
) -> tuple[int, ...]:
    """The posts that are news to a digest in the window ``(start, end]``, for the labels a reader chose."""
    found = _window_news(connection, its, start, end)
    return choose(found, labels, aliases=label_aliases(connection))


def _by_edition(due: Iterable[Due], aliases: Mapping[str, str]) -> Mapping[EditionKey, list[Due]]:
    """Readers who share an edition, together: also those whose labels had other names when they chose."""
    groups: dict[EditionKey, list[Due]] = defaultdict(list)
    for one in due:
        if one.window_end is not None:
            labels = current_labels(one.labels, aliases=aliases)
            key = EditionKey(one.digest_id, one.window_start, one.window_end, labels, one.language)
            groups[key].append(one)
    return groups
