"""Places to publish to: names that stay below them, lists that are believed no more than they deserve."""

import gzip
import json
import os
import random
import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import brotli
import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from feeds.formats.known import SUFFIXES
from feeds.publishing.compressing import ENCODERS
from feeds.publishing.documents import Document
from feeds.publishing.folder import UNFINISHED, Folder
from feeds.publishing.places import target_at
from feeds.publishing.publish import PublishReport, publish
from feeds.publishing.remote import Remote
from feeds.publishing.targets import (
    MANIFEST,
    File,
    Manifest,
    PublishError,
    Standing,
    is_fit,
    manifest_file,
    parse_manifest,
)
from posts.labels import slugify
from tests.feeds_blog import FeedsBlog, post
from tests.feeds_publishing import publish_feeds
from tests.linked_site import LinkedSite, body_of, label_site

PLACE = "memory://site/blog"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "public"


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """The store in memory, empty before and after."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield
    store.store.clear()


def stored(place: str = PLACE) -> dict[str, bytes]:
    """What is there, but the list of it."""
    files, root = fsspec.url_to_fs(place)
    found = {path.removeprefix(f"{root}/"): files.cat_file(path) for path in files.find(root)}
    found.pop(MANIFEST, None)
    return found


def on_disk(out: Path) -> dict[str, bytes]:
    """The same of a folder."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    found.pop(MANIFEST, None)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        ".",
        "..",
        "a/../b",
        "../a",
        ".a",
        "feeds/.a",
        "a\\b",
        "a\x00b",
        "a\nb",
        "x" * 201,
    ],
)
def test_a_name_that_leads_elsewhere_or_nowhere_is_unfit(name: str) -> None:
    assert not is_fit(name)


@given(st.text(max_size=300))
def test_whatever_a_label_is_called_its_documents_have_fit_names(name: str) -> None:
    slug = slugify(name, taken=lambda _: False)
    assert is_fit(f"feeds/{slug}.json")
    assert is_fit(f"feeds/{slug}/archive/1.atom")
    assert is_fit(f"labels/{slug}.html")
    assert len(f"{slug}.html.br{UNFINISHED}".encode()) < 255


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=40)), st.text(max_size=40))
def test_a_list_is_read_as_it_was_written_but_for_unfit_names(documents: dict[str, str], build: str) -> None:
    read = parse_manifest(manifest_file(Manifest(documents, build)).body)
    assert set(read.documents) <= set(documents)
    assert all(is_fit(name) for name in read.documents)
    if all(is_fit(name) and name.isprintable() and of.isprintable() for name, of in documents.items()):
        assert read.documents == documents


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_a_list_fail(text: bytes) -> None:
    parse_manifest(text)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda of: (
            st.lists(of) | st.dictionaries(st.sampled_from(["version", "build", "documents", "x"]), of)
        ),
    )
)
def test_no_json_makes_reading_a_list_fail(known: object) -> None:
    parse_manifest(json.dumps(known).encode())


@pytest.mark.parametrize("name", ENCODERS)
@given(body=st.binary(max_size=2000))
def test_a_body_is_compressed_to_the_same_bytes_each_time(name: str, body: bytes) -> None:
    assert ENCODERS[name](body) == ENCODERS[name](body)
    if name == "gzip":
        assert gzip.decompress(ENCODERS[name](body)) == body
    if name == "br":
        assert brotli.decompress(ENCODERS[name](body)) == body


def test_a_place_is_a_folder_unless_it_is_a_url(tmp_path: Path) -> None:
    for place in (str(tmp_path / "a folder"), f"file://{tmp_path}/a%20folder"):
        target = target_at(place)
        assert isinstance(target, Folder)
        assert str(target) == str(tmp_path / "a folder")
    assert isinstance(target_at(PLACE), Remote)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("nowhere://x", "nowhere://x: Protocol not known"),
        ("file://relative/path", "three slashes"),
        ("gs://bucket/blog", "gs://bucket/blog: publishing there needs a library"),
    ],
)
def test_a_place_that_cannot_be_published_to_is_an_error_of_one_line(place: str, says: str) -> None:
    with pytest.raises(PublishError, match=says) as refused:
        target_at(place)
    assert "\n" not in str(refused.value)


def test_a_place_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("feeds.publishing.remote.fsspec.url_to_fs", missing)
    with pytest.raises(
        PublishError, match=r"^s3://b/x: publishing there needs s3fs: pip install 'labelcast\[s3\]'$"
    ):
        target_at("s3://b/x")


def test_a_secret_in_a_url_is_told_to_nobody() -> None:
    with pytest.raises(PublishError) as refused:
        target_at("ftp://ann:secret@127.0.0.1:1/x")
    assert "secret" not in str(refused.value)


