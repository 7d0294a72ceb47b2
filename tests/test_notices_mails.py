"""Mails that are no digests: the golden ones, names as odd as they come, templates of the publisher's own.

The golden mails are in ``tests/data/notices``. After a wanted change, renew them with
``LABELCAST_TEST_RENEW=1 pytest tests/test_notices_mails.py`` and read what differs.
"""

import os
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from digests.rendering.composing import Publisher
from labelcast.notices.press import NoticePress
from outbox.headers import HeaderError
from subscribers.tokens import TokenSigner
from templates import environment
from tests.examples import often
from tests.mails import ENVIRONMENT, PUBLISHER

NOW = datetime(2026, 11, 9, 14, 0, tzinfo=UTC)
MAILS = Path(__file__).parent / "data" / "notices"
PRESS = NoticePress(ENVIRONMENT, PUBLISHER, TokenSigner(["a secret of the tests"]))
LINKS = [("Weekly news", PRESS.link("preferences", 1)), ("Town & council", PRESS.link("preferences", 2))]
GOLDEN: dict[str, dict[str, Any]] = {
    "signup": {
        "title": "Weekly news",
        "labels": ["Town", "Bridges & roads"],
        "more_labels": 3,
        "days": 7,
        "confirm_url": PRESS.link("confirm", 1),
    },
    "already": {"title": "Weekly news", "preferences_url": PRESS.link("preferences", 1)},
    "links": {"active": LINKS, "asked": [("The day", PRESS.link("confirm", 3))], "days": 1},
}


def mail(
    name: str, press: NoticePress = PRESS, *, to: str = "reader@example.net", **told: Any
) -> EmailMessage:
    letter = press.letter(name, to=to, tag=told.pop("tag", "en"), now=NOW, **(GOLDEN[name] | told))
    assert letter.recipient == to
    assert b"\r\n" in letter.message
    message: EmailMessage = message_from_bytes(letter.message, policy=default)
    assert message["Message-ID"] == letter.message_id
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_mail_has_not_changed(name: str) -> None:
    message = mail(name)
    fields = [f"{key}: {value}\n" for key, value in message.items() if key != "Message-ID"]
    parts = {
        "headers.txt": "".join(fields),
        "txt": part(message, "plain"),
        "html": part(message, "html"),
    }
    for ending, made in parts.items():
        golden = MAILS / f"{name}.{ending}"
        if os.environ.get("LABELCAST_TEST_RENEW"):
            golden.write_text(made, encoding="utf-8")
        assert made == golden.read_text(encoding="utf-8"), f"{golden.name}: see this module's docstring"


@pytest.mark.parametrize("tag", ["de", "es", "fr", "fa", "ja"])
@pytest.mark.parametrize("name", GOLDEN)
def test_every_mail_speaks_the_languages_and_says_which(name: str, tag: str) -> None:
    message = mail(name, tag=tag)
    page = lxml_html.fromstring(part(message, "html"))
    assert (page.get("lang"), page.get("dir")) == (tag, "rtl" if tag == "fa" else "ltr")
    assert message["Content-Language"] == tag
    assert ("Somebody" in part(message, "plain")) == (tag == "ja")
    # Where there is no catalogue the words are English, and marked so.
    assert bool(page.xpath("//*[@class='words'][@lang='en']")) == (tag == "ja")


@settings(max_examples=often(40))
@given(
    title=st.text(min_size=1, max_size=120),
    labels=st.lists(st.text(min_size=1, max_size=40), max_size=4),
)
def test_whatever_a_digest_or_a_label_is_called_the_mail_is_one(title: str, labels: list[str]) -> None:
    message = mail("signup", title=title, labels=labels)
    assert message["To"] == "reader@example.net"
    assert not message.defects
    page = lxml_html.fromstring(part(message, "html"))
    assert page.xpath("//a[@class='button']/@href") == [PRESS.link("confirm", 1)]
    assert not page.xpath("//script")
    assert set(message) <= {
        *("From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "Subject"),
        *("MIME-Version", "Content-Type", "Reply-To"),
    }


def test_an_address_that_is_not_ascii_stands_as_it_is() -> None:
    assert mail("signup", to="jörg@example.net")["To"] == "jörg@example.net"


@pytest.mark.parametrize("to", ["a@b.org\r\nBcc: x@y.org", "no address", "<a@b.org>"])
def test_nothing_forges_a_header(to: str) -> None:
    with pytest.raises(HeaderError):
        mail("signup", to=to)


def test_a_publishers_own_template_stands_for_ours(tmp_path: Path) -> None:
    own = tmp_path / "email" / "notice" / "signup"
    own.mkdir(parents=True)
    own.joinpath("subject.txt").write_text("Own: {{ title }}", encoding="utf-8")
    publisher = Publisher("https://n.example", "N", "N <n@n.example>", "Desk <desk@n.example>", None, "UTC")
    message = mail("signup", NoticePress(environment(tmp_path), publisher, PRESS.signer))
    assert message["Subject"] == "Own: Weekly news"
    assert message["Reply-To"] == "Desk <desk@n.example>"
