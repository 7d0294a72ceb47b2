"""Rules of labels' names as feeds: of one meaning there is one feed, whoever asks for it and how."""

from collections.abc import Callable, Mapping
from functools import reduce
from itertools import product

from sqlalchemy import Connection

from feeds.addresses import ALL, EVERYTHING, NOTHING, Part, Sum, address, canonical
from posts.lookup import is_deleted_label, load_labels
from posts.rules import All, And, HasLabel, Not, Or, Rule, rule_labels

# The slug of a label that a text may stand for which is neither its name nor its slug; None: of none.
Guess = Callable[[Connection, str], str | None]


def name_of_rule(connection: Connection, rule: Rule, *, guess: Guess) -> str | None:
    """The name by which ``current_feed`` finds the feed of a rule; None when no label has one of its names.

    None too for a rule that no post can be under. Raises ``AddressError`` for one that is too much for an
    address.
    """
    slugs = _slugs(connection, rule, guess)
    known = {name: slug for name, slug in slugs.items() if slug is not None}
    if len(known) < len(slugs):
        return None
    meant = _meant(rule, known)
    if meant == NOTHING:
        return None
    return ALL if meant == EVERYTHING else address(meant)


def stranger_in(connection: Connection, rule: Rule, *, guess: Guess) -> str:
    """The name in a rule that no label has: one that never was before one of a deleted label; or nothing."""
    unknown = [name for name, slug in _slugs(connection, rule, guess).items() if slug is None]
    unknown.sort(key=lambda name: is_deleted_label(connection, name))
    return next(iter(unknown), "")


def _slugs(connection: Connection, rule: Rule, guess: Guess) -> dict[str, str | None]:
    """The slug that each name in a rule leads to."""
    names = rule_labels(rule)
    index = load_labels(connection, names).met()
    found: dict[str, str | None] = {}
    for name in names:
        label = index.named(name)
        if label is not None:
            found[name] = label.slug
        else:
            # What was deleted is gone, whatever else is called alike.
            found[name] = None if is_deleted_label(connection, name) else guess(connection, name)
    return found


def _meant(rule: Rule, slugs: Mapping[str, str], *, negated: bool = False) -> Sum:
    """A rule's canonical sum; made so at each step, it never grows beyond what eight labels can say."""
    match rule:
        case All():
            return NOTHING if negated else EVERYTHING
        case HasLabel(name):
            return frozenset({frozenset({Part(negated, slugs[name])})})
        case Not(inner):
            return _meant(inner, slugs, negated=not negated)
        case And(rules) | Or(rules):
            parts = [_meant(part, slugs, negated=negated) for part in rules]
            return reduce(_both if isinstance(rule, And) != negated else _either, parts)


def _both(one: Sum, other: Sum) -> Sum:
    return canonical(frozenset(left | right for left, right in product(one, other)))


def _either(one: Sum, other: Sum) -> Sum:
    return canonical(one | other)
