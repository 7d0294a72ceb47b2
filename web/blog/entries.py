"""Posts as they stand on pages: their HTML fitted in, rendered once for as many pages as show them."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup
from sqlalchemy import Connection

from feeds.memory import Memory
from posts.authors import author_slugs
from posts.model import Post
from posts.reading import get_posts
from templates.markup import box_tables, inner_html, lower_headings, parse
from web.blog.structured import posting, written
from web.links import Links, post_url

# What a post's HTML may hold that is changed for a page; without any of it there is nothing to do.
_TO_FIT = re.compile(r"<(?:h[1-6]|img|table)\b|\bstyle\s*=")
# Looked for first: an expression takes ten times as long to find nothing.
_HINTS = ("<h", "<img", "<table", "style")


@dataclass(frozen=True, slots=True)
class Entry:
    """A post as a list of posts shows it: the local day it was published on, its HTML, its facts in JSON."""

    day: date
    html: Markup
    facts: str


@dataclass(frozen=True, slots=True)
class Byline:
    """An author of a post, and where their page is (None: they have none)."""

    name: str
    href: str | None


# Rendered posts by the way from their page to the front page, and their ids.
Rendered = Memory[tuple[str, int], Entry]


class Entries:
    """Renders posts for pages from which ``links`` lead on.

    What was rendered is remembered in ``memory``, where one is given: for many pages read from one state of
    the database.
    """

    def __init__(
        self, environment: Environment, links: Links, *, timezone: str, memory: Rendered | None = None
    ) -> None:
        # A macro called many times costs half of what a template does that is rendered as often.
        parts: Any = environment.get_template("page/article.html").module
        self._article = parts.article
        self._links = links
        self._zone = ZoneInfo(timezone)
        self._memory = memory or Memory(limit=0)

    def of(self, connection: Connection, ids: Sequence[int]) -> list[Entry]:
        """The posts of these ids, in their order."""
        made = self._remembered(ids)
        posts = get_posts(connection, [post_id for post_id in ids if post_id not in made])
        slugs = author_slugs(connection, {name for post in posts for name in post.authors}) if posts else {}
        fresh = {post.id: self._render(post, slugs) for post in posts}
        root = self._links.root
        self._memory.put(((root, post_id), one, _size(one)) for post_id, one in fresh.items())
        made |= fresh
        return [made[post_id] for post_id in ids if post_id in made]

    def unknown(self, ids: Iterable[int]) -> set[int]:
        """Those of the ids whose posts would have to be read."""
        wanted = set(ids)
        return wanted - self._remembered(wanted).keys()

    def _remembered(self, ids: Iterable[int]) -> dict[int, Entry]:
        root = self._links.root
        found = self._memory.get((root, post_id) for post_id in ids)
        return {post_id: entry for (_, post_id), entry in found.items()}

    def _render(self, post: Post, slugs: dict[str, str]) -> Entry:
        links = self._links
        html: Markup = self._article(
            post, page_html(post.html), links.post(post), bylines(post, links, slugs), labelled(post, links)
        )
        facts = posting(post, links.site, url=post.url or post_url(links.site, post.id), author_slugs=slugs)
        return Entry(post.published.astimezone(self._zone).date(), html, written(facts))


def _size(entry: Entry) -> int:
    """The bytes that it takes up: of a text with emoji four for each character."""
    return sys.getsizeof(entry.html) + sys.getsizeof(entry.facts)


def by_day(entries: Sequence[Entry]) -> list[tuple[date, list[Entry]]]:
    """Entries under their days, in their order."""
    return [(day, list(group)) for day, group in groupby(entries, key=lambda entry: entry.day)]


def bylines(post: Post, links: Links, slugs: dict[str, str]) -> list[Byline]:
    """A post's authors; ``slugs`` has those who have a page."""
    return [Byline(name, links.author(slugs[name]) if name in slugs else None) for name in post.authors]


def labelled(post: Post, links: Links) -> list[tuple[str, str]]:
    """A post's labels: each one's name and page."""
    return [(name, links.label(slug)) for name, slug in zip(post.labels, post.label_slugs, strict=True)]


def page_html(stored: str, *, top: int = 4) -> Markup:
    """A stored post's HTML for a page: headings from level ``top`` on, wide tables in boxes that scroll.

    Styles are left out: a colour chosen for a white page cannot be read on a dark one.
    """
    lowered = stored.lower()
    if not any(hint in lowered for hint in _HINTS) or _TO_FIT.search(lowered) is None:
        return Markup(stored)  # noqa: S704 - cleaned when it was stored
    tree = parse(stored)
    for element in tree.iter():
        element.attrib.pop("style", None)
    for picture in tree.iter("img"):
        picture.set("loading", "lazy")
        picture.set("alt", picture.get("alt") or "")
    box_tables(tree)
    lower_headings(tree, top)
    return Markup(inner_html(tree))  # noqa: S704 - cleaned when it was stored
