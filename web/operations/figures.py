"""Figures of each day, kept for charts: readers by state, mails by state, what readers are interested in.

Counting a million rows takes a moment, so nobody who looks at a page waits for it: it is done once an hour,
for the days that may still change. A chart tells on which day its figures begin.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from database import Database
from database.turns import take_turn
from digests.model import DeliveryState, edition
from digests.review import mailed_on
from digests.standing import count_by_edition
from feeds.readership import readers
from posts.lookup import labels
from subscribers.choosing import Choosing
from subscribers.figures import count_chosen, count_chosen_alone, count_states
from web.model import figure

EVERY = timedelta(hours=1)
# Mail is tried for three days, and a server may have been gone for some before it was.
MAY_CHANGE = 5
# So far back mails are counted when nothing was counted before.
BACK = 90
KEPT = timedelta(days=3 * 366)
MOST_NAMES = 500
_DAY = timedelta(days=1)
# When it was last counted: the day's row, and the minute of that day.
_COUNTED, _MINUTE = "counted", "minute"
# Who chooses a label, and who chooses nothing else: of every label, for a page may ask for any.
_CHOSEN, _ALONE = "chosen", "alone"
_TURN = "figures"


@dataclass(frozen=True, slots=True)
class Day:
    """The figures of one day, by what they are of."""

    day: date
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts, when it is time to; when it last was stands beside the figures, for all processes."""

    database: Database
    stopping: Callable[[], bool] = lambda: False

    def is_due(self, now: datetime) -> bool:
        """Whether the last count is an hour old, or of another day."""
        with self.database.read() as connection:
            found = connection.execute(
                select(figure.c.number).filter_by(kind=_COUNTED, day=_today(now), name=_MINUTE)
            ).scalar()
        return found is None or not 0 <= _minute(now) - found < EVERY // timedelta(minutes=1)

    def count(self, now: datetime) -> None:
        """Count today's, and again those days whose mail may have gone on since."""
        today = _today(now)
        with self.database.read() as connection:
            states = count_states(connection)
            chosen, alone = count_chosen(connection), count_chosen_alone(connection)
            feeds = _feed_readers(connection, now)
            known = history(connection, "mails", since=today - BACK * _DAY)
            began = _began(connection)
        with self.database.write() as connection:
            # Several processes may count at once.
            take_turn(connection, _TURN)
            _store(connection, "readers", today, states)
            for kind, numbers in ((_CHOSEN, chosen), (_ALONE, alone), ("feeds", _largest(feeds))):
                # What stands is all that is told of these: each day's would be thousands of rows.
                connection.execute(delete(figure).filter_by(kind=kind))
                _store(connection, kind, today, numbers)
            connection.execute(delete(figure).where(figure.c.day < today - KEPT))
        for back in range(MAY_CHANGE if known else BACK):
            if self.stopping():
                return
            if began is not None and today - back * _DAY >= began:
                self._count_mails(today - back * _DAY)
        with self.database.write() as connection:
            take_turn(connection, _TURN)
            connection.execute(delete(figure).filter_by(kind=_COUNTED))
            _store(connection, _COUNTED, today, {_MINUTE: _minute(now)})

    def _count_mails(self, day: date) -> None:
        start = datetime.combine(day, time(), UTC)
        with self.database.read() as connection:
            last = connection.execute(select(func.max(edition.c.id))).scalar() or 0
            sizes = mailed_on(connection, start, start + _DAY, last=last)
            counted = count_by_edition(connection, sizes)
        numbers: dict[str, int] = {}
        for states in counted.values():
            for state, count in states.items():
                numbers[state.value] = numbers.get(state.value, 0) + count
        with self.database.write() as connection:
            take_turn(connection, _TURN)
            # A day without mail has a row too: that tells it from one that nobody counted.
            _store(connection, "mails", day, {DeliveryState.SENT.value: 0} | numbers)


def history(connection: Connection, kind: str, *, since: date) -> list[Day]:
    """The days from ``since`` on of which there are figures, oldest first."""
    query = select(figure.c.day, figure.c.name, figure.c.number).where(
        figure.c.kind == kind, figure.c.day >= since
    )
    found: dict[date, dict[str, int]] = {}
    for day, name, number in connection.execute(query.order_by(figure.c.day)):
        found.setdefault(day, {})[name] = number
    return [Day(day, numbers) for day, numbers in found.items()]


def newest(connection: Connection, kind: str, *, limit: int) -> tuple[date | None, Sequence[tuple[str, int]]]:
    """The last day of which there are figures, and the largest of them."""
    last = connection.execute(select(func.max(figure.c.day)).filter_by(kind=kind)).scalar()
    query = select(figure.c.name, figure.c.number).filter_by(kind=kind, day=last)
    rows = connection.execute(query.order_by(figure.c.number.desc(), figure.c.name).limit(limit))
    return last, [(row.name, row.number) for row in rows] if last else []


def counted_at(connection: Connection) -> datetime | None:
    """When figures were last counted; None: never."""
    query = select(figure.c.day, figure.c.number).filter_by(kind=_COUNTED, name=_MINUTE)
    found = connection.execute(query.order_by(figure.c.day.desc())).first()
    return None if found is None else datetime.combine(found[0], time(), UTC) + timedelta(minutes=found[1])


def kept_choosing(connection: Connection, slugs: Collection[str]) -> tuple[Choosing, datetime] | None:
    """Who chose one of these labels' slugs, and when that was counted; None: it never was.

    Who chose two of them is counted twice.
    """
    at = counted_at(connection)
    if at is None:
        return None
    query = select(figure.c.kind, func.sum(figure.c.number)).where(
        figure.c.kind.in_([_CHOSEN, _ALONE]), figure.c.name.in_(sorted(slugs))
    )
    found = {row[0]: int(row[1]) for row in connection.execute(query.group_by(figure.c.kind))}
    return Choosing(found.get(_CHOSEN, 0), found.get(_ALONE, 0)), at


def _began(connection: Connection) -> date | None:
    """The day of the first edition there is."""
    first = select(edition.c.created_at).order_by(edition.c.id).limit(1)
    found = connection.execute(first).scalar()
    return None if found is None else _today(found)


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _minute(now: datetime) -> int:
    there = now.astimezone(UTC)
    return there.hour * 60 + there.minute


def _store(connection: Connection, kind: str, day: date, numbers: Mapping[str, int]) -> None:
    connection.execute(delete(figure).filter_by(kind=kind, day=day))
    rows = [{"kind": kind, "day": day, "name": name, "number": count} for name, count in numbers.items()]
    if rows:
        connection.execute(insert(figure), rows)


def _largest(numbers: Mapping[str, int]) -> dict[str, int]:
    some = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_NAMES]
    return dict(some)


def _feed_readers(connection: Connection, now: datetime) -> dict[str, int]:
    """How many read each label's own feed, by the label's slug."""
    counted = readers(connection, now=now)
    known = labels(connection, counted=False) if counted else ()
    return {one.slug: counted[one.feed_uri].total for one in known if one.feed_uri in counted}
