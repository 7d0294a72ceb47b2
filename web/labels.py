"""``/`` and ``/labels/{slug}``: all labels, and one's posts by day, newest first."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from urllib.parse import quote
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from database import Database
from feeds.addresses import AddressError
from feeds.selection import ALL, FeedSpec, find_feed, public_feeds
from posts.model import Post
from posts.store import Cursor, find_label, labels, page
from templates.markup import box_tables, inner_html, lower_headings, parse
from web.missing import Missing
from web.pages import Pages

POSTS_A_PAGE = 10
_CURSOR = re.compile(r"(\d{8}T\d{6})\.(\d{6})Z-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Shown:
    """A post and its HTML as it fits under a page's headings."""

    post: Post
    html: Markup


@dataclass(frozen=True, slots=True)
class LabelPages:
    """Serves the pages of labels."""

    database: Database
    pages: Pages
    missing: Missing

    def routes(self) -> list[Route]:
        """The addresses."""
        return [Route("/", self.index), Route("/labels/{slug}", self.label)]

    def index(self, request: Request) -> Response:
        """All labels with their counts and feeds, and the feeds that the publisher made of several."""
        with self.database.read() as connection:
            every = [label for label in labels(connection) if label.posts]
            feeds = public_feeds(connection, self.pages.site)
        own = [feed for feed in feeds if feed.label_id is feed.author_id is None and feed.slug != ALL]
        return self.pages.render(request, "labels.html", labels=every, feeds=own)

    def label(self, request: Request) -> Response:
        """A page of a label's posts; 301 from a former address, 404 or 410 where there is none."""
        slug: str = request.path_params["slug"]
        before, after = (read_cursor(request.query_params.get(name)) for name in ("before", "after"))
        with self.database.read() as connection:
            try:
                feed = find_feed(connection, self.pages.site, slug)
            except AddressError as error:
                return self.missing.rule(request, str(error))
            if feed is None or feed.is_private:
                return self.missing.label(request, slug)
            if feed.slug != slug:
                return RedirectResponse(f"./{quote(feed.slug, safe='+,')}", status_code=301)
            found = page(
                connection, feed.rule, before=before, after=None if before else after, limit=POSTS_A_PAGE
            )
            label = find_label(connection, slug) if feed.label_id is not None else None
        return self.pages.render(
            request,
            "label.html",
            feed=feed,
            heading=_heading(feed, label.name if label else None),
            label=label,
            days=by_day(found.posts, self.pages.timezone),
            older=write_cursor(found.older),
            newer=write_cursor(found.newer),
            is_first=found.newer is None,
        )


def _heading(feed: FeedSpec, label: str | None) -> str:
    if label is not None:
        return label
    return "All posts" if feed.slug == ALL else feed.title


def by_day(posts: Iterable[Post], timezone: str) -> list[tuple[date, list[Shown]]]:
    """Posts under the local days they were published on, in their order."""
    zone = ZoneInfo(timezone)
    days = groupby(posts, key=lambda post: post.published.astimezone(zone).date())
    return [(day, [Shown(post, page_html(post.html)) for post in group]) for day, group in days]


def page_html(stored: str) -> Markup:
    """A stored post's HTML for a page: headings below the post's own, wide tables in boxes that scroll.

    Styles are left out: a colour chosen for a white page cannot be read on a dark one.
    """
    tree = parse(stored)
    for element in tree.iter():
        element.attrib.pop("style", None)
    for picture in tree.iter("img"):
        picture.set("loading", "lazy")
        picture.set("alt", picture.get("alt") or "")
    box_tables(tree)
    lower_headings(tree, 4)
    return Markup(inner_html(tree))  # noqa: S704 - cleaned when it was stored


def write_cursor(cursor: Cursor | None) -> str | None:
    """A place among posts as it stands in an address: ``20261109T140000.000000Z-17``."""
    if cursor is None:
        return None
    return f"{cursor.published.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z-{cursor.id}"


def read_cursor(text: str | None) -> Cursor | None:
    """The place that an address names; None when it names none, and then the newest posts are shown."""
    found = _CURSOR.fullmatch(text or "")
    if found is None:
        return None
    try:
        published = datetime.strptime(f"{found[1]}.{found[2]}+0000", "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return None
    return Cursor(published, int(found[3]))
