"""Every zone of the tz database, every hour, 2024 to 2030: each day, week and month has exactly one slot.

What a slot should be is worked out here from the zones' transitions by plain arithmetic, without asking
``digests.cadence``. Zones with the same transitions in these years are the same case and are tried once; of
one that never changes its clocks, fourteen months stand for all (a leap day and a turn of the year are among
them).
"""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from digests.cadence import Cadence, Rhythm, next_slot, previous_slot, zone_names

FIRST, LAST = date(2024, 1, 1), date(2030, 12, 31)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
QUIET_DAYS = [day for day in DAYS if day < date(2025, 3, 1)]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 24 * 60 * 60
# How far apart a zone's offsets are looked at, before each change is found to the second. No zone has changed
# twice within so short a time since time is counted in zones.
STEP = timedelta(hours=6)

# The same question is never asked twice here, so the memory is left out.
fresh_next_slot: Callable[[Rhythm, datetime], datetime] = next_slot.__wrapped__
fresh_previous_slot: Callable[[Rhythm, datetime], datetime] = previous_slot.__wrapped__


class Span(NamedTuple):
    """From a second since the epoch on, a zone's offset in seconds."""

    start: int
    offset: int


Spans = tuple[Span, ...]


def _offset_at(place: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, place).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _spans(name: str) -> Spans:
    """A zone's offsets from a fortnight before the years to a fortnight after."""
    place = ZoneInfo(name)
    moment, end = datetime(2023, 12, 15), datetime(2031, 1, 15)  # noqa: DTZ001 - local times of that place
    offset = place.utcoffset(moment)
    start = int((moment - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - the same
    spans = [Span(start - DAY, _offset_at(place, start - DAY))]
    while moment < end:
        moment += STEP
        if (found := place.utcoffset(moment)) != offset:
            near = int((moment - datetime(1970, 1, 1)).total_seconds()) - spans[-1].offset  # noqa: DTZ001 - the same
            spans.append(_change(place, near - DAY, near + DAY))
            offset = found
    return tuple(spans)


def _change(place: ZoneInfo, before: int, after: int) -> Span:
    new = _offset_at(place, after)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _offset_at(place, middle) == new else (middle, after)
    return Span(after, new)


@cache
def _cases() -> dict[Spans, list[str]]:
    """The zones' names by what they do in these years."""
    cases: dict[Spans, list[str]] = {}
    for name in sorted(zone_names()):
        cases.setdefault(_spans(name), []).append(name)
    return cases


def _expected(spans: Spans, days: Sequence[date], hour: int) -> Iterator[datetime]:
    """Each local day's one slot: in a gap the offset before it holds, in a fold the first pass counts."""
    index = 0
    for day in days:
        local = (day.toordinal() - EPOCH.toordinal()) * DAY + hour * 60 * 60
        while index + 1 < len(spans) and local - spans[index + 1].offset >= spans[index + 1].start:
            if local - spans[index].offset < spans[index + 1].start:
                break
            index += 1
        yield EPOCH + timedelta(seconds=local - spans[index].offset)


def _assert_slots(rhythm: Rhythm, expected: Sequence[datetime]) -> None:
    """From one slot to the next is exactly what was expected: no slot more, none less."""
    assert all(earlier < later for earlier, later in pairwise(expected))
    slot = expected[0] - timedelta(seconds=1)
    for wanted in expected:
        slot, after = fresh_next_slot(rhythm, slot), slot
        assert slot == wanted, f"{rhythm}: after {after} comes {slot}, not {wanted}"


def _assert_tiles(rhythm: Rhythm, earlier: datetime, later: datetime) -> None:
    """The window between two slots holds every instant after the one up to the other."""
    instant = timedelta(microseconds=1)
    for inside in (earlier + instant, earlier + (later - earlier) / 2, later - instant):
        assert fresh_previous_slot(rhythm, inside) == earlier, f"{rhythm}: {inside} is before its window"
        assert fresh_next_slot(rhythm, inside) == later, f"{rhythm}: {inside} is behind its window"
    assert fresh_previous_slot(rhythm, later) == later


def _near_changes(
    spans: Spans, slots: Sequence[datetime], *, reach: int
) -> Iterator[tuple[datetime, datetime]]:
    """The pairs of neighbouring slots among so many before and after a change of offset."""
    for span in spans[1:]:
        place = bisect_left(slots, EPOCH + timedelta(seconds=span.start))
        yield from pairwise(slots[max(place - reach, 0) : place + reach])


def test_every_zone_of_the_database_is_a_case() -> None:
    names = [name for zones in _cases().values() for name in zones]
    assert sorted(names) == sorted(zone_names())
    assert {"Africa/Casablanca", "Antarctica/Troll", "Australia/Lord_Howe", "Asia/Gaza"} < set(names)


def test_zones_of_one_case_tell_the_same_time() -> None:
    months = [datetime(2024 + month // 12, month % 12 + 1, 15, tzinfo=UTC) for month in range(7 * 12)]
    for first, *others in _cases().values():
        offsets = [moment.astimezone(ZoneInfo(first)).utcoffset() for moment in months]
        for place in map(ZoneInfo, others):
            assert [moment.astimezone(place).utcoffset() for moment in months] == offsets


@pytest.mark.parametrize("hour", range(24))
def test_each_day_has_exactly_one_slot(hour: int) -> None:
    for spans, names in _cases().items():
        rhythm = Rhythm(Cadence.DAILY, hour * 60, 0, 1, names[0])
        expected = list(_expected(spans, DAYS if len(spans) > 1 else QUIET_DAYS, hour))
        _assert_slots(rhythm, expected)
        for earlier, later in _near_changes(spans, expected, reach=3):
            _assert_tiles(rhythm, earlier, later)


@pytest.mark.parametrize("hour", range(24))
def test_each_week_has_exactly_one_slot(hour: int) -> None:
    for number, (spans, names) in enumerate(_cases().items()):
        # Each zone with each weekday, at three hours or four; changes of clocks with every weekday below.
        weekday = (hour + number) % 7
        rhythm = Rhythm(Cadence.WEEKLY, hour * 60, weekday, 1, names[0])
        days = [day for day in (DAYS if len(spans) > 1 else QUIET_DAYS) if day.weekday() == weekday]
        _assert_slots(rhythm, list(_expected(spans, days, hour)))


@pytest.mark.parametrize("hour", range(24))
def test_each_week_of_a_change_of_clocks_has_exactly_one_slot_on_any_weekday(hour: int) -> None:
    for weekday in range(7):
        days = [day for day in DAYS[: 2 * 366] if day.weekday() == weekday]
        for spans, names in _cases().items():
            rhythm = Rhythm(Cadence.WEEKLY, hour * 60, weekday, 1, names[0])
            expected = list(_expected(spans, days, hour)) if len(spans) > 1 else []
            for earlier, later in _near_changes(spans[:3], expected, reach=2):
                _assert_tiles(rhythm, earlier, later)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("monthday", [1, 15, 30, 31])
def test_each_month_has_exactly_one_slot(monthday: int, hour: int) -> None:
    days = [day for day in DAYS if day.day == min(monthday, monthrange(day.year, day.month)[1])]
    assert len(days) == 7 * 12
    for spans, names in _cases().items():
        rhythm = Rhythm(Cadence.MONTHLY, hour * 60, 0, monthday, names[0])
        _assert_slots(rhythm, list(_expected(spans, days, hour)))
