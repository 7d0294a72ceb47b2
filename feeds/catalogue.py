"""All feeds as a publisher looks at them: the one of everything, the configured ones, each label's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select

from feeds.addresses import ALL
from feeds.configured import configured_feeds
from feeds.readership import EVERY, Readers, readers
from feeds.site import FeedSite
from feeds.specs import FeedState, everything, of_configured
from posts.batch import label_stamps, labels_by_id
from posts.blog import get_blog
from posts.labels import label_key
from posts.lookup import as_label, live_counts
from posts.matching import MOST_COUNTED
from posts.model import UNMET, Label, label
from posts.scope import Scope, count_in


class FeedKind(StrEnum):
    """Where a feed comes from; a label's is there without being configured."""

    ALL = "all"
    CONFIGURED = "configured"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Listed:
    """A feed in the list.

    ``name`` is its title or its label's name. ``posts`` is counted up to ``MOST_COUNTED`` and one more, but
    for labels' own. ``is_served`` is False where nobody is to hear of it: no live post ever had the label, or
    a configured feed stands at its address.
    """

    kind: FeedKind
    slug: str
    name: str
    uri: str
    rule: str
    posts: int
    changed_at: datetime
    is_private: bool = False
    is_served: bool = True
    readers: int = 0

    @property
    def key(self) -> str:
        """What tells it from all others, in an address."""
        return f"{self.kind}.{self.slug}"


class Order(StrEnum):
    """What the list is sorted by: names from A on, the others from the most or the latest on."""

    NAME = "name"
    POSTS = "posts"
    READERS = "readers"
    CHANGED = "changed"


class Show(StrEnum):
    """Which feeds are listed."""

    ALL = "all"
    CONFIGURED = "configured"
    LABELS = "labels"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page of the list, how many are found in all, and the keys that its neighbours go on from."""

    feeds: Sequence[Listed]
    found: int
    first: int
    before: str | None
    after: str | None


class Catalogue:
    """Lists feeds. Keep it: it reads what changed of the blog, and readers once a minute."""

    def __init__(self, site: FeedSite) -> None:
        self._site = site
        self._known: tuple[str, list[Listed]] | None = None
        self._counted: dict[str, int] = {}
        self._labelled: dict[str, Listed] = {}
        self._readers: tuple[datetime, dict[str, Readers]] | None = None

    def feeds(self, connection: Connection, *, now: datetime) -> list[Listed]:
        """All of them, by name, ``all`` first."""
        configured = configured_feeds(connection)
        blog = get_blog(connection)
        newest = connection.execute(select(func.max(label.c.id))).scalar()
        stamp = f"{blog.revision} {blog.changed_at} {newest} {configured}"
        known = self._known
        if known is None or known[0] != stamp:
            known = self._known = stamp, self._read(connection, configured)
        told = self.readers(connection, now=now)
        nobody = Readers()
        return [
            replace(feed, readers=count)
            if (count := told.get(feed.uri, nobody).total) != feed.readers
            else feed
            for feed in known[1]
        ]

    def readers(self, connection: Connection, *, now: datetime) -> dict[str, Readers]:
        """How many read each feed, by its permanent id, as it was a minute ago or later."""
        kept = self._readers
        if kept is None or abs(now - kept[0]) >= EVERY:
            kept = self._readers = now, readers(connection, now=now)
        return kept[1]

    def _read(self, connection: Connection, configured: Sequence[Any]) -> list[Listed]:
        states = [everything(get_blog(connection), self._site)]
        states += [of_configured(connection, row, self._site) for row in configured]
        counted = self._counts(connection, states)
        taken = {state.spec.slug for state in states}
        found = [_listed(state, counted[state.token]) for state in states]
        found += [
            replace(one, is_served=False) if one.slug in taken else one for one in self._labels(connection)
        ]
        return sorted(found, key=_by_name)

    def _labels(self, connection: Connection) -> list[Listed]:
        """Every label's feed; only those that changed are read and counted."""
        stamps, before = label_stamps(connection), self._labelled
        new = {int(stamp.split(" ", 1)[0]): stamp for stamp in stamps if stamp not in before}
        counted = live_counts(connection, new)
        read = {
            new[number]: _of_label(one, counted.get(number, 0))
            for number, one in labels_by_id(connection, list(new)).items()
        }
        labelled = {stamp: read[stamp] if stamp in read else before[stamp] for stamp in stamps}
        self._labelled = labelled
        unmet = connection.execute(select(label).where(label.c.revision <= UNMET)).all()
        return [*labelled.values(), *(_of_label(as_label(row), 0) for row in unmet)]

    def _counts(self, connection: Connection, states: Sequence[FeedState]) -> dict[str, int]:
        """The number of posts of each feed, by its token: what did not change is not counted again."""
        before = self._counted
        counted = {
            state.token: before[state.token] if state.token in before else _count(connection, state)
            for state in states
        }
        self._counted = counted
        return counted


def _listed(state: FeedState, posts: int) -> Listed:
    spec = state.spec
    kind = FeedKind.ALL if spec.slug == ALL else FeedKind.CONFIGURED
    return Listed(
        kind, spec.slug, spec.title, spec.uri, str(spec.rule), posts, state.changed_at, spec.is_private
    )


def _of_label(one: Label, posts: int) -> Listed:
    return Listed(
        FeedKind.LABEL,
        one.slug,
        one.name,
        one.feed_uri,
        "",
        posts,
        one.changed_at,
        is_served=one.is_met,
    )


def _count(connection: Connection, state: FeedState) -> int:
    scope = Scope(state.spec.rule, private=state.spec.is_private)
    return count_in(connection, scope, at_most=MOST_COUNTED + 1)


def _by_name(feed: Listed) -> tuple[bool, str, str, str]:
    return feed.kind is not FeedKind.ALL, feed.name.casefold(), feed.name, feed.key


def shelf(
    feeds: Sequence[Listed],
    *,
    words: str = "",
    show: Show = Show.ALL,
    order: Order = Order.NAME,
    after: str = "",
    before: str = "",
    size: int = 50,
) -> Shelf:
    """A page of the feeds, which come by name: those that follow the key ``after``, or precede ``before``.

    A key that is not there (any more) begins anew. ``words`` stand in the name or slug of what is listed.
    """
    key = label_key(words)
    found = [one for one in feeds if _is_shown(one, show) and (not key or _has(one, key))]
    if order is Order.POSTS:
        found.sort(key=lambda one: -one.posts)
    elif order is Order.READERS:
        found.sort(key=lambda one: -one.readers)
    elif order is Order.CHANGED:
        found.sort(key=lambda one: one.changed_at, reverse=True)
    place = {one.key: number for number, one in enumerate(found)} if after or before else {}
    begin = max(0, place.get(before, 0) - size) if before else place.get(after, -1) + 1
    page = found[begin : begin + size]
    return Shelf(
        page,
        len(found),
        begin + 1,
        page[0].key if page and begin else None,
        page[-1].key if begin + size < len(found) else None,
    )


def _is_shown(feed: Listed, show: Show) -> bool:
    match show:
        case Show.ALL:
            return True
        case Show.CONFIGURED:
            return feed.kind is FeedKind.CONFIGURED
        case Show.LABELS:
            return feed.kind is FeedKind.LABEL
        case Show.PRIVATE:
            return feed.is_private


def _has(feed: Listed, key: str) -> bool:
    return key in feed.name.casefold() or key in feed.slug
