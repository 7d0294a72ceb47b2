"""How much of what a digest shows, as a publisher says it, checked before it is stored."""

from collections.abc import Sequence
from typing import Any, TypedDict

from digests.offer import DigestError

CONTENTS = ("full", "summary")
SORTS = ("newest", "oldest")
GROUPINGS = ("none", "label", "day")
MOST_POSTS = 1000


class Shape(TypedDict, total=False):
    """``Digest``'s columns of these names; None: nothing said of it. No posts at most means all of them."""

    content: str | None
    min_posts: int | None
    max_posts: int | None
    sort: str | None
    grouping: str | None


SHAPE = ("content", "min_posts", "max_posts", "sort", "grouping")


def check_shape(shape: Shape) -> dict[str, Any]:
    """What was said, as ``Digest`` has it; raises ``DigestError`` for what cannot be."""
    said: dict[str, Any] = {name: value for name, value in shape.items() if value is not None}
    for name, shown, known in (
        ("content", "content", CONTENTS),
        ("sort", "order", SORTS),
        ("grouping", "group_by", GROUPINGS),
    ):
        if name in said and said[name] not in known:
            raise _none(shown, said[name], known)
    if not 1 <= said.get("min_posts", 1) <= MOST_POSTS:
        raise DigestError(f"digest min_posts {said['min_posts']} is out of range: 1 to {MOST_POSTS}")
    if not 0 <= said.get("max_posts", 0) <= MOST_POSTS:
        raise DigestError(
            f"digest max_posts {said['max_posts']} is out of range: 1 to {MOST_POSTS}, or 0 for all"
        )
    if said.get("max_posts") == 0:
        said["max_posts"] = None
    return said


def _none(name: str, value: Any, known: Sequence[str]) -> DigestError:
    return DigestError(f"digest {name} {str(value)[:40]!r} is none: choose one of {', '.join(known)}")
