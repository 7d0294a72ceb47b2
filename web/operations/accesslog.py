"""The log of requests: a line of JSON each, with nothing in it that tells who asked.

No address of a client or a reader, nothing behind a question mark, and no token: what stands in a path for
one person is a star. Lines are written by a thread of their own, many at once, for a feed is answered in less
time than a line takes to write.
"""

import json
import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from time import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Lines that wait; what comes on top is counted, and told.
MOST_WAITING = 100_000
_EVERY_SECONDS = 0.5
_LONGEST = 300
# `/unsubscribe/TOKEN` and the like, also where a mail program cut the token short; and wherever one stands.
_DOOR = re.compile(r"((?:^|/)(?:confirm|preferences|unsubscribe|resubscribe|stop|address-\w+|data)/)[^/]+")
_TOKEN = re.compile(r"[0-9a-z]{1,13}(?:\.|%2E)[\w-]{20,}", re.IGNORECASE)
# Also where somebody typed an address into a path. Looked for part by part: a stranger's path may be long.
_PART = re.compile(r"[^/\s]+")

Line = tuple[float, str, str, int, int, float]


def told_path(path: str) -> str:
    """A path as the log has it."""
    return _PART.sub(_without_address, _TOKEN.sub("*", _DOOR.sub(r"\1*", path)))[:_LONGEST]


def _without_address(part: re.Match[str]) -> str:
    return "*" if "@" in part[0] or "%40" in part[0] else part[0]


class AccessLog:
    """Takes what was answered, and writes it by ``write``, a few times a second."""

    def __init__(self, write: Callable[[str], object], *, clock: Callable[[], float] = time) -> None:
        self._write = write
        self.clock = clock
        self._lines: deque[Line] = deque(maxlen=MOST_WAITING)
        self._lost = 0
        self._stop = Event()
        self._thread: Thread | None = None

    def note(self, method: str, path: str, status: int, octets: int, seconds: float) -> None:
        """A request was answered so, after so many seconds; cheap, and never waits."""
        if len(self._lines) == MOST_WAITING:
            self._lost += 1
        self._lines.append((self.clock(), method, path, status, octets, seconds))

    def start(self) -> None:
        """Begin to write."""
        self._thread = Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines = []
        while self._lines:
            lines.append(_as_json(self._lines.popleft()))
        lost, self._lost = self._lost, 0
        if lost:
            lines.append(json.dumps({"event": "requests not logged", "count": lost}))
        if lines:
            self._write("\n".join(lines) + "\n")

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self.flush()


class Logged:
    """An application whose answers are logged."""

    def __init__(self, app: ASGIApp, log: AccessLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, method, path = self._log.clock(), scope["method"], scope["path"]
        status, octets = 500, 0

        async def counted(message: Message) -> None:
            nonlocal status, octets
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                octets += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            self._log.note(method, path, status, octets, self._log.clock() - began)


def _as_json(line: Line) -> str:
    at, method, path, status, octets, seconds = line
    told = {
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event": "request",
        "method": method[:20],
        "path": told_path(path),
        "status": status,
        "bytes": octets,
        "ms": round(seconds * 1000, 1),
    }
    return json.dumps(told, ensure_ascii=True)
