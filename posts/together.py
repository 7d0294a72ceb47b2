"""Some posts together, as sets of bits (``posts.bits``): their states, what is held by hand, their labels."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Text,
    and_,
    any_,
    cast,
    func,
    literal,
    select,
    true,
)

from database import UtcDateTime
from posts.bits import bits_of, flags_of
from posts.model import PostState, label, post, post_label, post_override


@dataclass(frozen=True, slots=True)
class Together:
    """Posts, each at its place in what was asked.

    ``live``, ``private`` and ``scheduled`` are those in these states, ``later`` those whose date is still to
    come; ``held`` are hidden by hand, ``held_live`` those of them that their source calls live. Of each
    post's labels ``tied`` has the post's place and ``ties`` the label's id, as text.
    """

    everything: int
    live: int
    private: int
    scheduled: int
    later: int
    held: int
    held_live: int
    size: int
    tied: Sequence[int]
    ties: Sequence[str]

    def labelled(self, names: Mapping[int, str]) -> dict[str, int]:
        """The posts that have each of these labels, by the name that is given for its id."""
        held = {str(number): bytearray(self.size // 8 + 1) for number in names}
        for place, number in zip(self.tied, self.ties, strict=True):
            if (bits := held.get(number)) is not None:
                bits[place >> 3] |= 1 << (place & 7)
        return {name: int.from_bytes(held[str(number)], "little") for number, name in names.items()}

    def count_labels(self, bits: int) -> Counter[int]:
        """How many of these posts have each label, by its id."""
        if not bits:
            return Counter()
        flags = flags_of(bits, self.size)
        counted = Counter(compress(self.ties, map(flags.__getitem__, self.tied)))
        return Counter({int(number): count for number, count in counted.items()})


def stand_together(connection: Connection, post_ids: Sequence[int], *, now: datetime) -> Together:
    """These posts, as they are: each is there, and stands in the list once."""
    size, places = len(post_ids), {number: place for place, number in enumerate(post_ids)}
    asked = written(connection, post_ids)
    is_later = post.c.published > literal(now, UtcDateTime)
    # Most are live, and what is held is not: to read these would take longer than to find the others.
    held = post.outerjoin(
        post_override, and_(post_override.c.post_id == post.c.id, post_override.c.is_hidden == true())
    )
    query = select(post.c.id, post.c.state, is_later, post_override.c.post_id, post_override.c.said)
    # Each a range of an index, which an "or" of both would not be; as a sum the id is in none.
    query = query.select_from(held).where(among(connection, post.c.id + 0, asked))
    ranges = (
        post.c.state.in_([state.value for state in PostState if state is not PostState.LIVE]),
        and_(post.c.state == PostState.LIVE.value, is_later),
    )
    others = [
        (places[row[0]], *row[1:]) for one in ranges for row in connection.execute(query.where(one)).all()
    ]

    def those(is_meant: Callable[[tuple[Any, ...]], bool]) -> int:
        return bits_of((one[0] for one in others if is_meant(one)), size)

    everything = (1 << size) - 1
    tied, ties = _ties(connection, places, asked)
    return Together(
        everything=everything,
        live=everything & ~those(lambda one: one[1] != PostState.LIVE.value),
        private=those(lambda one: one[1] == PostState.PRIVATE.value),
        scheduled=those(lambda one: one[1] == PostState.SCHEDULED.value),
        later=those(lambda one: one[2]),
        held=those(lambda one: one[3] is not None),
        held_live=those(lambda one: one[4] == PostState.LIVE.value),
        size=size,
        tied=tied,
        ties=ties,
    )


def _ties(connection: Connection, places: Mapping[int, int], asked: str) -> tuple[list[int], list[str]]:
    # Two texts, for of rows there would be tens of thousands.
    posts, labels = (
        func.aggregate_strings(cast(column, Text), ",")
        for column in (post_label.c.post_id, post_label.c.label_id)
    )
    query = select(posts, labels).where(_at(connection, post_label.c.post_id, asked))
    posts_text, labels_text = (text.split(",") if text else [] for text in connection.execute(query).one())
    return list(map(places.__getitem__, map(int, posts_text))), labels_text


def first_names(connection: Connection, label_ids: Collection[int], *, limit: int) -> dict[int, str]:
    """The names of those of some labels that come first by name, by their ids."""
    query = select(label.c.id, label.c.name).where(
        among(connection, label.c.id, written(connection, label_ids))
    )
    return {row[0]: row[1] for row in connection.execute(query.order_by(label.c.key).limit(limit))}


def written(connection: Connection, numbers: Collection[int]) -> str:
    """Numbers as one parameter, however many: in JSON, or as PostgreSQL writes an array."""
    listed = ",".join(map(str, numbers))
    return f"[{listed}]" if connection.dialect.name == "sqlite" else f"{{{listed}}}"


def among(connection: Connection, column: ColumnElement[int], written: str) -> ColumnElement[bool]:
    """Whether a column holds one of these numbers."""
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(written).table_valued("value").c.value))
    return column.in_(select(func.unnest(cast(literal(written, Text), ARRAY(BigInteger)))))


def _at(connection: Connection, column: Column[int], written: str) -> ColumnElement[bool]:
    """As ``among``, where each is to be looked up in an index: PostgreSQL does so in one go."""
    if connection.dialect.name == "sqlite":
        return among(connection, column, written)
    numbers = select(cast(literal(written, Text), ARRAY(BigInteger))).scalar_subquery()
    return column == any_(cast(numbers, ARRAY(BigInteger)))
