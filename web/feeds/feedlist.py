"""``/feeds.opml``: the list of all feeds, for a reader to subscribe to any of them."""

from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feeds.build import FeedBuilder
from feeds.built import etag_of
from feeds.publishing.sources import OPML, OPML_MEDIA_TYPE, FeedList
from feeds.selection import changes
from web.pages import PAGE_CACHING
from web.responding import Representation, respond


@dataclass(frozen=True, slots=True)
class FeedListPages:
    """Serves the list as it is published, made anew when a feed may have changed."""

    builder: FeedBuilder
    # The last one, by what ``changes`` told of it.
    _kept: dict[str, Representation] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """The address."""
        return [Route(f"/{OPML}", self.opml)]

    def opml(self, request: Request) -> Response:
        """All public feeds, in Atom."""
        source = FeedList(self.builder)
        with self.builder.database.read() as connection:
            seen = changes(connection)
            shown = self._kept.get(seen)
            if shown is None:
                (body,) = source.make(connection, list(source.documents(connection)))
                shown = Representation(body, OPML_MEDIA_TYPE, etag_of(body), PAGE_CACHING)
        if seen not in self._kept:
            self._kept.clear()
            self._kept[seen] = shown
        return respond(request, shown)
