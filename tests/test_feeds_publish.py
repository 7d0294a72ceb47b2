"""Feeds as files: never half there, untouched when nothing changed, gone with their label."""

import fcntl
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import event

from database import DatabaseUnavailable
from feeds.build import FeedBuilder
from feeds.formats.known import SUFFIXES
from feeds.publishing.documents import Document, Rank
from feeds.publishing.folder import UNFINISHED, Folder
from feeds.publishing.planning import plan
from feeds.publishing.publish import PublishReport, publish
from feeds.publishing.targets import MANIFEST, PublishError, parse_manifest
from posts.curation import delete_label, rename_label
from posts.model import PostState
from tests.feeds_blog import START, FeedsBlog, post
from tests.feeds_publishing import LabelFeeds, publish_feeds

NAMES = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "public"


def names(out: Path) -> set[str]:
    return {path.name for path in (out / "feeds").iterdir()} - {Path(MANIFEST).name}


def documents(out: Path) -> dict[str, bytes]:
    """All that is published but the list of it, with its bytes."""
    files = (path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): path.read_bytes() for path in files if path.name != Path(MANIFEST).name
    }


def times(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "feeds").glob("*.atom")}


def entries(out: Path, slug: str) -> list[str]:
    root = etree.parse(str(out / "feeds" / f"{slug}.atom")).getroot()
    return [entry.findtext("a:title", "", NAMES) for entry in root.iterfind("a:entry", NAMES)]


