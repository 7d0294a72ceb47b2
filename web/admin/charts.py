"""Charts as pictures that need no script: numbers in, where each mark stands out. All pure.

A chart's marks stand in a box of 1,000 by 200 that is stretched to whatever width there is; its text stands
beside them in its own size, so that it can be read on a phone. ``page/admin/charts.html`` draws them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDE, HIGH = 1000, 200
# Lines across, and days told below; more would touch each other on a phone.
LINES, DAYS_TOLD = 4, 4
# Of a bar's place so much is left free.
GAP = 0.15
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = timedelta(days=1)
_LONG = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour stands for: its name, its kind (a class of the style sheet), a number for each day.

    A day without a number is one of which nothing is known.
    """

    name: str
    kind: str
    numbers: Mapping[date, int]

    @property
    def last(self) -> int:
        """The newest number."""
        return self.numbers[max(self.numbers)] if self.numbers else 0

    @property
    def total(self) -> int:
        """All numbers together."""
        return sum(self.numbers.values())


@dataclass(frozen=True, slots=True)
class Line:
    """A line across: how far down it is, and the number it stands for."""

    y: float
    said: str


@dataclass(frozen=True, slots=True)
class Told:
    """A day that is told below: where, in parts of a hundred, and how its text stands there."""

    x: float
    anchor: str
    said: str


@dataclass(frozen=True, slots=True)
class Rect:
    """A part of a bar."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's parts, and what they are in words."""

    said: str
    parts: Sequence[Rect]


