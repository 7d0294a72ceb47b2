"""The tick: asks what is due and runs it.

It knows no domain. It is handed duties, each a question and an answer, and puts the question to each in turn:
now and then by APScheduler (``start``), or once, for an instant given (``tick``). The truth about what is due
stands in the database, so a tick may be late and two schedulers may run: nothing is remembered here.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

# The first publication of a large site takes minutes.
LONG_AT_MOST = timedelta(hours=1)

log = structlog.get_logger("scheduler")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do when it is due.

    ``is_due(now)`` is the question, cheap and changing nothing; ``do(now)`` the answer, which says in a line
    what was done, or None when nothing worth a word was. ``waits_for()`` tells any thread what an answer that
    was begun has to wait for; None: nothing. What ``is_long`` may take minutes: once started, the scheduler
    has a thread for all such, in which they follow each other, and the others never wait for them.
    """

    name: str
    is_due: Callable[[datetime], bool]
    do: Callable[[datetime], str | None]
    waits_for: Callable[[], str | None] = lambda: None
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one duty in one tick: what it said, or the error that stopped it."""

    duty: str
    said: str | None = None
    error: Exception | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Scheduler:
    """Runs the duties every ``seconds``, one tick at a time, until it is stopped.

    A duty that raises is logged and asked again at the next tick; the others get their turn all the same.
    ``stop``, where given, is set when it winds down, for duties to look at.
    """

    def __init__(
        self,
        duties: Sequence[Duty],
        *,
        seconds: float,
        clock: Callable[[], datetime] = _utc_now,
        stop: threading.Event | None = None,
    ) -> None:
        self._duties = tuple(duties)
        self._seconds = seconds
        self._clock = clock
        self._stopping = stop or threading.Event()
        self._last_tick: datetime | None = None
        self._long_since: datetime | None = None
        self._errors: dict[str, Done] = {}
        self._ticker = BackgroundScheduler(timezone=UTC, daemon=True)

    def tick(self, now: datetime) -> list[Done]:
        """Ask every duty once, as if it were ``now``; stop between two when the scheduler is stopping."""
        done = self._ask_all(self._duties, now)
        self._last_tick = self._clock()
        return done

    def _tick_short(self) -> None:
        self._ask_all([duty for duty in self._duties if not duty.is_long], self._clock())
        self._last_tick = self._clock()

    def _tick_long(self) -> None:
        self._long_since = self._clock()
        self._ask_all([duty for duty in self._duties if duty.is_long], self._long_since)
        self._long_since = None

    def _ask_all(self, duties: Sequence[Duty], now: datetime) -> list[Done]:
        done = []
        for duty in duties:
            if self._stopping.is_set():
                break
            one = self._ask(duty, now)
            done.append(one)
            if one.error:
                self._errors[duty.name] = one
            else:
                self._errors.pop(duty.name, None)
        return done

    def _ask(self, duty: Duty, now: datetime) -> Done:
        try:
            said = duty.do(now) if duty.is_due(now) else None
        except Exception as error:
            # One line for the operator, as every error; the traceback is for whoever asks for it.
            log.warning("duty failed", duty=duty.name, error=" ".join(str(error).split()))
            log.debug("duty failed", duty=duty.name, exc_info=True)
            return Done(duty.name, error=error)
        if said:
            log.info("duty done", duty=duty.name, said=said)
        return Done(duty.name, said=said)

    def start(self) -> None:
        """Tick at once, then every ``seconds``, in a thread of its own; in another what takes long.

        A job in memory for each: none overlaps itself, ticks missed meanwhile become one, none is too late.
        """
        jobs: dict[str, Callable[[], None]] = {"tick": self._tick_short}
        if any(duty.is_long for duty in self._duties):
            jobs["long"] = self._tick_long
        for name, job in jobs.items():
            self._ticker.add_job(
                job,
                IntervalTrigger(seconds=self._seconds, timezone=UTC),
                id=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
                next_run_time=self._clock(),
            )
        self._ticker.start()

    def wind_down(self) -> None:
        """Begin to stop: the duty in hand sees it in ``stopping``, and no other begins."""
        self._stopping.set()

    def stop(self) -> None:
        """Wind down, wait for the duty in hand, and end. The rest waits for the next start."""
        self.wind_down()
        if self._ticker.running:
            self._ticker.shutdown(wait=True)

    def stopping(self) -> bool:
        """Whether a duty in hand should come to an end soon."""
        return self._stopping.is_set()

    def trouble(self) -> str | None:
        """Why the scheduler is not well, in a line that anyone may see; None when it is.

        Of an error that has words for that (``public``) they are taken, and its own are left to the log.
        """
        for duty in self._duties:
            if reason := duty.waits_for():
                return f"{duty.name}: {reason}"
        for first in list(self._errors.values()):
            said = getattr(first.error, "public", None) or str(first.error)
            return f"{first.duty}: {' '.join(said.split())}"
        if self._last_tick is None:
            return "the scheduler has not ticked yet"
        if self._clock() - self._last_tick > timedelta(seconds=self._seconds * 3 + 600):
            return f"the scheduler has not ticked since {self._last_tick:%Y-%m-%dT%H:%M:%SZ}"
        long_since = self._long_since
        if long_since is not None and self._clock() - long_since > LONG_AT_MOST:
            return f"the scheduler has been at one thing since {long_since:%Y-%m-%dT%H:%M:%SZ}"
        return None
