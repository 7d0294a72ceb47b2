"""A label rule as it is typed: read, and warned about where it names a label that no post has yet."""

from typing import TYPE_CHECKING

from labelcast.cli.output import say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from posts.rules import Rule


def read_rule(connection: "Connection", text: str) -> "Rule":
    """The rule; raises ``RuleError``. A label that is not there yet gets a warning: it may come tomorrow."""
    from posts.lookup import nearest_labels, unknown_labels
    from posts.rules import parse

    rule = parse(text)
    for name in unknown_labels(connection, rule):
        nearest = nearest_labels(connection, name)
        hint = f"; the nearest: {', '.join(nearest)}" if nearest else ""
        say(f"labelcast: warning: no post has the label {name!r} yet{hint}")
    return rule
