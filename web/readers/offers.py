"""What readers may choose of a digest: the labels that are offered, and which digests a label is in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

from sqlalchemy import Connection

from digests.model import Digest
from digests.store import offered_digests
from posts.counted import counted
from posts.labels import label_key
from posts.lookup import load_labels
from posts.model import Label
from posts.rules import All, And, HasLabel, Not, Or, Rule, matches, parse, rule_labels

# More boxes than a person would look through; the other labels are asked for by their names.
MOST_LABELS = 100
# Of each digest, on a page of several.
MOST_OF_EACH = 50


@dataclass(frozen=True, slots=True)
class Offered:
    """The labels of a digest that have boxes; ``has_others`` tells that more may be asked for by name."""

    labels: Sequence[Label] = ()
    has_others: bool = False


def offered_labels(connection: Connection, its: Digest) -> Offered:
    """The labels to choose from: those that the digest's rule is a list of, else those with most posts."""
    return offered_of_each(connection, [its])[0]


def offered_of_each(
    connection: Connection, digests: Sequence[Digest], *, listed_only: bool = False
) -> list[Offered]:
    """The same of each digest on a page; ``listed_only``: just the labels that a rule is a list of."""
    rules = [parse(its.rule) for its in digests]
    lists = [_listed(rule) for rule in rules]
    known = known_labels(connection, (name for names in lists for name in names or ()), by_any_name=True)
    found = []
    for rule, names in zip(rules, lists, strict=True):
        if names is None:
            most = MOST_LABELS if len(digests) == 1 else MOST_OF_EACH
            found.append(Offered() if listed_only else _most_used(connection, rule, most))
        else:
            # Nobody is to hear of a label that only stands on what is private or still to come.
            there = [known[name] for name in names if name in known and known[name].is_met]
            found.append(Offered(there if len(names) > 1 else ()))
    return found


def _listed(rule: Rule) -> list[str] | None:
    """The names that a rule is a list of; None where it is another."""
    parts = rule.rules if isinstance(rule, Or) else (rule,)
    names = [part.name for part in parts if isinstance(part, HasLabel)]
    return names if len(names) == len(parts) else None


def _most_used(connection: Connection, rule: Rule, most: int) -> Offered:
    there = counted(connection).labels
    if len(there) <= MOST_LABELS:
        most = MOST_LABELS
    first = nlargest(most + len(rule_labels(rule)), there, key=lambda label: label.posts)
    able = (label for label in first if can_be_in(rule, label))
    return Offered(list(islice(able, most)), len(there) > most)


def known_labels(
    connection: Connection, names: Iterable[str], *, by_any_name: bool = False
) -> dict[str, Label]:
    """The labels at these addresses or of these names, now or once, by what was asked for.

    Only what anybody may know of, for readers ask. ``by_any_name``: all, for what stands in rules or was
    chosen; who shows them looks whether they are met.
    """
    wanted = list(dict.fromkeys(names))
    index = load_labels(connection, wanted)
    index = index if by_any_name else index.met()
    found = ((name, index.addressed(name)) for name in wanted)
    return {name: label for name, label in found if label is not None}


def called_now(connection: Connection, slugs: Collection[str]) -> frozenset[str]:
    """Labels' slugs as they are now, of a form that was made before; one that leads nowhere stays."""
    known = known_labels(connection, slugs)
    return frozenset(known[slug].slug if slug in known else slug for slug in slugs)


def by_name(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of slug and name, by name."""
    return sorted(names.items(), key=lambda pair: (pair[1].casefold(), pair[0]))


def can_be_in(rule: Rule, label: Label) -> bool:
    """Whether a post with this label may be under the rule, whatever other labels it has."""
    return _may(rule, label_key(label.name), is_to_be=True)


def _may(rule: Rule, key: str, *, is_to_be: bool) -> bool:
    """Whether a rule may be true (or false) of a post that has one label for sure."""
    match rule:
        case All():
            return is_to_be
        case HasLabel(name):
            return is_to_be or label_key(name) != key
        case Not(inner):
            return _may(inner, key, is_to_be=not is_to_be)
        case And(rules) | Or(rules):
            each = (_may(part, key, is_to_be=is_to_be) for part in rules)
            return all(each) if isinstance(rule, And) == is_to_be else any(each)


def digests_with(connection: Connection, wanted: Sequence[Label]) -> list[Digest]:
    """The digests that posts of each of these labels come in; all of them, where none is wanted."""
    found = offered_digests(connection)
    rules = {its.id: parse(its.rule) for its in found}
    keys = [label_key(label.name) for label in wanted]
    return [its for its in found if all(matches(rules[its.id], {key}) for key in keys)]
