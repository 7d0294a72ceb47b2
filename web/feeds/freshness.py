"""Whether anything changed in the database: asked at most once in a while, and not in a request's way."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Freshness:
    """Counts the changes of what ``ask`` tells: a text that is another one whenever any feed may be another.

    It is asked at most once in ``seconds``, in a thread of its own. What it told holds for so long, and as
    long again while it is asked anew, so that under steady requests none of them waits. With 0 seconds it is
    asked for each.
    """

    def __init__(self, ask: Callable[[], str], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feeds-changes")
        self._asking: Future[None] | None = None
        self._told: str | None = None
        self._count = 0
        self._asked_at = float("-inf")

    def at_hand(self, now: float) -> int | None:
        """How many changes there were, as far as is known; None when that was too long ago: ask ``current``.

        ``now`` is in seconds of a clock that never goes back.
        """
        age = now - self._asked_at
        if age < self._seconds:
            return self._count
        if age < 2 * self._seconds:
            self._begin(now)
            return self._count
        return None

    async def current(self, now: float) -> int:
        """How many changes there were, asked now or by a question that is still under way.

        Raises what ``ask`` raises.
        """
        await asyncio.shield(asyncio.wrap_future(self._begin(now)))
        return self._count

    def _begin(self, now: float) -> "Future[None]":
        if self._asking is None or self._asking.done():
            self._asking = self._thread.submit(self._renew, now)
        return self._asking

    def _renew(self, now: float) -> None:
        told = self._ask()
        if told != self._told:
            self._told = told
            self._count += 1
        # As old as the question, not as the answer.
        self._asked_at = now
