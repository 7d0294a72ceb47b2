"""``/``: all labels with their counts and feeds, the feeds of several, and who writes."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from web.blog.listed import authors_listed, feeds_listed, labels_listed
from web.blog.signingup import way_to_sign_up, with_form
from web.blog.structured import as_json_ld, blog
from web.digests.digestlinks import digest_links
from web.links import Links
from web.pages import Pages


@dataclass(frozen=True, slots=True)
class FrontPage:
    """Serves the front page."""

    database: Database
    pages: Pages

    def routes(self) -> list[Route]:
        """The address."""
        return [Route("/", self.index)]

    def index(self, request: Request) -> Response:
        """What there is to follow."""
        links = self.pages.links(request)
        with self.database.read() as connection:
            context = front_page(connection, self.pages, links)
        answer = self.pages.render(request, "labels.html", **context)
        return with_form(answer, context["signup_form"])


def front_page(connection: Connection, pages: Pages, links: Links) -> dict[str, Any]:
    """What ``page/labels.html`` is handed; authors only where there are several."""
    form, link = way_to_sign_up(connection, pages, links, None)
    return {
        "labels": labels_listed(connection, links).shorten(links, "labels"),
        "own": feeds_listed(connection, links).shorten(links, "feeds"),
        "authors": authors_listed(connection, links).shorten(links, "authors"),
        "digests": digest_links(connection, links),
        "feeds": links.all_feeds,
        "signup": link,
        "signup_form": form,
        "canonical": links.site.home_url,
        "structured": as_json_ld(blog(links.site)),
    }
