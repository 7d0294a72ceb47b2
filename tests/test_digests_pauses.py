"""Pauses and waiting windows as pure decisions: what is mailed does not hang on when the ticks come."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from digests.cadence import (
    Cadence,
    Fold,
    PassOver,
    Rhythm,
    Send,
    decide,
    next_slot,
    previous_slot,
    zone_names,
)
from tests.examples import often

INSTANT = timedelta(microseconds=1)
NEVER = timedelta(days=36500)
DAILY = Rhythm(Cadence.DAILY, 8 * 60, 0, 1, "UTC")
Window = tuple[datetime, datetime]

rhythms = st.builds(
    Rhythm,
    cadence=st.sampled_from([Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY]),
    minute=st.integers(0, 1439),
    weekday=st.integers(0, 6),
    monthday=st.integers(1, 31),
    timezone=st.sampled_from(sorted(zone_names())),
)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
parts = st.floats(0, 0.99)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _slots(rhythm: Rhythm, after: datetime, count: int) -> list[datetime]:
    slots = [next_slot(rhythm, after)]
    while len(slots) < count:
        slots.append(next_slot(rhythm, slots[-1]))
    return slots


def _sent(
    rhythm: Rhythm,
    start: datetime,
    ticks: Iterable[datetime],
    paused_until: datetime | None,
    waiting: Sequence[datetime] = (),
) -> list[Window]:
    """The windows that are mailed; one that ends at an instant of ``waiting`` has too few posts."""
    sent = []
    covered: datetime = start
    due: datetime | None = next_slot(rhythm, start)
    for now in ticks:
        decision = decide(
            rhythm,
            window_start=covered,
            next_slot=due,
            now=now,
            max_lateness=NEVER,
            paused_until=paused_until,
        )
        match decision:
            case Send(window_start, window_end, coming):
                covered, due = window_start, coming
                if window_end not in waiting:
                    sent.append((window_start, window_end))
                    covered = window_end
            case PassOver(window_start, coming):
                covered, due = window_start, coming
            case Fold(coming):
                due = coming
    return sent


@settings(deadline=None, max_examples=often(60))
@given(
    rhythms, moments, st.floats(0, 8), st.lists(parts, min_size=8, max_size=8), st.lists(parts, max_size=9)
)
def test_a_pause_passes_over_the_same_slots_whenever_the_ticks_come(
    rhythm: Rhythm, begun: datetime, pause: float, delays: list[float], others: list[float]
) -> None:
    start = previous_slot(rhythm, begun)
    slots = _slots(rhythm, start, 9)
    paused_until = start + (slots[-1] - start) * (pause / 9)
    late = [at + (after - at) * part for at, after, part in zip(slots, slots[1:], delays, strict=False)]
    between = [start + (slots[-1] - start - INSTANT) * part for part in others]
    edges = [start, *slots]
    expected = [
        (before, slot) for before, slot in zip(edges, slots[:-1], strict=False) if slot >= paused_until
    ]
    assert _sent(rhythm, start, slots[:-1], paused_until) == expected
    assert _sent(rhythm, start, sorted(late + between), paused_until) == expected


@settings(deadline=None, max_examples=often(60))
@given(rhythms, moments, st.none() | st.floats(0, 10), st.sets(st.integers(0, 9)))
def test_windows_that_wait_for_more_posts_tile(
    rhythm: Rhythm, begun: datetime, pause: float | None, few: set[int]
) -> None:
    start = previous_slot(rhythm, begun)
    slots = _slots(rhythm, start, 10)
    paused_until = None if pause is None else start + (slots[-1] - start) * (pause / 10)
    sent = _sent(rhythm, start, slots, paused_until, waiting=[slots[number] for number in few])
    sending = [
        slot
        for number, slot in enumerate(slots)
        if number not in few and (paused_until is None or slot >= paused_until)
    ]
    assert [end for _, end in sent] == sending
    first = start
    if paused_until is not None and paused_until > start:
        first = max(start, previous_slot(rhythm, paused_until - INSTANT))
    assert [begin for begin, _ in sent] == [first, *sending][: len(sent)]


def test_what_waited_before_a_pause_is_not_sent_after_it() -> None:
    decision = decide(
        DAILY,
        window_start=_at("2026-01-01T08:00"),
        next_slot=_at("2026-01-02T08:00"),
        now=_at("2026-01-05T09:00"),
        max_lateness=timedelta(hours=12),
        paused_until=_at("2026-01-04T12:00"),
    )
    assert decision == Send(
        _at("2026-01-04T08:00"), _at("2026-01-05T08:00"), _at("2026-01-06T08:00"), folded=False
    )


def test_the_slot_at_which_a_pause_ends_is_sent() -> None:
    slot = _at("2026-01-02T08:00")
    for paused_until, is_sent in ((slot, True), (slot + INSTANT, False)):
        decision = decide(
            DAILY,
            window_start=_at("2026-01-01T08:00"),
            next_slot=slot,
            now=slot,
            max_lateness=NEVER,
            paused_until=paused_until,
        )
        assert isinstance(decision, Send) is is_sent


def test_instant_news_from_before_the_end_of_a_pause_is_passed_over() -> None:
    rhythm = Rhythm(Cadence.INSTANT, 0, 0, 1, "UTC")
    start, end = _at("2026-01-01T08:00"), _at("2026-01-02T08:00")

    def at(now: datetime) -> object:
        return decide(
            rhythm, window_start=start, next_slot=None, now=now, max_lateness=NEVER, paused_until=end
        )

    assert at(end - INSTANT) == PassOver(end - INSTANT, None)
    assert at(end) == Send(end - INSTANT, end, None, folded=False)
