"""``/feeds/{slug}.atom``: a label's feed, or a configured one."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from feeds.build import BuiltFeed, FeedBuilder
from feeds.memory import Memory
from web.missing import Missing
from web.responding import Representation, compress, respond

# A feed reader that asks more often than this gets what it had.
FEED_CACHING = "public, max-age=300"
_COMPRESSED_BYTES = 64 * 1024 * 1024


class FeedPages:
    """Serves feeds as the builder builds them, each compressed once per revision."""

    def __init__(self, builder: FeedBuilder, missing: Missing) -> None:
        self._builder = builder
        self._missing = missing
        self._compressed: Memory[str, tuple[str, bytes]] = Memory(limit=_COMPRESSED_BYTES)

    def routes(self) -> list[Route]:
        """The addresses."""
        return [Route("/feeds/{slug}.atom", self.atom)]

    def atom(self, request: Request) -> Response:
        """A feed; 301 to the present address of a renamed label's, 404 or 410 where there is none."""
        slug: str = request.path_params["slug"]
        built = self._builder.build(slug)
        if built is None:
            return self._missing.label(request, slug)
        if built.spec.slug != slug:
            return RedirectResponse(f"./{quote(built.spec.slug, safe='')}.atom", status_code=301)
        shown = Representation(
            built.body, built.media_type, built.etag, FEED_CACHING, last_modified=built.last_modified
        )
        return respond(request, shown, compressed=lambda: self._gzip(built))

    def _gzip(self, built: BuiltFeed) -> bytes:
        slug = built.spec.slug
        etag, body = self._compressed.get([slug]).get(slug, ("", b""))
        if etag != built.etag:
            body = compress(built.body)
            self._compressed.put([(slug, (built.etag, body), len(body))])
        return body
