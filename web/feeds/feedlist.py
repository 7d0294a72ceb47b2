"""``/feeds.opml``: the list of all feeds, for a reader to subscribe to any of them."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feeds.build import FeedBuilder
from feeds.built import etag_of
from feeds.publishing.sources import OPML, OPML_MEDIA_TYPE, FeedList
from web.pages import PAGE_CACHING
from web.responding import Representation, respond


@dataclass(frozen=True, slots=True)
class FeedListPages:
    """Serves the list as it is published."""

    builder: FeedBuilder

    def routes(self) -> list[Route]:
        """The address."""
        return [Route(f"/{OPML}", self.opml)]

    def opml(self, request: Request) -> Response:
        """All public feeds, in Atom."""
        source = FeedList(self.builder)
        with self.builder.database.read() as connection:
            (body,) = source.make(connection, list(source.documents(connection)))
        return respond(request, Representation(body, OPML_MEDIA_TYPE, etag_of(body), PAGE_CACHING))
