"""When a digest goes out, as data and as words: cadence, hour, day and timezone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from digests.zones import CadenceError, zone

DAY_MINUTES = 24 * 60
LAST_MONTHDAY = 31
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MONTHDAY = re.compile(r"0?[1-9]|[12][0-9]|3[01]")
_EXAMPLES = "write it like '08:00', 'mon 08:00', '15 08:00' or 'last 08:00'"


class Cadence(StrEnum):
    """How often: as soon as there is news, or once each local day, week or month."""

    INSTANT = "instant"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"

    @classmethod
    def parse(cls, text: str) -> "Cadence":
        """The cadence of that name, in any case; raises ``CadenceError`` when there is none."""
        try:
            return cls(text.strip().lower())
        except ValueError as error:
            raise CadenceError(f"cadence {text[:32]!r} is none: choose one of {', '.join(cls)}") from error


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A cadence with its local time.

    ``minute`` of the local day (0 to 1439), ``weekday`` (0 is Monday; weekly only), ``monthday`` (1 to 31,
    the last day where a month is shorter; monthly only), ``timezone`` by name. Raises ``CadenceError`` on
    numbers out of range; an unknown timezone raises it when the first slot is asked for.
    """

    cadence: Cadence
    minute: int
    weekday: int
    monthday: int
    timezone: str

    def __post_init__(self) -> None:
        """Refuse numbers that name no time of a day, day of a week or day of a month."""
        if not 0 <= self.minute < DAY_MINUTES:
            raise CadenceError(f"minute {self.minute} is out of range: 0 to {DAY_MINUTES - 1}")
        if not 0 <= self.weekday < len(WEEKDAYS):
            raise CadenceError(f"weekday {self.weekday} is out of range: 0 (Monday) to 6 (Sunday)")
        if not 1 <= self.monthday <= LAST_MONTHDAY:
            raise CadenceError(f"monthday {self.monthday} is out of range: 1 to {LAST_MONTHDAY}")


@dataclass(frozen=True, slots=True)
class At:
    """A local time as a publisher writes it; ``str()`` writes it so that ``parse_at`` reads the same."""

    minute: int
    weekday: int | None = None
    monthday: int | None = None

    def __str__(self) -> str:
        """``mon 08:00``, ``15 08:00``, ``last 08:00``, ``08:00``."""
        words = []
        if self.weekday is not None:
            words.append(WEEKDAYS[self.weekday][:3].lower())
        if self.monthday is not None:
            words.append("last" if self.monthday == LAST_MONTHDAY else str(self.monthday))
        return " ".join([*words, clock(self.minute)])


def clock(minute: int) -> str:
    """A minute of the day as ``HH:MM``."""
    return f"{minute // 60:02}:{minute % 60:02}"


def parse_at(text: str) -> At:
    """Read ``08:00``, ``mon 08:00``, ``Monday 8:00``, ``15 08:00`` or ``last 08:00``.

    A weekday may stand beside a day of the month, for a digest that offers both cadences. Raises
    ``CadenceError`` on anything else.
    """
    *days, time = text.split() or [""]
    matched = _TIME.fullmatch(time)
    if matched is None:
        raise CadenceError(f"at {text[:40]!r}: {time[:16]!r} is no time of a day: {_EXAMPLES}")
    weekday = monthday = None
    for day in days:
        if weekday is None and (found := _weekday(day)) is not None:
            weekday = found
        elif monthday is None and (day.lower() == "last" or _MONTHDAY.fullmatch(day)):
            monthday = LAST_MONTHDAY if day.lower() == "last" else int(day)
        else:
            raise CadenceError(f"at {text[:40]!r}: {day[:16]!r} is no day: {_EXAMPLES}")
    return At(minute=int(matched[1]) * 60 + int(matched[2]), weekday=weekday, monthday=monthday)


def check_at(at: At, cadences: Sequence[Cadence]) -> None:
    """Raise ``CadenceError`` when a time names a day that none of the cadences would look at."""
    if at.weekday is not None and Cadence.WEEKLY not in cadences:
        raise CadenceError(f"at '{at}': a weekday means nothing to {', '.join(cadences)}: leave it out")
    if at.monthday is not None and Cadence.MONTHLY not in cadences:
        raise CadenceError(
            f"at '{at}': a day of the month means nothing to {', '.join(cadences)}: leave it out"
        )


def describe(rhythm: Rhythm) -> str:
    """A rhythm for people: ``weekly, Monday 08:00 America/Regina``."""
    if rhythm.cadence is Cadence.INSTANT:
        return "instant"
    day = ""
    if rhythm.cadence is Cadence.WEEKLY:
        day = f"{WEEKDAYS[rhythm.weekday]} "
    elif rhythm.cadence is Cadence.MONTHLY:
        day = f"{_monthday(rhythm.monthday)} "
    return f"{rhythm.cadence}, {day}{clock(rhythm.minute)} {zone(rhythm.timezone).key}"


def describe_to_readers(rhythm: Rhythm) -> str:
    """A rhythm for readers, who do not know a cadence's name: ``as soon as there is news``."""
    return "as soon as there is news" if rhythm.cadence is Cadence.INSTANT else describe(rhythm)


def _weekday(word: str) -> int | None:
    """The weekday that a word of three letters or more begins."""
    if len(word) < 3:
        return None
    return next((day for day, name in enumerate(WEEKDAYS) if name.lower().startswith(word.lower())), None)


def _monthday(number: int) -> str:
    if number == LAST_MONTHDAY:
        return "last day"
    suffix = "th" if 10 < number < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}{' or last day' if number > 28 else ''}"
