"""A client of the web application over a test's blog, for the tests of each page."""

import asyncio
from typing import Any

from lxml import html
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from templates import environment
from tests.feeds_blog import FeedsBlog
from web.app import create_app

ENVIRONMENT = environment()


def web_app(blog: FeedsBlog, **options: Any) -> Starlette:
    """The application over the blog."""
    return create_app(
        database=blog.database, builder=blog.builder(), environment=ENVIRONMENT, site=blog.site, **options
    )


def open_client(blog: FeedsBlog, **options: Any) -> TestClient:
    """A client that follows no redirect and asks for no compression unless told."""
    client = TestClient(web_app(blog, **options), follow_redirects=False)
    client.headers["accept-encoding"] = "identity"
    return client


def tree(page: str) -> Any:
    """A page's elements, to be asked by XPath."""
    return html.fromstring(page)


def break_off(app: Starlette, path: str, query: str = "", **headers: str) -> list[int]:
    """Go away in the midst of a POST: the statuses that nobody reads. What is raised is a fault."""
    messages: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"{", "more_body": True},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    named = {"host": "blog.example", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("192.0.2.1", 1),
    }
    asyncio.run(_called(app, scope, receive, send))
    return [message["status"] for message in sent if "status" in message]


async def _called(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
