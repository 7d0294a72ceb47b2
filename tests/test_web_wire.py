"""Feeds as they stand on the wire, by uvicorn with the short way in it, beside uvicorn without."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.types import Scope, Send

from tests.feeds_blog import FeedsBlog, post
from tests.web_client import web_app
from web.app import FeedServing, Site
from web.feeds.answers import Reply
from web.feeds.wire import protocol_for

PATH = b"/feeds/mek.atom"
LONG = "<p>" + "A word and another. " * 5000 + "</p>"


class Wire:
    """A server, and what it writes."""

    def __init__(self, server: uvicorn.Server, app: Site) -> None:
        self.port: int = server.servers[0].sockets[0].getsockname()[1]
        self.app = app
        self.at_hand = self.by_application = 0
        at_hand, answer = app.short_way.at_hand, app.short_way.answer

        def counted(scope: Scope) -> Reply | None:
            reply = at_hand(scope)
            self.at_hand += reply is not None
            return reply

        async def counted_answer(scope: Scope, send: Send) -> bool:
            self.by_application += 1
            return await answer(scope, send)

        app.short_way.at_hand = counted  # type: ignore[method-assign]
        app.short_way.answer = counted_answer  # type: ignore[method-assign]

    def talk(self, sent: bytes) -> bytes:
        """All that is written until the connection is closed; without the time, which goes on."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as client:
            client.sendall(sent)
            parts = []
            while part := client.recv(1 << 16):
                parts.append(part)
        return re.sub(rb"\r\ndate: [^\r]*", b"", b"".join(parts))


def get(*headers: bytes, method: bytes = b"GET", version: bytes = b"1.1", path: bytes = PATH) -> bytes:
    """A request."""
    return b"\r\n".join([method + b" " + path + b" HTTP/" + version, b"Host: a", *headers, b"", b""])


CLOSE = b"Connection: close"
LAST = get(CLOSE, path=b"/healthz")


@contextmanager
def serving(app: Site, *, is_short: bool) -> Iterator[Wire]:
    """uvicorn, listening."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            http=protocol_for(app.short_way) if is_short else "httptools",
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    began = threading.Event()
    startup = server.startup

    async def note(*arguments: object, **named: object) -> None:
        await startup(*arguments, **named)  # type: ignore[arg-type]
        began.set()

    server.startup = note  # type: ignore[method-assign]
    thread.start()
    assert began.wait(timeout=30)
    try:
        yield Wire(server, app)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.fixture
def wires(sqlite_feed_blog: FeedsBlog) -> Iterator[tuple[Wire, Wire]]:
    """With the short way and without, over one blog; both have built the feed."""
    sqlite_feed_blog.store_all([post(1, "MEK", html=LONG), post(2, "MEK")])
    apps = [web_app(sqlite_feed_blog, serving=FeedServing(fresh_seconds=3600)) for _ in range(2)]
    first, second = apps
    assert isinstance(first, Site)
    assert isinstance(second, Site)
    with serving(first, is_short=True) as short, serving(second, is_short=False) as long:
        for wire in (short, long):
            assert wire.talk(get(CLOSE)).startswith(b"HTTP/1.1 200 OK\r\n")
        yield short, long


def etag(wire: Wire) -> bytes:
    """The feed's."""
    found = re.search(rb'etag: ("[^"]+")', wire.talk(get(CLOSE)))
    assert found
    return found[1]


def answers(written: bytes) -> list[tuple[bytes, list[bytes], bytes]]:
    """Of each answer the status, the headers in some order, the body."""
    found = []
    for one in re.split(rb"(?=HTTP/1\.1 \d)", written)[1:]:
        head, _, body = one.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        found.append((status, sorted(lines), body))
    return found


@pytest.mark.parametrize(
    "request_of",
    [
        lambda tag: get(CLOSE),
        lambda tag: get(CLOSE, method=b"HEAD"),
        lambda tag: get(CLOSE, b"If-None-Match: " + tag),
        lambda tag: get(CLOSE, b"If-None-Match: " + tag, method=b"HEAD"),
        lambda tag: get(version=b"1.0"),
        lambda tag: get(b"Connection: keep-alive", version=b"1.0") + LAST,
        lambda tag: get(b"Content-Length: 4", CLOSE) + b"body",
        lambda tag: get() + LAST,
        lambda tag: get(method=b"HEAD") + LAST,
        lambda tag: get(b"If-None-Match: " + tag) + LAST,
    ],
)
def test_it_writes_just_what_the_application_would(
    wires: tuple[Wire, Wire], request_of: Callable[[bytes], bytes]
) -> None:
    short, long = wires
    sent = request_of(etag(long))
    before, after = short.by_application, sent.count(LAST)
    assert answers(short.talk(sent)) == answers(long.talk(sent))
    assert short.by_application == before + after


def test_one_connection_carries_many_answers_in_their_order(wires: tuple[Wire, Wire]) -> None:
    short, long = wires
    # Some are at hand, some are not, and some are not even feeds: pipelined (RFC 9112, 9.3.2).
    sent = b"".join(
        [
            get(),
            get(path=b"/healthz"),
            get(method=b"HEAD"),
            get(b"If-None-Match: " + etag(long)),
            get(path=b"/feeds/none.atom"),
            get(),
            get(CLOSE, path=b"/healthz"),
        ]
    )

    assert answers(short.talk(sent)) == answers(long.talk(sent))
    statuses = [status.split()[1] for status, _, _ in answers(short.talk(sent))]
    assert statuses == [b"200", b"200", b"200", b"304", b"404", b"200", b"200"]


def test_who_does_not_read_is_not_written_to_without_end(wires: tuple[Wire, Wire]) -> None:
    short, _ = wires
    before = short.at_hand
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", short.port))
        client.sendall(get() * 1000)
        # Another is answered meanwhile, after all of these were read.
        assert short.talk(get(CLOSE)).startswith(b"HTTP/1.1 200")
    # 100 MB would have been; what a connection holds is some megabytes.
    assert short.at_hand - before < 200


def test_what_came_through_a_proxy_is_read_by_the_application(wires: tuple[Wire, Wire]) -> None:
    short, long = wires
    sent = get(CLOSE, b"X-Forwarded-For: 192.0.2.7")
    before = short.by_application
    assert answers(short.talk(sent)) == answers(long.talk(sent))
    assert short.by_application == before + 1
