"""Feeds of a real blog: 508 posts under 142 labels. Whether they are valid: test_feeds_trials.py."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from database import Database, open_database, upgrade
from feeds.build import FeedBuilder
from feeds.publishing.publish import PublishReport
from feeds.site import FeedSite
from posts.blog import create_blog
from posts.importers import find_importer, open_source
from posts.intake import ImportReport, store_posts
from tests.feeds_publishing import publish_feeds

ATOM = "{http://www.w3.org/2005/Atom}"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SITE = FeedSite(url="https://18f.example.gov", title="18F", author="18F", language="en")


@dataclass(frozen=True)
class Imported:
    """The blog in a database, its feeds in a folder, and what those who did it said."""

    database: Database
    builder: FeedBuilder
    folder: Path
    stored: ImportReport
    published: PublishReport


def _files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """All files in a folder: what is in each, and when it was written."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def _import(database: Database, file: Path, *, now: datetime) -> ImportReport:
    source = open_source(str(file))
    return store_posts(database, find_importer("jsonl", source).read(source), now=now)


@pytest.fixture(scope="module")
def blog(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    """The real blog, imported and published once."""
    folder = tmp_path_factory.mktemp("18f")
    database = open_database(f"sqlite:///{folder / 'labelcast.db'}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE.url, now=NOW)
    stored = _import(database, shared_data / "18f-blog" / "posts.jsonl", now=NOW)
    builder = FeedBuilder(database, SITE)
    published = publish_feeds(builder, folder)
    yield Imported(database, builder, folder / "feeds", stored, published)
    database.dispose()


def test_there_is_a_feed_for_each_label_and_one_of_everything(blog: Imported) -> None:
    assert (blog.stored.new, blog.stored.skipped) == (508, ())
    subscribed = {name for name in blog.published.written if "/archive/" not in name}
    assert len(subscribed) == 143
    assert {f"feeds/{file.name}" for file in blog.folder.glob("*.atom")} == subscribed


def test_every_feed_has_its_own_id_and_posts_keep_theirs(blog: Imported) -> None:
    feeds = set()
    entries: dict[str, set[str]] = {}
    for file in blog.folder.glob("*.atom"):
        root = etree.parse(str(file)).getroot()
        feeds.add(root.findtext(f"{ATOM}id"))
        for entry in root.iterfind(f"{ATOM}entry"):
            title, key = entry.findtext(f"{ATOM}title", ""), entry.findtext(f"{ATOM}id", "")
            assert key.startswith("tag:18f.example.gov,2026:content/posts/")
            entries.setdefault(key, set()).add(title)
    assert len(feeds) == 143
    assert all(len(titles) == 1 for titles in entries.values())


def test_the_same_import_again_changes_no_byte(blog: Imported, shared_data: Path) -> None:
    before = _files(blog.folder)
    later = NOW + timedelta(days=1)
    again = _import(blog.database, shared_data / "18f-blog" / "posts.jsonl", now=later)
    assert (again.new, again.updated, again.unchanged) == (0, 0, 508)
    new_process = FeedBuilder(blog.database, SITE)
    for builder in (blog.builder, new_process):
        report = publish_feeds(builder, blog.folder.parent)
        assert report == PublishReport((), len(blog.published.written), ())
    assert _files(blog.folder) == before


def test_an_empty_folder_gets_the_same_bytes_from_kept_entries(blog: Imported, tmp_path: Path) -> None:
    publish_feeds(FeedBuilder(blog.database, SITE), tmp_path)
    again, before = _files(tmp_path / "feeds"), _files(blog.folder)
    assert again.keys() == before.keys()
    atom = [name for name in before if name.suffix == ".atom"]
    assert len(atom) > 143
    assert all(again[name][0] == before[name][0] for name in atom)
