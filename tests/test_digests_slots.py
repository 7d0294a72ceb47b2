"""The slots to come as they are told to people: in their timezone, and with what its clocks do."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digests.cadence import Cadence, Rhythm, next_slot
from digests.slots import coming, offset, slots
from digests.zones import zone

NOW = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)


def _rhythm(minute: int, timezone: str, cadence: Cadence = Cadence.DAILY) -> Rhythm:
    return Rhythm(cadence, minute, 0, 1, timezone)


def test_a_slot_that_a_gap_leaves_out_says_so() -> None:
    found = coming(_rhythm(150, "Europe/Berlin"), NOW)
    assert [one.note for one in found] == [
        None,
        "clocks go forward: 03:30 instead of 02:30",
        None,
        None,
        None,
    ]
    assert [one.offset for one in found[:2]] == ["UTC+01:00", "UTC+02:00"]


def test_a_slot_that_comes_twice_says_which_it_is() -> None:
    found = coming(_rhythm(90, "America/New_York"), datetime(2026, 10, 31, 12, 0, tzinfo=UTC))
    assert found[0].note == "clocks go back: of the two times that it is 01:30, the first"
    assert found[0].at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_the_next_change_of_the_clocks_is_told_though_it_is_far() -> None:
    found = coming(_rhythm(150, "Europe/Berlin"), NOW + timedelta(days=30))
    assert [one.note is not None for one in found] == [False] * 5 + [True]
    assert found[-1].local.date().isoformat() == "2026-10-25"
    # At eight no clock is changed, and where there is no summer time none ever is.
    assert len(coming(_rhythm(480, "Europe/Berlin"), NOW)) == 5
    assert len(coming(_rhythm(150, "America/Regina"), NOW)) == 5


def test_the_instant_cadence_has_none() -> None:
    assert coming(_rhythm(0, "UTC", Cadence.INSTANT), NOW) == []
    assert offset(NOW) == "UTC"


ZONES = st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tehran", "UTC"])
CADENCES = st.sampled_from([Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY])


@given(ZONES, CADENCES, st.integers(0, 1439), st.integers(0, 365))
def test_they_are_the_planners_own_and_none_is_left_out(
    timezone: str, cadence: Cadence, minute: int, day: int
) -> None:
    rhythm, at = _rhythm(minute, timezone, cadence), NOW + timedelta(days=day)
    for found, _ in zip(slots(rhythm, at), range(6), strict=False):
        assert found.at == next_slot(rhythm, at)
        assert found.local.astimezone(UTC) == found.at
        assert found.local.tzinfo is zone(timezone)
        # What is not told of is as it was meant.
        assert found.note or found.local.hour * 60 + found.local.minute == minute
        at = found.at


@pytest.mark.parametrize("timezone", ["Asia/Kathmandu", "America/St_Johns"])
def test_an_offset_is_told_to_the_minute(timezone: str) -> None:
    assert offset(NOW.astimezone(zone(timezone))) in {"UTC+05:45", "UTC-02:30"}
