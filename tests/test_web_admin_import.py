"""Posts imported by upload: looked at first, stored whole or not at all, told to the end."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, insert, select

from database.engine import sqlite_driver
from labelcast.importing import for_pages
from posts.model import post
from tests.admin_client import AdminClient, admin_client
from tests.feeds_blog import START, FeedsBlog
from tests.stations import Station
from web.accounts.audit import entries
from web.accounts.sessions import begin_session, csrf_of
from web.admin.frame import COOKIE
from web.admin.jobs import DEAD_AFTER, Jobs, Standing
from web.admin.keeping import KEPT_SECONDS, Keeping
from web.admin.posts.imports import KIND, file_name, is_fetched, shown_address
from web.admin.uploads import Upload
from web.admin.work import AdminWork
from web.model import Role, account

LINE = '{"id": "tag:blog.example,2026:%d", "title": "Post %d", "labels": ["a"], "published": "2026-01-01"}\n'


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that uploaded files are kept in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Keeping.usual().folder


def editor(blog: FeedsBlog) -> AdminClient:
    """An editor, with the import as it is wired."""
    work = AdminWork(import_posts=for_pages(blog.database, timezone="UTC"))
    return admin_client(blog, Role.EDITOR, work=work)


@pytest.fixture
def client(sqlite_feed_blog: FeedsBlog, uploads: Path) -> AdminClient:
    """An editor of a blog on SQLite."""
    del uploads
    return editor(sqlite_feed_blog)


def jsonl(count: int, *, first: int = 1) -> bytes:
    return "".join(LINE % (number, number) for number in range(first, first + count)).encode()


def begin(client: AdminClient, content: bytes, name: str = "posts.jsonl", **fields: str) -> str:
    """Send a file to be looked at; the page of its job."""
    answer = client.post("/import", fields, files={"file": (name, content)})
    assert answer.status_code == 303, answer.text
    return through(client, answer.headers["location"])


def through(client: AdminClient, location: str) -> str:
    """A job's page once it is over, below ``/admin``."""
    path = location.partition("/admin")[2]
    for thread in threading.enumerate():
        if thread.name.startswith("job-"):
            thread.join(30)
    assert client.get(path).status_code == 200
    return path


def facts(client: AdminClient, path: str) -> dict[str, str]:
    page = client.page(path)
    return {row[0].text_content(): row[1].text_content().strip() for row in page.xpath("//dl/div")}


def stored(blog: FeedsBlog) -> int:
    with blog.database.read() as connection:
        return connection.execute(select(func.count()).select_from(post)).scalar_one()


