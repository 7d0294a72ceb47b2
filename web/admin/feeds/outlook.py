"""Who names a label: the feeds and digests whose rules do, and the readers by email who chose it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from digests.store import list_digests
from feeds.configured import configured_feeds
from posts.foreseeing import Change, Foresight, visible_then
from posts.matching import MOST_COUNTED
from posts.privaterules import PrivateRules
from posts.querying import NOTHING
from posts.rules import Rule, parse
from posts.scope import Scope, count_in
from subscribers.choosing import Choosing, count_choosing

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Namer:
    """What names a label in its rule: ``kind`` is feed, private feed or digest, ``path`` where it is changed.

    ``now`` and ``then`` are how many posts are under its rule, ``MOST_COUNTED`` and one more at most.
    """

    kind: str
    name: str
    path: str
    rule: Rule
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Namers:
    """The first of those that name a label, how many more there are, and who chose it."""

    shown: Sequence[Namer]
    more: int
    choosing: Choosing


def find_namers(connection: Connection, change: Change, *, slugs: Sequence[str]) -> Namers:
    """Who names the label of a change, or would mean something else after it; ``slugs`` lead to the label."""
    found = list(_rules(connection))
    hidden = PrivateRules(connection).together or NOTHING
    seen = Foresight(connection, change, [hidden, *(rule for *_, rule, _ in found)])
    naming = [one for one in found if seen.names(one[3])]
    shown = []
    for kind, name, path, rule, is_private in naming[:_MOST_SHOWN]:
        scopes = Scope(rule, private=is_private), visible_then(seen, rule, hidden, private=is_private)
        now, then = (count_in(connection, one, at_most=MOST_COUNTED + 1, index=seen.index) for one in scopes)
        shown.append(Namer(kind, name, path, rule, now, then))
    choosing = count_choosing(connection, slugs, at_most=MOST_COUNTED + 1)
    return Namers(shown, len(naming) - len(shown), choosing)


def _rules(connection: Connection) -> Iterator[tuple[str, str, str, Rule, bool]]:
    """The rules that a publisher wrote: of what kind of thing, its name, where it is changed; and whether it
    shows private posts.
    """
    for row in configured_feeds(connection):
        kind = "private feed" if row.is_private else "feed"
        yield kind, row.slug, f"/feeds/configured/{row.slug}", parse(row.rule), row.is_private
    for its in list_digests(connection):
        yield "digest", its.slug, f"/digests/{its.slug}", parse(its.rule), False
