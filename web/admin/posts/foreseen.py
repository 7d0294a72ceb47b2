"""What a change of posts by hand would come to: told before it is done, in numbers of posts and feeds."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from feeds.configured import configured_feeds
from posts.labels import label_key
from posts.lookup import load_labels
from posts.model import PostState, label, post, post_label, post_override
from posts.querying import simplify
from posts.revisions import batched
from posts.rules import Rule, matches, parse, rule_labels

FEEDS_NAMED = 20
_WAITS = {PostState.LIVE, PostState.PRIVATE, PostState.SCHEDULED}


class Deed(StrEnum):
    """What may be done to posts by hand."""

    ADD = "add"
    REMOVE = "remove"
    HIDE = "hide"
    SHOW = "show"


@dataclass(frozen=True, slots=True)
class Effect:
    """A feed, and how many posts come into it and go out of it."""

    name: str
    enters: int
    leaves: int


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of a change: of so many posts so many are changed, the others are so already.

    ``effects`` are the feeds that posts come into or go out of, those of most posts first, and ``more`` how
    many further ones there are. ``touched`` is how many feeds show a post that changes otherwise.
    """

    asked: int
    changed: int
    effects: tuple[Effect, ...]
    more: int
    touched: int


@dataclass(frozen=True, slots=True)
class _Feed:
    name: str
    rule: Rule
    is_private: bool


@dataclass(frozen=True, slots=True)
class _Post:
    state: PostState
    published: datetime
    said: PostState | None
    keys: frozenset[str]


def foresee(
    connection: Connection, post_ids: Sequence[int], deed: Deed, name: str, *, now: datetime
) -> Foreseen:
    """What doing this to these posts would come to."""
    key, name = _meant(connection, name)
    feeds = _feeds(connection)
    names = {key: name}
    entered: Counter[str] = Counter()
    left: Counter[str] = Counter()
    touched: set[str] = set()
    changed = 0
    for one in _posts(connection, post_ids, names):
        then = _changed(one, deed, key, feeds, now)
        if then is None:
            continue
        changed += 1
        was, becomes = _shown_in(one, feeds, names), _shown_in(then, feeds, names)
        entered.update(becomes - was)
        left.update(was - becomes)
        if one.keys != then.keys:
            touched |= was & becomes
    effects = [
        Effect(feed, entered[feed], left[feed]) for feed in sorted({*entered, *left}, key=str.casefold)
    ]
    effects.sort(key=lambda effect: -(effect.enters + effect.leaves))
    moved = {effect.name for effect in effects}
    return Foreseen(
        asked=len(post_ids),
        changed=changed,
        effects=tuple(effects[:FEEDS_NAMED]),
        more=max(0, len(effects) - FEEDS_NAMED),
        touched=len(touched - moved),
    )


def _meant(connection: Connection, name: str) -> tuple[str, str]:
    """The key and the name of the label that a name leads to, or of the one that would be made."""
    if not name:
        return "", ""
    index = load_labels(connection, [name])
    key = label_key(name)
    found = index.by_key.get(key) or index.old_keys.get(key)
    return (label_key(found.name), found.name) if found else (key, name)


def _feeds(connection: Connection) -> list[_Feed]:
    rows = [(row, parse(row.rule)) for row in configured_feeds(connection)]
    index = load_labels(connection, {name for _, rule in rows for name in rule_labels(rule)})
    # By the names that labels have now.
    return [_Feed(_called(row.slug, row.title), simplify(rule, index), row.is_private) for row, rule in rows]


def _called(slug: str, title: str | None) -> str:
    """What a configured feed is called: two may have one title."""
    return f"{title} (feed {slug})" if title else f"{slug} (feed)"


def _posts(connection: Connection, post_ids: Iterable[int], names: dict[str, str]) -> Iterable[_Post]:
    """These posts as they are; ``names`` learns those of their labels, by key."""
    for some in batched(post_ids):
        keys: dict[int, set[str]] = {}
        tied = select(post_label.c.post_id, label.c.key, label.c.name)
        tied = tied.join(label, label.c.id == post_label.c.label_id)
        for post_id, key, name in connection.execute(tied.where(post_label.c.post_id.in_(some))):
            keys.setdefault(post_id, set()).add(key)
            names[key] = name
        hidden = select(post_override.c.post_id, post_override.c.said).where(
            post_override.c.post_id.in_(some), post_override.c.is_hidden
        )
        said = {row.post_id: row.said for row in connection.execute(hidden)}
        query = select(post.c.id, post.c.state, post.c.published).where(post.c.id.in_(some))
        for post_id, state, published in connection.execute(query):
            source = PostState(said[post_id]) if post_id in said else None
            yield _Post(PostState(state), published, source, frozenset(keys.get(post_id, ())))


def _changed(one: _Post, deed: Deed, key: str, feeds: Collection[_Feed], now: datetime) -> _Post | None:
    """A post as it would be; None when it is so already."""
    keys, said = one.keys, one.said
    match deed:
        case Deed.ADD:
            keys |= {key}
        case Deed.REMOVE:
            keys -= {key}
        case Deed.HIDE:
            said = said or (PostState.LIVE if one.state in _WAITS else one.state)
        case Deed.SHOW:
            said = None
    if (keys, said) == (one.keys, one.said):
        return None
    source = one.said or (PostState.LIVE if one.state in _WAITS else one.state)
    state = PostState.DRAFT if said is PostState.LIVE else source
    if state is PostState.LIVE:
        is_private = any(feed.is_private and matches(feed.rule, keys) for feed in feeds)
        state = PostState.PRIVATE if is_private else PostState.LIVE
        if one.published > now or one.state is PostState.SCHEDULED:
            state = PostState.SCHEDULED
    return _Post(state, one.published, said, keys)


def _shown_in(one: _Post, feeds: Collection[_Feed], names: dict[str, str]) -> set[str]:
    """The feeds that show a post."""
    is_live = one.state is PostState.LIVE
    shown = {names[key] for key in one.keys} if is_live else set()
    if is_live or one.state is PostState.PRIVATE:
        shown |= {
            feed.name for feed in feeds if (is_live or feed.is_private) and matches(feed.rule, one.keys)
        }
    return shown
