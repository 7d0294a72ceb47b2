"""A digest's mail on the publisher's pages: as any reader gets it, at any instant; and a test of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from threading import Event
from urllib.parse import quote

import pytest
from sqlalchemy import insert, select

from digests.store import add_digest
from labelcast.settings import load_settings
from labelcast.webwork.digests import digest_work
from labelcast.wiring import Wiring
from subscribers.model import subscriber, subscription
from tests.admin_client import AdminClient, admin_client
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import tree
from web.admin.digests.preview import TESTS_AN_HOUR
from web.admin.digests.work import Asked, CannotShow, DigestWork
from web.admin.work import AdminWork
from web.model import Role, audit_entry

NOW = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Server:
    """Stands where mail goes: what it was asked to send, and what becomes of it."""

    becomes: Callable[[], str] = lambda: "250 OK"
    sent: list[tuple[Asked, str]] = field(default_factory=list)

    def __call__(self, asked: Asked, to: str) -> str:
        self.sent.append((asked, to))
        return self.becomes()


@pytest.fixture
def blog(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog with a weekly digest, a reader of one label, and two posts of this week."""
    blog = sqlite_feed_blog
    blog.now = NOW - 20 * DAY
    with blog.database.write() as connection:
        its = add_digest(connection, "weekly", rule="all", now=blog.now, at="mon 08:00")
        row = {"id": 7, "email": "ann@example.org", "email_key": "ann@example.org", "state": "confirmed"}
        connection.execute(insert(subscriber).values(row | {"created_at": blog.now}))
        chosen = {"subscriber_id": 7, "digest_id": its.id, "state": "active", "labels": ["iran"]}
        connection.execute(insert(subscription).values(chosen | {"created_at": blog.now}))
    blog.now = NOW - DAY
    blog.store_all(
        [replace(post(one, *labels), published=NOW - DAY) for one, labels in ((1, ["iran"]), (2, []))]
    )
    blog.now = NOW
    return blog


@pytest.fixture
def work(blog: FeedsBlog, tmp_path: Path) -> DigestWork:
    """What makes the mails, over the blog."""
    url = blog.database.engine.url.render_as_string(hide_password=False)
    settings = tmp_path / "labelcast.toml"
    settings.write_text(
        f'site_url = "https://blog.example"\nsecret_key = "{"x" * 40}"\ndatabase_url = "{url}"\n'
        '[mail]\nfrom = "Blog <blog@blog.example>"\ntransport = "maildir:outbox"\n'
    )
    return digest_work(Wiring(load_settings(settings)))


@pytest.fixture
def owner(blog: FeedsBlog, work: DigestWork) -> AdminClient:
    """Somebody who may do everything."""
    return admin_client(blog, work=AdminWork(digests=work), now=NOW)


def _tester(blog: FeedsBlog, work: DigestWork, server: Server) -> AdminClient:
    made = replace(work, send_test=server)
    return admin_client(blog, Role.EDITOR, work=AdminWork(digests=made), now=NOW)


def test_a_mail_is_shown_whole_as_one_who_chose_nothing_gets_it(owner: AdminClient) -> None:
    page = owner.page("/digests/weekly/preview")
    text = page.xpath("string(//pre)")
    assert "Post 1" in text
    assert "Post 2" in text
    frames = page.xpath("//iframe")
    assert [frame.get("sandbox") for frame in frames] == ["", ""]
    assert [int(frame.get("width")) for frame in frames] == [375, 680]
    assert "List-Id" in page.xpath("string(//dl)")


def test_its_document_runs_nothing_and_only_these_pages_frame_it(owner: AdminClient) -> None:
    answer = owner.get("/digests/weekly/preview/mail")
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert "Post 1" in answer.text
    for said in ("sandbox;", "default-src 'none'", "frame-ancestors 'self'", "form-action 'none'"):
        assert said in policy
    assert "script-src" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_the_message_is_handed_out_as_it_would_leave(owner: AdminClient) -> None:
    answer = owner.get("/digests/weekly/preview/message.eml")
    assert answer.headers["content-disposition"] == 'attachment; filename="weekly.eml"'
    message = message_from_bytes(answer.content, policy=SMTP)
    assert message["From"] == "Blog <blog@blog.example>"


