"""When digests are due: slots and windows, as functions of a rhythm and instants. No clock is read here.

A **slot** is the instant of a rhythm's local time on one of its days. A local time that a spring gap leaves
out is shifted forward by the gap (the offset before it holds, as RFC 5545 section 3.3.5 has it); one that an
autumn fold repeats is its first occurrence. So each local day, week or month has exactly one slot.

A **window** is ``(window_start, window_end]``. A subscription's windows end at slots, and tile: each starts
where the last ended. A reader who pauses is sent nothing for the slots before the pause ends; the first slot
from then on has its ordinary window, which starts at the slot before it. A digest that is held loses nothing:
its slots go by and the windows stay open. An **extra slot** ends the windows that are open once, between two.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from digests.rhythm import At, Cadence, Rhythm, check_at, clock, describe, parse_at
from digests.zones import CadenceError, zone, zone_name, zone_names

__all__ = [
    "MOMENT",
    "At",
    "Cadence",
    "CadenceError",
    "Decision",
    "Fold",
    "Hold",
    "PassOver",
    "Rhythm",
    "Send",
    "Start",
    "Wait",
    "check_at",
    "clock",
    "decide",
    "describe",
    "first_window",
    "next_slot",
    "parse_at",
    "previous_slot",
    "zone_name",
    "zone_names",
]

# How many questions are remembered. A tick asks the same few about one instant for each of its subscriptions.
REMEMBERED = 8192

_DAY = timedelta(days=1)
# The least time between two instants, as they are stored.
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a new subscription begins: the start of its first window, and the slot that ends it."""

    window_start: datetime
    next_slot: datetime | None


@dataclass(frozen=True, slots=True)
class Send:
    """Send the news of ``(window_start, window_end]``, then be due at ``next_slot`` (None: instant).

    ``folded`` when the window holds a slot before its end, one that was passed over.
    """

    window_start: datetime
    window_end: datetime
    next_slot: datetime | None
    folded: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """Too late for the slot that was due: keep ``window_start`` and be due at ``next_slot``."""

    next_slot: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """The digest itself is held: keep ``window_start`` and be looked at again at ``next_slot``."""

    next_slot: datetime


