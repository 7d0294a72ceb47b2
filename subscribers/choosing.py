"""How many readers by email chose a label, without knowing who they are."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, Text, case, cast, func, or_, select

from subscribers.model import SubscriptionState, subscription

MOST_COUNTED = 50_000
"""Where there are more subscriptions, to look at all of them takes longer than a page may."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """Subscriptions that hold one of some labels among others, and those that hold nothing else."""

    chosen: int
    alone: int


def are_many(connection: Connection) -> bool:
    """Whether there are, or ever were, more subscriptions than are to be counted for a page."""
    return (connection.execute(select(func.max(subscription.c.id))).scalar() or 0) > MOST_COUNTED


def count_choosing(connection: Connection, slugs: Collection[str], *, at_most: int) -> Choosing:
    """Active subscriptions whose reader chose one of these labels' slugs; each counted up to ``at_most``."""
    is_sqlite = connection.dialect.name == "sqlite"
    written = cast(subscription.c.labels, Text)
    # As each database writes a JSON text; no slug holds a quote or a backslash.
    needles = [json.dumps(slug, ensure_ascii=is_sqlite) for slug in sorted(slugs)]
    find = func.instr if is_sqlite else func.strpos
    is_active = subscription.c.state == SubscriptionState.ACTIVE.value
    is_alone = written.in_([f"[{one}]" for one in needles])
    chose = select(case((is_alone, 1), else_=0).label("alone")).where(
        is_active, or_(*(find(written, one) > 0 for one in needles))
    )
    # All readers are looked at: where there are few who chose it, only once.
    chosen, alone = _sums(connection, chose, at_most)
    if chosen == at_most:
        alone, _ = _sums(connection, chose.where(is_alone), at_most)
    return Choosing(chosen, alone)


def _sums(connection: Connection, chose: Select[int], at_most: int) -> tuple[int, int]:
    """How many there are, and how many of them are alone; ``at_most`` are looked at."""
    some = chose.limit(at_most).subquery()
    chosen, alone = connection.execute(select(func.count(), func.sum(some.c.alone))).one()
    return chosen, alone or 0
