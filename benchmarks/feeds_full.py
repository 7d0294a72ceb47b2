"""Every label's Atom feed to files: ours, a plain loop, and feedgen used one feed at a time.

``python -m benchmarks.feeds_full [--rounds N] [--database FILE]``

All write the newest 25 posts of each of 200 labels and of the whole blog, with their full text, into an empty
folder. The plain loop formats strings and calls ``write``, with nothing kept and no promise about half files.
It comes in two: with all posts already in memory as Python objects, and reading them from the same SQLite
file, label by label, as feedgen's does. Ours comes with an empty ``fragment`` table (cold) and with a full
one (warm: a new process on a known database), both times with nothing in memory.
"""

import argparse
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from feedgen.feed import FeedGenerator

from benchmarks.blog import SITE, make_blog
from benchmarks.timing import in_turns, show, verdict
from database import Database, open_database
from feeds.build import FeedBuilder
from feeds.folder import Folder
from feeds.publish import PublishReport, publish
from feeds.site import FeedSite
from feeds.sources import FeedDocuments

FEED_SITE = FeedSite(url=SITE, title="Bench", author="Ann Bench", language="en")
ENTRIES = 25


@dataclass(frozen=True, slots=True)
class Row:
    """A post as the plain loops see it."""

    uri: str
    url: str
    title: str
    html: str
    published: str
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Newest:
    """A label and its newest posts."""

    slug: str
    uri: str
    title: str
    rows: list[Row]


POSTS_OF_LABEL = """
    SELECT p.id, p.uri, p.url, p.title, p.html, p.published FROM post_label t JOIN post p ON p.id = t.post_id
    WHERE t.label_id = ? AND t.live = 1 ORDER BY t.published DESC, t.post_id DESC LIMIT 25"""
POSTS_OF_ALL = """
    SELECT id, uri, url, title, html, published FROM post
    WHERE state = 'live' ORDER BY published DESC, id DESC LIMIT 25"""
LABELS_OF = """
    SELECT t.post_id, l.name FROM post_label t JOIN label l ON l.id = t.label_id
    WHERE t.post_id IN (%s) ORDER BY l.name"""


def read_plainly(file: Path) -> Iterator[Newest]:
    """Each label with its newest posts, by the driver alone: two queries a label."""
    connection = sqlite3.connect(file)
    feeds = connection.execute("SELECT id, slug, feed_uri, name FROM label").fetchall()
    for label_id, slug, uri, name in [*feeds, (None, "all", "urn:uuid:all", "Bench")]:
        found = connection.execute(*((POSTS_OF_ALL,) if label_id is None else (POSTS_OF_LABEL, (label_id,))))
        posts = found.fetchall()
        named: dict[int, list[str]] = {}
        marks = ",".join("?" * len(posts))
        for post_id, label in connection.execute(LABELS_OF % marks, [post[0] for post in posts]):
            named.setdefault(post_id, []).append(label)
        yield Newest(slug, uri, name, [_row(post, named) for post in posts])
    connection.close()


def _row(post: tuple[int, str, str, str, str, str], named: dict[int, list[str]]) -> Row:
    post_id, uri, url, title, html, published = post
    return Row(uri, url, title, html, published, named.get(post_id, []))


def format_feed(newest: Newest) -> str:
    """A feed by string formatting."""
    slug, rows = newest.slug, newest.rows
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f"<id>{newest.uri}</id><title>{escape(newest.title)}</title><updated>{rows[0].published}</updated>"
        "<author><name>Ann Bench</name></author>"
        f'<link href="{SITE}/feeds/{slug}.atom" rel="self" type="application/atom+xml"/>'
        f'<link href="{SITE}/labels/{slug}" rel="alternate" type="text/html"/><generator>plain</generator>'
    )
    parts = [head]
    for row in rows:
        terms = "".join(f"<category term={quoteattr(name)}/>" for name in row.labels)
        parts.append(
            f"<entry><id>{escape(row.uri)}</id><title>{escape(row.title)}</title>"
            f"<updated>{row.published}</updated><author><name>Ann Bench</name></author>"
            f'<content type="html">{escape(row.html)}</content>{terms}<published>{row.published}</published>'
            f'<link href={quoteattr(row.url)} rel="alternate" type="text/html"/></entry>'
        )
    parts.append("</feed>\n")
    return "\n".join(parts)


