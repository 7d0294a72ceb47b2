"""Posts as they stand on pages: their HTML fitted in, rendered once for as many pages as show them."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup
from sqlalchemy import Connection

from posts.authors import author_slugs
from posts.model import Post
from posts.reading import get_posts
from templates.markup import box_tables, inner_html, lower_headings, parse
from web.links import Links, post_url
from web.structured import posting, written

# What a post's HTML may hold that is changed for a page; without any of it there is nothing to do.
_TO_FIT = re.compile(r"<(?:h[1-6]|img|table)\b|\bstyle\s*=", re.IGNORECASE)


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


class Entries:
    """Renders posts for pages from which ``links`` lead on.

    Of what was rendered last, ``keep`` characters are remembered: for many pages read from one state of the
    database.
    """

    def __init__(self, environment: Environment, links: Links, *, timezone: str, keep: int = 0) -> None:
        self._template = environment.get_template("page/article.html")
        self._links = links
        self._zone = ZoneInfo(timezone)
        self._room = keep
        self._kept: OrderedDict[int, Entry] = OrderedDict()

    def of(self, connection: Connection, ids: Sequence[int]) -> list[Entry]:
        """The posts of these ids, in their order."""
        for post_id in ids:
            if post_id in self._kept:
                self._kept.move_to_end(post_id)
        made = {post_id: self._kept[post_id] for post_id in ids if post_id in self._kept}
        posts = get_posts(connection, [post_id for post_id in ids if post_id not in made])
        slugs = author_slugs(connection, {name for post in posts for name in post.authors})
        for post in posts:
            entry = made[post.id] = self._render(post, slugs)
            self._keep(post.id, entry)
        return [made[post_id] for post_id in ids if post_id in made]

    def _render(self, post: Post, slugs: dict[str, str]) -> Entry:
        links = self._links
        html = self._template.render(
            post=post,
            html=page_html(post.html),
            href=links.post(post),
            bylines=bylines(post, links, slugs),
            labels=labelled(post, links),
        )
        facts = posting(post, links.site, url=post.url or post_url(links.site, post.id), author_slugs=slugs)
        # Autoescaped by the template.
        return Entry(post.published.astimezone(self._zone).date(), Markup(html), written(facts))  # noqa: S704

    def _keep(self, post_id: int, entry: Entry) -> None:
        if not self._room:
            return
        self._kept[post_id] = entry
        self._room -= len(entry.html)
        while self._room <= 0 and self._kept:
            _, oldest = self._kept.popitem(last=False)
            self._room += len(oldest.html)


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
    if _TO_FIT.search(stored) is None:
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
