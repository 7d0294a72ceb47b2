"""Lists of posts by day, newest first: a label's, an author's, a rule's, and what a search finds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from database import Database
from feeds.addresses import AddressError
from feeds.selection import ALL, FeedSpec, FeedState, current_feed
from feeds.specs import AUTHORS
from posts.authors import find_author
from posts.scope import Cursor, months_in
from posts.search import MAX_QUERY
from posts.store import find_label
from web.blog.archive_list import ArchiveYear, archive_of_months
from web.blog.cursors import read_cursor
from web.blog.entries import Entries
from web.blog.listing import Listing
from web.blog.periods import Period, read_period
from web.blog.signingup import way_to_sign_up, with_form
from web.blog.subjects import Subject, subject_of
from web.blog.turns import Walk
from web.links import Links
from web.missing import Missing
from web.pages import Pages

POSTS_A_PAGE = 10
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for of a list of posts."""

    name: str
    period: Period | None
    query: str | None
    before: Cursor | None
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class LabelPages:
    """Serves the pages of labels and all other lists of posts."""

    database: Database
    pages: Pages
    missing: Missing
    _months: dict[tuple[str, str], list[tuple[date, int]]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/search", self.search),
            Route("/labels/{slug}", self.label),
            Route("/labels/{slug}/{period}", self.label),
            Route("/authors/{slug}", self.author),
            Route("/authors/{slug}/{period}", self.author),
        ]

    def label(self, request: Request) -> Response:
        """A page of a label's posts; 301 from a former address, 404 or 410 where there is none."""
        slug: str = request.path_params["slug"]
        return self._posts(request, slug, lambda: self.missing.label(request, slug))

    def author(self, request: Request) -> Response:
        """A page of an author's posts; 301 from their name, 404 where there is none."""
        slug: str = request.path_params["slug"]
        return self._posts(request, AUTHORS + slug, lambda: self.missing.author(request, slug))

    def search(self, request: Request) -> Response:
        """Posts that hold what was asked for, newest first; without words just the form."""
        if request.query_params.get("q", "").strip():
            return self._posts(request, ALL, lambda: self.missing.nothing(request))
        return self.pages.render(request, "search.html")

    def _posts(self, request: Request, name: str, none: Callable[[], Response]) -> Response:
        written = request.path_params.get("period")
        asked = _read(request, name, written)
        if written is not None and asked.period is None:
            return self.missing.nothing(request)
        with self.database.read() as connection:
            try:
                state = current_feed(connection, self.pages.site, name, query=asked.query)
            except AddressError as error:
                return self.missing.rule(request, str(error))
            if state is None or state.spec.is_private:
                return none()
            if state.spec.slug != name:
                return _moved(request, state.spec.slug, written)
            links = self.pages.links(request)
            listing = self._listing(connection, links, state, asked)
        is_there = listing.entries or asked.period is None
        context = listing.context(links)
        answer = self.pages.render(request, "posts.html", status=200 if is_there else 404, **context)
        return with_form(answer, context["signup_form"])

    def _listing(self, connection: Connection, links: Links, state: FeedState, asked: _Asked) -> Listing:
        spec, zone = state.spec, self.pages.timezone
        walk = Walk(connection, links, spec, asked.period, zone)
        found = walk.page(before=asked.before, after=asked.after, limit=POSTS_A_PAGE)
        entries = Entries(self.pages.environment, links, timezone=zone)
        subject = subject_of(connection, spec)
        label = spec.slug if subject.kind == "label" else None
        return Listing(
            spec,
            subject,
            entries.of(connection, [post.id for post in found.posts]),
            period=asked.period,
            count=_count(connection, spec, subject),
            newer=walk.newer(found),
            older=walk.older(found),
            is_first=found.newer is None,
            archive=[] if spec.query else self._archive(connection, links, state, asked.period),
            search=links.search(spec),
            typed=(asked.query or "")[:MAX_QUERY],
            ways=way_to_sign_up(connection, self.pages, links, label),
        )

    def _archive(
        self, connection: Connection, links: Links, state: FeedState, period: Period | None
    ) -> list[ArchiveYear]:
        key = (state.spec.uri, state.token)
        months = self._months.get(key)
        if months is None:
            if len(self._months) >= _REMEMBERED:
                self._months.clear()
            months = months_in(connection, state.spec.scope, timezone=self.pages.timezone)
            self._months[key] = months
        return archive_of_months(months, period, lambda there: links.page(state.spec, there))


def _read(request: Request, name: str, written: str | None) -> _Asked:
    asked = request.query_params
    return _Asked(
        name,
        read_period(asked.get("month", "") if written is None else written),
        asked.get("q"),
        read_cursor(asked.get("before")),
        read_cursor(asked.get("after")),
    )


def _moved(request: Request, slug: str, period: str | None) -> Response:
    """To the canonical address, beside the one that was asked for, with its query."""
    path = quote(slug.removeprefix(AUTHORS), safe="+,")
    where = f"../{path}/{period}" if period else f"./{path}"
    query: str = request.scope["query_string"].decode(errors="replace")
    return RedirectResponse(where + (f"?{query}" if query else ""), status_code=301)


def _count(connection: Connection, spec: FeedSpec, subject: Subject) -> int | None:
    if spec.query or not subject.is_counted:
        return None
    found = (
        find_label(connection, spec.slug)
        if subject.kind == "label"
        else find_author(connection, spec.slug.removeprefix(AUTHORS))
    )
    return found.posts if found else None