def test_a_file_is_looked_at_then_stored_and_the_same_again_changes_nothing(
    feed_blog: FeedsBlog, uploads: Path
) -> None:
    client = editor(feed_blog)
    content = jsonl(3) + b'{"id": "tag:blog.example,2026:9", "published": "soon"}\n'
    path = begin(client, content, label="By upload")
    assert "This is what would come of it." in client.get(path).text
    assert (facts(client, path)["New"], facts(client, path)["Skipped"]) == ("3", "1")
    assert stored(feed_blog) == 0
    assert len(list(uploads.iterdir())) == 1
    answer = client.post(path)
    done = through(client, answer.headers["location"])
    assert "It is stored." in client.get(done).text
    assert stored(feed_blog) == 3
    assert list(uploads.iterdir()) == []
    assert "By upload" in client.client.get("/").text
    report = client.get(f"{done}/report.json")
    assert report.headers["content-disposition"].startswith("attachment")
    told = report.json()
    assert {key: told[key] for key in ("new", "updated", "unchanged")} == {
        "new": 3,
        "updated": 0,
        "unchanged": 0,
    }
    assert told["skipped"][0]["where"] == "line 4"
    # What was stored once is not stored from the same look again.
    assert client.post(path).status_code == 409
    again = begin(client, content, label="By upload")
    assert facts(client, again)["As they were"] == "3"
    assert "There is nothing to store." in client.get(again).text
    with feed_blog.database.read() as connection:
        assert [entry.action for entry in entries(connection)] == ["posts.look", "posts.import", "posts.look"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"Hello, I am no feed.", "notes.txt: is none of the formats that are known"),
        ("cut.jsonl", jsonl(2) + b'{"id": "tag:b', "cut.jsonl:3: "),
        ("blog.zip", b"PK\x03\x04....", "blog.zip: is a zip archive: unpack it first"),
        ("empty.xml", b"   ", "empty.xml: is empty"),
        ("bomb.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><feed>&b;</feed>', "bomb.xml"),
    ],
)
def test_a_file_that_is_no_such_format_gets_one_line_and_is_kept_no_longer(
    sqlite_feed_blog: FeedsBlog, client: AdminClient, uploads: Path, *, name: str, content: bytes, said: str
) -> None:
    path = begin(client, content, name)
    page = client.page(path)
    assert said in page.xpath("string(//p[@class='said'])")
    assert "\n" not in page.xpath("string(//p[@class='said'])")
    assert (stored(sqlite_feed_blog), list(uploads.iterdir())) == (0, [])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Choose a file, or write an address."),
        ({"url": "file:///etc/passwd"}, "begins with https://"),
        ({"url": "/etc/passwd"}, "begins with https://"),
        ({"url": "-"}, "begins with https://"),
        ({"url": "https://blog.example/feed", "form": "sql"}, "This format is not known"),
    ],
)
def test_what_is_neither_file_nor_address_is_not_taken(
    client: AdminClient, sent: dict[str, str], said: str
) -> None:
    answer = client.post("/import", sent)
    assert answer.status_code == 422
    assert said in answer.text


def test_an_address_inside_the_house_is_not_fetched(client: AdminClient) -> None:
    answer = client.post("/import", {"url": "http://127.0.0.1:9/feed.xml"})
    path = through(client, answer.headers["location"])
    said = client.page(path).xpath("string(//p[@class='said'])")
    assert "127.0.0.1" in said
    assert "private" in said


def test_what_was_looked_at_can_be_left(
    client: AdminClient, sqlite_feed_blog: FeedsBlog, uploads: Path
) -> None:
    path = begin(client, jsonl(2))
    assert client.post(path, {"do": "drop"}).headers["location"].endswith("/admin/import")
    assert (stored(sqlite_feed_blog), list(uploads.iterdir())) == (0, [])
    assert "kept no more" in client.get(path).text


def test_one_import_at_a_time(sqlite_feed_blog: FeedsBlog, uploads: Path) -> None:
    go_on, begun = threading.Event(), threading.Event()
    real = for_pages(sqlite_feed_blog.database, timezone="UTC")

    def slow(*asked: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return real(*asked)

    client = admin_client(sqlite_feed_blog, work=AdminWork(import_posts=slow))
    first = client.post("/import", files={"file": ("one.jsonl", jsonl(1))})
    assert begun.wait(30)
    path = first.headers["location"].partition("/admin")[2]
    page = client.page(path)
    assert page.xpath("//progress")
    assert page.xpath("//noscript/meta[@http-equiv='refresh']")
    assert "data-over" not in client.get(f"{path}/state").text
    refused = client.post("/import", files={"file": ("two.jsonl", jsonl(2))})
    assert refused.status_code == 409
    assert "one.jsonl" in refused.text
    assert len(list(uploads.iterdir())) == 1
    go_on.set()
    assert "data-over" in client.get(f"{through(client, first.headers['location'])}/state").text


def test_a_viewer_may_look_and_not_import(sqlite_feed_blog: FeedsBlog, uploads: Path) -> None:
    del uploads
    client = admin_client(sqlite_feed_blog, Role.VIEWER)
    assert client.page("/import").xpath("//input[@type='file']") == []
    assert client.post("/import", files={"file": ("one.jsonl", jsonl(1))}).status_code == 403
    assert client.get("/import/1").status_code == 404
    assert client.get("/import/99999999999999999999").status_code == 404


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\blog.xml", "blog.xml"),
        ("<b>\u202e\x00.xml", "<b>.xml"),
        ("\n\t", "a file without a name"),
        ("x" * 999, "x" * 200),
    ],
)
def test_hostile_names_are_only_shown(name: str, shown: str) -> None:
    assert file_name(name) == shown


