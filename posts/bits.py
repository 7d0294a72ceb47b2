"""Sets of posts as bits of a number: what a rule finds among ten thousand posts, in microseconds.

Each of some posts has a place, from 0; a set of them is a number with these bits. To ask a thousand rules is
then a few operations on numbers each, where a look at every post with every rule would be millions.
"""

from collections.abc import Iterable, Mapping

from posts.rules import All, And, HasLabel, Not, Or, Rule

_AS_FLAGS = bytes.maketrans(b"01", b"\x00\x01")


def bits_of(places: Iterable[int], size: int) -> int:
    """The set of these places, all below ``size``."""
    held = bytearray(size // 8 + 1)
    for place in places:
        held[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(held, "little")


def flags_of(bits: int, size: int) -> bytes:
    """Of each place whether it is in the set: 1 or 0."""
    return f"{bits:0{size}b}"[::-1].encode().translate(_AS_FLAGS)


def matching(rule: Rule, labelled: Mapping[str, int], everything: int) -> int:
    """Those of ``everything`` that are under a rule; ``labelled`` has the set of each label, by its name."""
    match rule:
        case HasLabel(name):
            return labelled.get(name, 0)
        case All():
            return everything
        case Not(inner):
            return everything & ~matching(inner, labelled, everything)
        case And(rules):
            found = everything
            for part in rules:
                found &= matching(part, labelled, everything)
            return found
        case Or(rules):
            found = 0
            for part in rules:
                found |= matching(part, labelled, everything)
            return found