def test_a_store_gets_what_a_folder_gets(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    sqlite_feed_blog.store_all([post(1, "MEK", "C++"), post(2, "政治")])
    reports = [
        publish_feeds(sqlite_feed_blog.builder(), target, suffixes=SUFFIXES, compressed=True)
        for target in (Remote(PLACE), out)
    ]
    assert reports[0] == reports[1]
    assert len(reports[0].written) == 12
    assert stored() == on_disk(out)
    assert len(stored()) == 36


def test_only_what_changed_is_put_into_a_store(sqlite_feed_blog: FeedsBlog) -> None:
    old, new = label_site({"a": 2, "b": 1}), label_site({"a": 3})
    publish(sqlite_feed_blog.database, [old], Remote(PLACE))
    assert publish(sqlite_feed_blog.database, [old], Remote(PLACE)) == PublishReport((), len(old.links), ())
    report = publish(sqlite_feed_blog.database, [new], Remote(PLACE))
    assert set(report.written) == {name for name in new.links if old.links.get(name) != new.links[name]}
    assert set(report.removed) == set(old.links) - set(new.links)
    assert set(stored()) == {name + suffix for name in new.links for suffix in ("", ".gz", ".br")}


def test_an_object_that_somebody_changed_is_put_again(sqlite_feed_blog: FeedsBlog) -> None:
    site = label_site({"a": 1})
    publish(sqlite_feed_blog.database, [site], Remote(PLACE))
    whole = stored()
    files, root = fsspec.url_to_fs(PLACE)
    files.pipe_file(f"{root}/feeds/a.atom.gz", b"theirs")
    files.rm_file(f"{root}/index.html")
    report = publish(sqlite_feed_blog.database, [site], Remote(PLACE))
    assert set(report.written) == {"feeds/a.atom", "index.html"}
    assert stored() == whole


def test_each_file_has_its_compressed_forms_and_they_go_with_it(
    sqlite_feed_blog: FeedsBlog, out: Path
) -> None:
    old, new = label_site({"a": 2, "b": 1}), label_site({"a": 1})
    for site in (old, new):
        publish(sqlite_feed_blog.database, [site], Folder(out))
        found = on_disk(out)
        assert set(found) == {name + suffix for name in site.links for suffix in ("", ".gz", ".br")}
        for name in site.links:
            assert (
                gzip.decompress(found[f"{name}.gz"]) == found[name] == brotli.decompress(found[f"{name}.br"])
            )
    # The folders of what is gone go too.
    assert not (out / "labels" / "b").exists()
    assert not (out / "feeds" / "b").exists()


@pytest.mark.parametrize("suffix", ["", ".gz", ".br"])
def test_a_damaged_form_is_mended_and_the_others_are_not_touched(
    sqlite_feed_blog: FeedsBlog, out: Path, suffix: str
) -> None:
    site = label_site({"a": 1})
    publish(sqlite_feed_blog.database, [site], Folder(out))
    whole = on_disk(out)
    for name in whole:
        os.utime(out / name, ns=(5, 5))
    (out / f"labels/a.html{suffix}").write_bytes(b"damaged")
    assert publish(sqlite_feed_blog.database, [site], Folder(out)).written == ("labels/a.html",)
    assert on_disk(out) == whole
    touched = {name for name in whole if (out / name).stat().st_mtime_ns != 5}
    assert touched == {f"labels/a.html{suffix}"}


def test_compressed_forms_go_when_they_are_wanted_no_more(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    site = label_site({"a": 1})
    publish(sqlite_feed_blog.database, [site], Folder(out))
    publish(sqlite_feed_blog.database, [site], Folder(out), compressed=False)
    assert set(on_disk(out)) == set(site.links)


def test_a_page_of_others_stays_and_is_told_of(sqlite_feed_blog: FeedsBlog, out: Path) -> None:
    site = label_site({"a": 1, "b": 1})
    (out / "labels").mkdir(parents=True)
    (out / "index.html").write_text("my blog")
    (out / "labels" / "a.html").symlink_to("/etc/hostname")
    (out / "style.css").write_bytes(body_of(site.links["style.css"]))
    for _ in range(2):
        report = publish(sqlite_feed_blog.database, [site], Folder(out))
        assert set(report.left) == {"index.html", "labels/a.html"}
    assert (out / "index.html").read_text() == "my blog"
    assert (out / "labels" / "a.html").is_symlink()
    # One that was byte for byte as ours was taken for ours, and goes.
    publish(sqlite_feed_blog.database, [LinkedSite({})], Folder(out))
    assert {path.name for path in out.iterdir()} == {"index.html", "labels", "feeds"}
    assert [path.name for path in (out / "labels").iterdir()] == ["a.html"]


def test_an_object_of_others_stays_in_a_store(sqlite_feed_blog: FeedsBlog) -> None:
    files, root = fsspec.url_to_fs(PLACE)
    files.pipe_file(f"{root}/index.html", b"my blog")
    assert publish(sqlite_feed_blog.database, [label_site({"a": 1})], Remote(PLACE)).left == ("index.html",)
    assert stored()["index.html"] == b"my blog"


def test_a_link_in_place_of_a_folder_is_not_followed(
    sqlite_feed_blog: FeedsBlog, out: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2026-01.html").write_text("theirs")
    publish(sqlite_feed_blog.database, [label_site({"a": 2})], Folder(out))
    shutil.rmtree(out / "labels" / "a")
    (out / "labels" / "a").symlink_to(elsewhere)
    says = "labels/a: a link or a file stands where a folder is to be; remove it"
    with pytest.raises(PublishError, match=says):
        publish(sqlite_feed_blog.database, [label_site({"a": 2})], Folder(out))
    publish(sqlite_feed_blog.database, [label_site({})], Folder(out))
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"2026-01.html": "theirs"}


def test_a_folder_that_is_a_link_itself_is_the_publishers_choice(
    sqlite_feed_blog: FeedsBlog, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    out.symlink_to(tmp_path / "real")
    publish(sqlite_feed_blog.database, [label_site({"a": 1})], Folder(out))
    assert (tmp_path / "real" / "labels" / "a.html").is_file()


def test_an_unfit_name_is_left_out_and_told_of(
    sqlite_feed_blog: FeedsBlog, out: Path, tmp_path: Path
) -> None:
    site = LinkedSite({"../evil": [], "feeds/../../evil": [], "index.html": []})
    report = publish(sqlite_feed_blog.database, [site], Folder(out))
    assert (report.written, set(report.left)) == (("index.html",), {"../evil", "feeds/../../evil"})
    assert not list(tmp_path.glob("evil*"))


def test_a_fault_in_a_store_is_an_error_of_one_line(
    sqlite_feed_blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no room\nleft")

    target = Remote(PLACE)
    monkeypatch.setattr(target._files, "pipe_file", fail)
    with pytest.raises(PublishError) as refused:
        publish(sqlite_feed_blog.database, [label_site({"a": 1})], target)
    assert str(refused.value) == f"{PLACE}: no room left; what is there is whole, old or new"


class Turns:
    """Lets several builds take steps in an order that a seed decides, one at a time."""

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self._chance = random.Random(seed)
        self._at_work = list(names)
        self._next = self._chance.choice(self._at_work)
        self._changed = threading.Condition()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Wait for this build's turn, and hand it on after the block."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._next == name, timeout=30)
            yield
            self._hand_on()

    def leave(self, name: str) -> None:
        """This build is done."""
        with self._changed:
            self._at_work.remove(name)
            self._hand_on()

    def _hand_on(self) -> None:
        if self._at_work:
            self._next = self._chance.choice(self._at_work)
        self._changed.notify_all()


class Stepping(Remote):
    """A store where each call is a step."""

    workers = 1

    def __init__(self, turns: Turns, name: str) -> None:
        super().__init__(PLACE)
        self._turns = turns
        self._who = name

    def survey(self, names: Collection[str]) -> dict[str, Standing]:
        with self._turns.step(self._who):
            return super().survey(names)

    def read(self, name: str) -> bytes | None:
        with self._turns.step(self._who):
            return super().read(name)

    def put(self, files: Sequence[File]) -> list[Standing]:
        with self._turns.step(self._who):
            return super().put(files)

    def remove(self, name: str) -> None:
        with self._turns.step(self._who):
            super().remove(name)


@dataclass
class Snapshot(LinkedSite):
    """What a build reads of a site that others change: one state of it."""

    of: LinkedSite = field(default_factory=lambda: LinkedSite({}))

    def documents(self, connection: Connection) -> Iterator[Document]:
        self.links = self.of.links
        return super().documents(connection)


@pytest.mark.parametrize("seed", range(25))
def test_builds_at_once_leave_a_store_in_order(
    sqlite_feed_blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("feeds.publishing.publish.LOOK_AGAIN_SECONDS", 0.001)
    database = sqlite_feed_blog.database
    now = label_site({"stays": 1, "goes": 2, "shrinks": 2})
    publish(database, [now], Remote(PLACE), compressed=False)
    # What all builds read; it changes while they are at work, one by one.
    shared = LinkedSite(now.links)
    names = ["first", "second", "third"]
    turns = Turns(seed, names)

    def build(name: str) -> None:
        try:
            with turns.step(name):
                shared.links = label_site({"stays": 2, "shrinks": 1, name: 1}).links
            publish(database, [Snapshot({}, shared)], Stepping(turns, name), compressed=False)
        finally:
            turns.leave(name)

    with ThreadPoolExecutor(len(names)) as pool:
        for one in [pool.submit(build, name) for name in names]:
            one.result()
    assert stored() == {name: body_of(links) for name, links in shared.links.items()}
    assert publish(database, [shared], Remote(PLACE), compressed=False).written == ()