@dataclass(frozen=True, slots=True)
class PassOver:
    """The reader pauses: nothing of what came until ``window_start`` is sent; be due at ``next_slot``."""

    window_start: datetime
    next_slot: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due yet."""


Decision = Send | Fold | Hold | PassOver | Wait


@lru_cache(maxsize=REMEMBERED)
def next_slot(rhythm: Rhythm, after: datetime) -> datetime:
    """The first slot strictly after an aware instant, in UTC.

    Raises ``CadenceError`` for the instant cadence, which has no slots, and for an unknown timezone.
    """
    local = _local_time(rhythm)
    # A day early: yesterday's slot may have been shifted over midnight.
    day = _first_day(rhythm, _local_date(after, local.tzinfo) - _DAY)
    while (slot := datetime.combine(day, local).astimezone(UTC)) <= after:
        day = _first_day(rhythm, day + _DAY)
    return slot


@lru_cache(maxsize=REMEMBERED)
def previous_slot(rhythm: Rhythm, at: datetime) -> datetime:
    """The last slot at or before an aware instant, in UTC; raises as ``next_slot`` does."""
    local = _local_time(rhythm)
    # A day late: a clock put back over midnight makes tomorrow's slot one that has been.
    day = _last_day(rhythm, _local_date(at, local.tzinfo) + _DAY)
    while (slot := datetime.combine(day, local).astimezone(UTC)) > at:
        day = _last_day(rhythm, day - _DAY)
    return slot


def first_window(rhythm: Rhythm, now: datetime) -> Start:
    """Where a subscription made at ``now`` begins.

    Its window starts at the last slot, not now, so that readers of one rhythm share their editions; for the
    instant cadence it starts now.
    """
    if rhythm.cadence is Cadence.INSTANT:
        return Start(window_start=now, next_slot=None)
    return Start(window_start=previous_slot(rhythm, now), next_slot=next_slot(rhythm, now))


def decide(
    rhythm: Rhythm,
    *,
    window_start: datetime,
    next_slot: datetime | None,
    now: datetime,
    max_lateness: timedelta,
    paused_until: datetime | None = None,
    extra: datetime | None = None,
    held: bool = False,
) -> Decision:
    """What to do at ``now`` for a subscription whose last window ended at ``window_start``.

    Once ``next_slot`` has come, the window up to the latest slot is sent if that is at most ``max_lateness``
    ago; otherwise it folds into the next. However late the ticks, the windows sent tile. A stored
    ``next_slot`` that a change of rhythm made stale does no harm: the rhythm now asked for decides. The
    instant cadence sends the window up to ``now`` at any time after ``window_start``: whether there is news
    is the caller's question, and one that passes the newest news' instant as ``now`` lets readers share
    editions.

    Slots before ``paused_until`` are passed over, and for the instant cadence the news from before it. The
    window of the first slot from then on starts at the slot before it, whether ticks came meanwhile or not.

    ``extra`` is one more slot, of the digest's and not of its rhythm; who pauses at that instant has it not.
    While the digest is ``held`` nothing is sent and no window ends.
    """
    if rhythm.cadence is Cadence.INSTANT:
        return Hold(now) if held else _instantly(window_start, now, paused_until)
    if next_slot is not None and now < next_slot:
        return Wait()
    latest, coming = previous_slot(rhythm, now), _next_slot(rhythm, now)
    if held:
        return Hold(coming)
    if extra is not None and latest < extra <= now and (paused_until is None or paused_until <= extra):
        latest = extra
    if paused_until is not None and window_start < paused_until:
        if latest < paused_until:
            return PassOver(max(window_start, latest), coming)
        window_start = max(window_start, previous_slot(rhythm, paused_until - MOMENT))
    if latest <= window_start or now - latest > max_lateness:
        return Fold(coming)
    return Send(window_start, latest, coming, folded=_next_slot(rhythm, window_start) < latest)


# `decide` has an argument of that name, as the subscription's column has.
_next_slot = next_slot


def _instantly(window_start: datetime, now: datetime, paused_until: datetime | None) -> Decision:
    """The decision for the instant cadence, where all until ``now`` is one window."""
    start = window_start if paused_until is None else max(window_start, paused_until - MOMENT)
    if now > start:
        return Send(start, now, None, folded=False)
    return PassOver(now, None) if now > window_start else Wait()


@lru_cache(maxsize=REMEMBERED)
def _local_time(rhythm: Rhythm) -> time:
    """The time of day in its timezone. Its fold is 0: a fold's first pass, and in a gap the offset before."""
    return time(rhythm.minute // 60, rhythm.minute % 60, tzinfo=zone(rhythm.timezone))


def _local_date(at: datetime, place: tzinfo | None) -> date:
    if at.tzinfo is None:
        raise ValueError(f"a datetime without a timezone is no instant: {at!r}")
    return at.astimezone(place).date()


def _first_day(rhythm: Rhythm, day: date) -> date:
    """The rhythm's first local day on or after one."""
    if rhythm.cadence is Cadence.DAILY:
        return day
    if rhythm.cadence is Cadence.WEEKLY:
        return day + _DAY * ((rhythm.weekday - day.weekday()) % 7)
    found = _in_month(rhythm, day)
    return found if found >= day else _in_month(rhythm, day.replace(day=28) + 4 * _DAY)


def _last_day(rhythm: Rhythm, day: date) -> date:
    """The rhythm's last local day on or before one."""
    if rhythm.cadence is Cadence.DAILY:
        return day
    if rhythm.cadence is Cadence.WEEKLY:
        return day - _DAY * ((day.weekday() - rhythm.weekday) % 7)
    found = _in_month(rhythm, day)
    return found if found <= day else _in_month(rhythm, day.replace(day=1) - _DAY)


def _in_month(rhythm: Rhythm, day: date) -> date:
    """The rhythm's day in the month of one."""
    if rhythm.cadence is Cadence.INSTANT:
        raise CadenceError("the instant cadence has no slots: it is due whenever there is news")
    return day.replace(day=min(rhythm.monthday, monthrange(day.year, day.month)[1]))
