"""Every label's feed to files, in three formats: ours and plain string formatting of the same.

``python -m benchmarks.feeds_full [--rounds N] [--database FILE]``

10,000 posts, 200 labels and the whole blog; Atom, RSS and JSON Feed with full text, into an empty folder,
uncompressed. The whole: the newest 25 posts in the feed and all others in its archive, as `labelcast feeds
build` writes it. The newest: these 25 alone. The plain loop (``benchmarks.plain``) formats strings and calls
``write``. Ours comes with nothing kept in the database (first: archives are stored, entries rendered and
kept) and with all kept (later: a new process on a known database), both with nothing in memory. feedgen, one
feed at a time, writes the newest as Atom.
"""

import argparse
import shutil
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from feedgen.feed import FeedGenerator

from benchmarks.blog import SITE, make_blog
from benchmarks.plain import Listed, read_plainly, write_plainly
from benchmarks.timing import in_turns, show, verdict
from database import Database, open_database
from feeds.build import FeedBuilder
from feeds.formats.known import SUFFIXES
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from feeds.publishing.sources import FeedDocuments
from feeds.site import FeedSite

FEED_SITE = FeedSite(url=SITE, title="Bench", author="Ann Bench", language="en")
KEPT = ("fragment", "archive_entry", "archive_document", "archive")


def feedgen_feed(newest: Listed) -> bytes:
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

    def plainly(*, archives: bool) -> None:
        feeds = read_plainly(file, limit=-1) if archives else read_plainly(file)
        write_plainly(feeds, out, SUFFIXES, archives=archives)

    def feedgen() -> None:
        (out / "feeds").mkdir(parents=True)
        for newest in read_plainly(file):
            (out / "feeds" / f"{newest.slug}.atom").write_bytes(feedgen_feed(newest))

    def ours(*, archives: bool) -> None:
        documents = FeedDocuments(FeedBuilder(database, FEED_SITE), archives=archives)
        publish(database, [documents], Folder(out), compressed=False)

    def before(name: str) -> None:
        shutil.rmtree(out, ignore_errors=True)
        if name.endswith("first"):
            with database.write() as connection:
                for table in KEPT:
                    connection.exec_driver_sql(f"DELETE FROM {table}")

    timed = in_turns(
        {
            "newest: plain, posts in memory": lambda: write_plainly(in_memory, out, SUFFIXES, archives=False),
            "newest: plain, from the database": partial(plainly, archives=False),
            "newest: feedgen, Atom alone": feedgen,
            "newest: ours, first": partial(ours, archives=False),
            "newest: ours, later": partial(ours, archives=False),
            "whole: plain, from the database": partial(plainly, archives=True),
            "whole: ours, first": partial(ours, archives=True),
            "whole: ours, later": partial(ours, archives=True),
        },
        rounds=rounds,
        before=before,
    )
    show(timed)
    for what in ("newest: ours, first", "newest: ours, later", "whole: ours, first", "whole: ours, later"):
        plain = timed[f"{what.partition(':')[0]}: plain, from the database"].median
        verdict(f"{what}, to plain from the database", timed[what].median / plain, at_most=2)
    in_memory_too = timed["newest: ours, later"].median / timed["newest: plain, posts in memory"].median
    verdict("newest: ours, later, to plain with posts in memory", in_memory_too, at_most=2)


if __name__ == "__main__":
    main()
