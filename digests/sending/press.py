"""Letters made in threads, where that takes long: while one is signed, Python's lock is let go of.

To hand work to a thread and its result back takes a good part of what a signature takes. So what the lanes
ask for in one turn of the event loop is handed over together, a share to each thread.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from digests.sending.due import Pending
from digests.sending.outside import Letters

# More at once, and the first would wait for the last.
MOST_AT_ONCE = 8

_Asked = tuple[Pending, asyncio.Future[bytes]]


class Press:
    """Threads that make letters. Used as ``with``, inside a running event loop."""

    def __init__(self, letters: Letters, *, threads: int) -> None:
        self._letters = letters
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="letters")
        self._loop = asyncio.get_running_loop()
        self._asked: list[_Asked] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    async def data(self, pending: Pending) -> bytes:
        """The message of a delivery; raises what ``Letters.data`` raises."""
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        letter: asyncio.Future[bytes] = self._loop.create_future()
        self._asked.append((pending, letter))
        return await letter

    def _hand_over(self) -> None:
        asked, self._asked = self._asked, []
        share = min(MOST_AT_ONCE, -(-len(asked) // self._threads))
        for begin in range(0, len(asked), share):
            self._pool.submit(self._make, asked[begin : begin + share])

    def _make(self, asked: Sequence[_Asked]) -> None:
        made: list[tuple[asyncio.Future[bytes], bytes | Exception]] = []
        for pending, letter in asked:
            try:
                made.append((letter, self._letters.data(pending)))
            except Exception as error:
                made.append((letter, error))
        self._loop.call_soon_threadsafe(_give, made)


def _give(made: Sequence[tuple[asyncio.Future[bytes], bytes | Exception]]) -> None:
    for letter, result in made:
        if letter.done():
            continue
        if isinstance(result, Exception):
            letter.set_exception(result)
        else:
            letter.set_result(result)
