"""The main job from end to end, as a person would do it: a label page in, a feed and a digest out."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree

TITLES = [
    "Former US officials speak at radical anti-Iran forum",
    "Report claim Israel supports terror group in killing of Iranian scientists",
    "U.S. not happy Iraq terrorist camp being closed!",
    "US chauffeurs some terrorist leaders in Iraq",
]
DAYS = ["2020-11-13", "2012-02-09", "2009-07-31", "2007-03-14"]
ATOM = "{http://www.w3.org/2005/Atom}"

# Of a Friday's import; the Monday after; a Wednesday; the next Monday, 08:00 in Regina.
FRIDAY, MONDAY = "2026-12-04T10:00:00Z", "2026-12-07T14:00:00Z"
WEDNESDAY, NEXT_MONDAY = "2026-12-09T12:00:00Z", "2026-12-14T14:00:00Z"
NEW_POST = (
    '{"id": "tag:blog.example,2026:1", "url": "https://blog.example/1", "title": "A new post",'
    ' "published": "2026-12-09T10:00:00Z", "labels": ["Iran", "MEK"], "author": "Ken",'
    ' "html": "<p>It was quiet on Wednesday.</p>"}\n'
)


@pytest.fixture
def seeded(command: Any, blog: Path, seed_page: Path) -> Path:
    """A blog with the label page imported."""
    first = command("import", str(seed_page), "--now", FRIDAY)
    assert first.text.splitlines()[0] == "4 new, 0 updated, 0 unchanged, 0 skipped"
    return blog


def mails(blog: Path) -> list[EmailMessage]:
    folder = blog / "outbox" / "new"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [message_from_bytes(one.read_bytes(), _class=EmailMessage, policy=default) for one in files]


def test_the_label_page_is_four_posts_and_the_same_again_changes_nothing(
    command: Any, seeded: Path, seed_page: Path
) -> None:
    again = command("import", str(seed_page), "--now", MONDAY)
    assert again.text.splitlines()[0] == "0 new, 0 updated, 4 unchanged, 0 skipped"
    posts = command("posts", "--json").json
    assert [post["title"] for post in posts] == TITLES
    assert [post["published"][:10] for post in posts] == DAYS
    assert [post["labels"] for post in posts] == [["MEK"]] * 4
    assert [(one["name"], one["slug"], one["posts"]) for one in command("labels", "--json").json] == [
        ("MEK", "mek", 4)
    ]


def test_its_feed_is_valid_with_four_entries_newest_first(
    command: Any, seeded: Path, shared_data: Path
) -> None:
    shown = command("feeds", "show", "MEK", "--format", "atom").out
    tree = etree.fromstring(shown)
    schema = etree.RelaxNG(file=str(shared_data / "schemas" / "atom.rng"))
    assert schema.validate(tree), schema.error_log
    read = feedparser.parse(shown)
    assert not read.bozo
    assert [entry.title for entry in read.entries] == TITLES
    assert command("feeds", "show", "mek").out == shown


def test_a_weekly_digest_brings_the_new_post_on_monday_at_eight_in_regina_and_once(
    command: Any, seeded: Path
) -> None:
    added = command(
        "digests", "add", "weekly", "--rule", "MEK or iran", "--cadence", "weekly", "--at", "mon 08:00",
        "--timezone", "America/Regina",
    )  # fmt: skip
    assert added.code == 0
    reader = ("subscribers", "add", "reader@example.org", "--digest", "weekly", "--confirmed")
    assert command(*reader).code == 0
    assert command("tick", "--now", MONDAY).code == 0
    assert mails(seeded) == []

    (seeded / "new.jsonl").write_text(NEW_POST)
    assert command("import", "new.jsonl", "--now", WEDNESDAY).code == 0
    command("tick", "--now", "2026-12-14T13:59:59Z")
    assert mails(seeded) == []
    command("tick", "--now", NEXT_MONDAY)
    command("tick", "--now", NEXT_MONDAY)
    (mail,) = mails(seeded)
    (sent,) = command("deliveries", "--json").json
    assert (sent["email"], sent["state"], sent["attempts"]) == ("reader@example.org", "sent", 1)
    _check_headers(mail, sent["message_id"])
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = part.get_content()
        assert "A new post" in text
        assert "It was quiet on Wednesday." in text
        assert "https://blog.example/unsubscribe/" in text
        assert not any(title in text for title in TITLES)


def _check_headers(mail: EmailMessage, message_id: str) -> None:
    token = mail["List-Unsubscribe"].removeprefix("<https://blog.example/unsubscribe/").removesuffix(">")
    assert token
    assert "/" not in token
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    expected = {
        "To": "reader@example.org",
        "Message-ID": message_id,
        "Date": "Mon, 14 Dec 2026 14:00:00 +0000",
        "List-Id": "Weekly <weekly.blog.example>",
        "List-Post": "NO",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
    }
    assert {name: str(mail[name]) for name in expected} == expected
    assert mail["Feedback-ID"]
    assert mail["From"]


def test_a_reader_of_one_label_gets_that_label_only(command: Any, seeded: Path) -> None:
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00")
    for name, label in (("a", "MEK"), ("b", "sports")):
        command(
            "subscribers", "add", f"{name}@example.org", "--digest", "weekly", "--label", label, "--confirmed"
        )
    (seeded / "new.jsonl").write_text(NEW_POST)
    command("import", "new.jsonl", "--now", WEDNESDAY)
    command("tick", "--now", "2026-12-14T08:00:00Z")
    assert [one["email"] for one in command("deliveries", "--json").json] == ["a@example.org"]


def test_the_tick_builds_the_feeds_and_leaves_them_alone_when_nothing_changed(
    command: Any, seeded: Path
) -> None:
    command("tick", "--now", MONDAY)
    file = seeded / "public" / "feeds" / "mek.atom"
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    command("tick", "--now", NEXT_MONDAY)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert len(etree.fromstring(before[0]).findall(f"{ATOM}entry")) == 4


def test_mail_from_a_domain_that_is_not_ascii_leaves_in_punycode(
    command: Any, seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_MAIL__FROM", "Bücher <news@bücher.example>")
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00")
    command("subscribers", "add", "a@example.org", "--digest", "weekly", "--confirmed")
    (seeded / "new.jsonl").write_text(NEW_POST)
    command("import", "new.jsonl", "--now", WEDNESDAY)
    assert command("tick", "--now", "2026-12-14T08:00:00Z").code == 0
    assert [one["state"] for one in command("deliveries", "--json").json] == ["sent"]
    (mail,) = mails(seeded)
    assert str(mail["Message-ID"]).endswith("@xn--bcher-kva.example>")
    assert mail["From"].addresses[0].addr_spec == "news@xn--bcher-kva.example"
