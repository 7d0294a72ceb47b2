"""Sending what is due: many connections at once, one commit per round of them.

Each lane holds one connection and at most one open intent. The result of its last message and the intent of
its next go into the same commit, together with those of all the lanes that wait at that moment; MAIL and RCPT
may travel meanwhile, DATA only once the intent is durable.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from digests.sending.commits import Commits
from digests.sending.lane import DeliveryReport, Lane, Run
from digests.sending.ledger import Ledger
from digests.sending.outside import Connection, Letters
from digests.sending.press import Press
from digests.sending.supply import LOOK_SECONDS, Supply

__all__ = ["Connection", "Delivery", "DeliveryReport", "Letters"]

# When so many messages in a row, and two for each lane, broke their connections, it is not the messages.
MOST_BREAKS = 4


class Delivery:
    """One run of sending: everything that is due at ``now``, or as much as fits until ``enough`` says so.

    ``connect`` makes a connection that is not open yet; ``progress`` is told of each message dealt with.
    A database that is gone is waited for until ``stopping``; ``waits`` is told why, and None when it is back.
    With ``threads`` letters are made in so many, beside the sending: worth it only where they are signed.
    What a limit holds back for more than some seconds is left to the next run.
    """

    def __init__(
        self,
        ledger: Ledger,
        letters: Letters,
        connect: Callable[[], Connection],
        *,
        connections: int,
        threads: int = 0,
        enough: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _count: None,
        stopping: Callable[[], bool] = lambda: False,
        waits: Callable[[str | None], None] = lambda _why: None,
    ) -> None:
        self._stopping = stopping
        self._waits = waits
        self._ledger = ledger
        self._lanes = connections
        self._threads = threads
        self._run = Run(
            ledger, letters, connect, enough, progress, most_breaks=max(MOST_BREAKS, 2 * connections)
        )

    async def run(self, now: datetime) -> DeliveryReport:
        """Send; return the report. Raises what the ledger's database raises when it stays away.

        An error that ends a lane ends no other; the first is raised when all of them are through.
        """
        report = self._run.report
        async with Commits(
            self._ledger, now=now, lanes=self._lanes, give_up=self._stopping, waits=self._waits
        ) as commits:
            report.recovered = await commits.call(self._ledger.leases.recover, now)
            report.skipped = await commits.call(self._ledger.skip_departed, now)
            report.held_until = await commits.call(self._ledger.closed_until, now)
            if report.held_until is not None:
                return report
            ended = await self._send_in_threads(commits, now)
        for error in filter(None, ended):
            raise error
        return report

    async def _send_in_threads(self, commits: Commits, now: datetime) -> list[BaseException | None]:
        if not self._threads:
            return await self._send_all(commits, now)
        with Press(self._run.letters, threads=self._threads) as self._run.press:
            return await self._send_all(commits, now)

    async def _send_all(self, commits: Commits, now: datetime) -> list[BaseException | None]:
        """Send what is due; how each lane ended."""
        supply = Supply(
            partial(commits.read, self._ledger.due, now),
            lanes=self._lanes,
            limits=self._ledger.limits,
            is_over=self._run.is_over,
        )
        await supply.begin()
        watch = asyncio.create_task(self._watch_the_hours(commits))
        supply.waiting.lanes = min(self._lanes, len(supply.waiting))
        lanes = [Lane(self._run, commits, supply) for _ in range(supply.waiting.lanes)]
        # No task group: it would break off the messages of all lanes for an error in one.
        ended = await asyncio.gather(*(lane.send_all() for lane in lanes), return_exceptions=True)
        watch.cancel()
        await supply.close()
        return ended

    async def _watch_the_hours(self, commits: Commits) -> None:
        """End the run when quiet hours begin."""
        while self._ledger.limits.quiet:
            until = self._ledger.limits.quiet_until(commits.moment())
            if until is not None:
                self._run.hold(until)
            await asyncio.sleep(LOOK_SECONDS)
