"""Feeds as files: never half there, untouched when nothing changed, gone with their label."""

import fcntl
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
from feeds.atom import ATOM, AtomFormat
from feeds.build import FeedBuilder
from feeds.folder import MANIFEST, UNFINISHED, PublishError, read_manifest
from feeds.publish import PublishReport, Wanted, plan, publish
from feeds.selection import FeedSpec, FeedState
from posts.curation import delete_label, rename_label
from posts.model import PostState
from posts.rules import All
from tests.feeds_blog import START, FeedsBlog, post

NAMES = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "public"


def names(out: Path) -> set[str]:
    return {path.name for path in (out / "feeds").iterdir()} - {MANIFEST}


def times(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "feeds").glob("*.atom")}


def entries(out: Path, slug: str) -> list[str]:
    root = etree.parse(str(out / "feeds" / f"{slug}.atom")).getroot()
    return [entry.findtext("a:title", "", NAMES) for entry in root.iterfind("a:entry", NAMES)]


def test_every_feed_is_a_file(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "MEK", "C++"), post(2, "政治")])
    told: list[tuple[int, int]] = []
    report = publish(feed_blog.builder(), out, progress=lambda done, of: told.append((done, of)))
    builder = feed_blog.builder()
    assert len(report.written) == 4
    assert (report.unchanged, report.removed) == (0, ())
    assert names(out) == set(report.written)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for name in names(out):
        built = builder.build(name.removesuffix(".atom"))
        assert built is not None
        assert (out / "feeds" / name).read_bytes() == built.body


