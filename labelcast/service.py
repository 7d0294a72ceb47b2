"""The service: the scheduler and the web beside each other, until they are told to stop."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Literal

import structlog
import uvicorn

from scheduler import Scheduler
from web.app import Site
from web.feeds.wire import protocol_for

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

# A thread that builds feeds hands the interpreter over after so long: a request waits for it several times.
# Python's own is 5 ms.
SWITCH_SECONDS = 0.001

log = structlog.get_logger("labelcast")


class Service:
    """The scheduler and the web in one process, either of which may be left out."""

    def __init__(
        self,
        scheduler: Scheduler | None,
        app: "Starlette | None",
        *,
        host: str,
        port: int,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._trusted = trusted_proxies
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

        config = web_server(app, host=self._host, port=self._port, trusted=self._trusted)
        server = Server(config)
        sys.setswitchinterval(SWITCH_SECONDS)
        with _logging(app), suppress(SystemExit):
            # Its way to say that it cannot listen.
            server.run()
        if not server.started:
            raise OSError(f"{self._host}:{self._port}: the address is taken: set web.port to another")


def web_server(app: "ASGIApp", *, host: str, port: int, trusted: Sequence[str]) -> uvicorn.Config:
    """How uvicorn serves the application; ``trusted`` proxies are believed on where a request came from."""
    return uvicorn.Config(
        app,
        http=_protocol(app),
        host=host,
        port=port,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=list(trusted),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def _protocol(app: "ASGIApp") -> "type[asyncio.Protocol] | Literal['auto']":
    if not isinstance(app, Site):
        return "auto"
    return protocol_for(app.short_way, prefix=app.prefix, log=app.log)


@contextmanager
def _logging(app: "Starlette") -> Iterator[None]:
    """Write the log of requests while it serves."""
    requests = app.log if isinstance(app, Site) else None
    if requests is None:
        yield
        return
    requests.start()
    try:
        yield
    finally:
        requests.stop()


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
