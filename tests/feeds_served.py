"""A blog served on a port of this machine as the service does it, and what it answered: ``open_server``."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from tests.feeds_blog import FeedsBlog
from tests.web_client import web_app
from web.app import Site


@dataclass
class Served:
    """The application, where it listens, and each path with the status that it answered."""

    app: Site
    address: str = ""
    answered: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered.append((scope["path"], message["status"]))
            await send(message)

        await self.app(scope, receive, note)

    def take(self) -> list[tuple[str, int]]:
        """What it answered since this was last asked."""
        taken, self.answered = self.answered, []
        return taken


@contextmanager
def open_server(blog: FeedsBlog) -> Iterator[Served]:
    """The blog on a port of this machine."""
    app = web_app(blog)
    assert isinstance(app, Site)
    served = Served(app)
    server = uvicorn.Server(uvicorn.Config(served, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        served.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield served
    finally:
        server.should_exit = True
        thread.join()
