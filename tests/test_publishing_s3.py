"""Publishing to S3, tried against a server: what is put there, in which order, and what goes wrong."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import brotli
import pytest

from feeds.publishing.places import target_at
from feeds.publishing.publish import PublishReport, publish
from feeds.publishing.targets import MANIFEST, PublishError
from tests.conftest import ROOT, Command
from tests.feeds_blog import FeedsBlog
from tests.linked_site import body_of, dangling, label_site
from tests.s3_server import S3

PLACE = "s3://blog/site"
READERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.decompress, ".br": brotli.decompress}
POSTS = [
    {
        "id": f"tag:blog.example,2024:{number}",
        "url": f"https://blog.example/{number}",
        "title": f"Post {number}",
        "published": f"2024-05-0{number}T10:00:00Z",
        "labels": labels,
        "html": "<p>" + f"Words of post {number}. " * 60 + "</p>",
    }
    for number, labels in enumerate([["Bees"], ["Bees", "C++"], ["Board"], ["政治"]], start=1)
]


@pytest.fixture
def filled(command: Command, blog: Path) -> Path:
    """A blog with four posts."""
    lines = "".join(json.dumps(post) + "\n" for post in POSTS)
    (blog / "posts.jsonl").write_text(lines, encoding="utf-8")
    assert command("import", "posts.jsonl", "--now", "2024-05-24T00:00Z").code == 0
    return blog


def documents(stored: dict[str, bytes]) -> dict[str, bytes]:
    """All but the list of them."""
    return {name: body for name, body in stored.items() if name != MANIFEST}


def test_the_command_puts_everything_with_its_headers(command: Command, filled: Path, s3: S3) -> None:
    told = command("feeds", "build", "--out", PLACE, "--json").json
    stored = documents(s3.stored("site/"))
    assert told["place"] == PLACE
    assert set(told["documents_written"]) == {name for name in stored if name[-3:] not in {".gz", ".br"}}
    assert command("feeds", "build", "--out", "folder").code == 0
    folder = filled / "folder"
    on_disk = {os.fspath(one.relative_to(folder)): one for one in folder.rglob("*") if one.is_file()}
    assert stored == documents({name: one.read_bytes() for name, one in on_disk.items()})
    types = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}
    for write in s3.writes:
        if write.name == f"site/{MANIFEST}":
            assert write.headers["HTTP_CACHE_CONTROL"] == "no-store"
            continue
        name, _, suffix = write.name.rpartition(".")
        encoding = {"gz": "gzip", "br": "br"}.get(suffix, "")
        assert write.headers["HTTP_CONTENT_ENCODING"] == encoding
        kind = (name if encoding else write.name).rpartition(".")[2]
        assert write.headers["CONTENT_TYPE"].startswith(types.get(kind, ""))
        assert write.headers["CONTENT_TYPE"]
        assert write.headers["HTTP_CACHE_CONTROL"].startswith("public, max-age=")


def test_what_did_not_change_is_not_put_again(command: Command, filled: Path, s3: S3) -> None:
    assert command("feeds", "build", "--out", PLACE).code == 0
    s3.forget()
    again = command("feeds", "build", "--out", PLACE)
    assert ": 0 documents written, " in again.err
    assert s3.writes == []
    # The list of documents, the objects below each folder, and those at the top.
    assert s3.reads <= 8


def test_a_changed_post_and_a_deleted_label_touch_only_theirs(command: Command, filled: Path, s3: S3) -> None:
    assert command("feeds", "build", "--out", PLACE).code == 0
    s3.forget()
    (filled / "more.jsonl").write_text(json.dumps(POSTS[2] | {"title": "Other"}) + "\n", encoding="utf-8")
    assert command("import", "more.jsonl").code == 0
    told = command("feeds", "build", "--out", PLACE, "--json").json
    feeds = {name for name in told["documents_written"] if name.startswith("feeds/")}
    assert feeds == {f"feeds/{slug}.{kind}" for slug in ("all", "board") for kind in ("atom", "rss", "json")}
    touched = {write.name.removeprefix("site/") for write in s3.writes} - {MANIFEST}
    assert touched == {name + suffix for name in told["documents_written"] for suffix in READERS}
    assert command("labels", "delete", "Bees").code == 0
    told = command("feeds", "build", "--out", PLACE, "--json").json
    assert {f"feeds/bees.{kind}" for kind in ("atom", "rss", "json")} <= set(told["documents_removed"])
    assert not any(name.startswith("feeds/bees") for name in s3.stored("site/"))


def test_a_build_that_is_killed_is_made_good_by_the_next(program: Command, filled: Path, s3: S3) -> None:
    assert program("feeds", "build", "--out", "s3://blog/whole").code == 0
    whole = documents(s3.stored("whole/"))
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    for at in (1, 9, 20):
        s3.forget()
        arguments = [sys.executable, "-m", "labelcast", "feeds", "build", "--out", PLACE]
        with subprocess.Popen(arguments, cwd=filled, env=os.environ | path, stderr=subprocess.PIPE) as child:
            s3.kill_at_write(child.pid, at)
            assert child.wait(60) < 0
        s3.before_write = lambda _: None
        there = documents(s3.stored("site/"))
        assert there.items() <= whole.items()
    assert program("feeds", "build", "--out", PLACE).code == 0
    assert documents(s3.stored("site/")) == whole


def test_between_any_two_writes_no_link_leads_nowhere(sqlite_feed_blog: FeedsBlog, s3: S3) -> None:
    old = label_site({"stays": 1, "goes": 2, "shrinks": 2})
    new = label_site({"stays": 2, "shrinks": 1, "comes": 1})
    known = [name for name in old.links if name in new.links]
    publish(sqlite_feed_blog.database, [old], target_at(PLACE))
    there = documents(s3.stored("site/"))
    s3.forget()
    publish(sqlite_feed_blog.database, [new], target_at(PLACE))
    assert len(s3.writes) > 30
    for write in s3.writes:
        name = write.name.removeprefix("site/")
        if write.body is None:
            del there[name]
        elif name != MANIFEST:
            there[name] = write.body
        for suffix, read in READERS.items():
            seen = _as_read(there, suffix, read)
            assert not dangling(seen, known), f"after {name}, {suffix or 'plain'}"
    assert there == documents(s3.stored("site/"))
    assert _as_read(there, "", bytes) == {name: body_of(new.links[name]) for name in new.links}


def _as_read(there: dict[str, bytes], suffix: str, read: Callable[[bytes], bytes]) -> dict[str, bytes]:
    """What a reader gets that is given the objects of this suffix."""
    others = tuple(other for other in READERS if other and other != suffix)
    return {
        name.removesuffix(suffix): read(body)
        for name, body in there.items()
        if name.endswith(suffix) and not name.endswith(others)
    }


def test_an_object_that_was_lost_or_changed_is_put_again(sqlite_feed_blog: FeedsBlog, s3: S3) -> None:
    site = label_site({"a": 1})
    publish(sqlite_feed_blog.database, [site], target_at(PLACE))
    whole = s3.stored("site/")
    target = target_at(PLACE)
    target.remove("index.html")
    target.put([])
    s3.forget()
    assert publish(sqlite_feed_blog.database, [site], target_at(PLACE)).written == ("index.html",)
    assert documents(s3.stored("site/")) == documents(whole)
    assert publish(sqlite_feed_blog.database, [site], target_at(PLACE)) == PublishReport(
        (), len(site.links), ()
    )


def test_without_a_folder_the_bucket_itself_is_the_site(sqlite_feed_blog: FeedsBlog, s3: S3) -> None:
    site = label_site({"a": 1})
    publish(sqlite_feed_blog.database, [site], target_at("s3://blog"))
    assert {name for name in s3.stored() if name[-3:] not in {".gz", ".br"}} == {MANIFEST, *site.links}


@pytest.mark.parametrize(
    ("place", "variables", "says"),
    [
        (PLACE, {"AWS_ACCESS_KEY_ID": "WRONG"}, "access was denied (Forbidden)"),
        (PLACE, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ("s3://no-such-bucket/site", {}, "bucket does not exist"),
        (PLACE, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint"),
        ("s3://", {}, "the URL names no bucket; write one like s3://bucket/folder"),
    ],
)
def test_what_goes_wrong_is_one_line(
    command: Command,
    filled: Path,
    s3: S3,
    monkeypatch: pytest.MonkeyPatch,
    *,
    place: str,
    variables: dict[str, str],
    says: str,
) -> None:
    for name, value in ({"AWS_MAX_ATTEMPTS": "1"} | variables).items():
        monkeypatch.setenv(name, value)
    finished = command("feeds", "build", "--out", place)
    assert finished.code == 1, finished.err
    assert finished.err.count("\n") == 1, finished.err
    assert says in finished.err
    assert finished.err.startswith(f"labelcast: {place}: ")
    assert s3.stored() == {}


def test_without_s3fs_it_says_what_to_install(
    command: Command, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(import_module("fsspec.registry")._registry, "s3", raising=False)
    finished = command("feeds", "build", "--out", PLACE)
    assert (finished.code, finished.err) == (
        1,
        f"labelcast: {PLACE}: publishing there needs s3fs: pip install 'labelcast[s3]'\n",
    )


def test_a_bucket_that_is_lost_meanwhile_is_one_error(sqlite_feed_blog: FeedsBlog, s3: S3) -> None:
    def lose(done: int) -> None:
        if done == 3:
            from moto.s3.models import s3_backends  # noqa: PLC0415 # where moto is missing all skip

            s3_backends["123456789012"]["aws"].buckets.clear()

    s3.before_write = lose
    with pytest.raises(PublishError, match="what is there is whole, old or new") as refused:
        publish(sqlite_feed_blog.database, [label_site({"a": 2})], target_at(PLACE))
    assert "\n" not in str(refused.value)
