"""Group commit: the results and intents of all lanes that wait go to the ledger in one transaction."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import structlog

from database import DatabaseUnavailable
from digests.sending.ledger import Ledger, Pending, Result, Taken
from digests.sending.limits import Hold

log = structlog.get_logger("digests.sending.commits")

RETRY_SECONDS = 1.0
# How much of a lease is left unused: the fence falls before another worker may believe the lease is over.
MARGIN = 0.25
SHARED_SECONDS = 0.1
# A commit costs as much as some fifteen messages in it: half of the lanes are waited for, but no longer.
GATHER_SECONDS = 0.002

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _elapsed() -> float:
    """Seconds that went by, also while this process or the machine stood still."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Intent:
    """A lane's wish to send one delivery, and how long it may believe that it is its own.

    ``hold`` tells, once it was refused, whether that was by a limit.
    """

    __slots__ = ("_answer", "_error", "_waiting", "hold", "pending", "until")

    def __init__(self, pending: Pending | None) -> None:
        self.pending = pending
        self.until = 0.0
        self.hold: Hold | None = None
        self._answer: bool | None = None
        self._error: Exception | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def granted(self) -> bool:
        """Wait until the intent is durable; False when another worker or a limit has the delivery."""
        if self._answer is None and self._error is None:
            # Each who waits has a future of its own: to be cancelled is its own affair.
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(news)
            await news
        if self._error is not None:
            raise self._error
        return bool(self._answer)

    def holds(self) -> bool:
        """Whether the delivery is still this worker's: false once its lease may be over."""
        return _elapsed() < self.until

    def answer(self, answer: bool) -> None:
        """It is durable, or refused."""
        self._answer = answer
        self._tell()

    def fail(self, error: Exception) -> None:
        """Nobody knows: the ledger is gone."""
        self._error = error
        self._tell()

    def _tell(self) -> None:
        for news in self._waiting:
            if not news.done():
                news.set_result(None)


class Commits:
    """Collects what the lanes submit and commits it round by round, in one thread of its own.

    A database that is gone is waited for, as long as ``give_up`` does not say otherwise: what was sent must
    not be forgotten. ``waits`` is told why, and None when that is over. Used as ``async with``; leaving it
    commits what is left.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        now: datetime,
        lanes: int = 1,
        give_up: Callable[[], bool],
        waits: Callable[[str | None], None] = lambda _why: None,
    ) -> None:
        self._ledger = ledger
        self._began = now
        self._shared = (0.0, now)
        self._began_at = _elapsed()
        self._give_up = give_up
        self._many = lanes // 2
        self._gathered: asyncio.Future[None] | None = None
        self._waits = waits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._submitted: list[tuple[Result | None, Intent]] = []
        self._open: set[Intent] = set()
        self._wake = asyncio.Event()
        self._closing = False

    async def __aenter__(self) -> Self:
        self._committer = asyncio.create_task(self._commit())
        self._renewer = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._wake.set()
        self._renewer.cancel()
        try:
            await self._committer
        finally:
            await asyncio.gather(self._renewer, return_exceptions=True)
            self._thread.shutdown()
            self._reader.shutdown()

    def moment(self) -> datetime:
        """What time it is: as long after the ``now`` of the run as the run has lasted."""
        return self._began + timedelta(seconds=_elapsed() - self._began_at)

    def about_now(self) -> datetime:
        """As ``moment``, but the same for a while: what bears one time is recorded in one statement."""
        elapsed = _elapsed()
        if elapsed - self._shared[0] > SHARED_SECONDS:
            self._shared = elapsed, self.moment()
        return self._shared[1]

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a function of the ledger in the ledger's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(function, *args, **kwargs))

    async def read(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a function that only reads, beside what is written; wait for a database that is gone."""
        return await self._insist(self._reader, partial(function, *args, **kwargs))

    async def _insist(self, thread: ThreadPoolExecutor, function: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    return await loop.run_in_executor(thread, function)
                except DatabaseUnavailable as error:
                    if self._give_up():
                        raise
                    log.warning("the ledger waits", error=" ".join(str(error).split()))
                    self._waits(error.public)
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._waits(None)

    def submit(self, result: Result | None, pending: Pending | None) -> Intent:
        """Hand in a result and the next intent (either may be missing) for the next round."""
        intent = Intent(pending)
        self._submitted.append((result, intent))
        self._wake.set()
        if self._gathered is not None and len(self._submitted) >= self._many and not self._gathered.done():
            self._gathered.set_result(None)
        return intent

    def close(self, intent: Intent) -> None:
        """The message is dealt with: its lease need not be prolonged any more."""
        self._open.discard(intent)

    async def _commit(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._gather()
            round_, self._submitted = self._submitted, []
            if round_:
                await self._commit_round(round_)
            elif self._closing:
                return
            if self._closing:
                self._wake.set()

    async def _gather(self) -> None:
        """Let other lanes join the round: those whose replies have arrived already, and some more."""
        await asyncio.sleep(0)
        if len(self._submitted) < self._many and not self._closing:
            self._gathered = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._gathered,), timeout=GATHER_SECONDS)
            self._gathered = None

    async def _commit_round(self, round_: list[tuple[Result | None, Intent]]) -> None:
        results = [result for result, _ in round_ if result is not None]
        wanted = [intent.pending for _, intent in round_ if intent.pending is not None]
        began = _elapsed()
        step = partial(self._ledger.step, results, wanted, now=self.moment())
        try:
            taken = await self._insist(self._thread, step)
        except Exception as error:
            for _, intent in round_:
                intent.fail(error)
            return
        for _, intent in round_:
            self._answer(intent, taken=taken, began=began)

    def _answer(self, intent: Intent, *, taken: Taken, began: float) -> None:
        number = None if intent.pending is None else intent.pending.id
        is_granted = number in taken.granted
        if is_granted:
            intent.until = began + self._ledger.leases.length.total_seconds() * (1 - MARGIN)
            self._open.add(intent)
        elif number is not None:
            intent.hold = taken.held.get(number)
        intent.answer(is_granted)

    async def _renew(self) -> None:
        """Prolong the leases of messages that take long, while they are still this worker's."""
        lease = self._ledger.leases.length.total_seconds()
        while True:
            await asyncio.sleep(lease / 4)
            began = _elapsed()
            sending = {
                intent.pending.id: intent for intent in self._open if intent.pending and intent.holds()
            }
            if not sending:
                continue
            attempts = [(one.pending.id, one.pending.attempt + 1) for one in sending.values() if one.pending]
            try:
                kept = await self.call(self._ledger.leases.renew, attempts)
            except DatabaseUnavailable:
                continue
            for number in kept:
                sending[number].until = began + lease * (1 - MARGIN)
