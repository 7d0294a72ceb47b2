"""What is not there (404), no more (410), or cannot be read just now (503)."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response

from database import Database
from feeds.selection import is_gone, unknown_in
from posts.lookup import find_label, nearest_to_each
from posts.model import Label
from web.pages import Pages

log = structlog.get_logger("web")

# Of more names in an address nobody is told what was meant: among ten thousand labels each takes 20 ms.
MOST_LIKENED = 2


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
            likely = nearest_to_each(connection, unknown[:MOST_LIKENED], only_met=True)
            names = dict.fromkeys(name for some in likely for name in some)
            nearest = [found for name in names if (found := find_label(connection, name)) is not None]
        if gone:
            told = "was deleted; its posts may stand under others."
            return self._missing(
                request, "This label is gone", "The label", name, told, status=410, nearest=nearest
            )
        return self._missing(
            request, "No such label", "There is no label or feed", name, "here.", nearest=nearest
        )

    def author(self, request: Request, name: str) -> Response:
        """No such author."""
        return self._missing(request, "No such author", "Nobody of the name", name, "has written here.")

    def post(self, request: Request, *, is_gone: bool) -> Response:
        """No such post: 410 for one that was withdrawn, else 404."""
        if is_gone:
            return self._missing(request, "This post is gone", "It was withdrawn.", status=410)
        return self.nothing(request)

    def edition(self, request: Request) -> Response:
        """An edition that was mailed and is no longer to be read by everybody."""
        return self._missing(
            request, "This edition is gone", "A post in it is for some readers only now.", status=410
        )

    def rule(self, request: Request, why: str) -> Response:
        """A rule in the address that cannot be a feed's: 404, and why in a line."""
        return self._missing(request, "No such page", why)

    def nothing(self, request: Request) -> Response:
        """No such page."""
        return self._missing(request, "No such page", "There is nothing at this address.")

    def page(self, request: Request, _error: Exception) -> Response:
        """The same, for an address that no route is for."""
        return self.nothing(request)

    def _missing(
        self,
        request: Request,
        heading: str,
        before: str,
        name: str = "",
        after: str = "",
        *,
        status: int = 404,
        nearest: Sequence[Label] = (),
    ) -> Response:
        """A page that says so; of the three texts in a row the second is what was asked for."""
        told = {"heading": heading, "before": before, "name": name[:200], "after": after}
        return self.pages.render(request, "missing.html", status=status, nearest=nearest, **told)

    def unavailable(self, request: Request, error: Exception) -> Response:
        """The database cannot be read: it may be back in a moment."""
        log.warning("database unavailable", path=_loggable(request), error=" ".join(str(error).split()))
        answer = self.pages.render(request, "unavailable.html", status=503)
        answer.headers["Retry-After"] = "30"
        return answer


def _loggable(request: Request) -> str:
    """The path asked for, without the token of a reader's link: whoever reads logs must not act for them."""
    token = request.path_params.get("token")
    return request.url.path.replace(token, "…") if token else request.url.path
