"""What readers may choose of a digest: the labels that are offered, and which digests a label is in."""

from collections.abc import Sequence

from sqlalchemy import Connection

from digests.model import Digest
from digests.store import list_digests
from posts.labels import label_key
from posts.lookup import find_label, labels
from posts.model import Label
from posts.rules import HasLabel, Or, matches, parse

# More boxes than a person would look through.
MOST_LABELS = 100


def offered_labels(connection: Connection, its: Digest, *, listed_only: bool = False) -> Sequence[Label]:
    """The labels that may be chosen: those that the digest's rule is a list of, else those with most posts.

    ``listed_only``: just the former, for which not all labels there are have to be read.
    """
    rule = parse(its.rule)
    parts = rule.rules if isinstance(rule, Or) else (rule,)
    names = [part.name for part in parts if isinstance(part, HasLabel)]
    if len(names) == len(parts):
        # Nobody is to hear of a label that only stands on what is private or still to come.
        known = (find_label(connection, name, counted=False) for name in names)
        return [label for label in known if label is not None and label.is_met] if len(names) > 1 else []
    if listed_only:
        return []
    most = sorted(labels(connection), key=lambda label: -label.posts)
    return [label for label in most[:MOST_LABELS] if label.posts]


def digests_with(connection: Connection, wanted: Sequence[Label]) -> list[Digest]:
    """The digests that posts of each of these labels come in; all of them, where none is wanted."""
    found = list_digests(connection)
    rules = {its.id: parse(its.rule) for its in found}
    return [its for its in found if all(matches(rules[its.id], {label_key(label.name)}) for label in wanted)]
