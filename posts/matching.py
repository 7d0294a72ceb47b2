"""What a rule that is being written would find, and the labels that what is being typed may become."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, case, func, select

from posts.labels import label_key
from posts.lookup import as_label, load_labels, nearest_labels, nearest_to_each, unknown_labels
from posts.model import Label, Post, label
from posts.querying import live_size
from posts.reading import get_posts
from posts.rules import Rule, parse
from posts.scope import Scope, count_in, newest_in

# Posts are counted no further: beyond, "more than" says enough.
MOST_COUNTED = 10_000
# Names that others are compared with: among ten thousand labels each takes 20 ms.
_MOST_LIKENED = 3


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name in a rule that no label has yet, and the names of labels that look like it."""

    name: str
    nearest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """What is under a rule: how many posts, where ``has_more`` more than that, and the newest of them."""

    rule: Rule
    count: int
    has_more: bool
    newest: Sequence[Post]
    unknown: Sequence[Unknown]


def find_matches(connection: Connection, text: str, *, private: bool = False, limit: int = 10) -> Matches:
    """Read a rule and look what is under it, private posts too where ``private``; raises ``RuleError``."""
    rule = parse(text)
    scope = Scope(rule, private=private)
    counted = count_in(connection, scope, at_most=MOST_COUNTED + 1)
    return Matches(
        rule,
        min(counted, MOST_COUNTED),
        counted > MOST_COUNTED,
        get_posts(connection, newest_in(connection, scope, limit=limit)),
        unknown_in_rule(connection, rule),
    )


def unknown_in_rule(connection: Connection, rule: Rule) -> list[Unknown]:
    """The names in a rule that no label has yet, the first few each with the nearest that labels have."""
    names = unknown_labels(connection, rule)
    likened = names[:_MOST_LIKENED]
    nearest = dict(zip(likened, nearest_to_each(connection, likened), strict=True))
    return [Unknown(name, tuple(nearest.get(name, ()))) for name in names]


def complete_label(connection: Connection, typed: str, *, limit: int = 10) -> list[Label]:
    """Labels that what was typed may become, the likeliest first, with the number of their live posts.

    The one it names, now or once; those that begin with it; those a word of which does; those that have it
    in them; where there are none of these, those that look like it. ``posts`` is ``MOST_COUNTED`` at most.
    """
    key = label_key(typed)
    named = load_labels(connection, [typed]).named(typed)
    begins = label.c.key.startswith(key, autoescape=True)
    begins_word = label.c.key.contains(f" {key}", autoescape=True)
    query = (
        select(label)
        .where(label.c.key.contains(key, autoescape=True))
        .order_by(case((begins, 0), (begins_word, 1), else_=2), func.length(label.c.key), label.c.key)
        .limit(limit)
    )
    found = [] if named is None else [named]
    found += [one for one in map(as_label, connection.execute(query)) if one != named]
    if not found:
        index = load_labels(connection, names := nearest_labels(connection, typed, limit=limit))
        found = [one for name in names if (one := index.named(name)) is not None]
    counted = [live_size(connection, one.id, at_most=MOST_COUNTED) for one in found[:limit]]
    return [replace(one, posts=posts) for one, posts in zip(found, counted, strict=False)]
