"""What an address asks for: which feed, in which format, and which part of it."""

from dataclasses import dataclass

from feeds.parts import PartSpec
from feeds.site import Content
from posts.rules import Rule


class BadRequest(ValueError):
    """The address asks for what cannot be (400); the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A feed by its ``name`` or by a ``rule``.

    ``content`` None is as the feed has it, ``part`` None its newest posts; a ``part`` stood at an address of
    Blogger's. With a ``number`` it is one of the feed's archive documents, in its ``edition`` where it has
    several; with ``before`` the page of older posts that begins there. ``is_ours``: by an address of ours,
    where any but the canonical one leads there.
    """

    name: str | None
    suffix: str
    rule: Rule | None = None
    content: Content | None = None
    query: str | None = None
    part: PartSpec | None = None
    number: int | None = None
    edition: str | None = None
    before: str | None = None
    is_ours: bool = False