def test_addresses_are_shown_without_what_is_secret_in_them() -> None:
    assert shown_address("https://ann:secret@blog.example/feed?key=secret") == "https://blog.example/feed"
    assert not is_fetched("https://")
    assert not is_fetched("http://[")
    assert not is_fetched("https://blog.example/\r\nX: y")


def test_what_is_kept_is_found_by_its_token_alone_and_not_for_long(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "kept")
    source = tmp_path / "secret"
    source.write_bytes(b"content")
    with source.open("rb") as file:
        token = keeping.keep(Upload("x", 7, file))
    found = keeping.find(token)
    assert found is not None
    assert found.read_bytes() == b"content"
    assert (found.stat().st_mode & 0o777, keeping.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    for other in ("", ".", "../secret", "/etc/passwd", "0" * 32):
        assert keeping.find(other) is None
        keeping.drop(other)
    assert source.exists()
    old = time.time() - KEPT_SECONDS - 60
    os.utime(found, (old, old))
    keeping.sweep()
    assert keeping.find(token) is None


def test_a_process_that_is_killed_while_it_imports_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    file = tmp_path / "labelcast.db"
    station = Station(tmp_path, transport="maildir:outbox", database_url=f"sqlite:///{file}", connections=1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    station._environment |= {"LABELCAST_WEB__PORT": str(port), "TMPDIR": str(tmp_path)}
    token = logged_in(station)
    process = station.begin("run", "--no-scheduler")
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/admin", timeout=60) as web:
            web.headers["cookie"] = f"{COOKIE}={token}"
            wait_until(lambda: answers(web))
            fields = {"csrf": csrf_of(token)}
            sent = web.post("/import", data=fields, files={"file": ("posts.jsonl", jsonl(5000))})
            path = sent.headers["location"].partition("/admin")[2]
            wait_until(lambda: "would come" in web.get(f"{path}/state").text)
            stores = web.post(path, data=fields)
            assert stores.status_code == 303
            wait_until(lambda: is_written(file) and "storing" in web.get(state_of(stores)).text)
    finally:
        process.kill()
        process.communicate()
    with station.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(post)).scalar_one() == 0
        late = datetime.now(UTC) + 2 * DEAD_AFTER
        last = Jobs(station.database, lambda: late).newest(connection, [KIND], now=late)[0]
    assert last.standing is Standing.INTERRUPTED
    station.database.dispose()


def state_of(answer: Any) -> str:
    return str(answer.headers["location"].partition("/admin")[2]) + "/state"


def logged_in(station: Station) -> str:
    with station.database.write() as connection:
        row = {"name": "ann", "password_hash": "none", "role": Role.OWNER, "created_at": START}
        number = connection.execute(insert(account).values(row).returning(account.c.id)).scalar_one()
        return begin_session(connection, number, now=datetime.now(UTC), idle=timedelta(hours=1))


def answers(web: httpx2.Client) -> bool:
    try:
        return web.get("/import").status_code == 200
    except httpx2.ConnectError:
        return False


def is_written(file: Path) -> bool:
    """Whether somebody holds the database's write lock at this moment."""
    driver = sqlite_driver()
    asked = driver.connect(file, timeout=0, isolation_level=None)
    try:
        asked.execute("BEGIN IMMEDIATE")
        asked.execute("ROLLBACK")
    except driver.OperationalError as error:
        return "locked" in str(error)
    else:
        return False
    finally:
        asked.close()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
