"""A label rule as it is typed: read, and warned about where it names a label that no post has yet."""

from typing import TYPE_CHECKING

from labelcast.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from posts.rules import Rule


def read_rule(connection: "Connection", text: str) -> "Rule":
    """The rule; raises ``RuleError``. A label that is not there yet gets a warning: it may come tomorrow."""
    from posts.lookup import unknown_labels
    from posts.rules import parse

    rule = parse(text)
    warn_of_unknown(connection, unknown_labels(connection, rule))
    return rule


def warn_of_unknown(connection: "Connection", names: "Iterable[str]") -> None:
    """A line for each label that no post has yet, and the nearest that posts have."""
    from posts.lookup import nearest_labels

    for name in names:
        nearest = nearest_labels(connection, name)
        hint = f"; the nearest: {', '.join(nearest)}" if nearest else ""
        say(f"labelcast: warning: no post has the label {name!r} yet{hint}")
