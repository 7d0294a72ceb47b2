"""The posts of past editions that everybody may still read."""

from collections.abc import Sequence

from sqlalchemy import Connection

from digests.past import posts_of
from posts.model import Post, PostState
from posts.reading import get_posts
from web.digests.editionfeed import POSTS


def posts_named(
    connection: Connection, editions: Sequence[int], *, most: int = POSTS
) -> dict[int, list[Post]]:
    """Of each edition the first posts, in its order, as far as they are live."""
    ids = {number: some[:most] for number, some in posts_of(connection, editions).items()}
    wanted = {number for some in ids.values() for number in some}
    live = {one.id: one for one in get_posts(connection, sorted(wanted)) if one.state is PostState.LIVE}
    return {edition: [live[number] for number in some if number in live] for edition, some in ids.items()}


def count_posts(connection: Connection, editions: Sequence[int]) -> dict[int, int]:
    """How many posts each edition has."""
    return {number: len(some) for number, some in posts_of(connection, editions).items()}
