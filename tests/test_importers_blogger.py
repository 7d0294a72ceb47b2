"""Blogger's exports, old and new: posts alone, with their ids, links, labels and states."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from database import Database
from posts.blog import create_blog
from posts.importers import ImporterError
from posts.intake import store_posts
from posts.model import PostState, SkippedPost, SourcePost
from tests.importing import SAMPLES, posts, read, written

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BLOG = "tag:blogger.com,1999:blog-4400112233445566778"


def test_a_backup_gives_posts_only_with_ids_links_labels_and_drafts() -> None:
    live, draft = posts(SAMPLES / "backup.xml")
    assert live == SourcePost(
        uri="tag:blogger.com,1999:blog-7.post-70",
        url="http://harbour.example/2011/02/ropes.html",
        title="Ropes & knots",
        html="<p>A knot.</p>",
        published=datetime(2011, 2, 3, 3, 5, 6, 7000, tzinfo=UTC),
        updated=datetime(2011, 2, 3, 3, 5, 6, 7000, tzinfo=UTC),
        labels=("Boats", "Bad & good"),
        authors=("Ada",),
        where="line 8",
    )
    assert (draft.uri, draft.state, draft.title, draft.url) == (
        "tag:blogger.com,1999:blog-7.post-73",
        PostState.DRAFT,
        None,
        None,
    )


def test_a_takeout_gives_posts_only_and_lists_one_without_a_date() -> None:
    live, draft, trashed, dateless = read(SAMPLES / "takeout-feed.atom", blog_url="https://harbour.example")
    assert isinstance(live, SourcePost)
    assert (live.uri, live.title) == (f"{BLOG}.post-1001", "Boats & buoys")
    assert live.url == "https://harbour.example/2015/06/boats-and-buoys.html"
    assert live.html == "<p>A boat &amp; a buoy.</p>"
    assert live.labels == ("Tides & Currents", "Harbour")
    assert live.authors == ("Ada",)
    assert live.published == datetime(2015, 6, 6, 19, 15, tzinfo=UTC)
    assert live.notes == ("its title was escaped twice",)
    assert isinstance(draft, SourcePost)
    assert (draft.state, draft.published, draft.labels) == (PostState.DRAFT, None, ())
    assert isinstance(trashed, SourcePost)
    assert trashed.state is PostState.DELETED
    assert dateless == SkippedPost(id=f"{BLOG}.post-1006", reason="'yesterday' is no date", where="line 69")


def test_without_the_blogs_address_a_takeouts_posts_have_ids_and_no_links() -> None:
    live = read(SAMPLES / "takeout-feed.atom")[0]
    assert isinstance(live, SourcePost)
    assert (live.uri, live.url) == (f"{BLOG}.post-1001", None)


def test_an_unknown_status_is_kept_out_of_sight(tmp_path: Path) -> None:
    text = (SAMPLES / "takeout-feed.atom").read_text(encoding="utf-8").replace(">LIVE<", ">HIDDEN<")
    found = read(written(tmp_path, "feed.atom", text))
    assert isinstance(found[0], SourcePost)
    assert found[0].state is PostState.DRAFT
    assert "“HIDDEN”" in found[0].notes[-1]


def test_a_real_backup_has_ten_live_posts_a_draft_and_thirteen_labels(shared_data: Path) -> None:
    found = posts(shared_data / "blogger2md-export/test/fixtures/complete.xml")
    states = [post.state for post in found]
    assert (states.count(PostState.LIVE), states.count(PostState.DRAFT), len(states)) == (10, 1, 11)
    assert len({label for post in found for label in post.labels}) == 13
    assert found[0].uri == "tag:blogger.com,1999:blog-2896247270026433622.post-4617303529792284402"
    assert found[0].url is not None
    assert found[0].url.startswith("https://didaids.blogspot.com/2015/12/")
    assert found[9].title == "Update & Rencana Untuk Blog Ini"


def test_a_real_backup_imported_twice_changes_nothing(database: Database, shared_data: Path) -> None:
    source = shared_data / "blogger2md-export/test/fixtures/complete.xml"
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    first = store_posts(database, read(source), now=NOW)
    again = store_posts(database, read(source), now=NOW)
    assert (first.new, first.skipped) == (11, ())
    assert (again.new, again.updated, again.unchanged) == (0, 0, 11)


@pytest.mark.parametrize(
    ("name", "count", "draft"),
    [
        ("post-normal.xml", 1, False),
        ("post-draft.xml", 1, True),
        ("post-single-tag.xml", 1, False),
        ("complete-entry.xml", 11, True),
    ],
)
def test_entries_cut_out_of_an_export_are_read_whatever_prefixes_they_lack(
    shared_data: Path, name: str, count: int, *, draft: bool
) -> None:
    found = posts(shared_data / "blogger2md-export/test/fixtures" / name)
    assert len(found) == count
    assert any(post.state is PostState.DRAFT for post in found) == draft


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("name", ["backup.xml", "takeout-feed.atom"])
def test_an_export_that_is_cut_off_is_refused_with_its_line(tmp_path: Path, name: str, part: float) -> None:
    data = (SAMPLES / name).read_bytes()
    cut = written(tmp_path, name, data[: int(len(data) * part)])
    with pytest.raises(ImporterError, match=rf"{name}:\d+: is (cut off|no well-formed)") as refused:
        read(cut, form="blogger")
    assert "\n" not in str(refused.value)


def test_a_cut_off_export_stores_nothing(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
    data = (SAMPLES / "backup.xml").read_bytes()
    cut = written(tmp_path, "backup.xml", data[:-20])
    with pytest.raises(ImporterError):
        store_posts(sqlite_database, read(cut), now=NOW)
    assert store_posts(sqlite_database, read(SAMPLES / "backup.xml"), now=NOW).new == 2


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    other = written(tmp_path, "a.xml", "<feed xmlns='http://www.w3.org/2005/Atom'><entry/></feed>")
    with pytest.raises(ImporterError, match="is no Blogger export"):
        read(other, form="blogger")


def test_an_id_and_a_link_are_both_missing_only_where_the_post_is_skipped(tmp_path: Path) -> None:
    text = (SAMPLES / "backup.xml").read_text(encoding="utf-8")
    bare = text.replace("<id>tag:blogger.com,1999:blog-7.post-73</id>", "")
    found = read(written(tmp_path, "backup.xml", bare))
    assert found[1] == SkippedPost(id="", reason="it has no id and no link", where="line 11")
