"""Feeds by plain string formatting, the baseline: three formats, with nothing kept and no promises.

A label's feed has its newest posts; its archive, where it is wanted, all others, a hundred in a document,
each with a link to the one before. Posts come from memory, or label by label from the database by the
driver alone, with two queries a label.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from benchmarks.blog import SITE
from database.engine import sqlite_driver

ENTRIES = 25
PER_DOCUMENT = 100
AUTHOR = "Ann Bench"
_TAG = re.compile("<[^>]+>")


@dataclass(frozen=True, slots=True)
class Row:
    """A post as the plain loops see it; RSS's way to write its date is made once."""

    uri: str
    url: str
    title: str
    html: str
    published: str
    published_822: str
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A label and its posts, newest first."""

    slug: str
    uri: str
    title: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Part:
    """A document of a feed: what is in it, and the name of that with the older posts."""

    feed: Listed
    name: str
    rows: list[Row]
    older: str | None


POSTS_OF_LABEL = """
    SELECT p.id, p.uri, p.url, p.title, p.html, p.published FROM post_label t JOIN post p ON p.id = t.post_id
    WHERE t.label_id = ? AND t.live = 1 ORDER BY t.published DESC, t.post_id DESC LIMIT ?"""
POSTS_OF_ALL = """
    SELECT id, uri, url, title, html, published FROM post
    WHERE state = 'live' ORDER BY published DESC, id DESC LIMIT ?"""
LABELS_OF = """
    SELECT t.post_id, l.name FROM post_label t JOIN label l ON l.id = t.label_id
    WHERE t.post_id IN (SELECT value FROM json_each(?)) ORDER BY l.name"""


def read_plainly(file: Path, *, limit: int = ENTRIES) -> Iterator[Listed]:
    """Each label with its newest posts (-1: with all), and everything."""
    connection = sqlite_driver().connect(file)
    feeds = connection.execute("SELECT id, slug, feed_uri, name FROM label").fetchall()
    for label_id, slug, uri, name in [*feeds, (None, "all", "urn:uuid:all", "Bench")]:
        if label_id is None:
            posts = connection.execute(POSTS_OF_ALL, (limit,)).fetchall()
        else:
            posts = connection.execute(POSTS_OF_LABEL, (label_id, limit)).fetchall()
        named: dict[int, list[str]] = {}
        for post_id, label in connection.execute(LABELS_OF, (json.dumps([post[0] for post in posts]),)):
            named.setdefault(post_id, []).append(label)
        yield Listed(slug, uri, name, [_row(post, named) for post in posts])
    connection.close()


def _row(post: tuple[int, str, str, str, str, str], named: dict[int, list[str]]) -> Row:
    post_id, uri, url, title, html, published = post
    in_822 = format_datetime(datetime.fromisoformat(published))
    return Row(uri, url, title, html, published, in_822, named.get(post_id, []))


def write_plainly(feeds: Iterable[Listed], out: Path, suffixes: Iterable[str], *, archives: bool) -> None:
    """Every document of these feeds, in these formats."""
    (out / "feeds").mkdir(parents=True)
    for feed in feeds:
        if archives:
            (out / "feeds" / feed.slug / "archive").mkdir(parents=True)
        for part in _parts(feed) if archives else [Part(feed, feed.slug, feed.rows[:ENTRIES], None)]:
            for suffix in suffixes:
                text = FORMATS[suffix](part)
                (out / "feeds" / f"{part.name}.{suffix}").write_text(text, encoding="utf-8")


def _parts(feed: Listed) -> Iterator[Part]:
    older = feed.rows[ENTRIES:][::-1]
    last = None
    for number, start in enumerate(range(0, len(older), PER_DOCUMENT), start=1):
        name = f"{feed.slug}/archive/{number}"
        yield Part(feed, name, older[start : start + PER_DOCUMENT][::-1], last)
        last = name
    yield Part(feed, feed.slug, feed.rows[:ENTRIES], last)


def atom(part: Part) -> str:
    """An Atom feed."""
    feed, rows = part.feed, part.rows
    older = f'<link href="{SITE}/feeds/{part.older}.atom" rel="prev-archive"/>' if part.older else ""
    parts = [
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
            f"<id>{feed.uri}</id><title>{escape(feed.title)}</title><updated>{rows[0].published}</updated>"
            f"<author><name>{AUTHOR}</name></author>"
            f'<link href="{SITE}/feeds/{part.name}.atom" rel="self" type="application/atom+xml"/>'
            f'<link href="{SITE}/labels/{feed.slug}" rel="alternate" type="text/html"/>'
            f"<generator>plain</generator>{older}"
        )
    ]
    for row in rows:
        terms = "".join([f"<category term={quoteattr(name)}/>" for name in row.labels])
        parts.append(
            f"<entry><id>{escape(row.uri)}</id><title>{escape(row.title)}</title>"
            f"<updated>{row.published}</updated><author><name>{AUTHOR}</name></author>"
            f'<content type="html">{escape(row.html)}</content>{terms}<published>{row.published}</published>'
            f'<link href={quoteattr(row.url)} rel="alternate" type="text/html"/></entry>'
        )
    parts.append("</feed>\n")
    return "\n".join(parts)


def rss(part: Part) -> str:
    """An RSS feed: each item with the beginning of its text, and all of it."""
    feed, rows = part.feed, part.rows
    older = f'<atom:link href="{SITE}/feeds/{part.older}.rss" rel="prev-archive"/>' if part.older else ""
    parts = [
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:atom="http://www.w3.org/2005/Atom" '
            'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
            f'version="2.0"><channel><title>{escape(feed.title)}</title><link>{SITE}/labels/{feed.slug}</link>'
            f"<description>{escape(feed.title)}</description><language>en</language>"
            f'<atom:link href="{SITE}/feeds/{part.name}.rss" rel="self" type="application/rss+xml"/>'
            f"<lastBuildDate>{rows[0].published_822}</lastBuildDate>{older}"
        )
    ]
    for row in rows:
        terms = "".join([f"<category>{escape(name)}</category>" for name in row.labels])
        words = " ".join(_TAG.sub("", row.html[:1024]).split())[:300]
        parts.append(
            f"<item><title>{escape(row.title)}</title><link>{escape(row.url)}</link>"
            f"<description>{escape(words)}</description>"
            f"<content:encoded>{escape(row.html)}</content:encoded>{terms}"
            f'<guid isPermaLink="false">{escape(row.uri)}</guid><pubDate>{row.published_822}</pubDate>'
            f"<dc:creator>{AUTHOR}</dc:creator></item>"
        )
    parts.append("</channel></rss>\n")
    return "\n".join(parts)


def json_feed(part: Part) -> str:
    """A JSON Feed."""
    feed = part.feed
    told: dict[str, object] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": f"{SITE}/labels/{feed.slug}",
        "feed_url": f"{SITE}/feeds/{part.name}.json",
        "authors": [{"name": AUTHOR}],
        "language": "en",
    }
    if part.older:
        told["next_url"] = f"{SITE}/feeds/{part.older}.json"
    told["items"] = [
        {
            "id": row.uri,
            "url": row.url,
            "title": row.title,
            "content_html": row.html,
            "date_published": row.published,
            "date_modified": row.published,
            "authors": [{"name": AUTHOR}],
            "tags": row.labels,
        }
        for row in part.rows
    ]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


FORMATS: dict[str, Callable[[Part], str]] = {"atom": atom, "rss": rss, "json": json_feed}
