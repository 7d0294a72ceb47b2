"""Who names a label: the feeds and digests whose rules do, and the readers by email who chose it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from digests.store import list_digests
from feeds.meant import meant_feeds
from posts.foreseeing import Change, Foresight, visible_then
from posts.matching import MOST_COUNTED
from posts.privaterules import PrivateRules
from posts.querying import NOTHING
from posts.rules import Rule, parse
from posts.shown import ShownPosts
from subscribers.choosing import Choosing, are_many, count_choosing
from web.operations.figures import kept_choosing

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Namer:
    """What names a label in its rule: ``kind`` is feed, private feed or digest, ``path`` where it is changed.

    ``now`` and ``then`` are how many posts are under its rule.
    """

    kind: str
    name: str
    path: str
    rule: Rule
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Namers:
    """The first of those that name a label, how many more there are, and who chose it.

    ``as_of`` is when it was counted who did, where that was not just now; ``choosing`` is None where they
    are many and nobody counted them yet.
    """

    shown: Sequence[Namer]
    more: int
    choosing: Choosing | None
    as_of: datetime | None = None


def find_namers(connection: Connection, change: Change, *, slugs: Sequence[str], posts: ShownPosts) -> Namers:
    """Who names the label of a change, or would mean something else after it; ``slugs`` lead to the label."""
    found = list(_rules(connection, change))
    hidden = PrivateRules(connection).together or NOTHING
    seen = Foresight(connection, change, [hidden, *(rule for *_, rule, _ in found)])
    naming = [one for one in found if seen.names(one[3])]
    told = [
        (seen.before(rule), visible_then(seen, rule, hidden, private=is_private).rule)
        for *_, rule, is_private in naming[:_MOST_SHOWN]
    ]
    seen.learn(posts, *(rule for both in told for rule in both))
    shown = []
    for (kind, name, path, rule, is_private), (before, after) in zip(naming, told, strict=False):
        now = posts.count(before, private=is_private)
        # What will be public then may be private now.
        then = posts.count(after, private=True)
        shown.append(Namer(kind, name, path, rule, now, then))
    more = len(naming) - len(shown)
    if not are_many(connection):
        return Namers(shown, more, count_choosing(connection, slugs, at_most=MOST_COUNTED + 1))
    kept = kept_choosing(connection, slugs)
    return Namers(shown, more, *kept) if kept else Namers(shown, more, None)


def _rules(connection: Connection, change: Change) -> Iterator[tuple[str, str, str, Rule, bool]]:
    """The rules that a change may matter to: of what kind of thing, its name, where it is changed; and
    whether it shows private posts.
    """
    ids = {change.label.id} | ({change.into.id} if change.into else set())
    # Also those that name what there is not yet.
    for feed in meant_feeds(connection).naming(ids, change.name, change.slug):
        kind = "private feed" if feed.is_private else "feed"
        yield kind, feed.slug, f"/feeds/configured/{feed.slug}", feed.written, feed.is_private
    for its in list_digests(connection):
        yield "digest", its.slug, f"/digests/{its.slug}", parse(its.rule), False
