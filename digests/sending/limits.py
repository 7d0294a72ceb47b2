"""How much may be sent, and when: rates, a day's cap, quiet hours. Decisions only; nothing is stored here.

A rate is held by the "virtual scheduling" of GCRA (ITU-T I.371): for each key the instant is kept at which
the next message would be due if all went out evenly. A message may go up to a tolerance before that instant,
and moves it on by one interval. So in any ``t`` seconds no more than ``rate * t + burst`` messages go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from digests.zones import zone

ALL = "all"
# So much of a second's messages may go at once; what a timer or a commit loses is made up for by that.
BURST_SECONDS = 0.1
# What a limit holds back for longer than that is left to the next run: the others have things to do.
PATIENCE_SECONDS = 5.0
# So far may the clocks of the machines that send be apart. What lies further off than the rate itself can
# have put it was put there by a clock that went wrong and was set back since, or under a lower rate.
MOST_APART = timedelta(minutes=10)
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """How far a limit is used up: for a rate ``at`` is when it is next due, for a day ``used`` counts."""

    at: datetime
    used: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a message must wait: until when, and whether that holds for its domain only."""

    until: datetime
    is_domains: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What may go: a ``Hold`` for each message asked for, None where it may; and what the limits then are."""

    holds: tuple[Hold | None, ...]
    allowances: Mapping[str, Allowance]


@dataclass(frozen=True)
class Limits:
    """What a publisher set; 0 and an empty ``quiet``: no limit.

    ``per_second`` and ``per_domain_second`` are messages a second, ``daily_cap`` messages a local day of the
    timezone, ``quiet`` the local hours ``22:00-07:00`` in which nothing is sent. All of them hold for all
    processes together; ``per_domain``, messages to one domain under way at once, for each.
    """

    per_second: float = 0
    per_domain_second: float = 0
    per_domain: int = 0
    daily_cap: int = 0
    quiet: str = ""
    timezone: str = "UTC"

    @cached_property
    def is_counted(self) -> bool:
        """Whether each message is to be counted."""
        return bool(self.per_second or self.per_domain_second or self.daily_cap)

    def keys(self, domains: Sequence[str], now: datetime) -> set[str]:
        """The allowances that messages to such domains need, at ``now`` (a rehearsal's, if it is one)."""
        found = {ALL} if self.per_second else set()
        if self.daily_cap:
            found.add(self._day_key(now))
        if self.per_domain_second:
            found |= {domain_key(domain) for domain in domains}
        return found

    def decide(
        self, domains: Sequence[str], allowances: Mapping[str, Allowance], *, real: datetime, now: datetime
    ) -> Decision:
        """Which messages may go, by their domains and in order of their turn.

        Rates go by the ``real`` time, the day and its cap by ``now``. A message held back uses up nothing;
        each is told when its own turn would come, so that they do not all come back in one instant. Those of
        a domain wait together, until the first of them may go.
        """
        rates = _Rates(allowances, microseconds(real))
        day, cap = self._day_key(now), self.daily_cap
        used = allowances[day].used if day in allowances else 0
        holds: list[Hold | None] = []
        allowed = 0
        for domain in domains:
            if cap and used + allowed >= cap:
                holds.append(Hold(real + (self._next_day(now) - now)))
                continue
            keys = ((domain_key(domain), self.per_domain_second), (ALL, self.per_second))
            held = rates.take([(key, rate) for key, rate in keys if rate])
            holds.append(held)
            allowed += held is None
        changed = rates.changed
        if cap and allowed:
            changed[day] = Allowance(real, used + allowed)
        return Decision(tuple(holds), changed)

    def closed_until(
        self, allowances: Mapping[str, Allowance], *, real: datetime, now: datetime
    ) -> datetime | None:
        """When sending may go on, where it is quiet at ``now``, the day's cap is used up, or the rate is so
        low that its next message is not worth waiting for; else None.
        """
        quiet = self.quiet_until(now)
        if quiet is not None:
            return quiet
        used = allowances.get(self._day_key(now))
        if self.daily_cap and used is not None and used.used >= self.daily_cap:
            return self._next_day(now)
        if self.per_second:
            since = _Rates(allowances, microseconds(real)).first(ALL, self.per_second)
            wait = moment(since) - real
            if wait > timedelta(seconds=PATIENCE_SECONDS):
                return now + wait
        return None

    def quiet_until(self, now: datetime) -> datetime | None:
        """When the quiet hours end, if it is quiet at ``now``; None when it is not.

        They last from the first moment that the clock shows their beginning to the last that it shows their
        end: an hour that comes twice (autumn) is quiet twice. A time that is left out (spring) is the same
        time on the clock that was in use before.
        """
        if not self.quiet:
            return None
        begin, end = (time.fromisoformat(part) for part in self.quiet.split("-"))
        if begin == end:
            return None
        today = now.astimezone(zone(self.timezone)).date()
        for day in (today - timedelta(days=1), today):
            last = day + timedelta(days=begin > end)
            ends = self._instant(last, end, fold=1)
            if self._instant(day, begin, fold=0) <= now < ends:
                return ends
        return None

    def _day_key(self, now: datetime) -> str:
        return f"day:{now.astimezone(zone(self.timezone)).date().isoformat()}"

    def _next_day(self, now: datetime) -> datetime:
        today = now.astimezone(zone(self.timezone)).date()
        return self._instant(today + timedelta(days=1), time(), fold=0)

    def _instant(self, day: date, at: time, *, fold: int) -> datetime:
        """When the clock shows that, the first or the last time (``fold``)."""
        local = datetime.combine(day, at, tzinfo=zone(self.timezone))
        early, late = (local.replace(fold=which).astimezone(UTC) for which in (0, 1))
        # In a gap the clock in use before is the one of fold 0, which then is the later instant.
        return early if fold == 0 or late < early else late


UNLIMITED = Limits()


class _Rates:
    """The rates while a round is decided: instants in microseconds, moved on by each message."""

    def __init__(self, allowances: Mapping[str, Allowance], real: int) -> None:
        self._allowances = allowances
        self._real = real
        self._next: dict[str, float] = {}
        # As if those held back had gone too: when the turn of the next one comes.
        self._queue: dict[str, float] = {}

    def take(self, rates: Sequence[tuple[str, float]]) -> Hold | None:
        """One message under some rates, its domain's first: it uses up all of them, or none."""
        for key, rate in rates:
            until = self.first(key, rate)
            if until > self._real:
                return self._hold(key, rate, until)
        for key, rate in rates:
            self._next[key] = max(self._due(key, rate), self._real) + _SECOND / rate
        return None

    def first(self, key: str, rate: float) -> float:
        """When the next message may go under a rate; it may have been for long."""
        return self._due(key, rate) - _tolerance(rate)

    @property
    def changed(self) -> dict[str, Allowance]:
        return {key: Allowance(moment(value)) for key, value in self._next.items()}

    def _due(self, key: str, rate: float) -> float:
        if key in self._next:
            return self._next[key]
        found = self._allowances.get(key)
        due = self._real if found is None else microseconds(found.at)
        farthest = self._real + _tolerance(rate) + _SECOND / rate + MOST_APART / timedelta(microseconds=1)
        return due if due <= farthest else self._real

    def _hold(self, key: str, rate: float, until: float) -> Hold:
        if key != ALL:
            return Hold(moment(until), is_domains=True)
        turn = self._queue.get(key, until)
        self._queue[key] = turn + _SECOND / rate
        return Hold(moment(turn))


def _tolerance(rate: float) -> float:
    """How early a message may be, in microseconds: a burst's length less its first message."""
    return (max(1.0, rate * BURST_SECONDS) - 1) * _SECOND / rate


def domain_key(domain: str) -> str:
    """The key of a domain's rate."""
    return f"domain:{domain}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """An instant as microseconds since 1970, without loss."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(count: float) -> datetime:
    """The instant of so many microseconds since 1970, rounded up: never too early."""
    return _EPOCH + timedelta(microseconds=-int(-count // 1))
