"""One new post with three labels, in a warm process, to its feeds on disk, beside the full build.

``python -m benchmarks.feeds_one_post [--rounds N]``

The blog is that of ``benchmarks.feeds_full``. The post is stored as an import of it alone stores it; timed
are the publishing of its five feeds (three labels', its author's and that of everything, with the archive
documents that older posts go to) after that, and both together. The full build is timed in the same run, cold
(no entry rendered yet, an empty folder) and warm (all entries kept, an empty folder).
"""

import argparse
import shutil
import tempfile
from datetime import timedelta
from itertools import count
from pathlib import Path

from benchmarks.blog import LABELS, STORED, make_blog, source_post
from benchmarks.feeds_full import FEED_SITE
from benchmarks.timing import in_turns, show, verdict
from database import Database
from feeds.build import FeedBuilder
from feeds.publishing.folder import Folder
from feeds.publishing.publish import PublishReport, publish
from feeds.publishing.sources import FeedDocuments
from posts.intake import store_posts

FEEDS = 5


def feeds_of(database: Database) -> FeedDocuments:
    """Every Atom feed, as a new process publishes them."""
    return FeedDocuments(FeedBuilder(database, FEED_SITE), suffixes=("atom",))


class Case:
    """The blog, a builder that is warm, and a folder where its feeds are up to date."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        # As the service keeps them: they know what they listed last.
        self._kept = feeds_of(database)
        self._warm, self._scratch = folder / "warm", folder / "scratch"
        self._numbers = count(1_000_000)

    def prepare(self, name: str) -> None:
        """What a way finds before it; not timed."""
        if name == "full build, cold":
            with self._database.write() as connection:
                connection.exec_driver_sql("DELETE FROM fragment")
        if name.startswith("full build"):
            shutil.rmtree(self._scratch, ignore_errors=True)
        else:
            self._publish(self._kept, self._warm)
        if name == "one post, published":
            self.store()

    def full(self) -> None:
        """Every feed, by a new process."""
        self._publish(feeds_of(self._database), self._scratch)

    def store(self) -> None:
        """One post with a much used label, one in the middle and one seldom used; another three each time."""
        number = next(self._numbers)
        labels = (number % 5, 50 + number % 50, LABELS - 1 - number % 50)
        published = STORED + timedelta(seconds=number - 1_000_000)
        post = source_post(number=number, labels=labels, published=published)
        store_posts(self._database, [post], now=published + timedelta(days=1))

    def publish(self) -> None:
        """The feeds of the new post."""
        report = self._publish(self._kept, self._warm)
        assert sum("/archive/" not in name for name in report.written) == FEEDS, report

    def _publish(self, feeds: FeedDocuments, out: Path) -> PublishReport:
        # Nothing compressed, for that is the work of others.
        return publish(self._database, [feeds], Folder(out), compressed=False)

    def store_and_publish(self) -> None:
        """From the importer's hand to the disk."""
        self.store()
        self.publish()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=25)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = make_blog(Path(folder) / "blog.db")
        case = Case(database, Path(folder))
        full = {"full build, cold": case.full, "full build, warm": case.full}
        timed = in_turns(full, rounds=max(3, chosen.rounds // 3), before=case.prepare)
        # Not in turns with those: the disk would still be at work on their twenty megabytes.
        one_post = {
            "one post, published": case.publish,
            "one post, stored and published": case.store_and_publish,
        }
        timed |= in_turns(one_post, rounds=chosen.rounds, before=case.prepare, collect=False)
        database.dispose()
    show(timed)
    for heat in ("cold", "warm"):
        whole = timed[f"full build, {heat}"].median
        for what in ("one post, published", "one post, stored and published"):
            verdict(f"{what}: part of a {heat} full build, 1 in", whole / timed[what].median, at_least=50)


if __name__ == "__main__":
    main()
