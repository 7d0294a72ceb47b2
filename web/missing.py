"""What is not there (404), no more (410), or cannot be read just now (503)."""

from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response

from database import Database
from posts.store import find_label, is_deleted_label, nearest_labels
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
            gone = is_deleted_label(connection, name)
            names = nearest_labels(connection, name)
            nearest = [found for near in names if (found := find_label(connection, near))]
        return self.pages.render(
            request, "missing.html", status=410 if gone else 404, name=name[:200], nearest=nearest, gone=gone
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
