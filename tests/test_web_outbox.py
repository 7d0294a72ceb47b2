"""The demo's outbox: a Maildir's mail in the browser, fenced in and unchanged."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.feeds_blog import FeedsBlog
from tests.web_client import open_client, tree

PAGE = (
    "<html><head><title>x</title></head><body><p>Hello <a href='https://a.example'>you</a></p>"
    "<script>alert(1)</script></body></html>"
)


def mail(subject: str, *, page: str | None = PAGE) -> bytes:
    message = EmailMessage()
    message["To"] = "reader@example.net"
    message["Subject"] = subject
    message["Date"] = "Mon, 09 Nov 2026 14:00:03 +0000"
    message.set_content("Plain & simple <b>text</b>\n")
    if page is not None:
        message.add_alternative(page, subtype="html")
    return message.as_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Maildir with two mails, one of them seen, and one that is still being written."""
    maildir = tmp_path / "outbox"
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)
    (maildir / "cur" / "1.first.host:2,S").write_bytes(mail("The <first>"))
    (maildir / "new" / "2.second.host").write_bytes(mail("The second", page=None))
    (maildir / "tmp" / "3.half.host").write_bytes(b"Subject: half")
    (tmp_path / "secret").write_text("Subject: secret")
    return maildir


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_without_an_outbox_there_is_no_such_page(sqlite_feed_blog: FeedsBlog) -> None:
    client = open_client(sqlite_feed_blog)
    assert client.get("/outbox").status_code == 404
    assert "/outbox" not in client.get("/").text


def test_the_mails_are_listed_and_nothing_is_moved(sqlite_feed_blog: FeedsBlog, folder: Path) -> None:
    before = names(folder)
    client = open_client(sqlite_feed_blog, outbox=folder)
    elements = tree(client.get("/outbox").text)
    links = elements.xpath("//ul[@class='mails']/li/a")
    assert sorted(found.text for found in links) == ["The <first>", "The second"]
    for found in links:
        assert client.get(found.get("href")).status_code == 200
    assert names(folder) == before
    assert 'href="./outbox"' in client.get("/").text


def test_an_outbox_that_is_not_there_yet_is_empty(sqlite_feed_blog: FeedsBlog, tmp_path: Path) -> None:
    answer = open_client(sqlite_feed_blog, outbox=tmp_path / "nowhere").get("/outbox")
    assert answer.status_code == 200
    assert "No mail has been sent yet" in answer.text


def test_a_mail_shows_both_parts_and_its_header(sqlite_feed_blog: FeedsBlog, folder: Path) -> None:
    client = open_client(sqlite_feed_blog, outbox=folder)
    elements = tree(client.get("/outbox/1.first.host%3A2%2CS").text)
    (frame,) = elements.iter("iframe")
    assert frame.get("src") == "../outbox/1.first.host%3A2%2CS/html"
    assert "allow-scripts" not in (frame.get("sandbox") or "")
    assert "allow-same-origin" not in (frame.get("sandbox") or "")
    text, head = (element.text for element in elements.iter("pre"))
    assert text == "Plain & simple <b>text</b>\n"
    assert "To: reader@example.net" in (head or "")


def test_a_mails_html_is_fenced_in_by_a_policy_of_its_own(sqlite_feed_blog: FeedsBlog, folder: Path) -> None:
    answer = open_client(sqlite_feed_blog, outbox=folder).get("/outbox/1.first.host%3A2%2CS/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert '<head><base target="_blank">' in answer.text


def test_a_mail_of_text_alone_has_no_frame(sqlite_feed_blog: FeedsBlog, folder: Path) -> None:
    page = open_client(sqlite_feed_blog, outbox=folder).get("/outbox/2.second.host").text
    assert "<iframe" not in page
    assert "Plain &amp; simple" in page


@pytest.mark.parametrize(
    "name", ["nothing", "3.half.host", "..%2F..%2Fsecret", "..", "%2e%2e%2fsecret", "%00"]
)
def test_no_name_leads_out_of_the_folder(sqlite_feed_blog: FeedsBlog, folder: Path, name: str) -> None:
    client = open_client(sqlite_feed_blog, outbox=folder)
    for address in (f"/outbox/{name}", f"/outbox/{name}/html"):
        answer = client.get(address)
        assert answer.status_code == 404 or answer.url.path == "/"
        assert "Subject: secret" not in answer.text


def test_a_damaged_mail_is_shown_as_far_as_it_can_be(sqlite_feed_blog: FeedsBlog, folder: Path) -> None:
    (folder / "new" / "4.bad.host").write_bytes(b"\xff\xfe\x00 no header\r\n\r\n\x00\xff body")
    client = open_client(sqlite_feed_blog, outbox=folder)
    assert client.get("/outbox").status_code == 200
    assert client.get("/outbox/4.bad.host").status_code == 200
    assert client.get("/outbox/4.bad.host/html").status_code == 200
