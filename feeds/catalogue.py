"""All feeds as a publisher looks at them: the one of everything, the configured ones, each label's own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from feeds.meant import Meant, MeantFeed, meant_feeds
from feeds.readership import EVERY, Readers, readers
from feeds.site import FeedSite
from feeds.specs import FeedState, everything, of_configured
from posts.blog import get_blog
from posts.labels import label_key
from posts.lookup import live_counts
from posts.matching import MOST_COUNTED
from posts.model import UNMET, label
from posts.rules import All, rule_labels
from posts.scope import Scope, count_in
from posts.shown import ShownPosts

_MOST = MOST_COUNTED + 1
# Of more feeds than these posts are counted together.
_FEW = 50
_LABELS = select(
    label.c.id, label.c.name, label.c.slug, label.c.feed_uri, label.c.revision, label.c.changed_at
)


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
    number: int = 0

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


@dataclass(slots=True)
class _Kept:
    """What is known of the feeds as they are, by name; and put in order, by what that needed."""

    meant: Meant
    feeds: list[Listed]
    states: dict[str, FeedState] = field(default_factory=dict)
    counted: list[Listed] | None = None
    dated: list[Listed] | None = None
    read: tuple[dict[str, Readers], list[Listed]] | None = None


class Catalogue:
    """Lists feeds. Keep it: it reads anew what changed of the blog, and readers once a minute.

    What is not needed to put feeds in order is looked up only of those that a page shows.
    """

    def __init__(self, site: FeedSite) -> None:
        self._site = site
        self._kept: _Kept | None = None
        self._counted: dict[str, int] = {}
        self._readers: tuple[datetime, dict[str, Readers]] | None = None

    def feeds(self, connection: Connection, *, now: datetime) -> list[Listed]:
        """All of them, by name, ``all`` first."""
        kept = self._known(connection)
        return self._completed(connection, kept, kept.feeds, now=now)

    def page(self, connection: Connection, *, now: datetime, order: Order, **asked: Any) -> Shelf:
        """A page of them; ``asked`` is what ``shelf`` takes."""
        kept = self._known(connection)
        found = shelf(self._sortable(connection, kept, order, now=now), order=order, **asked)
        return replace(found, feeds=self._completed(connection, kept, found.feeds, now=now))

    def readers(self, connection: Connection, *, now: datetime) -> dict[str, Readers]:
        """How many read each feed, by its permanent id, as it was a minute ago or later."""
        kept = self._readers
        if kept is None or abs(now - kept[0]) >= EVERY:
            kept = self._readers = now, readers(connection, now=now)
        return kept[1]

    def _known(self, connection: Connection) -> _Kept:
        meant, kept = meant_feeds(connection), self._kept
        if kept is None or kept.meant is not meant:
            kept = self._kept = _Kept(meant, self._all(connection, meant))
        return kept

    def _all(self, connection: Connection, meant: Meant) -> list[Listed]:
        """All feeds, nothing of them counted, and the configured ones without their own dates."""
        whole = everything(get_blog(connection), self._site)
        spec, changed_at = whole.spec, whole.changed_at
        found = [Listed(FeedKind.ALL, spec.slug, spec.title, spec.uri, str(spec.rule), 0, changed_at)]
        found += [_of_configured(one, self._site, changed_at) for one in meant.feeds]
        taken = {one.slug for one in found}
        found += [_of_label(row, taken) for row in connection.execute(_LABELS)]
        return sorted(found, key=_by_name)

    def _completed(
        self, connection: Connection, kept: _Kept, feeds: Sequence[Listed], *, now: datetime
    ) -> list[Listed]:
        dated = self._dated(connection, kept, self._with_posts(connection, kept, feeds))
        return _with_readers(dated, self.readers(connection, now=now))

    def _sortable(
        self, connection: Connection, kept: _Kept, order: Order, *, now: datetime
    ) -> Sequence[Listed]:
        """All by name, with what they are sorted by."""
        if order is Order.POSTS:
            kept.counted = kept.counted or self._with_posts(connection, kept, kept.feeds)
            return kept.counted
        if order is Order.CHANGED:
            kept.dated = kept.dated or self._dated(connection, kept, kept.feeds)
            return kept.dated
        if order is Order.READERS:
            told = self.readers(connection, now=now)
            if kept.read is None or kept.read[0] is not told:
                kept.read = told, _with_readers(kept.feeds, told)
            return kept.read[1]
        return kept.feeds

    def _dated(self, connection: Connection, kept: _Kept, feeds: Sequence[Listed]) -> list[Listed]:
        states = self._states(
            connection, kept, [one.slug for one in feeds if one.kind is FeedKind.CONFIGURED]
        )
        return [
            replace(one, changed_at=states[one.slug].changed_at) if one.kind is FeedKind.CONFIGURED else one
            for one in feeds
        ]

    def _states(self, connection: Connection, kept: _Kept, slugs: Sequence[str]) -> Mapping[str, FeedState]:
        """At least the states of these configured feeds, by slug."""
        wanted = set(slugs) - kept.states.keys()
        for feed in kept.meant.feeds:
            if feed.slug in wanted:
                index = kept.meant.index.only(rule_labels(feed.written))
                kept.states[feed.slug] = of_configured(connection, feed.row, self._site, index=index)
        return kept.states

    def _with_posts(self, connection: Connection, kept: _Kept, feeds: Sequence[Listed]) -> list[Listed]:
        numbers = live_counts(connection, [one.number for one in feeds if one.kind is FeedKind.LABEL])
        slugs = [one.slug for one in feeds if one.kind is FeedKind.CONFIGURED]
        counts = self._counts(connection, kept, slugs)
        whole = Scope(All())
        return [
            replace(
                one,
                posts=numbers.get(one.number, 0)
                if one.kind is FeedKind.LABEL
                else counts[one.slug]
                if one.kind is FeedKind.CONFIGURED
                else count_in(connection, whole, at_most=_MOST),
            )
            for one in feeds
        ]

    def _counts(self, connection: Connection, kept: _Kept, slugs: Sequence[str]) -> dict[str, int]:
        """The number of posts of these configured feeds; one that did not change is not counted again."""
        states = self._states(connection, kept, slugs)
        if len(self._counted) > 3 * len(kept.meant.feeds):
            self._counted = {}
        new = {slug for slug in slugs if states[slug].token not in self._counted}
        feeds = [one for one in kept.meant.feeds if one.slug in new]
        counted = {}
        if len(feeds) > _FEW:
            counted = _count_together(connection, kept.meant, feeds)
        else:
            for one in feeds:
                scope = Scope(one.rule, private=one.is_private)
                counted[one.slug] = count_in(connection, scope, at_most=_MOST)
        told = {states[slug].token: number for slug, number in counted.items()}
        found = {slug: (self._counted | told)[states[slug].token] for slug in slugs}
        self._counted |= told
        return found


def _count_together(connection: Connection, meant: Meant, feeds: Sequence[MeantFeed]) -> dict[str, int]:
    """The posts of many feeds at once: each label is read once, whoever names it."""
    named = {name for one in feeds for name in rule_labels(one.rule)}
    posts = ShownPosts(connection)
    posts.learn({one.id: one.name for one in meant.labels.values() if one.name in named})
    return {one.slug: min(posts.count(one.rule, private=one.is_private), _MOST) for one in feeds}


def _of_configured(feed: MeantFeed, site: FeedSite, changed_at: datetime) -> Listed:
    rule = str(feed.written)
    name = feed.title or f"{site.title}: {rule}"
    return Listed(FeedKind.CONFIGURED, feed.slug, name, feed.uri, rule, 0, changed_at, feed.is_private)


def _of_label(row: Any, taken: Collection[str]) -> Listed:
    number, name, slug, uri, revision, changed_at = row
    is_served = revision > UNMET and slug not in taken
    return Listed(FeedKind.LABEL, slug, name, uri, "", 0, changed_at, is_served=is_served, number=number)


def _with_readers(feeds: Sequence[Listed], told: Mapping[str, Readers]) -> list[Listed]:
    return [replace(one, readers=told[one.uri].total) if one.uri in told else one for one in feeds]


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