def test_nothing_is_touched_when_nothing_changed(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b")])
    publish(feed_blog.builder(), out)
    before = times(out)
    manifest = (out / "feeds" / MANIFEST).stat().st_mtime_ns
    for builder in (feed_blog.builder(), feed_blog.builder()):
        assert publish(builder, out) == PublishReport((), 3, ())
    assert times(out) == before
    assert (out / "feeds" / MANIFEST).stat().st_mtime_ns == manifest


def test_only_what_changed_is_written(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b"), post(3, "c")])
    builder = feed_blog.builder()
    publish(builder, out)
    before = times(out)
    feed_blog.store(4, "b")
    assert set(publish(builder, out).written) == {"all.atom", "b.atom"}
    after = times(out)
    assert {name for name in after if after[name] != before[name]} == {"all.atom", "b.atom"}
    assert entries(out, "b") == ["Post 4", "Post 2"]


def test_two_changes_at_one_instant_are_both_published(feed_blog: FeedsBlog, out: Path) -> None:
    builder = feed_blog.builder()
    for number in (1, 2):
        feed_blog.now = START
        feed_blog.store(number, "a")
        assert set(publish(builder, out).written) == {"all.atom", "a.atom"}
    assert entries(out, "a") == ["Post 2", "Post 1"]


def test_a_file_whose_bytes_stay_is_not_touched(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(number, "a") for number in range(1, 6)])
    builder = feed_blog.builder()
    publish(builder, out)
    before = times(out)
    # The feed shows three posts: this one is not among them, yet its label's revision moves.
    feed_blog.store(1, "a", html="<p>edited</p>")
    assert publish(builder, out).written == ()
    assert times(out) == before


def test_a_file_goes_with_its_label_and_follows_it(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store_all([post(1, "a"), post(2, "b"), post(3, "c")])
    builder = feed_blog.builder()
    publish(builder, out)
    later = feed_blog.now + timedelta(hours=1)
    with feed_blog.database.write() as connection:
        delete_label(connection, "a", now=later)
        rename_label(connection, "b", "renamed", now=later)
    report = publish(builder, out)
    assert set(report.removed) == {"a.atom", "b.atom"}
    assert names(out) == {"all.atom", "c.atom", "renamed.atom"}
    assert publish(builder, out) == PublishReport((), 3, ())


def test_files_of_others_stay(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store(1, "a")
    folder = out / "feeds"
    folder.mkdir(parents=True)
    (folder / "old-blog.atom").write_text("<feed/>")
    (folder / "sub").mkdir()
    (out / "index.html").write_text("mine")
    builder = feed_blog.builder()
    publish(builder, out)
    with feed_blog.database.write() as connection:
        delete_label(connection, "a", now=feed_blog.now)
    publish(builder, out)
    assert names(out) == {"all.atom", "old-blog.atom", "sub"}
    assert (folder / "old-blog.atom").read_text() == "<feed/>"
    assert (out / "index.html").read_text() == "mine"


@pytest.mark.parametrize("damage", ["deleted", "emptied", "cut", "same size", "older", "a link"])
def test_a_damaged_file_is_made_again(sqlite_feed_blog: FeedsBlog, out: Path, damage: str) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    builder = sqlite_feed_blog.builder()
    publish(builder, out)
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
    assert publish(builder, out).written == ("a.atom",)
    assert file.read_bytes() == whole
    assert not file.is_symlink()
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"not ours"


def test_a_file_that_was_only_copied_is_kept(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    publish(sqlite_feed_blog.builder(), out)
    for file in (out / "feeds").glob("*.atom"):
        os.utime(file, ns=(5, 5))
    assert publish(sqlite_feed_blog.builder(), out) == PublishReport((), 2, ())
    assert set(times(out).values()) == {5}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": 9}', '{"version":1,"files":{"a":1}}', "\x00\xff"]
)
def test_a_damaged_list_of_files_loses_nothing(sqlite_feed_blog: FeedsBlog, out: Path, text: str) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    publish(sqlite_feed_blog.builder(), out)
    before = times(out)
    (out / "feeds" / MANIFEST).write_text(text)
    assert publish(sqlite_feed_blog.builder(), out) == PublishReport((), 3, ())
    assert times(out) == before
    assert set(read_manifest(out / "feeds")) == set(before)


def test_a_list_that_names_files_elsewhere_deletes_none(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    publish(sqlite_feed_blog.builder(), out)
    (out / "precious").write_text("mine")
    manifest = out / "feeds" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"a.atom"', '"../precious"'))
    publish(sqlite_feed_blog.builder(), out)
    assert (out / "precious").read_text() == "mine"


def test_what_a_killed_build_left_is_cleaned_away(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    builder = sqlite_feed_blog.builder()
    publish(builder, out)
    (out / "feeds" / f"a.atom{UNFINISHED}").write_text("half")
    (out / "feeds" / f"gone.atom{UNFINISHED}").write_text("half")
    assert publish(builder, out) == PublishReport((), 2, ())
    assert names(out) == {"all.atom", "a.atom"}


def test_new_settings_make_every_feed_anew(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    database, site = sqlite_feed_blog.database, sqlite_feed_blog.site
    publish(FeedBuilder(database, site), out)
    for changed in (replace(site, title="Other"), replace(site, entries=1), replace(site, language=None)):
        assert len(publish(FeedBuilder(database, changed), out).written) >= 1
        assert len(publish(FeedBuilder(database, changed), out).written) == 0


def test_each_format_has_its_files(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    other = AtomFormat(kind="other-1", suffix="other")
    assert len(publish(sqlite_feed_blog.builder(), out, forms=(ATOM, other)).written) == 4
    assert names(out) == {"all.atom", "a.atom", "all.other", "a.other"}
    assert set(publish(sqlite_feed_blog.builder(), out).removed) == {"a.other", "all.other"}


def test_a_warm_build_asks_little(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all(post(number, *(f"label {n}" for n in range(50))) for number in range(1, 4))
    builder = sqlite_feed_blog.builder()
    publish(builder, out)
    sqlite_feed_blog.store(9, "label 1", "label 2", "label 3")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(sqlite_feed_blog.database.engine, "before_cursor_execute", note)
    assert len(publish(builder, out).written) == 4
    # Beginning, the blog, configured feeds, labels; the newest of all and of three labels; revisions, kept
    # entries, the new post and its labels; beginning, and keeping the new entry.
    assert len(asked) <= 16, asked
    asked.clear()
    publish(builder, out)
    assert len(asked) <= 4, asked


def test_two_builds_at_once_do_no_harm(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(number, "a", "b") for number in range(1, 9)])
    builders = [sqlite_feed_blog.builder() for _ in range(3)]
    with ThreadPoolExecutor(max_workers=3) as pool:
        for turn in range(5):
            at_work = [pool.submit(publish, builder, out) for builder in builders for _ in range(2)]
            sqlite_feed_blog.store(20 + turn, "a", f"new {turn}")
            assert all(isinstance(one.result(), PublishReport) for one in at_work)
    publish(builders[0], out)
    fresh = out.with_name("fresh")
    publish(sqlite_feed_blog.builder(), fresh)
    assert names(out) == names(fresh)
    for name in names(fresh):
        assert (out / "feeds" / name).read_bytes() == (fresh / "feeds" / name).read_bytes()


def test_a_folder_in_use_for_too_long_is_an_error_of_one_line(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    (out / "feeds").mkdir(parents=True)
    other = os.open(out / "feeds", os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="another build is at work there") as refused:
            publish(sqlite_feed_blog.builder(), out, patience=0)
    finally:
        os.close(other)
    assert "\n" not in str(refused.value)
    assert publish(sqlite_feed_blog.builder(), out, patience=0).written == ("all.atom",)


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(
    sqlite_feed_blog: FeedsBlog, tmp_path: Path
) -> None:
    (tmp_path / "public").write_text("a file")
    with pytest.raises(PublishError, match="public") as refused:
        publish(sqlite_feed_blog.builder(), tmp_path / "public")
    assert "\n" not in str(refused.value)


def test_a_feed_whose_place_is_taken_leaves_the_others_whole(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(1, "a"), post(2, "b")])
    (out / "feeds" / "b.atom").mkdir(parents=True)
    with pytest.raises(PublishError, match=r"b\.atom"):
        publish(sqlite_feed_blog.builder(), out)
    assert names(out) == {"all.atom", "a.atom", "b.atom"}
    (out / "feeds" / "b.atom").rmdir()
    publish(sqlite_feed_blog.builder(), out)
    assert entries(out, "b") == ["Post 2"]


def test_a_database_that_is_gone_leaves_the_files(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store(1, "a")
    builder = sqlite_feed_blog.builder()
    publish(builder, out)
    before = times(out)
    with sqlite_feed_blog.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE label RENAME TO lost")
    with pytest.raises(DatabaseUnavailable):
        publish(builder, out)
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
    publish(sqlite_feed_blog.builder(), out)
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
    publish(sqlite_feed_blog.builder(), fresh)
    publish(sqlite_feed_blog.builder(), out)
    assert names(out) == names(fresh)
    for name in names(fresh):
        assert (out / "feeds" / name).read_bytes() == (fresh / "feeds" / name).read_bytes()


def test_a_label_left_without_posts_keeps_its_feed(feed_blog: FeedsBlog, out: Path) -> None:
    feed_blog.store(1, "a")
    publish(feed_blog.builder(), out)
    feed_blog.store(1, "a", state=PostState.DELETED)
    assert set(publish(feed_blog.builder(), out).written) == {"a.atom", "all.atom"}
    assert entries(out, "a") == []


def _wanted(name: str, revision: str) -> Wanted:
    spec = FeedSpec(
        name, f"urn:x:{name}", All(), name, None, 25, "https://blog.example/", "https://blog.example/"
    )
    return Wanted(name, FeedState(spec, "token", START), ATOM, revision)


def test_the_plan_is_what_differs() -> None:
    names = ("same", "changed", "damaged", "missing", "gone")
    ours = dict.fromkeys(names, "10 5 1")
    on_disk = dict.fromkeys(("same", "changed", "gone", "foreign"), "10 5") | {"damaged": "9 5"}
    wanted = [_wanted(name, "2" if name == "changed" else "1") for name in (*names, "new") if name != "gone"]
    found = plan(wanted, ours, on_disk)
    assert [one.name for one in found.stale] == ["changed", "damaged", "missing", "new"]
    assert (found.gone, found.total) == (("gone",), 5)