def test_a_reader_is_found_by_address_and_goes_on_by_number(owner: AdminClient) -> None:
    found = owner.post("/digests/weekly/preview", {"reader": "Ann@example.org", "day": "2026-03-30"})
    assert found.status_code == 303
    assert found.headers["location"].endswith("/digests/weekly/preview?day=2026-03-30&reader=7")
    page = owner.page("/digests/weekly/preview?day=2026-03-30&reader=7")
    text = page.xpath("string(//pre)")
    assert ("Post 1" in text, "Post 2" in text) == (True, False)
    assert page.xpath("//p[@class='faint']/time/@datetime") == ["2026-03-30T08:00:00+00:00"]
    for wrong in ("bob@example.org", "no address"):
        assert owner.post("/digests/weekly/preview", {"reader": wrong}).status_code == 422


def test_what_is_to_be_said_of_a_mail_is_said(owner: AdminClient) -> None:
    early = owner.page("/digests/weekly/preview?day=2026-03-02&time=07:00")
    assert "no news at that instant" in early.xpath("string(//div[@class='notice info'])")
    for wrong in ("day=soon", "day=2026-03-02&time=99:00", "reader=99", "reader=x", "day=0001-01-01"):
        answer = owner.get(f"/digests/weekly/preview?{wrong}")
        assert answer.status_code == 422
        assert tree(answer.text).xpath("//div[@role='alert']")


def test_where_nothing_is_under_the_rule_that_is_said(owner: AdminClient, blog: FeedsBlog) -> None:
    with blog.database.write() as connection:
        add_digest(connection, "empty", rule="nothing", now=NOW)
    assert "no post is under its rule yet" in owner.get("/digests/empty/preview").text.lower()
    assert owner.get("/digests/empty/preview/mail").status_code == 422


def test_a_test_goes_to_one_address_and_what_the_server_said_is_told(
    blog: FeedsBlog, work: DigestWork
) -> None:
    server = Server()
    editor = _tester(blog, work, server)
    done = editor.post("/digests/weekly/test", {"to": "me@example.org", "reader": "7"})
    assert done.status_code == 303
    assert quote("250 OK") in done.headers["set-cookie"]
    ((asked, to),) = server.sent
    assert (asked.slug, asked.email, to) == ("weekly", "ann@example.org", "me@example.org")
    assert editor.post("/digests/weekly/test", {"to": "nobody"}).status_code == 422
    assert len(server.sent) == 1
    with blog.database.read() as connection:
        rows = connection.execute(select(audit_entry.c.action, audit_entry.c.detail)).all()
    # No address stands in the log.
    assert [tuple(row) for row in rows] == [("digest.test", {"sent": True})]


def test_a_test_really_leaves_by_the_way_of_all_mail(owner: AdminClient, tmp_path: Path) -> None:
    assert owner.post("/digests/weekly/test", {"to": "me@example.org"}).status_code == 303
    (sent,) = (tmp_path / "outbox" / "new").iterdir()
    assert b"me@example.org" in sent.read_bytes()


def _refuses() -> str:
    raise ConnectionError("me@example.org: not sent: 550 5.7.1 no")


def _cannot() -> str:
    raise CannotShow("email/digest/body.html, line 3: 'x' is undefined")


@pytest.mark.parametrize(
    ("becomes", "status", "said"), [(_refuses, 502, "550 5.7.1"), (_cannot, 422, "line 3")]
)
def test_why_a_test_was_not_sent_is_told(
    blog: FeedsBlog, work: DigestWork, becomes: Callable[[], str], status: int, said: str
) -> None:
    answer = _tester(blog, work, Server(becomes)).post("/digests/weekly/test", {"to": "me@example.org"})
    assert answer.status_code == status
    assert said in tree(answer.text).xpath("string(//p[@id='f-to-error'])")


def test_a_server_that_says_nothing_is_not_waited_for(
    blog: FeedsBlog, work: DigestWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = Event()

    def hangs() -> str:
        until.wait(10)
        return "250 late"

    editor = _tester(blog, work, Server(hangs))
    monkeypatch.setattr("web.admin.digests.preview.PATIENCE", 0.05)
    answer = editor.post("/digests/weekly/test", {"to": "me@example.org"})
    until.set()
    assert answer.status_code == 502
    assert "did not answer" in answer.text


def test_an_account_sends_so_many_tests_in_an_hour(blog: FeedsBlog, work: DigestWork) -> None:
    server = Server()
    editor = _tester(blog, work, server)
    answers = [
        editor.post("/digests/weekly/test", {"to": "me@example.org"}) for _ in range(TESTS_AN_HOUR + 1)
    ]
    assert [one.status_code for one in answers] == [303] * TESTS_AN_HOUR + [429]
    assert len(server.sent) == TESTS_AN_HOUR