def feedgen_feed(newest: Newest) -> bytes:
    """A feed by feedgen as its documentation shows it."""
    feed = FeedGenerator()
    feed.id(newest.uri)
    feed.title(newest.title)
    feed.updated(newest.rows[0].published)
    feed.author({"name": "Ann Bench"})
    feed.link(href=f"{SITE}/feeds/{newest.slug}.atom", rel="self", type="application/atom+xml")
    feed.link(href=f"{SITE}/labels/{newest.slug}", rel="alternate", type="text/html")
    feed.language("en")
    for row in newest.rows:
        entry = feed.add_entry(order="append")
        entry.id(row.uri)
        entry.title(row.title)
        published = datetime.fromisoformat(row.published).astimezone(UTC)
        entry.updated(published)
        entry.published(published)
        entry.author({"name": "Ann Bench"})
        entry.link(href=row.url, rel="alternate", type="text/html")
        entry.category([{"term": name} for name in row.labels])
        entry.content(row.html, type="html")
    document: bytes = feed.atom_str()
    return document


def publish_atom(builder: FeedBuilder, out: Path) -> PublishReport:
    """Every Atom feed to a folder; nothing compressed, for that is the work of others."""
    atom = FeedDocuments(builder, suffixes=("atom",))
    return publish(builder.database, [atom], Folder(out), compressed=False)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--database", type=Path, help="an SQLite file that benchmarks.blog wrote")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = chosen.database or Path(folder) / "blog.db"
        database = open_database(f"sqlite:///{file}") if chosen.database else make_blog(file)
        measure(database, file, Path(folder) / "out", rounds=chosen.rounds)
        database.dispose()


def measure(database: Database, file: Path, out: Path, *, rounds: int) -> None:
    """Every way in turns, then the figures."""
    in_memory = list(read_plainly(file))

    def plainly(feeds: Iterator[Newest] | list[Newest]) -> None:
        (out / "feeds").mkdir(parents=True)
        for newest in feeds:
            (out / "feeds" / f"{newest.slug}.atom").write_text(format_feed(newest), encoding="utf-8")

    def one_by_one() -> None:
        (out / "feeds").mkdir(parents=True)
        for newest in read_plainly(file):
            (out / "feeds" / f"{newest.slug}.atom").write_bytes(feedgen_feed(newest))

    def ours() -> None:
        publish_atom(FeedBuilder(database, FEED_SITE), out)

    def before(name: str) -> None:
        shutil.rmtree(out, ignore_errors=True)
        if name == "ours, cold":
            with database.write() as connection:
                connection.exec_driver_sql("DELETE FROM fragment")

    timed = in_turns(
        {
            "plain loop, posts in memory": lambda: plainly(in_memory),
            "plain loop, from the database": lambda: plainly(read_plainly(file)),
            "feedgen, one feed at a time": one_by_one,
            "ours, cold": ours,
            "ours, warm": ours,
        },
        rounds=rounds,
        before=before,
    )
    show(timed)
    for heat in ("cold", "warm"):
        mine = timed[f"ours, {heat}"].median
        for kind in ("from the database", "posts in memory"):
            verdict(
                f"{heat}, to the plain loop {kind}", mine / timed[f"plain loop, {kind}"].median, at_most=2
            )
        feedgen = timed["feedgen, one feed at a time"].median
        verdict(f"{heat}, times faster than feedgen", feedgen / mine, at_least=4)


if __name__ == "__main__":
    main()
