"""A client of the web application over a test's blog, for the tests of each page."""

from typing import Any

from lxml import html
from starlette.applications import Starlette
from starlette.testclient import TestClient

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
