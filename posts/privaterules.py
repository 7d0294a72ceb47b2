"""The rules of private feeds: which posts, by their labels, are not for everybody."""

from collections.abc import Collection

from sqlalchemy import Column, Connection, Table, Text, select

from database import metadata
from posts.labels import label_key
from posts.lookup import load_labels
from posts.rules import Or, Rule, matches, parse, rule_labels

private_rule = Table(
    "private_rule",
    metadata,
    # Whose rule it is: a configured feed's slug.
    Column("name", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    comment="what is under one of these rules is stored as private instead of live",
)


class PrivateRules:
    """The private rules during one writing transaction.

    A rule's names are found as everywhere (``LabelIndex.named``): a label that is renamed or merged stays
    private, and one that only comes to be is private from its first post on.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.by_name: dict[str, Rule] = {
            row.name: parse(row.rule) for row in connection.execute(select(private_rule))
        }
        self._meant: dict[str, int] | None = None

    @property
    def together(self) -> Rule | None:
        """One rule for all that is private; None when nothing is."""
        rules = tuple(self.by_name.values())
        return Or(rules) if len(rules) > 1 else next(iter(rules), None)

    def hide(self, label_ids: Collection[int]) -> bool:
        """Whether a post with these labels is private."""
        if not self.by_name:
            return False
        keys = {key for key, label_id in self._meaning().items() if label_id in label_ids}
        return any(matches(rule, keys) for rule in self.by_name.values())

    def naming(self, label_id: int) -> str | None:
        """Whose rule names this label; None when none does."""
        keys = {key for key, meant in self._meaning().items() if meant == label_id}
        for name, rule in self.by_name.items():
            if any(label_key(written) in keys for written in rule_labels(rule)):
                return name
        return None

    def relearn(self) -> bool:
        """Look again at what the names mean, now that labels were made; whether one left another label."""
        before, self._meant = self._meant or {}, None
        return any(self._meaning().get(key) != label_id for key, label_id in before.items())

    def _meaning(self) -> dict[str, int]:
        """The labels that the rules name, by the names' keys."""
        if self._meant is None:
            names = {name for rule in self.by_name.values() for name in rule_labels(rule)}
            index = load_labels(self._connection, names)
            found = {label_key(name): index.named(name) for name in names}
            self._meant = {key: one.id for key, one in found.items() if one is not None}
        return self._meant
