"""What a change of posts by hand would come to: told before it is done, in numbers of posts and feeds.

Ten thousand posts and a thousand feeds are told in a moment: posts are bits of numbers (``posts.bits``), and
each rule is asked for all of them at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection

from feeds.meant import Meant, MeantFeed, meant_feeds
from posts.bits import matching
from posts.labels import clean_name, label_key, slugify
from posts.lookup import LabelIndex, load_labels
from posts.model import Label
from posts.querying import simplify
from posts.rules import Rule
from posts.together import Together, first_names, stand_together

FEEDS_NAMED = 20
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


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
class _Turn:
    """Posts before and after a change, as sets of bits; ``relabelled`` are those whose labels change."""

    changed: int
    relabelled: int
    live: tuple[int, int]
    private: tuple[int, int]

    def of_feed(self, was: int, becomes: int, *, is_private: bool) -> tuple[int, int]:
        """The posts that a feed shows before and after, of those under its rule."""
        if is_private:
            return was & (self.live[0] | self.private[0]), becomes & (self.live[1] | self.private[1])
        return was & self.live[0], becomes & self.live[1]


class _Moves:
    """What feeds gain, lose, and show otherwise, by what they are called."""

    def __init__(self, relabelled: int) -> None:
        self._relabelled = relabelled
        self.effects: list[Effect] = []
        self.touched = 0

    def add(self, whose: MeantFeed | Label, was: int, becomes: int) -> None:
        """A feed that showed these posts shows those."""
        enters, leaves = (becomes & ~was).bit_count(), (was & ~becomes).bit_count()
        if enters or leaves:
            self.effects.append(Effect(_called(whose), enters, leaves))
        elif was & becomes & self._relabelled:
            self.touched += 1


def foresee(
    connection: Connection, post_ids: Sequence[int], deed: Deed, name: str, *, now: datetime
) -> Foreseen:
    """What doing this to these posts would come to."""
    meant = meant_feeds(connection)
    label, is_new = _meant(connection, name)
    posts = stand_together(connection, post_ids, now=now)
    wanted = {one.id: one.name for one in meant.labels.values()}
    labelled = posts.labelled(wanted | ({label.id: label.name} if label else {}))
    has = labelled.get(label.name, 0) if label else 0
    after = labelled
    if label is not None and deed in {Deed.ADD, Deed.REMOVE}:
        after = labelled | {label.name: posts.everything if deed is Deed.ADD else 0}
    then = {} if label is None or after is labelled else _rules_then(meant, label, is_new=is_new)
    turn = _turned(posts, deed, has, _hidden(meant, then, after, posts.everything))
    moves = _Moves(turn.relabelled)
    if label is not None:
        held = turn.live[0] & has, turn.live[1] & after.get(label.name, 0)
        moves.add(label, *held)
    for feed in meant.feeds:
        was = matching(feed.rule, labelled, posts.everything)
        becomes = matching(then[feed.slug], after, posts.everything) if feed.slug in then else was
        moves.add(feed, *turn.of_feed(was, becomes, is_private=feed.is_private))
    return _told(connection, posts, turn, moves, besides=label.id if label else None)


def _meant(connection: Connection, name: str) -> tuple[Label | None, bool]:
    """The label that a name leads to, or the one that would be made, and whether it would be."""
    if not name:
        return None, False
    index, key = load_labels(connection, [name]), label_key(name)
    found = index.by_key.get(key) or index.old_keys.get(key)
    if found is not None:
        return found, False

    def is_taken(slug: str) -> bool:
        there = load_labels(connection, [slug])
        return slug in there.by_slug or slug in there.old_slugs

    # A rule may have its address for its name.
    return Label(0, clean_name(name), slugify(name, taken=is_taken), "", 0, _NEVER), True


def _rules_then(meant: Meant, label: Label, *, is_new: bool) -> dict[str, Rule]:
    """The rules to be asked anew, by their feeds' slugs: those that name the label, or will."""
    if not is_new:
        return {feed.slug: feed.rule for feed in meant.naming({label.id})}
    index = meant.index
    by_key = {**index.by_key, label_key(label.name): label}
    then = LabelIndex(by_key, {**index.by_slug, label.slug: label}, index.old_keys, index.old_slugs)
    return {feed.slug: simplify(feed.written, then) for feed in meant.naming((), label.name, label.slug)}


def _hidden(meant: Meant, then: Mapping[str, Rule], labelled: Mapping[str, int], everything: int) -> int:
    """The posts that are under the rule of a private feed."""
    found = 0
    for feed in meant.feeds:
        if feed.is_private:
            found |= matching(then.get(feed.slug, feed.rule), labelled, everything)
    return found


def _turned(posts: Together, deed: Deed, has: int, hidden: int) -> _Turn:
    """The posts once this is done; ``has`` are those that have the label, ``hidden`` those to be private."""
    waits = posts.live | posts.private | posts.scheduled
    relabelled = 0
    match deed:
        case Deed.HIDE:
            changed, comes = posts.everything & ~posts.held, 0
        case Deed.SHOW:
            changed, comes = posts.held, posts.held_live
        case Deed.ADD | Deed.REMOVE:
            changed = relabelled = posts.everything & ~has if deed is Deed.ADD else has
            comes = changed & waits & ~posts.held
    # What comes is shown, unless it waits for its date or is private.
    comes &= ~(posts.later | posts.scheduled)
    live = (posts.live & ~changed) | (comes & ~hidden)
    private = (posts.private & ~changed) | (comes & hidden)
    return _Turn(changed, relabelled, (posts.live, live), (posts.private, private))


def _told(
    connection: Connection, posts: Together, turn: _Turn, moves: _Moves, *, besides: int | None
) -> Foreseen:
    """The feeds that change most; labels' own are counted here, but for the label ``besides``."""
    was, becomes = turn.live
    left, entered = posts.count_labels(was & ~becomes), posts.count_labels(becomes & ~was)
    kept = posts.count_labels(was & becomes & turn.relabelled).keys()
    moved = {one: entered[one] + left[one] for one in {*entered, *left} - {besides}}
    names = _largest(connection, moved)
    effects = [*moves.effects, *(Effect(name, entered[one], left[one]) for one, name in names.items())]
    effects.sort(key=lambda effect: (-(effect.enters + effect.leaves), effect.name.casefold()))
    number = len(moves.effects) + len(moved)
    return Foreseen(
        asked=posts.everything.bit_count(),
        changed=turn.changed.bit_count(),
        effects=tuple(effects[:FEEDS_NAMED]),
        more=max(0, number - FEEDS_NAMED),
        touched=moves.touched + len(kept - moved.keys() - {besides}),
    )


def _largest(connection: Connection, moved: Mapping[int, int]) -> dict[int, str]:
    """The names of the labels of which most posts move, by their ids; between equals the first by name."""
    if not moved:
        return {}
    least = sorted(moved.values(), reverse=True)[:FEEDS_NAMED][-1]
    above = [one for one, count in moved.items() if count > least]
    equal = [one for one, count in moved.items() if count == least]
    return {
        number: name
        for some in (above, equal)
        for number, name in first_names(connection, some, limit=FEEDS_NAMED).items()
    }


def _called(feed: MeantFeed | Label) -> str:
    """What a feed is called, a label's as the label; two configured ones may have one title."""
    if isinstance(feed, Label):
        return feed.name
    return f"{feed.title} (feed {feed.slug})" if feed.title else f"{feed.slug} (feed)"
