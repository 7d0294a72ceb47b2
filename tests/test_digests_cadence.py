"""Slots and windows: the clocks' odd days one by one, and what holds in any zone at any time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from digests.cadence import (
    At,
    Cadence,
    CadenceError,
    Decision,
    Fold,
    Rhythm,
    Send,
    Start,
    Wait,
    check_at,
    decide,
    describe,
    first_window,
    next_slot,
    parse_at,
    previous_slot,
    zone_name,
    zone_names,
)

SLOTTED = [Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY]
INSTANT = timedelta(microseconds=1)
NEVER = timedelta(days=36500)

rhythms = st.builds(
    Rhythm,
    cadence=st.sampled_from(SLOTTED),
    minute=st.integers(0, 1439),
    weekday=st.integers(0, 6),
    monthday=st.integers(1, 31),
    timezone=st.sampled_from(sorted(zone_names())),
)
# As far back as local mean time and the days that whole islands skipped.
moments = st.datetimes(datetime(1860, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def _daily(timezone: str, time: str) -> Rhythm:
    return Rhythm(Cadence.DAILY, parse_at(time).minute, 0, 1, timezone)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _slots(rhythm: Rhythm, first: str, count: int) -> list[str]:
    slots = [next_slot(rhythm, _utc(first) - INSTANT)]
    while len(slots) < count:
        slots.append(next_slot(rhythm, slots[-1]))
    return [f"{slot:%m-%d %H:%M}" for slot in slots]


def test_monday_in_regina_is_fourteen_utc() -> None:
    rhythm = Rhythm(Cadence.WEEKLY, 8 * 60, 0, 1, "America/Regina")
    assert next_slot(rhythm, _utc("2026-03-04T12:00")) == _utc("2026-03-09T14:00")
    assert next_slot(rhythm, _utc("2026-03-09T14:00")) == _utc("2026-03-16T14:00")
    assert previous_slot(rhythm, _utc("2026-03-09T14:00")) == _utc("2026-03-09T14:00")


def test_a_gap_in_spring_shifts_forward() -> None:
    assert _slots(_daily("Europe/Berlin", "02:30"), "2026-03-28T00:00", 3) == [
        "03-28 01:30",
        "03-29 01:30",  # 03:30 there: half past two never came
        "03-30 00:30",
    ]


def test_a_fold_in_autumn_fires_once() -> None:
    assert _slots(_daily("Europe/Berlin", "02:30"), "2026-10-24T00:00", 3) == [
        "10-24 00:30",
        "10-25 00:30",  # the first half past two, not the one an hour later
        "10-26 01:30",
    ]


def test_a_gap_at_midnight_keeps_its_day() -> None:
    # Beirut's clocks go from 00:00 to 01:00 on the last Sunday of March.
    assert _slots(_daily("Asia/Beirut", "00:00"), "2026-03-27T22:00", 3) == [
        "03-27 22:00",
        "03-28 22:00",
        "03-29 21:00",
    ]


def test_a_fold_over_midnight_fires_once() -> None:
    # Havana's clocks go from 01:00 back to 00:00.
    assert _slots(_daily("America/Havana", "00:30"), "2026-10-31T00:00", 3) == [
        "10-31 04:30",
        "11-01 04:30",
        "11-02 05:30",
    ]


def test_a_slot_shifted_over_midnight_is_not_missed_in_the_day_it_falls_on() -> None:
    # Scoresbysund's clocks go from 23:00 on Saturday to 00:00 on Sunday: 23:30 is 00:30.
    rhythm = _daily("America/Scoresbysund", "23:30")
    shifted = _utc("2025-03-30T01:30")
    assert next_slot(rhythm, _utc("2025-03-30T01:10")) == shifted
    assert previous_slot(rhythm, _utc("2025-03-30T02:00")) == shifted


def test_a_slot_before_the_clock_went_back_over_midnight_is_past() -> None:
    # St. John's put its clocks back at 00:01 then, to 23:01 of the day before.
    rhythm = _daily("America/St_Johns", "00:00")
    midnight, day_before_again = _utc("2010-11-07T02:30"), _utc("2010-11-07T02:45")
    assert previous_slot(rhythm, day_before_again) == midnight
    assert next_slot(rhythm, day_before_again) == _utc("2010-11-08T03:30")


def test_a_gap_of_half_an_hour_shifts_by_half_an_hour() -> None:
    # Lord Howe: 02:00 to 02:30 on the first Sunday of October.
    assert _slots(_daily("Australia/Lord_Howe", "02:15"), "2026-10-02T15:00", 3) == [
        "10-02 15:45",
        "10-03 15:45",
        "10-04 15:15",
    ]


def test_a_gap_of_two_hours_shifts_by_two_hours() -> None:
    # Troll: 01:00 to 03:00 on the last Sunday of March.
    assert _slots(_daily("Antarctica/Troll", "02:30"), "2026-03-28T00:00", 3) == [
        "03-28 02:30",
        "03-29 02:30",
        "03-30 00:30",
    ]


def test_a_zone_that_changes_its_clocks_at_ramadan_has_a_slot_each_day() -> None:
    assert _slots(_daily("Africa/Casablanca", "02:30"), "2026-02-14T00:00", 3) == [
        "02-14 01:30",
        "02-15 01:30",
        "02-16 02:30",
    ]


def test_a_zone_that_changes_its_offset_and_its_clocks_in_one_year_has_a_slot_each_day() -> None:
    # Scoresbysund in 2024: from -01 to -02 with summer time starting at that very instant: the clock stood.
    assert _slots(_daily("America/Scoresbysund", "00:00"), "2024-03-30T00:00", 3) == [
        "03-30 01:00",
        "03-31 01:00",
        "04-01 01:00",
    ]


def test_a_day_that_an_island_skipped_has_no_slot_of_its_own() -> None:
    # Apia went from 29 to 31 December 2011.
    assert _slots(_daily("Pacific/Apia", "08:00"), "2011-12-29T00:00", 3) == [
        "12-29 18:00",
        "12-30 18:00",
        "12-31 18:00",
    ]


@pytest.mark.parametrize(
    ("monthday", "expected"),
    [
        (28, ["01-28", "02-28", "03-28", "04-28"]),
        (29, ["01-29", "02-28", "03-29", "04-29"]),
        (30, ["01-30", "02-28", "03-30", "04-30"]),
        (31, ["01-31", "02-28", "03-31", "04-30"]),
    ],
)
def test_a_day_that_a_month_lacks_is_its_last(monthday: int, expected: list[str]) -> None:
    rhythm = Rhythm(Cadence.MONTHLY, 8 * 60, 0, monthday, "UTC")
    assert [slot[:5] for slot in _slots(rhythm, "2026-01-01T00:00", 4)] == expected


def test_the_last_of_february_is_the_29th_in_a_leap_year() -> None:
    assert _slots(Rhythm(Cadence.MONTHLY, 0, 0, 31, "UTC"), "2028-02-01T00:00", 1) == ["02-29 00:00"]


@settings(deadline=None)
@given(rhythms, moments)
def test_next_and_previous_slot_are_each_other_backwards(rhythm: Rhythm, at: datetime) -> None:
    later, earlier = next_slot(rhythm, at), previous_slot(rhythm, at)
    assert earlier <= at < later
    assert previous_slot(rhythm, later) == later
    assert previous_slot(rhythm, later - INSTANT) == earlier
    assert next_slot(rhythm, earlier) == later
    assert next_slot(rhythm, earlier - INSTANT) == earlier


@settings(deadline=None)
@given(rhythms, moments, moments)
def test_slots_go_the_way_time_goes(rhythm: Rhythm, one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    assert next_slot(rhythm, earlier) <= next_slot(rhythm, later)
    assert previous_slot(rhythm, earlier) <= previous_slot(rhythm, later)


@settings(deadline=None)
@given(rhythms, st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_slots_are_a_day_a_week_or_a_month_apart(rhythm: Rhythm, at: datetime) -> None:
    slots = [next_slot(rhythm, at)]
    for _ in range(5):
        slots.append(next_slot(rhythm, slots[-1]))
    least, most = {Cadence.DAILY: (1, 1), Cadence.WEEKLY: (7, 7), Cadence.MONTHLY: (28, 31)}[rhythm.cadence]
    change_of_clocks = timedelta(hours=2)
    for earlier, later in pairwise(slots):
        assert timedelta(days=least) - change_of_clocks <= later - earlier
        assert later - earlier <= timedelta(days=most) + change_of_clocks


def test_the_instant_cadence_has_no_slots() -> None:
    rhythm = Rhythm(Cadence.INSTANT, 480, 0, 1, "UTC")
    with pytest.raises(CadenceError, match="no slots"):
        next_slot(rhythm, _utc("2026-01-01T00:00"))
    with pytest.raises(CadenceError, match="no slots"):
        previous_slot(rhythm, _utc("2026-01-01T00:00"))


def test_a_datetime_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ValueError, match="without a timezone"):
        next_slot(_daily("UTC", "08:00"), datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_a_new_subscription_starts_at_the_last_slot() -> None:
    rhythm = _daily("UTC", "08:00")
    at = _utc("2026-01-02T12:00")
    assert first_window(rhythm, at) == Start(_utc("2026-01-02T08:00"), _utc("2026-01-03T08:00"))
    assert first_window(Rhythm(Cadence.INSTANT, 480, 0, 1, "UTC"), at) == Start(at, None)


def _decide(now: str, *, max_lateness: timedelta = timedelta(hours=12)) -> Decision:
    """For a reader of a daily 08:00 UTC digest whose last window ended on the first of January."""
    return decide(
        _daily("UTC", "08:00"),
        window_start=_utc("2026-01-01T08:00"),
        next_slot=_utc("2026-01-02T08:00"),
        now=_utc(now),
        max_lateness=max_lateness,
    )


def test_before_its_slot_a_digest_waits() -> None:
    assert _decide("2026-01-02T07:59:59") == Wait()


@pytest.mark.parametrize("now", ["2026-01-02T08:00:00", "2026-01-02T08:00:05", "2026-01-02T20:00:00"])
def test_at_its_slot_or_not_too_late_a_digest_is_sent(now: str) -> None:
    assert _decide(now) == Send(
        _utc("2026-01-01T08:00"), _utc("2026-01-02T08:00"), _utc("2026-01-03T08:00"), folded=False
    )


def test_a_digest_that_is_too_late_folds_into_the_next() -> None:
    assert _decide("2026-01-02T20:00:01") == Fold(_utc("2026-01-03T08:00"))
    later = decide(
        _daily("UTC", "08:00"),
        window_start=_utc("2026-01-01T08:00"),
        next_slot=_utc("2026-01-03T08:00"),
        now=_utc("2026-01-03T08:00"),
        max_lateness=timedelta(hours=12),
    )
    assert later == Send(
        _utc("2026-01-01T08:00"), _utc("2026-01-03T08:00"), _utc("2026-01-04T08:00"), folded=True
    )


def test_after_days_without_a_tick_one_digest_holds_them_all() -> None:
    assert _decide("2026-01-05T09:00") == Send(
        _utc("2026-01-01T08:00"), _utc("2026-01-05T08:00"), _utc("2026-01-06T08:00"), folded=True
    )


def test_a_rhythm_changed_to_one_whose_last_slot_is_covered_waits_for_its_next() -> None:
    decision = decide(
        Rhythm(Cadence.WEEKLY, 480, 0, 1, "UTC"),
        window_start=_utc("2026-01-07T08:00"),
        next_slot=_utc("2026-01-08T08:00"),
        now=_utc("2026-01-08T08:00"),
        max_lateness=timedelta(days=5),
    )
    assert decision == Fold(_utc("2026-01-12T08:00"))


def test_the_instant_cadence_is_due_at_once() -> None:
    rhythm = Rhythm(Cadence.INSTANT, 480, 0, 1, "UTC")
    start, now = _utc("2026-01-01T08:00"), _utc("2026-01-01T08:03")
    due = decide(rhythm, window_start=start, next_slot=None, now=now, max_lateness=timedelta(0))
    assert due == Send(start, now, None, folded=False)
    assert decide(rhythm, window_start=now, next_slot=None, now=now, max_lateness=timedelta(0)) == Wait()


ticks = st.lists(
    st.tuples(
        st.one_of(
            st.timedeltas(INSTANT, timedelta(hours=3)),
            st.timedeltas(timedelta(hours=3), timedelta(days=3)),
            st.timedeltas(timedelta(days=3), timedelta(days=90)),
        ),
        st.timedeltas(timedelta(0), timedelta(days=6)),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(rhythms, moments, ticks)
def test_windows_tile_whenever_the_ticks_come(
    rhythm: Rhythm, now: datetime, gaps: list[tuple[timedelta, timedelta]]
) -> None:
    start = first_window(rhythm, now)
    covered, due = start.window_start, start.next_slot
    assert due is not None
    for gap, max_lateness in gaps:
        now += gap
        decision = decide(rhythm, window_start=covered, next_slot=due, now=now, max_lateness=max_lateness)
        match decision:
            case Wait():
                assert now < due
            case Fold(next_slot=coming):
                assert due <= now < coming == next_slot(rhythm, now)
                assert now - previous_slot(rhythm, now) > max_lateness
                due = coming
            case Send() as sent:
                assert sent.window_start == covered < sent.window_end <= now < next_slot(rhythm, now)
                assert now - sent.window_end <= max_lateness
                assert sent.folded == (next_slot(rhythm, covered) != sent.window_end)
                assert sent.next_slot == next_slot(rhythm, now)
                covered, due = sent.window_end, sent.next_slot


@settings(deadline=None)
@given(rhythms, moments, ticks)
def test_a_digest_is_never_sent_twice_for_one_slot(
    rhythm: Rhythm, now: datetime, gaps: list[tuple[timedelta, timedelta]]
) -> None:
    start = first_window(rhythm, now)
    covered, due = start.window_start, start.next_slot
    ends = []
    for gap, _ in gaps:
        now += gap
        for _tick in range(2):
            decision = decide(rhythm, window_start=covered, next_slot=due, now=now, max_lateness=NEVER)
            if isinstance(decision, Send):
                covered, due = decision.window_end, decision.next_slot
                ends.append(decision.window_end)
    assert ends == sorted(set(ends))
    assume(ends)
    assert ends[-1] == previous_slot(rhythm, now)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("08:00", At(480)),
        ("8:05", At(485)),
        ("00:00", At(0)),
        ("23:59", At(1439)),
        ("mon 08:00", At(480, weekday=0)),
        ("Monday 8:00", At(480, weekday=0)),
        ("  THURS   08:00 ", At(480, weekday=3)),
        ("15 08:00", At(480, monthday=15)),
        ("1 08:00", At(480, monthday=1)),
        ("last 08:00", At(480, monthday=31)),
        ("sun 15 08:00", At(480, weekday=6, monthday=15)),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, at: At) -> None:
    assert parse_at(text) == at


@pytest.mark.parametrize(
    "text",
    [
        *("", "8", "08:60", "24:00", "08.00", "-1:00", "noon", "08:00\n09:00", "٠٨:٠٠", "08:00 mon", "mon"),
        *("mo 08:00", "0 08:00", "32 08:00", "mon tue 08:00", "1 2 08:00", "monday-08:00", "mondays 08:00"),
    ],
)
def test_a_time_that_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(CadenceError, match=r"write it like '08:00'") as refused:
        parse_at(text)
    assert "\n" not in str(refused.value)


@given(
    st.builds(
        At,
        minute=st.integers(0, 1439),
        weekday=st.none() | st.integers(0, 6),
        monthday=st.none() | st.integers(1, 31),
    )
)
def test_a_time_written_is_read_back(at: At) -> None:
    assert parse_at(str(at)) == at


def test_a_day_that_no_cadence_looks_at_is_refused() -> None:
    check_at(parse_at("mon 08:00"), [Cadence.DAILY, Cadence.WEEKLY])
    with pytest.raises(CadenceError, match="weekday means nothing to monthly"):
        check_at(parse_at("mon 08:00"), [Cadence.MONTHLY])
    with pytest.raises(CadenceError, match="day of the month means nothing to daily, weekly"):
        check_at(parse_at("15 08:00"), [Cadence.DAILY, Cadence.WEEKLY])


@pytest.mark.parametrize(
    ("cadence", "monthday", "words"),
    [
        (Cadence.INSTANT, 1, "instant"),
        (Cadence.DAILY, 1, "daily, 08:05 America/Regina"),
        (Cadence.WEEKLY, 1, "weekly, Monday 08:05 America/Regina"),
        (Cadence.MONTHLY, 1, "monthly, 1st 08:05 America/Regina"),
        (Cadence.MONTHLY, 12, "monthly, 12th 08:05 America/Regina"),
        (Cadence.MONTHLY, 22, "monthly, 22nd 08:05 America/Regina"),
        (Cadence.MONTHLY, 30, "monthly, 30th or last day 08:05 America/Regina"),
        (Cadence.MONTHLY, 31, "monthly, last day 08:05 America/Regina"),
    ],
)
def test_a_rhythm_is_told_in_words(cadence: Cadence, monthday: int, words: str) -> None:
    assert describe(Rhythm(cadence, 485, 0, monthday, "America/Regina")) == words


@pytest.mark.parametrize(
    ("minute", "weekday", "monthday"),
    [(1440, 0, 1), (-1, 0, 1), (0, 7, 1), (0, -1, 1), (0, 0, 0), (0, 0, 32)],
)
def test_a_rhythm_out_of_range_is_refused(minute: int, weekday: int, monthday: int) -> None:
    with pytest.raises(CadenceError, match="out of range"):
        Rhythm(Cadence.DAILY, minute, weekday, monthday, "UTC")


def test_a_cadence_is_read_in_any_case_and_refused_when_it_is_none() -> None:
    assert Cadence.parse(" Weekly ") is Cadence.WEEKLY
    with pytest.raises(CadenceError, match="choose one of instant, daily, weekly, monthly"):
        Cadence.parse("fortnightly")


@pytest.mark.parametrize(
    ("typed", "proper"),
    [("Europe/Berlin", "Europe/Berlin"), ("america/regina", "America/Regina"), (" utc ", "UTC")],
)
def test_a_timezone_is_found_in_any_case(typed: str, proper: str) -> None:
    assert zone_name(typed) == proper


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("berlin", "did you mean Europe/Berlin"),
        ("New York", "did you mean America/New_York"),
        ("Europe/Berln", "did you mean Europe/Berlin"),
        ("Factory", "no timezone was set"),
        ("localtime", "another time on another machine"),
        ("../etc/passwd", "name one like"),
        ("", "name one like"),
    ],
)
def test_a_timezone_that_is_none_is_refused_with_the_nearest(typed: str, hint: str) -> None:
    with pytest.raises(CadenceError, match=hint) as refused:
        zone_name(typed)
    assert "\n" not in str(refused.value)


def test_an_unknown_timezone_has_no_slots() -> None:
    with pytest.raises(CadenceError, match="unknown"):
        next_slot(_daily("Mars/Olympus", "08:00"), _utc("2026-01-01T00:00"))
