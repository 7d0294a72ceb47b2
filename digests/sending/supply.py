"""The lanes' supply: a few hundred deliveries at hand, fetched ahead, in turn; domains that wait set aside.

A domain that may not go on (it has its share of the lanes, or a limit holds it) would soon fill what is at
hand. It is set aside then: what is fetched for all leaves it out from there on, and it is fetched on its own,
a little at a time, from where it was left. So memory stays as it is however many wait.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from digests.sending.due import FIRST, Pending, Turn
from digests.sending.limits import Limits
from digests.sending.waiting import Waiting

PAGE = 500
ASIDE_PAGE = 100
MOST_ASIDE = 50
MOST_AT_HAND = 10_000
# What is at hand is asked for no longer than that before it goes: its reader may leave meanwhile.
AT_HAND_SECONDS = 10
# How long a lane sleeps at most before it looks whether it is to stop.
LOOK_SECONDS = 0.25


class Fetch(Protocol):
    """Asks the ledger for what is due after a turn."""

    def __call__(
        self, *, after: Turn, limit: int, only: str | None = None, without: Collection[str] = ()
    ) -> Awaitable[list[Pending]]:
        """The next so many."""
        ...


@dataclass(slots=True)
class _Source:
    """How far something was fetched."""

    after: Turn
    is_done: bool = False


class Supply:
    """Gives the lanes what is next. ``is_over`` ends it early; what was taken is given back here."""

    def __init__(
        self, fetch: Fetch, *, lanes: int, limits: Limits, is_over: Callable[[], bool] = lambda: False
    ) -> None:
        self.waiting = Waiting(lanes, per_domain=limits.per_domain)
        self._fetch = fetch
        self._is_over = is_over
        self._page = _page(PAGE, limits.per_second)
        self._aside_page = _page(ASIDE_PAGE, limits.per_domain_second)
        self._all = _Source(FIRST)
        self._aside: dict[str, _Source] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._sleepers: deque[asyncio.Future[None]] = deque()

    async def begin(self) -> None:
        """Fetch the first page."""
        await self._fetch_all()

    def take(self) -> Pending | None:
        """What is next, if it may go right now."""
        now = asyncio.get_running_loop().time()
        pending = self.waiting.take(now, is_all=self._all.is_done)
        self._top_up(is_starving=pending is None)
        return pending

    async def wait(self, seconds: float) -> None:
        """Wait for news (something fetched, a lane free, a domain's time come), so long at most."""
        loop = asyncio.get_running_loop()
        release = self.waiting.first_release
        if release is not None:
            seconds = min(seconds, max(release - loop.time(), 0.001))
        news: asyncio.Future[None] = loop.create_future()
        self._sleepers.append(news)
        await asyncio.wait((news,), timeout=min(seconds, LOOK_SECONDS))
        if not news.done():
            self._sleepers.remove(news)

    async def pause(self, seconds: float) -> None:
        """Wait so long, news or not, or until it is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0 and not self._is_over():  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(min(left, LOOK_SECONDS))

    def is_at_end(self, patience: float) -> bool:
        """Whether nothing will come any more, or only what is held for longer than so many seconds."""
        if self._is_over():
            return True
        if self._fetching is not None:
            if not self._fetching.done():
                return False
            self._fetching.result()
        if not self.waiting:
            return self._all.is_done and all(source.is_done for source in self._aside.values())
        release = self.waiting.first_release
        if release is None or self.waiting.busy:
            return False
        return release - asyncio.get_running_loop().time() > patience

    def done(self, pending: Pending) -> None:
        """It was dealt with."""
        self.waiting.done(pending.domain)
        self._tell(1 if self.waiting else len(self._sleepers))

    def put_back(self, pending: Pending, *, until: float | None = None) -> None:
        """It was not begun; ``until``: its domain is held so long, by the event loop's clock."""
        self.waiting.put_back(pending, until=until)
        self._tell()

    def lane_ended(self) -> None:
        """One lane less."""
        self.waiting.lanes -= 1
        self._tell()

    async def close(self) -> None:
        """Wait for what is being fetched."""
        if self._fetching is not None:
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _tell(self, lanes: int = 1) -> None:
        while lanes and self._sleepers:
            self._sleepers.popleft().set_result(None)
            lanes -= 1

    def _top_up(self, *, is_starving: bool) -> None:
        """Fetch ahead, in the background, where little is left."""
        if self._fetching is not None:
            if not self._fetching.done():
                return
            self._fetching.result()
        for domain, source in self._aside.items():
            if not source.is_done and self.waiting.count(domain) < self._aside_page // 2:
                self._fetching = asyncio.create_task(self._fetch_one(domain, source))
                return
        if self._all.is_done:
            return
        if is_starving:
            for domain in self.waiting.blocked:
                if len(self._aside) < MOST_ASIDE and domain not in self._aside:
                    self._aside[domain] = _Source(self._all.after)
        at_hand = len(self.waiting) - sum(self.waiting.count(domain) for domain in self._aside)
        if at_hand < self._page // 2 and len(self.waiting) < MOST_AT_HAND:
            self._fetching = asyncio.create_task(self._fetch_all())

    async def _fetch_all(self) -> None:
        found = await self._fetch(after=self._all.after, limit=self._page, without=self._aside.keys())
        self._took(self._all, found)

    async def _fetch_one(self, domain: str, source: _Source) -> None:
        found = await self._fetch(after=source.after, limit=self._aside_page, only=domain)
        self._took(source, found)

    def _took(self, source: _Source, found: list[Pending]) -> None:
        source.is_done = not found
        if found:
            source.after = found[-1].turn
            self.waiting.add(found)
        self._tell(len(self._sleepers))


def _page(most: int, rate: float) -> int:
    """How many to have at hand: no more than a rate lets go while they may wait."""
    return max(2, min(most, int(rate * AT_HAND_SECONDS))) if rate else most
