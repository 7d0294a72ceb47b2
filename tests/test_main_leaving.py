"""Leaving from end to end: a digest comes by mail, its one-click link is followed, and no more comes."""

from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from digests.deliveries import list_deliveries
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from tests.mailed_digests import dump
from tests.web_client import tree

FRIDAY, MONDAY = "2026-12-04T10:00:00Z", "2026-12-07T08:00:00Z"
WEDNESDAY, NEXT_MONDAY = "2026-12-09T12:00:00Z", "2026-12-14T08:00:00Z"
POST = (
    '{"id": "tag:blog.example,2026:%d", "url": "https://blog.example/%d", "title": "Post %d",'
    ' "labels": ["MEK"], "published": "%s", "author": "Ken", "html": "<p>Text %d</p>"}\n'
)


def publish(command: Any, blog: Path, number: int, when: str) -> None:
    """Import one new post."""
    (blog / "new.jsonl").write_text(POST % (number, number, number, when, number))
    assert command("import", "new.jsonl", "--now", when).code == 0


def mails(blog: Path) -> list[EmailMessage]:
    folder = blog / "outbox" / "new"
    files = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime_ns) if folder.is_dir() else []
    return [message_from_bytes(one.read_bytes(), _class=EmailMessage, policy=default) for one in files]


@pytest.fixture
def mailed(command: Any, blog: Path) -> Path:
    """A blog whose two readers got a digest."""
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00", "--title", "The week")
    for name in ("stays", "leaves"):
        command("subscribers", "add", f"{name}@example.org", "--digest", "weekly", "--confirmed")
    command("tick", "--now", "2026-12-03T08:00:00Z")
    publish(command, blog, 1, FRIDAY)
    command("tick", "--now", MONDAY)
    assert {mail["To"] for mail in mails(blog)} == {"stays@example.org", "leaves@example.org"}
    return blog


def test_one_click_ends_it_also_for_what_waits_to_be_sent(command: Any, mailed: Path) -> None:
    wiring = Wiring(load_settings(mailed / "labelcast.toml"))
    client = TestClient(wiring.app(), follow_redirects=False)
    (mail,) = [one for one in mails(mailed) if one["To"] == "leaves@example.org"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    way = urlsplit(mail["List-Unsubscribe"].partition(">")[0].removeprefix("<"))
    assert (way.scheme, way.netloc) == ("https", "blog.example")
    assert client.get(way.path).status_code == 200

    publish(command, mailed, 2, WEDNESDAY)
    # What is planned already is not sent either.
    now = datetime.fromisoformat(NEXT_MONDAY)
    wiring.engine.plan(now)
    wiring.engine.render(now)
    name, _, value = str(mail["List-Unsubscribe-Post"]).partition("=")
    for _ in range(2):
        assert client.post(way.path, files={name: (None, value)}).status_code == 200

    command("tick", "--now", NEXT_MONDAY)
    assert [one["To"] for one in mails(mailed)[2:]] == ["stays@example.org"]
    with wiring.database.read() as connection:
        states = {(one.email, one.edition): one.state.value for one in list_deliveries(connection)}
    assert states == {
        ("stays@example.org", 1): "sent",
        ("leaves@example.org", 1): "sent",
        ("stays@example.org", 2): "sent",
        ("leaves@example.org", 2): "skipped",
    }
    publish(command, mailed, 3, "2026-12-16T12:00:00Z")
    command("tick", "--now", "2026-12-21T08:00:00Z")
    assert [one["To"] for one in mails(mailed)[3:]] == ["stays@example.org"]
    wiring.close()


def test_every_link_of_a_mail_leads_somewhere_and_looking_changes_nothing(mailed: Path) -> None:
    wiring = Wiring(load_settings(mailed / "labelcast.toml"))
    client = TestClient(wiring.app(), follow_redirects=False)
    before = dump(wiring.database)
    links: set[str] = set()
    for mail in mails(mailed):
        body = mail.get_body(("html",))
        assert body is not None
        links |= set(tree(body.get_content()).xpath("//a/@href"))
    ours = {urlsplit(one).path for one in links if urlsplit(one).netloc == "blog.example"} - {"/1", ""}
    assert {one.split("/")[1] for one in ours} >= {"unsubscribe", "preferences", "stop", "digests", "labels"}
    for path in ours:
        assert client.get(path).status_code == 200, path
        assert client.head(path).status_code == 200, path
    assert dump(wiring.database) == before
    wiring.close()


def test_the_archive_shows_what_was_mailed(mailed: Path) -> None:
    wiring = Wiring(load_settings(mailed / "labelcast.toml"))
    client = TestClient(wiring.app(), follow_redirects=False)
    page = client.get("/digests/weekly/1")
    (mail, _) = mails(mailed)
    body = mail.get_body(("html",))
    assert body is not None
    mailed_words = tree(body.get_content()).xpath("//h2//text()")
    assert tree(page.text).xpath("//h2//text()") == mailed_words == ["Post 1"]
    assert client.get("/digests").text.count("The week") >= 1
    assert "/digests/weekly/1" in client.get("/digests/weekly.atom").text
    for trace in ("/unsubscribe/", "/preferences/", "/stop/", "example.org"):
        assert trace not in page.text
    wiring.close()
