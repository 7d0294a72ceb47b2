"""What a page of posts is about: a label, an author, everything, a rule of labels."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from feeds.addresses import ALL
from feeds.specs import AUTHORS, FeedSpec
from posts.authors import find_author
from posts.rules import HasLabel

Kind = Literal["all", "label", "author", "rule"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a page's posts have in common: of which kind that is, and its name for a heading."""

    kind: Kind
    name: str

    @property
    def is_counted(self) -> bool:
        """Whether a page tells how many posts there are in all."""
        return self.kind in {"label", "author"}


def subject_of(connection: Connection, spec: FeedSpec) -> Subject:
    """What the posts of a feed have in common."""
    if spec.author_id is not None:
        author = find_author(connection, spec.slug.removeprefix(AUTHORS), counted=False)
        return Subject("author", author.name if author else spec.title)
    if spec.label_id is not None and isinstance(spec.rule, HasLabel):
        return Subject("label", spec.rule.name)
    return Subject("all", "All posts") if spec.slug == ALL else Subject("rule", spec.title)
