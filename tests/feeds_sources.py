"""Blogs made by others, each in a database of its own with its feeds in folders: for the tests of feeds."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from markdown_it import MarkdownIt

from database import Database, open_database, upgrade
from feeds.build import FeedBuilder
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from feeds.publishing.sources import FeedDocuments, FeedList
from feeds.selection import add_feed
from feeds.site import Content, FeedSite
from posts.blog import create_blog
from posts.importers import ImporterError, find_importer, open_source
from posts.intake import store_posts
from posts.lookup import labels
from posts.model import SkippedPost, SourcePost
from posts.rules import HasLabel, Or

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SITE = FeedSite(url="https://blog.example", title="A Blog", author="Its Writers", language="en")
# Of each source: the format that it is imported in, and which files below the folder of what is shared.
SOURCES = {
    "18f-blog": ("jsonl", "data/18f-blog/posts.jsonl"),
    "go-blog": ("jsonl", "data/go-blog/posts.jsonl"),
    "hexo": ("markdown", "data/hexo-unit-test/source/_posts/*.md"),
    "blogger": ("blogger", "data/blogger2md-export/test/fixtures/complete.xml"),
    "label-page": ("label-page", "seed/*.txt"),
    "medium": ("feed", "data/jekyll-import/test/mocks/medium_feed.xml"),
    "reader": ("feed", "data/feeds-lemon24-reader/tests/data/*.*"),
    "broken": ("feed", "data/feeds-broken/*/**/*.xml"),
}
PER_DOCUMENT = 40


@dataclass(frozen=True)
class PublishedBlog:
    """A blog in a database; below its folder ``full`` and ``summary``: all feeds, and the list of them."""

    database: Database
    folder: Path
    stored: int

    def documents(self, suffix: str, content: Content) -> list[Path]:
        """Its feeds in a format, and all their archives."""
        return sorted(
            file
            for file in (self.folder / content / "feeds").rglob(f"*.{suffix}")
            if not file.name.startswith(".")
        )

    def feeds(self, suffix: str, content: Content = "full") -> list[Path]:
        """Its feeds in a format, as one subscribes to them."""
        return [file for file in self.documents(suffix, content) if file.parent.name != "archive"]


def publish_blog(name: str, shared: Path, folder: Path) -> PublishedBlog:
    """Import a source and publish all its feeds in all formats."""
    database = open_database(f"sqlite:///{folder / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=NOW)
    kind, pattern = SOURCES[name]
    stored = sum(_import(database, kind, file) for file in sorted(shared.glob(pattern)))
    _add_rule(database)
    contents: tuple[Content, ...] = ("full", "summary")
    for content in contents:
        builder = FeedBuilder(database, replace(SITE, content=content), per_document=PER_DOCUMENT)
        sources = FeedDocuments(builder), FeedList(builder)
        publish(database, sources, Folder(folder / content), compressed=False)
    return PublishedBlog(database, folder, stored)


def _import(database: Database, kind: str, file: Path) -> int:
    """How many posts of a file were stored; of a broken one that nobody can read, none."""
    try:
        return store_posts(database, _read(kind, file), now=NOW).new
    except ImporterError:
        return 0


def _read(kind: str, file: Path) -> Iterable[SourcePost | SkippedPost]:
    if kind == "markdown":
        return [_read_hexo(file)]
    source = open_source(str(file))
    return find_importer(kind, source).read(source)


def _read_hexo(file: Path) -> SourcePost:
    """A post of Hexo's, whose Markdown no importer reads."""
    head, _, text = file.read_text(encoding="utf-8").removeprefix("---\n").partition("\n---\n")
    told = dict(re.findall(r"^(title|date): *(.+)$", head, flags=re.MULTILINE))
    day, time = told["date"].split()
    year, month, date = map(int, day.split("-"))
    published = datetime.fromisoformat(f"{year}-{month:02}-{date:02}T{time}+00:00")
    listed = re.search(r"^(?:tags|categories):\n((?: *- .+\n?)+)", head, flags=re.MULTILINE)
    return SourcePost(
        uri=f"https://hexo.example/{quote(file.stem)}/",
        url=f"https://hexo.example/{quote(file.stem)}/",
        title=told.get("title"),
        html=MarkdownIt("commonmark", {"html": True}).enable("table").render(text),
        published=published,
        updated=published,
        labels=tuple(re.findall(r"- (.+)", listed[1])) if listed else (),
    )


def _add_rule(database: Database) -> None:
    """A feed of two labels, as a publisher configures one."""
    with database.write() as connection:
        known = tuple(HasLabel(label.name) for label in labels(connection)[:2])
        if len(known) == 2:
            add_feed(connection, slug="two-labels", rule=Or(known), now=NOW)
