"""Labels that a reader writes by name, where there are too many to give each a box."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest

from sqlalchemy import Connection

from posts.counted import counted
from posts.lookup import nearest_to_each
from posts.model import Label
from posts.rules import All, Rule
from web.readers.offers import by_name, can_be_in, known_labels

# Of so many names those that are none are looked for, and of each so many labels are shown.
MOST_SOUGHT = 3
MOST_FOUND = 20
# Of what is written so many characters are read.
LONGEST_SOUGHT = 1000
_COMMAS = re.compile(r"\s*[,;\n]\s*")


@dataclass(frozen=True, slots=True)
class Sought:
    """What was written: ``named`` are labels called so, ``found`` those that may be meant by the others, as
    pairs of slug and name.

    ``wrong`` tells of these others; empty where all is a label's name.
    """

    named: Sequence[Label] = ()
    found: Sequence[tuple[str, str]] = ()
    wrong: str = ""


def seek(connection: Connection, typed: str, rule: Rule | None = None) -> Sought:
    """The labels that a text names, one or several with commas between them; only what a rule may hold."""
    within = rule or All()
    whole = typed.strip()
    names = [name for name in _COMMAS.split(whole) if name]
    if not names:
        return Sought()
    known = {
        name: label
        for name, label in known_labels(connection, [whole, *names]).items()
        if can_be_in(within, label)
    }
    if whole in known:
        return Sought([known[whole]])
    named = {known[name].slug: known[name] for name in names if name in known}
    others = [name for name in names if name not in known]
    if not others:
        return Sought(list(named.values()))
    found = _found(connection, others[:MOST_SOUGHT], within)
    shown = [pair for pair in by_name(found) if pair[0] not in named]
    return Sought(list(named.values()), shown, _wrong(others, is_found=bool(shown)))


def _found(connection: Connection, names: Sequence[str], within: Rule) -> dict[str, str]:
    """Labels that have one of these in their names, those with most posts, else those that look like it.

    Names by slug.
    """
    there = counted(connection).labels
    found: dict[str, str] = {}
    unlike = []
    for name in names:
        part = name.casefold()
        having = [label for label in there if part in label.name.casefold() and can_be_in(within, label)]
        most = nlargest(MOST_FOUND, having, key=lambda label: label.posts)
        found |= {label.slug: label.name for label in most}
        if not having:
            unlike.append(name)
    near = [name for some in nearest_to_each(connection, unlike, only_met=True) for name in some]
    likely = known_labels(connection, near).values()
    return found | {label.slug: label.name for label in likely if can_be_in(within, label)}


def _wrong(names: Sequence[str], *, is_found: bool) -> str:
    told = " or ".join(f"“{name}”" for name in names[:MOST_SOUGHT])
    left = ", ".join(names[MOST_SOUGHT:])
    # What was typed is not in the field again.
    left = f" Write what else you typed once more: {left}" if left else ""
    if is_found:
        return f"No label here is called {told}. Tick below what you meant.{left}"
    return f"No label here is called {told}, or anything like it.{left}"
