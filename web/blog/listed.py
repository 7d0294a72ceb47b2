"""``/labels``, ``/authors`` and ``/feeds``: all of what the front page shows the first of, by name."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from feeds.selection import ALL, public_feeds
from posts.counted import counted
from web.links import Links
from web.pages import Pages

# As many as a page may show before it is too long to read, and to send.
MOST = 150
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a list: what it is called, how many posts it has (None: nobody counts) or by which rule."""

    name: str
    href: str
    feed: str
    posts: int | None = None
    rule: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Where it stands in the list."""
        return self.name.casefold(), self.name


@dataclass(frozen=True, slots=True)
class Shortened:
    """Some of a list, by name; ``total`` is how many there are, ``more`` where all stand (None: here)."""

    shown: Sequence[Listed]
    total: int
    more: str | None


def labels_listed(connection: Connection, links: Links) -> list[Listed]:
    """All labels that have posts."""
    return [
        Listed(one.name, links.label(one.slug), links.feed(one.slug), one.posts)
        for one in counted(connection).labels
    ]


def authors_listed(connection: Connection, links: Links) -> list[Listed]:
    """All authors that have posts, where there are several."""
    writers = counted(connection).authors
    if len(writers) < 2:
        return []
    return [
        Listed(one.name, links.author(one.slug), links.feed(f"authors/{one.slug}"), one.posts)
        for one in writers
    ]


def feeds_listed(connection: Connection, links: Links) -> list[Listed]:
    """The configured feeds."""
    found = [
        Listed(one.title, links.label(one.slug), links.feed(one.slug), rule=str(one.rule))
        for one in public_feeds(connection, links.site)
        if one.label_id is one.author_id is None and one.slug != ALL
    ]
    return sorted(found, key=lambda one: one.key)


def shorten(found: Sequence[Listed], links: Links, where: str) -> Shortened:
    """What the front page shows of a list: those with the most posts. Files show all, for nothing answers."""
    if links.is_static or len(found) <= MOST:
        return Shortened(found, len(found), None)
    most = sorted(found, key=lambda one: -(one.posts or 0))[:MOST]
    return Shortened(sorted(most, key=lambda one: one.key), len(found), f"{links.root}/{where}")


_Ask = Callable[[Connection, Links], list[Listed]]


@dataclass(frozen=True, slots=True)
class ListedPages:
    """Serves the whole lists."""

    database: Database
    pages: Pages

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            self._route("labels", "Labels", labels_listed),
            self._route("authors", "Authors", authors_listed),
            self._route("feeds", "Feeds of several labels", feeds_listed),
        ]

    def _route(self, where: str, heading: str, ask: _Ask) -> Route:
        def show(request: Request) -> Response:
            links = self.pages.links(request)
            with self.database.read() as connection:
                found = ask(connection, links)
            typed = request.query_params.get("q", "").strip()[:_LONGEST]
            if typed:
                found = [one for one in found if typed.casefold() in one.name.casefold()]
            page, following = _page(found, request.query_params.get("after", ""))
            query = ({"q": typed} if typed else {}) | {"after": following or ""}
            return self.pages.render(
                request,
                "listed.html",
                heading=heading,
                where=f"{links.root}/{where}",
                typed=typed,
                total=len(found),
                shown=page,
                next=f"{links.root}/{where}?{urlencode(query)}" if following else None,
            )

        return Route(f"/{where}", show)


def _page(found: Sequence[Listed], after: str) -> tuple[Sequence[Listed], str | None]:
    """Those behind a name, as many as fit; and the name that the next page comes after, if there is one."""
    begin = bisect_right(found, (after.casefold(), after), key=lambda one: one.key) if after else 0
    page = found[begin : begin + MOST]
    return page, page[-1].name if begin + MOST < len(found) else None
