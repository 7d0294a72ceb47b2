"""``/labels``, ``/authors`` and ``/feeds``: all of what the front page shows the first of, by name."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from feeds.configured import configured_feeds, configured_title
from posts.authors import Author
from posts.counted import counted
from posts.model import Label
from web.links import Links
from web.pages import Pages

# As many as a page may show before it is too long to read, and to send.
MOST = 150
# The front page has several lists.
MOST_IN_FRONT = 100
_LONGEST = 200


class Thing(Protocol):
    """What is listed: it has a name, and posts or nobody counts them."""

    @property
    def name(self) -> str: ...

    @property
    def posts(self) -> int | None: ...


Named = TypeVar("Named", bound=Thing)


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a list: what it is called, how many posts it has (None: nobody counts) or by which rule."""

    name: str
    href: str
    feed: str
    posts: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Shortened:
    """Some of a list, by name; ``total`` is how many there are, ``more`` where all stand (None: here)."""

    shown: Sequence[Listed]
    total: int
    more: str | None


@dataclass(frozen=True, slots=True)
class Whole(Generic[Named]):
    """All of a list, by name; ``made`` makes of each what is shown, for there may be ten thousand."""

    found: Sequence[Named]
    made: Callable[[Named], Listed]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.found)

    def with_part(self, text: str) -> "Whole[Named]":
        """Those that have this in their names, in capitals or not."""
        part = text.casefold()
        return replace(self, found=[one for one in self.found if part in one.name.casefold()])

    def page(self, after: str) -> tuple[list[Listed], str | None]:
        """Those behind a name, as many as fit; and the name that the next page comes after, if any."""
        begin = bisect_right(self.found, (after.casefold(), after), key=_place) if after else 0
        page = self.found[begin : begin + MOST]
        return [*map(self.made, page)], page[-1].name if begin + MOST < len(self) else None

    def shorten(self, links: Links, where: str) -> Shortened:
        """What the front page shows: those with the most posts. Files show all, for nothing answers."""
        if links.is_static or len(self) <= MOST_IN_FRONT:
            return Shortened([*map(self.made, self.found)], len(self), None)
        most = sorted(nlargest(MOST_IN_FRONT, self.found, key=lambda one: one.posts or 0), key=_place)
        return Shortened([*map(self.made, most)], len(self), f"{links.root}/{where}")


def labels_listed(connection: Connection, links: Links) -> Whole[Label]:
    """All labels that have posts."""

    def made(one: Label) -> Listed:
        return Listed(one.name, links.label(one.slug), links.feed(one.slug), one.posts)

    return Whole(counted(connection).labels, made)


def authors_listed(connection: Connection, links: Links) -> Whole[Author]:
    """All authors that have posts, where there are several."""

    def made(one: Author) -> Listed:
        return Listed(one.name, links.author(one.slug), links.feed(f"authors/{one.slug}"), one.posts)

    writers = counted(connection).authors
    return Whole(writers if len(writers) > 1 else [], made)


def feeds_listed(connection: Connection, links: Links) -> Whole[Listed]:
    """The configured feeds."""
    found = [
        Listed(configured_title(one, links.site), links.label(one.slug), links.feed(one.slug), rule=one.rule)
        for one in configured_feeds(connection)
        if not one.is_private
    ]
    return Whole(sorted(found, key=_place), lambda one: one)


def _place(one: Thing) -> tuple[str, str]:
    return one.name.casefold(), one.name


_Ask = Callable[[Connection, Links], Whole[Any]]


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
                found = found.with_part(typed)
            page, following = found.page(request.query_params.get("after", ""))
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
