"""The ASGI application: which address is answered by what, and the headers that every answer bears."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from database import Database, DatabaseUnavailable
from feeds.build import FeedBuilder
from feeds.site import FeedSite
from posts.blog import BlogMissing
from web.feeds import FeedPages
from web.health import Health
from web.labels import LabelPages
from web.missing import Missing
from web.outbox import OutboxPages
from web.pages import Pages

# No script at all. Posts show pictures and players of other sites; their styles are not taken.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' https: http: data:; media-src https: http:; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
}


def create_app(
    *,
    database: Database,
    builder: FeedBuilder,
    environment: Environment,
    site: FeedSite,
    timezone: str = "UTC",
    trouble: Callable[[], str | None] = lambda: None,
    outbox: Path | None = None,
) -> Starlette:
    """The application over one database; nothing is connected to by making it.

    ``timezone`` is where the days of the date headings begin. ``trouble`` tells in one line what is wrong
    with the scheduler (None: nothing) and is asked by ``/readyz``. ``outbox`` is a Maildir whose mail is
    shown at ``/outbox`` to anyone who can reach it: for the demo, never for readers' mail.
    """
    pages = Pages.of(environment, site, timezone=timezone, has_outbox=outbox is not None)
    missing = Missing(database, pages)
    routes: list[BaseRoute] = [
        *LabelPages(database, pages, missing).routes(),
        *FeedPages(builder, missing).routes(),
        *Health(database, trouble).routes(),
        Route("/style.css", pages.style),
    ]
    if outbox is not None:
        routes += OutboxPages(outbox, pages).routes()
    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={
            404: missing.page,
            DatabaseUnavailable: missing.unavailable,
            BlogMissing: missing.unavailable,
        },
    )


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
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
