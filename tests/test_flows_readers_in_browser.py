"""A reader in a real browser, from the form to the last goodbye; mail is real, the clock is the test's."""

import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.playing import BEGIN, Play, link_in, played, text_of

TITLES = ("Swarms", "Hills", "Complaints", "Honey", "Chains", "Hats", "Wax")


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """A blog that is served."""
    with played(tmp_path) as begun:
        yield begun


@contextmanager
def opened(browser: Any, *, has_script: bool = True) -> Iterator[Any]:
    """A reader's phone."""
    context = browser.new_context(
        viewport={"width": 375, "height": 800}, java_script_enabled=has_script, timezone_id="UTC"
    )
    yield context.new_page()
    context.close()


def heading(page: Any) -> str:
    """What a page is about."""
    return str(page.text_content("h1")).strip()


def told(mail: EmailMessage) -> set[str]:
    """Which posts a digest tells of."""
    return {title for title in TITLES if f"All about {title}." in text_of(mail)}


def subscribe(page: Any, play: Play, email: str, label: str = "bees") -> None:
    """Sign up on a label's page, and say yes by the link that is mailed."""
    page.goto(f"{play.address}/labels/{label}")
    page.get_by_label("Your email address").fill(email)
    page.get_by_role("button", name="Subscribe").click()
    assert heading(page) == "Look into your mail"
    (question,) = play.await_mails(1)
    assert question["To"] == email
    page.goto(link_in(question, "confirm"))
    play.tick(play.now + timedelta(minutes=1))
    assert play.new_mails() == []
    page.locator("main form button").first.click()
    assert heading(page) == "You are subscribed"


@pytest.mark.parametrize("has_script", [True, False])
def test_from_a_labels_page_to_the_right_digest_and_out_again(
    browser: Any, play: Play, *, has_script: bool
) -> None:
    with opened(browser, has_script=has_script) as page:
        subscribe(page, play, "rea@example.org")
        page.locator("main a[href*='/preferences/']").first.click()
        assert page.get_by_label("Bees").is_checked()
        page.get_by_label("Cycling").check()
        page.get_by_label("How often").select_option("daily")
        page.get_by_label("Time of day").fill("17:30")
        page.get_by_role("button", name="Save these choices").click()
        assert page.locator("[role=status]").is_visible()
        evening = play.now.replace(hour=17, minute=30)
        play.now += timedelta(hours=1)
        for title, label in (("Honey", "Bees"), ("Chains", "Cycling"), ("Hats", "Letters")):
            play.publish(title, label)
        play.tick(evening - timedelta(minutes=1))
        assert play.new_mails() == []
        play.tick(evening)
        (digest,) = play.new_mails()
        assert told(digest) == {"Honey", "Chains"}
        play.tick(evening + timedelta(days=1))
        assert play.new_mails() == []
        _leave(page, digest, has_script=has_script)
        play.publish("Wax", "Bees")
        for days in (2, 3, 8):
            play.tick(evening + timedelta(days=days))
        assert play.new_mails() == []


def _leave(page: Any, digest: EmailMessage, *, has_script: bool) -> None:
    """By the link and a button; or, as mail programs do, by one click (RFC 8058)."""
    if has_script:
        # The header that offers it stands in mails of a site with https only; the link is the same.
        (link,) = re.findall(r"<(http://[^>]+)>", digest["List-Unsubscribe"])
        with urllib.request.urlopen(link, data=b"List-Unsubscribe=One-Click", timeout=10) as answer:
            assert answer.status == 200
        page.goto(link)
    else:
        page.goto(link_in(digest, "unsubscribe"))
        page.get_by_role("button", name="Unsubscribe").first.click()
    assert heading(page) == "You are unsubscribed"


def test_mail_moves_to_another_address_once_both_ends_agree(browser: Any, play: Play) -> None:
    with opened(browser) as page:
        subscribe(page, play, "old@example.org")
        page.locator("main a[href*='/preferences/']").first.click()
        page.locator("a[href$='/address']").click()
        page.get_by_label("New address").fill("new@example.org")
        page.get_by_role("button", name="Send both mails").click()
        to_new, to_old = play.await_mails(2)
        assert (to_new["To"], to_old["To"]) == ("new@example.org", "old@example.org")
        assert "old@example.org" not in to_new.as_string()
        page.goto(link_in(to_old, "address-old"))
        page.get_by_role("button", name="Yes, send it there").click()
        assert heading(page) == "You have agreed"
        play.publish("Honey", "Bees")
        # The links are good for seven days.
        play.tick(BEGIN + timedelta(days=6, hours=23))
        assert [mail["To"] for mail in play.new_mails()] == ["old@example.org"]
        page.goto(link_in(to_new, "address-new"))
        page.get_by_role("button", name="Yes, send it to me").click()
        play.await_mails(1)
        play.publish("Wax", "Bees")
        play.tick(play.now + timedelta(days=8))
        (digest,) = play.new_mails()
        assert (digest["To"], told(digest)) == ("new@example.org", {"Wax"})


def test_who_is_forgotten_gets_no_more_and_a_dead_link_leads_to_new_ones(browser: Any, play: Play) -> None:
    with opened(browser, has_script=False) as page:
        subscribe(page, play, "gone@example.org")
        subscribe(page, play, "stays@example.org", "cycling")
        page.goto(f"{play.address}/preferences/cut-off")
        assert heading(page) == "This link does not work"
        page.get_by_label("Your email address").fill("gone@example.org")
        page.locator("main form button").click()
        (links,) = play.await_mails(1)
        page.goto(link_in(links, "preferences"))
        assert page.get_by_label("Bees").is_checked()
        page.locator("a[href$='/erase']").click()
        page.get_by_role("button", name="Forget me").click()
        play.publish("Honey", "Bees", "Cycling")
        play.tick(play.now + timedelta(days=7))
        assert [mail["To"] for mail in play.new_mails()] == ["stays@example.org"]
        page.goto(link_in(links, "preferences"))
        page.goto(f"{play.address}/subscribe/links")
        page.get_by_label("Your email address").fill("gone@example.org")
        page.locator("main form button").click()
        play.tick(play.now + timedelta(minutes=5))
        assert play.new_mails() == []
