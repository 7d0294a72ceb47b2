"""``/``: all labels with their counts and feeds, the feeds of several, and who writes."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from feeds.selection import ALL, public_feeds
from posts.authors import authors
from posts.store import labels
from web.digestlinks import digest_links
from web.links import Links
from web.pages import Pages
from web.structured import as_json_ld, blog


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
        return self.pages.render(request, "labels.html", **context)


def front_page(connection: Connection, pages: Pages, links: Links) -> dict[str, Any]:
    """What ``page/labels.html`` is handed; authors only where there are several."""
    writers = [author for author in authors(connection) if author.posts]
    own = [
        feed
        for feed in public_feeds(connection, links.site)
        if feed.label_id is feed.author_id is None and feed.slug != ALL
    ]
    return {
        "labels": [label for label in labels(connection) if label.posts],
        "own": own,
        "authors": writers if len(writers) > 1 else [],
        "digests": digest_links(connection, links),
        "feeds": links.all_feeds,
        "signup": pages.signup(links, None),
        "canonical": links.site.home_url,
        "structured": as_json_ld(blog(links.site)),
    }
