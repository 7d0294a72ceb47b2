"""What is not there (404), no more (410), or cannot be read just now (503)."""

from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response

from database import Database
from feeds.selection import is_gone, unknown_in
from posts.store import find_label, nearest_labels
from web.pages import Pages

log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class Missing:
    """The pages that say so, and what may have been meant."""

    database: Database
    pages: Pages

    def label(self, request: Request, name: str) -> Response:
        """No such label or feed: 410 for a deleted one, else 404 with the labels that look like it."""
        with self.database.read() as connection:
            gone = is_gone(connection, name)
            unknown = unknown_in(connection, name)
            names = dict.fromkeys(near for part in unknown for near in nearest_labels(connection, part))
            likely = (find_label(connection, near) for near in names)
            nearest = [found for found in likely if found is not None and found.is_met]
        return self.pages.render(
            request, "missing.html", status=410 if gone else 404, name=name[:200], nearest=nearest, gone=gone
        )

    def rule(self, request: Request, why: str) -> Response:
        """A rule in the address that cannot be a feed's: 404, and why in a line."""
        return self.pages.render(
            request, "missing.html", status=404, name="", nearest=[], gone=False, why=why
        )

    def page(self, request: Request, _error: Exception) -> Response:
        """No such page."""
        return self.pages.render(request, "missing.html", status=404, name="", nearest=[], gone=False)

    def unavailable(self, request: Request, error: Exception) -> Response:
        """The database cannot be read: it may be back in a moment."""
        log.warning("database unavailable", path=request.url.path, error=" ".join(str(error).split()))
        answer = self.pages.render(request, "unavailable.html", status=503)
        answer.headers["Retry-After"] = "30"
        return answer
