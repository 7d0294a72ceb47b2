"""The ASGI application: which address is answered by what, and the headers that every answer bears."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from database import Database, DatabaseUnavailable
from feeds.build import FeedBuilder
from feeds.selection import changes
from feeds.site import FeedSite
from posts.blog import BlogMissing
from web.archive import ArchivePages
from web.confirming import ConfirmingPages
from web.counting import Counting
from web.feedlist import FeedListPages
from web.feeds import FeedPages, Renamed
from web.freshness import Freshness
from web.front import FrontPage
from web.health import Health
from web.labels import LabelPages
from web.leaving import LeavingPages
from web.metrics import Metrics
from web.missing import Missing
from web.outbox import OutboxPages
from web.pages import Pages
from web.permalink import PostPages
from web.polling import Polling
from web.preferences import PreferencesPages
from web.readerlinks import Doors, ReaderLinks
from web.resolving import Addresses, Resolver
from web.shortway import Note, ShortWay

# No script at all. Posts show pictures and players of other sites; their styles are not taken.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' https: http: data:; media-src https: http:; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
}
# None of ours is so long; to look for what a longer one means would take a while.
LONGEST_ADDRESS = 8192
_TOO_LONG = PlainTextResponse("This address is too long.\n", status_code=414, headers=SECURITY)


@dataclass(frozen=True, slots=True)
class FeedServing:
    """How feeds are served.

    An answer may be as old as ``fresh_seconds``, twice that under many requests (0: it never is). A client
    may ask for a feed ``polls_an_hour`` times (0: as often as it likes). ``renamed`` is what the old address
    of a renamed label's feed answers. ``note`` is told who asks for which feed. ``resolvers`` read the
    addresses of feeds that are none of ours.
    """

    fresh_seconds: float = 0.0
    polls_an_hour: int = 0
    renamed: Renamed = "redirect"
    note: Note = lambda _uri, _address, _agent, _asked: None
    resolvers: tuple[Resolver, ...] = ()
    clock: Callable[[], float] = monotonic


def create_app(
    *,
    database: Database,
    builder: FeedBuilder,
    environment: Environment,
    site: FeedSite,
    timezone: str = "UTC",
    trouble: Callable[[], str | None] = lambda: None,
    outbox: Path | None = None,
    serving: FeedServing = FeedServing(),
    counting: Counting | None = None,
    signup_url: str | None = None,
    reader_links: ReaderLinks | None = None,
) -> Starlette:
    """The application over one database; nothing is connected to by making it.

    ``timezone`` is where the days of the date headings begin. ``trouble`` tells in one line what is wrong
    with the scheduler (None: nothing) and is asked by ``/readyz``. ``outbox`` is a Maildir whose mail is
    shown at ``/outbox`` to anyone who can reach it: for the demo, never for readers' mail. ``counting`` holds
    what ``/metrics`` tells of this process. ``signup_url`` as in ``Pages``. ``reader_links``: what the links
    in mail are read with (None: there are no such pages).
    """
    counting = counting or Counting()
    pages = Pages.of(
        environment, site, timezone=timezone, has_outbox=outbox is not None, signup_url=signup_url
    )
    missing = Missing(database, pages)
    addresses = Addresses(serving.resolvers)
    feeds = FeedPages(
        builder,
        missing,
        addresses,
        renamed=serving.renamed,
        note=serving.note,
        answered=counting.answered,
        extra=SECURITY,
    )
    routes: list[BaseRoute] = [
        # First: an address of another system may be one of ours but for its query.
        *feeds.routes(),
        *FrontPage(database, pages).routes(),
        *LabelPages(database, pages, missing).routes(),
        *PostPages(database, pages, missing).routes(),
        *FeedListPages(builder).routes(),
        *ArchivePages(database, pages, missing).routes(),
        *Health(database, trouble).routes(),
        *Metrics(builder, counting, now=lambda: datetime.now(UTC), clock=monotonic).routes(),
        Route("/style.css", pages.style),
    ]
    if reader_links is not None:
        doors = Doors(database, pages, missing, reader_links)
        for door in (LeavingPages(doors), ConfirmingPages(doors), PreferencesPages(doors)):
            routes += door.routes()
    if outbox is not None:
        routes += OutboxPages(outbox, pages).routes()
    return Site(
        _short_way(builder, feeds, addresses, serving, counting),
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={
            404: missing.page,
            DatabaseUnavailable: missing.unavailable,
            BlogMissing: missing.unavailable,
        },
    )


def _short_way(
    builder: FeedBuilder, feeds: FeedPages, addresses: Addresses, serving: FeedServing, counting: Counting
) -> ShortWay:
    def ask() -> str:
        with builder.database.read() as connection:
            return changes(connection)

    return ShortWay(
        addresses,
        feeds.prepare,
        feeds.differ,
        freshness=Freshness(ask, seconds=serving.fresh_seconds),
        polling=Polling(serving.polls_an_hour),
        note=serving.note,
        answered=counting.answered,
        clock=serving.clock,
        extra=SECURITY,
    )


class Site(Starlette):
    """The application, with a short way to feeds before its middleware and routes."""

    def __init__(self, short_way: ShortWay, **options: Any) -> None:
        super().__init__(**options)
        self.short_way = short_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request the short way if it can be, else the long way."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            await _TOO_LONG(scope, receive, send)
        elif not await self.short_way.answer(scope, send):
            await super().__call__(scope, receive, send)


class SecurityHeaders:
    """Gives every answer the headers that keep a browser from doing what we never ask of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; an answer that has such a header of its own keeps it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
