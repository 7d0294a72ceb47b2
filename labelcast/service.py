"""The service: what the scheduler is handed to do, and running it beside the web until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import structlog
import uvicorn

from database import Database
from digests.engine import Engine
from feeds.build import FeedBuilder
from feeds.publish import publish
from feeds.selection import changes
from posts.intake import has_scheduled, release_scheduled
from scheduler import Duty, Scheduler

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = structlog.get_logger("labelcast")


class Duties:
    """What is to be done when it is due, over one database: posts released, feeds built, digests sent.

    ``enough``, made anew for each run of sending, ends it early; ``stopping`` tells that the process is about
    to end; ``progress`` is told of each message.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        builder: FeedBuilder,
        public: Path,
        *,
        enough: Callable[[], Callable[[], bool]],
        stopping: Callable[[], bool],
        progress: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._database = database
        self._engine = engine
        self._builder = builder
        self._public = public
        self._enough = enough
        self._stopping = stopping
        self._progress = progress
        self._published: str | None = None

    def all(self) -> list[Duty]:
        """In the order of a tick: first what becomes visible, then who is told of it."""
        engine = self._engine
        return [
            Duty("scheduled posts", self._has_scheduled, self._release),
            Duty("feeds", self._has_changed, self._publish),
            Duty("digests", engine.has_plans, lambda now: str(engine.plan(now))),
            Duty("editions", engine.has_unrendered, lambda now: f"{engine.render(now)} editions rendered"),
            Duty("deliveries", engine.has_mail, self._deliver, waits_for=engine.waits_for),
        ]

    def _has_scheduled(self, now: datetime) -> bool:
        with self._database.read() as connection:
            return has_scheduled(connection, now=now)

    def _release(self, now: datetime) -> str:
        with self._database.write() as connection:
            return f"{release_scheduled(connection, now=now)} scheduled posts are live"

    def _changes(self) -> str:
        with self._database.read() as connection:
            return changes(connection)

    def _has_changed(self, _now: datetime) -> bool:
        return self._changes() != self._published

    def _publish(self, _now: datetime) -> str | None:
        seen = self._changes()
        report = publish(self._builder, self._public)
        self._published = seen
        if not report.written and not report.removed:
            return None
        return f"{len(report.written)} feeds written to {self._public}, {len(report.removed)} removed"

    def _deliver(self, now: datetime) -> str | None:
        report = self._engine.deliver(
            now, enough=self._enough(), stopping=self._stopping, progress=self._progress
        )
        if report.trouble:
            raise ConnectionError(str(report))
        return str(report) or None


class Service:
    """The scheduler and the web in one process, either of which may be left out."""

    def __init__(self, scheduler: Scheduler | None, app: "Starlette | None", *, host: str, port: int) -> None:
        self._scheduler = scheduler
        self._app = app
        self._host = host
        self._port = port
        self._stop = threading.Event()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT: what is in hand is finished, the rest waits for the next start."""
        with _on_signal(self._wind_down):
            if self._scheduler is not None:
                self._scheduler.start()
            try:
                if self._app is not None:
                    self._serve(self._app)
                else:
                    self._stop.wait()
            finally:
                if self._scheduler is not None:
                    self._scheduler.stop()
        log.info("stopped")

    def _wind_down(self) -> None:
        self._stop.set()
        if self._scheduler is not None:
            self._scheduler.wind_down()

    def _serve(self, app: "Starlette") -> None:
        service = self

        class Server(uvicorn.Server):
            def handle_exit(self, sig: int, frame: FrameType | None) -> None:
                # The scheduler winds down while the last requests are answered.
                service._wind_down()
                super().handle_exit(sig, frame)

        config = uvicorn.Config(
            app,
            host=self._host,
            port=self._port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        server = Server(config)
        with suppress(SystemExit):
            # Its way to say that it cannot listen.
            server.run()
        if not server.started:
            raise OSError(f"{self._host}:{self._port}: the address is taken: set web.port to another")


@contextmanager
def _on_signal(do: Callable[[], None]) -> Iterator[None]:
    """Call ``do`` on SIGTERM and SIGINT instead of dying of them."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        do()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
