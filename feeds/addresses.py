"""Rules in a feed's address: ``iran+iraq`` (and), ``iran,iraq`` (or), ``-sports`` (not). All pure.

``,`` binds weakest, so that an address is a sum of products. One meaning has many such sums and one canonical
one: the sum of all its prime implicants (Blake's canonical form), which is unique for a Boolean function. The
address written from it is the feed's; all others of that meaning lead there.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from posts.labels import clean_name
from posts.rules import All, And, HasLabel, Not, Or, Rule

ALL = "all"
MAX_LABELS = 8
MAX_BYTES = 1000
# Each is a walk through a label's posts: as many as (a or b) and (c or d) and (e or f) and (g or h) comes to.
MAX_TERMS = 16


class AddressError(ValueError):
    """A rule that is too much for an address; one line tells why and what to do."""


class Part(NamedTuple):
    """A label in an address, as itself or negated; parts sort as they are written: first what must be."""

    is_negated: bool
    name: str

    def __str__(self) -> str:
        return f"-{self.name}" if self.is_negated else self.name


Term = frozenset[Part]
# Posts that are under any of the terms: none at all without a term, all of them with an empty one.
Sum = frozenset[Term]

NOTHING: Sum = frozenset()
EVERYTHING: Sum = frozenset({frozenset()})


def read(text: str) -> Sum | None:
    """What an address says, with the labels as they are written; None when it is no rule.

    A text without any of the signs is no rule: it may be a label's. Raises ``AddressError`` when it is longer
    than 1,000 bytes of UTF-8.
    """
    if not (text.startswith("-") or "+" in text or "," in text or text.casefold() == ALL):
        return None
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise _too_long()
    terms = [[_part(written) for written in term.split("+")] for term in text.split(",")]
    if not all(part.name for term in terms for part in term):
        return None
    return frozenset(
        frozenset(part for part in term if part.name != ALL) for term in terms if Part(True, ALL) not in term
    )


def _part(written: str) -> Part:
    cleaned = clean_name(written)
    name = cleaned.removeprefix("-").lstrip()
    return Part(name != cleaned, ALL if name.casefold() == ALL else name)


def names_in(terms: Sum) -> list[str]:
    """The labels that stand in it, each once, in the order of code points."""
    return sorted({part.name for term in terms for part in term})


def renamed(terms: Sum, names: Mapping[str, str]) -> Sum:
    """The same with other names for its labels; two that get one name become one label."""
    return frozenset(frozenset(Part(part.is_negated, names[part.name]) for part in term) for term in terms)


def canonical(terms: Sum) -> Sum:
    """All prime implicants of it: equal for two sums if and only if they have one meaning.

    ``NOTHING`` when no post can be under it, ``EVERYTHING`` when each is. Raises ``AddressError`` when more
    than eight labels stand in it.
    """
    names = names_in(terms)
    if len(names) > MAX_LABELS:
        raise AddressError(
            f"a rule of {len(names)} labels in an address: at most {MAX_LABELS} may be;"
            " a configured feed takes more"
        )
    return _primes(_table(terms, names), tuple(names))


def _table(terms: Sum, names: Collection[str]) -> int:
    """The truth table: the bit n is set if the terms hold for the labels that are n's bits."""
    size = 1 << len(names)
    whole = _whole(len(names))
    holds = {name: _column(number, size) for number, name in enumerate(names)}
    table = 0
    for term in terms:
        product = whole
        for part in term:
            product &= whole ^ holds[part.name] if part.is_negated else holds[part.name]
        table |= product
    return table


def _column(number: int, size: int) -> int:
    return sum(1 << row for row in range(size) if row >> number & 1)


def _whole(labels: int) -> int:
    return (1 << (1 << labels)) - 1


def _primes(table: int, names: tuple[str, ...]) -> Sum:
    """The prime implicants of a truth table, by its two halves: without the last label, and with it.

    What is prime in both together needs no word on that label; what is prime in one of them alone does.
    """
    if table == 0:
        return NOTHING
    if table == _whole(len(names)):
        return EVERYTHING
    *rest, last = names
    half = 1 << len(rest)
    without, with_it = table & _whole(len(rest)), table >> half
    both = _primes(without & with_it, tuple(rest))
    negative = _primes(without, tuple(rest)) - both
    positive = _primes(with_it, tuple(rest)) - both
    return (
        both
        | {term | {Part(True, last)} for term in negative}
        | {term | {Part(False, last)} for term in positive}
    )


def in_order(terms: Sum) -> list[list[Part]]:
    """The terms and their parts in the one order that they are written in."""
    return sorted(sorted(term) for term in terms)


def written(terms: Sum) -> str:
    """The text that reads back to the same sum; ``NOTHING`` has none."""
    return ",".join("+".join(map(str, term)) or ALL for term in in_order(terms))


def address(terms: Sum) -> str:
    """The text as an address; raises ``AddressError`` past 16 terms or 1,000 bytes of UTF-8."""
    if len(terms) > MAX_TERMS:
        raise AddressError(
            f"a rule of {len(terms)} parts with an or between, in an address: at most {MAX_TERMS} may be;"
            " a configured feed takes more"
        )
    text = written(terms)
    if len(text.encode()) > MAX_BYTES:
        raise _too_long()
    return text


def _too_long() -> AddressError:
    return AddressError(
        f"a rule of more than {MAX_BYTES} bytes in an address: write a shorter one, or configure a feed"
    )


def as_rule(terms: Sum, names: Mapping[str, str]) -> Rule:
    """A sum that is not ``NOTHING`` as a rule; ``names`` are the labels' own, by those in the sum."""
    return _joined(Or, [_joined(And, [_literal(part, names) for part in term]) for term in in_order(terms)])


def _literal(part: Part, names: Mapping[str, str]) -> Rule:
    label = HasLabel(names[part.name])
    return Not(label) if part.is_negated else label


def _joined(kind: type[And] | type[Or], rules: Iterable[Rule]) -> Rule:
    parts = tuple(rules)
    return kind(parts) if len(parts) > 1 else next(iter(parts), All())


def in_words(terms: Sum, names: Mapping[str, str]) -> str:
    """A sum in words, for a title: ``iran and iraq, not sports``."""
    told = [_term_in_words(term, names) for term in in_order(terms)]
    return ("; or " if any(", " in term for term in told) else " or ").join(told)


def _term_in_words(term: Iterable[Part], names: Mapping[str, str]) -> str:
    parts = list(term)
    wanted = " and ".join(names[part.name] for part in parts if not part.is_negated)
    return ", ".join(
        [*([wanted] if wanted else []), *(f"not {names[p.name]}" for p in parts if p.is_negated)]
    )