@pytest.fixture(name="feed_blog")
def anonymous_feed_blog(feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog whose labels alone have feeds."""
    feed_blog.is_anonymous = True
    return feed_blog


@pytest.fixture(name="sqlite_feed_blog")
def anonymous_sqlite_feed_blog(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """The same on SQLite."""
    sqlite_feed_blog.is_anonymous = True
    return sqlite_feed_blog


def test_every_feed_is_a_file(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "MEK", "C++"), post(2, "政治")])
    told: list[tuple[int, int]] = []
    report = publish_feeds(feed_blog.builder(), out, progress=lambda done, of: told.append((done, of)))
    builder = feed_blog.builder()
    assert len(report.written) == 4
    assert (report.unchanged, report.removed) == (0, ())
    assert {f"feeds/{name}" for name in names(out)} == set(report.written)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for name in names(out):
        built = builder.build(name.removesuffix(".atom"))
        assert built is not None
        assert (out / "feeds" / name).read_bytes() == built.body


def test_nothing_is_touched_when_nothing_changed(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    publish_feeds(feed_blog.builder(), out)
    before = times(out)
    manifest = (out / MANIFEST).stat().st_mtime_ns
    for builder in (feed_blog.builder(), feed_blog.builder()):
        assert publish_feeds(builder, out) == PublishReport((), 3, ())
    assert times(out) == before
    assert (out / MANIFEST).stat().st_mtime_ns == manifest


def test_only_what_changed_is_written(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    builder = feed_blog.builder()
    publish_feeds(builder, out)
    before = times(out)
    feed_blog.store(4, "b")
    assert set(publish_feeds(builder, out).written) == {"feeds/all.atom", "feeds/b.atom"}
    after = times(out)
    assert {name for name in after if after[name] != before[name]} == {"all.atom", "b.atom"}
    assert entries(out, "b") == ["Post 4", "Post 2"]


def test_two_changes_at_one_instant_are_both_published(feed_blog: FeedsBlog, out: Path) -> None:
    builder = feed_blog.builder()
    for number in (1, 2):
        feed_blog.now = START
        feed_blog.store(number, "a")
        assert set(publish_feeds(builder, out).written) == {"feeds/all.atom", "feeds/a.atom"}
    assert entries(out, "a") == ["Post 2", "Post 1"]


def test_a_file_goes_with_its_label_and_follows_it(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b"), post(3, "c")])
    builder = feed_blog.builder()
    publish_feeds(builder, out)
    later = feed_blog.now + timedelta(hours=1)
    with feed_blog.database.write() as connection:
        delete_label(connection, "a", now=later)
        rename_label(connection, "b", "renamed", now=later)
    report = publish_feeds(builder, out)
    assert set(report.removed) == {"feeds/a.atom", "feeds/b.atom"}
    assert names(out) == {"all.atom", "c.atom", "renamed.atom"}
    assert publish_feeds(builder, out) == PublishReport((), 3, ())


def test_files_of_others_stay(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store(1, "a")
    folder = out / "feeds"
    folder.mkdir(parents=True)
    (folder / "old-blog.atom").write_text("<feed/>")
    (folder / "sub").mkdir()
    (out / "index.html").write_text("mine")
    builder = feed_blog.builder()
    publish_feeds(builder, out)
    with feed_blog.database.write() as connection:
        delete_label(connection, "a", now=feed_blog.now)
    publish_feeds(builder, out)
    assert names(out) == {"all.atom", "old-blog.atom", "sub"}
    assert (folder / "old-blog.atom").read_text() == "<feed/>"
    assert (out / "index.html").read_text() == "mine"


@pytest.mark.parametrize("damage", ["deleted", "emptied", "cut", "same size", "older", "a link"])
def test_a_damaged_file_is_made_again(sqlite_feed_blog: FeedsBlog, out: Path, damage: str) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    builder = sqlite_feed_blog.builder()
    publish_feeds(builder, out)
    file = out / "feeds" / "a.atom"
    whole = file.read_bytes()
    elsewhere = out / "elsewhere"
    if damage == "deleted":
        file.unlink()
    elif damage == "emptied":
        file.write_bytes(b"")
    elif damage == "cut":
        file.write_bytes(whole[:-20])
    elif damage == "same size":
        file.write_bytes(whole[:-3] + b"???")
    elif damage == "older":
        file.write_bytes(whole[:-3] + b"???")
        os.utime(file, ns=(0, 0))
    else:
        elsewhere.write_bytes(b"not ours")
        file.unlink()
        file.symlink_to(elsewhere)
    assert publish_feeds(builder, out).written == ("feeds/a.atom",)
    assert file.read_bytes() == whole
    assert not file.is_symlink()
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"not ours"


def test_a_file_that_was_only_copied_is_kept(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    publish_feeds(sqlite_feed_blog.builder(), out)
    for file in (out / "feeds").glob("*.atom"):
        os.utime(file, ns=(5, 5))
    assert publish_feeds(sqlite_feed_blog.builder(), out) == PublishReport((), 2, ())
    assert set(times(out).values()) == {5}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2}',
        '{"version": 9}',
        '{"version":2,"build":"","documents":{"a":1}}',
        "\x00\xff",
    ],
)
def test_a_damaged_list_of_files_loses_nothing(sqlite_feed_blog: FeedsBlog, out: Path, text: str) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    publish_feeds(sqlite_feed_blog.builder(), out)
    before = times(out)
    (out / MANIFEST).write_text(text)
    assert publish_feeds(sqlite_feed_blog.builder(), out) == PublishReport((), 3, ())
    assert times(out) == before
    known = parse_manifest((out / MANIFEST).read_bytes())
    assert set(known.documents) == {f"feeds/{name}" for name in before}


def test_a_list_that_names_files_elsewhere_deletes_none(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    publish_feeds(sqlite_feed_blog.builder(), out)
    (out / "precious").write_text("mine")
    manifest = out / MANIFEST
    manifest.write_text(manifest.read_text().replace('"a.atom"', '"../precious"'))
    publish_feeds(sqlite_feed_blog.builder(), out)
    assert (out / "precious").read_text() == "mine"


def test_what_a_killed_build_left_is_cleaned_away(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    builder = sqlite_feed_blog.builder()
    publish_feeds(builder, out)
    (out / "feeds" / f"a.atom{UNFINISHED}").write_text("half")
    (out / "feeds" / f"gone.atom{UNFINISHED}").write_text("half")
    assert publish_feeds(builder, out) == PublishReport((), 2, ())
    assert names(out) == {"all.atom", "a.atom"}


def test_new_settings_make_every_feed_anew(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    database, site = sqlite_feed_blog.database, sqlite_feed_blog.site
    publish_feeds(FeedBuilder(database, site), out)
    for changed in (replace(site, title="Other"), replace(site, entries=1), replace(site, language=None)):
        assert len(publish_feeds(FeedBuilder(database, changed), out).written) >= 1
        assert len(publish_feeds(FeedBuilder(database, changed), out).written) == 0


def test_each_format_has_its_files(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    report = publish_feeds(sqlite_feed_blog.builder(), out, suffixes=SUFFIXES)
    assert len(report.written) == 6
    assert names(out) == {f"{slug}.{suffix}" for slug in ("all", "a") for suffix in ("atom", "rss", "json")}
    assert (
        json.loads((out / "feeds" / "a.json").read_bytes())["version"] == "https://jsonfeed.org/version/1.1"
    )
    assert set(publish_feeds(sqlite_feed_blog.builder(), out, suffixes=("atom", "json")).removed) == {
        "feeds/a.rss",
        "feeds/all.rss",
    }


def test_a_warm_build_asks_little(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all(post(number, *(f"label {n}" for n in range(50))) for number in range(1, 3))
    database = sqlite_feed_blog.database
    sources = (LabelFeeds(sqlite_feed_blog.builder(), suffixes=("atom",)),)
    publish(database, sources, Folder(out))
    sqlite_feed_blog.store(9, "label 1", "label 2", "label 3")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    assert len(publish(database, sources, Folder(out)).written) == 4
    # Whatever the number of labels. Twice, as archives are settled first: what there is, what changed, and
    # for each of the four feeds its newest. Then what is in them, the new post, and keeping its entry.
    assert len(asked) <= 31, asked
    asked.clear()
    assert publish(database, sources, Folder(out)).written == ()
    assert len(asked) <= 12, asked


def test_two_builds_at_once_do_no_harm(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(number, "a", "b") for number in range(1, 9)])
    builders = [sqlite_feed_blog.builder() for _ in range(3)]
    with ThreadPoolExecutor(max_workers=3) as pool:
        for turn in range(5):
            at_work = [pool.submit(publish_feeds, builder, out) for builder in builders for _ in range(2)]
            sqlite_feed_blog.store(20 + turn, "a", f"new {turn}")
            assert all(isinstance(one.result(), PublishReport) for one in at_work)
    publish_feeds(builders[0], out)
    fresh = out.with_name("fresh")
    publish_feeds(sqlite_feed_blog.builder(), fresh)
    assert documents(out) == documents(fresh)


def test_a_folder_in_use_for_too_long_is_an_error_of_one_line(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    (out / "feeds").mkdir(parents=True)
    other = os.open(out / "feeds", os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="another build is at work there") as refused:
            publish_feeds(sqlite_feed_blog.builder(), out, patience=0)
    finally:
        os.close(other)
    assert "\n" not in str(refused.value)
    assert publish_feeds(sqlite_feed_blog.builder(), out, patience=0).written == ("feeds/all.atom",)


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(
    sqlite_feed_blog: FeedsBlog, tmp_path: Path
) -> None:
    (tmp_path / "public").write_text("a file")
    with pytest.raises(PublishError, match="public") as refused:
        publish_feeds(sqlite_feed_blog.builder(), tmp_path / "public")
    assert "\n" not in str(refused.value)


def test_a_feed_whose_place_is_taken_leaves_the_others_whole(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    (out / "feeds" / "b.atom").mkdir(parents=True)
    with pytest.raises(PublishError, match=r"b\.atom"):
        publish_feeds(sqlite_feed_blog.builder(), out)
    assert names(out) == {"all.atom", "a.atom", "b.atom"}
    (out / "feeds" / "b.atom").rmdir()
    publish_feeds(sqlite_feed_blog.builder(), out)
    assert entries(out, "b") == ["Post 2"]


def test_a_database_that_is_gone_leaves_the_files(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    builder = sqlite_feed_blog.builder()
    publish_feeds(builder, out)
    before = times(out)
    with sqlite_feed_blog.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE label RENAME TO lost")
    with pytest.raises(DatabaseUnavailable):
        publish_feeds(builder, out)
    assert times(out) == before


def _killing(how: str, blog: FeedsBlog, out: Path) -> int:
    """Run publishing processes that are killed and looked after, and return the number they tell."""
    url = blog.database.engine.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.feeds_killing", how, url, str(out)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_killed_before_any_call_a_build_leaves_every_file_whole(
    sqlite_feed_blog: FeedsBlog, out: Path
) -> None:
    sqlite_feed_blog.store_all([post(1, "stays", "edited"), post(2, "goes"), post(3, "edited")])
    publish_feeds(sqlite_feed_blog.builder(), out)
    (out / "feeds" / "robots.txt").write_text("theirs")
    sqlite_feed_blog.store_all([post(3, "edited", "new", html="<p>other</p>"), post(4, "newer")])
    with sqlite_feed_blog.database.write() as connection:
        delete_label(connection, "goes", now=sqlite_feed_blog.now)
    sqlite_feed_blog.database.dispose()
    # Opening and renaming of the list, of five feeds and of the list again, and one removal, at the least.
    assert _killing("everywhere", sqlite_feed_blog, out) >= 15


def test_killed_at_random_a_build_leaves_every_file_whole(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.database.dispose()
    assert _killing("at_random", sqlite_feed_blog, out) >= 20
    sqlite_feed_blog.now = START + timedelta(days=1)
    fresh = out.with_name("fresh")
    publish_feeds(sqlite_feed_blog.builder(), fresh)
    publish_feeds(sqlite_feed_blog.builder(), out)
    assert documents(out) == documents(fresh)


def test_a_label_left_without_posts_keeps_its_feed(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store(1, "a")
    publish_feeds(feed_blog.builder(), out)
    feed_blog.store(1, "a", state=PostState.DELETED)
    assert set(publish_feeds(feed_blog.builder(), out).written) == {"feeds/a.atom", "feeds/all.atom"}
    assert entries(out, "a") == []


def _wanted(name: str, revision: str, rank: Rank = Rank.FEED) -> Document:
    return Document(name, revision, "text/plain", rank, None)


def test_the_plan_is_what_differs() -> None:
    names = ("same", "changed", "damaged", "missing", "gone")
    ours = dict.fromkeys((f"feeds/{name}" for name in names), "10 5 1")
    there = {f"feeds/{name}": "10 5" for name in ("same", "changed", "gone", "foreign")}
    there["feeds/damaged"] = "9 5"
    wanted = [
        _wanted(f"feeds/{name}", "2" if name == "changed" else "1")
        for name in (*names, "new")
        if name != "gone"
    ]
    found = plan(wanted, ours, there)
    stages = [[one.name.removeprefix("feeds/") for one in stage] for stage in found.stages]
    # What is not there comes first: nothing leads to it yet.
    assert stages == [["missing", "new"], ["changed", "damaged"]]
    assert (found.gone, found.foreign) == (("feeds/gone",), frozenset())