@dataclass(frozen=True, slots=True)
class Curve:
    """A series as a line: the commands of its path, and a dot for each stretch of one day only."""

    kind: str
    path: str
    dots: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: what it is in words, its axes, its marks, and the numbers it shows as a table."""

    name: str
    title: str
    told: str
    series: Sequence[Series]
    days: Sequence[date]
    lines: Sequence[Line] = ()
    below: Sequence[Told] = ()
    bars: Sequence[Bar] = ()
    curves: Sequence[Curve] = ()
    adds_up: bool = False

    @property
    def rows(self) -> list[tuple[date, list[int | None]]]:
        """The table below: the newest day first, a number for each series."""
        return [(day, [one.numbers.get(day) for one in self.series]) for day in reversed(self.days)]


def bars(name: str, title: str, series: Sequence[Series]) -> Chart:
    """A bar for each day, its parts one above the other."""
    days = _days(series)
    sums = [sum(_number(one, day) for one in series) for day in days]
    top, lines = axis(max(sums, default=0))
    span = (days[-1] - days[0]).days + 1 if days else 1
    each = WIDE / span
    drawn = [
        Bar(_bar_said(series, day), _parts(series, day, (day - days[0]).days * each, each, top))
        for day in days
    ]
    told = _told(days, sums, "in all")
    shown = [Told(_percent((day - days[0]).days + 0.5, span), *text) for day, text in _below(days)]
    return Chart(name, title, told, series, days, lines, shown, bars=drawn, adds_up=True)


def curves(name: str, title: str, series: Sequence[Series]) -> Chart:
    """A line for each series."""
    days = _days(series)
    top, lines = axis(max((number for one in series for number in one.numbers.values()), default=0))
    span = (days[-1] - days[0]).days if days else 0
    drawn = [_curve(one, days, span, top) for one in series]
    told = _told(days, [_number(series[0], day) for day in days] if series else [], "at the end", last=True)
    shown = [Told(_percent((day - days[0]).days, span), *text) for day, text in _below(days)]
    return Chart(name, title, told, series, days, lines, shown, curves=drawn)


def shares(numbers: Sequence[tuple[str, int]]) -> list[tuple[str, int, float]]:
    """Each name with its number, and how long its bar is, in parts of ``WIDE``; the longest has all of it."""
    most = max((number for _, number in numbers), default=0)
    return [
        (name, number, _rounded(WIDE * max(number, 0) / most) if most > 0 else 0.0)
        for name, number in numbers
    ]


def axis(most: int) -> tuple[int, list[Line]]:
    """The number that the top stands for, and lines across at round numbers, none of them a fraction."""
    step = nice_step(most)
    count = max(1, -(-max(most, 0) // step))
    top = step * count
    return top, [Line(_down(step * part, top), f"{step * part:,}") for part in range(count + 1)]


def nice_step(most: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50 … of which ``LINES`` reach ``most``."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * LINES >= most:
                return step
        size *= 10


def _days(series: Sequence[Series]) -> list[date]:
    return sorted({day for one in series for day in one.numbers})


def _number(one: Series, day: date) -> int:
    return max(0, one.numbers.get(day, 0))


def _parts(series: Sequence[Series], day: date, x: float, each: float, top: int) -> list[Rect]:
    parts, below = [], 0
    for one in series:
        number = _number(one, day)
        if number:
            y, end = _down(below + number, top), _down(below, top)
            left, right = _rounded(x + each * GAP / 2), _rounded(x + each * (1 - GAP / 2))
            parts.append(Rect(one.kind, left, y, _rounded(right - left), _rounded(end - y)))
            below += number
    return parts


def _curve(one: Series, days: Sequence[date], span: int, top: int) -> Curve:
    """A day that nothing is known of breaks the line."""
    stretches: list[list[tuple[float, float]]] = []
    before: date | None = None
    for day in days:
        if day not in one.numbers:
            continue
        x = _rounded(WIDE * (day - days[0]).days / span) if span else WIDE / 2
        if before is None or day - before > _DAY:
            stretches.append([])
        stretches[-1].append((x, _down(_number(one, day), top)))
        before = day
    path = " ".join(
        "M" + " L".join(f"{x:g} {y:g}" for x, y in stretch) for stretch in stretches if len(stretch) > 1
    )
    return Curve(one.kind, path, [stretch[0] for stretch in stretches if len(stretch) == 1])


def _below(days: Sequence[date]) -> list[tuple[date, tuple[str, str]]]:
    """The first and the last day, and some between, each with how its text stands and what it says."""
    if not days:
        return []
    span = (days[-1] - days[0]).days
    count = min(DAYS_TOLD, span + 1)
    if count == 1:
        return [(days[0], ("middle", short(days[0], with_year=True)))]
    chosen = [days[0] + _DAY * (span * part // (count - 1)) for part in range(count)]
    years = days[-1] - days[0] > _LONG
    anchors = ["start", *["middle"] * (count - 2), "end"]
    return [(day, (anchor, short(day, with_year=years))) for day, anchor in zip(chosen, anchors, strict=True)]


def short(day: date, *, with_year: bool = False) -> str:
    """A day below a chart: ``9 Nov``."""
    return f"{day.day} {_MONTHS[day.month - 1]}" + (f" {day.year}" if with_year else "")


def _told(days: Sequence[date], numbers: Sequence[int], how: str, *, last: bool = False) -> str:
    """A chart in a sentence, for who cannot see it."""
    if not days:
        return "There are no figures yet."
    what = numbers[-1] if last else sum(numbers)
    first, end = (short(day, with_year=True) for day in (days[0], days[-1]))
    return f"From {first} to {end}: {what:,} {how}, at most {max(numbers):,} on a day."


def _bar_said(series: Sequence[Series], day: date) -> str:
    parts = [f"{_number(one, day):,} {one.name}" for one in series if _number(one, day)]
    return f"{short(day, with_year=True)}: {', '.join(parts) or 'none'}"


def _down(number: int, top: int) -> float:
    return _rounded(HIGH - HIGH * number / top) if top > 0 else float(HIGH)


def _percent(place: float, span: float) -> float:
    return _rounded(100 * place / span) if span else 50.0


def _rounded(number: float) -> float:
    return round(number, 2)
