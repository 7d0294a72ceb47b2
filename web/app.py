"""The ASGI application: which address is answered by what, and the headers that every answer bears."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from database import Database, DatabaseUnavailable
from feeds.build import FeedBuilder
from feeds.selection import changes
from feeds.site import FeedSite
from posts.blog import BlogMissing
from web.admin.frame import Frame
from web.admin.jobs import Jobs
from web.admin.pages import admin_routes
from web.admin.work import AdminWork
from web.api.lazy import api_routes, refusal
from web.blog.front import FrontPage
from web.blog.labels import LabelPages
from web.blog.listed import ListedPages
from web.blog.permalink import PostPages
from web.digests.archive import ArchivePages
from web.digests.outbox import OutboxPages
from web.feeds.feedlist import FeedListPages
from web.feeds.freshness import Freshness
from web.feeds.polling import Polling
from web.feeds.resolving import Addresses, Resolver
from web.feeds.serving import FeedPages, Renamed
from web.feeds.shortway import Note, ShortWay
from web.missing import Missing
from web.operations.accesslog import AccessLog, Logged
from web.operations.counting import Counting
from web.operations.health import Health
from web.operations.metrics import Metrics
from web.operations.prefix import Prefix
from web.pages import Pages
from web.readers.confirming import ConfirmingPages
from web.readers.leaving import LeavingPages
from web.readers.moving import MovingPages
from web.readers.personal import PersonalPages
from web.readers.preferences import PreferencesPages
from web.readers.readerlinks import Doors, ReaderLinks
from web.readers.signup import Signup, SignupPages
from web.security import PRIVATE, SECURITY, SameOrigin, SecurityHeaders

# None of ours is so long; to look for what a longer one means would take a while.
LONGEST_ADDRESS = 8192
_TOO_LONG = PlainTextResponse("This address is too long.\n", status_code=414, headers=SECURITY)
_TOO_LONG_HERE = refusal(414, "this address is too long", SECURITY)
_ELSEWHERE_HERE = refusal(403, "this came from a page of another site, and was not done", PRIVATE)


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


@dataclass(frozen=True, slots=True)
class Administration:
    """What the publisher's pages need: what can be done for them, the time, and how long a login lasts."""

    work: AdminWork
    now: Callable[[], datetime]
    idle: timedelta


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
    admin: Administration | None = None,
    log: AccessLog | None = None,
    signup: Signup | None = None,
    api: Callable[[Pages], ASGIApp] | None = None,
) -> Starlette:
    """The application over one database; nothing is connected to by making it.

    ``timezone`` is where the days of the date headings begin. ``trouble`` tells in one line what is wrong
    with the scheduler (None: nothing) and is asked by ``/readyz``. ``outbox`` is a Maildir whose mail is
    shown at ``/outbox`` to anyone who can reach it: for the demo, never for readers' mail. ``counting`` holds
    what ``/metrics`` tells of this process. ``signup_url`` as in ``Pages``. ``reader_links``: what the links
    in mail are read with (None: there are no such pages). ``signup``: how readers sign up here, and have new
    links sent (None: neither). ``api`` makes what programs ask (None: they cannot).
    """
    counting = counting or Counting()
    pages = Pages.of(
        environment,
        site,
        timezone=timezone,
        has_outbox=outbox is not None,
        signup_url=signup_url,
        has_signup=signup is not None and signup.is_open,
        has_new_links=signup is not None,
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
    ends: list[Callable[[], None]] = []
    routes: list[BaseRoute] = [
        # First: an address of another system may be one of ours but for its query.
        *feeds.routes(),
        *FrontPage(database, pages).routes(),
        *ListedPages(database, pages).routes(),
        *LabelPages(database, pages, missing).routes(),
        *PostPages(database, pages, missing).routes(),
        *FeedListPages(builder).routes(),
        *ArchivePages(database, pages, missing).routes(),
        *Health(database, trouble).routes(),
        *Metrics(builder, counting, now=lambda: datetime.now(UTC), clock=monotonic).routes(),
        *pages.assets(),
    ]
    if reader_links is not None:
        doors = Doors(database, pages, missing, reader_links)
        for door in (
            LeavingPages(doors),
            ConfirmingPages(doors),
            PreferencesPages(doors),
            MovingPages(doors),
            PersonalPages(doors),
        ):
            routes += door.routes()
        if signup is not None:
            routes += SignupPages(doors, signup).routes()
    if admin is not None:
        jobs = Jobs(database, admin.now)
        ends.append(jobs.stop)
        frame = Frame(database, pages, missing, admin.work, admin.now, admin.idle, jobs)
        routes += admin_routes(frame)
    if api is not None:
        routes += api_routes(partial(api, pages))
    if outbox is not None:
        routes += OutboxPages(outbox, pages).routes()
    return Site(
        _short_way(builder, feeds, addresses, serving, counting),
        prefix=Prefix(site.url),
        log=log,
        routes=routes,
        lifespan=_ending(ends),
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(SameOrigin, own=site.url, of_api=_ELSEWHERE_HERE),
        ],
        exception_handlers={
            404: missing.page,
            DatabaseUnavailable: missing.unavailable,
            BlogMissing: missing.unavailable,
            ClientDisconnect: _broken_off,
        },
    )


def _broken_off(_request: Request, _error: Exception) -> Response:
    """What nobody reads: who sent this went away before it was all there. The log has it as theirs."""
    return Response(status_code=400)


def _ending(ends: Sequence[Callable[[], None]]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """What is done when the server ends, once no request is being answered."""

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        yield
        for end in ends:
            await run_in_threadpool(end)

    return life


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
    """The application, with a short way to feeds before its middleware and routes.

    ``log`` is told of every answer (None: of none). ``prefix`` is what addresses may begin with.
    """

    def __init__(
        self, short_way: ShortWay, *, prefix: Prefix, log: AccessLog | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        # That would lead to whatever host a request names; an address has a slash in the end, or it has not.
        self.router.redirect_slashes = False
        self.short_way = short_way
        self.prefix = prefix
        self.log = log
        self._whole = prefix.wrap(self._answer)
        if log is not None:
            self._whole = Logged(self._whole, log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request the short way if it can be, else the long way."""
        await self._whole(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            await (_TOO_LONG_HERE if scope["path"].startswith("/api/") else _TOO_LONG)(scope, receive, send)
        elif not await self.short_way.answer(scope, send):
            await super().__call__(scope, receive, send)
