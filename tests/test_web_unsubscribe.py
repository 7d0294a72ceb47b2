"""Leaving by the links in a mail (RFC 8058): a GET shows, a POST acts, and no other token does anything."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from database import DatabaseUnavailable
from digests.store import add_digest, remove_digest
from subscribers.consent import list_consents
from subscribers.model import ConsentKind
from subscribers.signup import request_subscription
from subscribers.store import erase, get_subscriber
from subscribers.suppression import SuppressionReason, suppress
from subscribers.tokens import TokenSigner
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import NOW, SIGNER, Reading, link, reading, salt
from tests.web_client import open_client, tree
from web.forms import LARGEST

PURPOSES = ("unsubscribe", "resubscribe", "stop", "confirm", "preferences")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def mailed(sqlite_feed_blog: FeedsBlog) -> Reading:
    """A blog with two digests, and a reader of both."""
    made = reading(sqlite_feed_blog)
    with made.database.write() as connection:
        add_digest(connection, "daily", rule="all", title="The day", cadence="daily", now=NOW)
    made.reader("a", "weekly", "daily", labels=("mek",), minute=545)
    return made


def ask(mailed: Reading, name: str = "new@example.org") -> int:
    """Somebody signs up; the number of the question that is mailed."""
    with mailed.database.write() as connection:
        asked = request_subscription(
            connection,
            name,
            digest_id=1,
            wording="Do you want The week by email?",
            origin="192.0.2.1",
            now=NOW,
            salt=salt(connection),
        )
    assert asked.number is not None
    return asked.number


@pytest.mark.parametrize("purpose", PURPOSES)
def test_looking_at_a_link_changes_nothing(mailed: Reading, purpose: str) -> None:
    number = ask(mailed) if purpose == "confirm" else 1
    before = mailed.dump()
    for method in ("GET", "HEAD", "GET"):
        answer = mailed.client.request(method, link(purpose, number))
        assert (answer.status_code, answer.has_redirect_location) == (200, False)
        assert bool(answer.content) == (method == "GET")
    assert mailed.dump() == before


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_readers_page_is_kept_nowhere_and_runs_nothing(mailed: Reading, purpose: str) -> None:
    number = ask(mailed) if purpose == "confirm" else 1
    for answer in (
        mailed.client.get(link(purpose, number)),
        mailed.client.get(f"/{purpose}/forged"),
        mailed.client.post(link(purpose, number), data=ONE_CLICK),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "set-cookie" not in answer.headers
        assert "etag" not in answer.headers
        assert not tree(answer.text).xpath("//script[not(@type='application/ld+json')]")


@pytest.mark.parametrize(
    "how",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"{}", "headers": {"content-type": "application/json"}},
        {"content": b"\xff\x00", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ],
    ids=["urlencoded", "multipart", "empty", "json", "broken"],
)
def test_one_click_ends_the_subscription_and_may_come_twice(mailed: Reading, how: dict[str, Any]) -> None:
    first = mailed.client.post(link("unsubscribe", 1), **how)
    assert first.status_code == 200
    assert mailed.states() == ["active", "ended"]
    after = mailed.dump()
    again = mailed.client.post(link("unsubscribe", 1), **how)
    assert (again.status_code, again.text) == (200, first.text)
    assert mailed.dump() == after


def test_the_pages_button_is_all_that_a_reader_needs(mailed: Reading) -> None:
    page = mailed.client.get(link("unsubscribe", 1))
    (form,) = tree(page.text).xpath("//form")
    assert (form.get("method"), form.get("action")) == ("post", f"..{link('unsubscribe', 1)}")
    assert not form.xpath(".//input")
    done = mailed.client.post(link("unsubscribe", 1))
    assert "You will get no more of The week." in done.text
    assert buttons(done.text) == {
        "Subscribe again": f"..{link('resubscribe', 1)}",
        "Stop all mail from this site": f"..{link('stop', 1)}",
    }
    assert buttons(mailed.client.get(link("unsubscribe", 1)).text) == buttons(done.text)


def buttons(page: str) -> dict[str, str]:
    """The buttons of a page and where they post to."""
    return {form.xpath("string(.//button)"): form.get("action") for form in tree(page).xpath("//form")}


def forged() -> Iterator[str]:
    """Tokens that somebody made up from a good one."""
    good = SIGNER.sign("unsubscribe", 1)
    for place, letter in enumerate(good):
        for bit in (1, 2, 4, 32):
            yield f"{good[:place]}{chr(ord(letter) ^ bit)}{good[place + 1 :]}"
    yield from (
        good[:-1],
        f"{good}A",
        good.upper(),
        good.replace("1.", "2."),
        "1",
        "1.",
        "é" * 20,
        "x" * 5000,
    )
    yield TokenSigner(["another secret"]).sign("unsubscribe", 1)


def test_a_forged_token_does_nothing_and_always_hears_the_same(mailed: Reading) -> None:
    before = mailed.dump()
    told = mailed.client.post("/unsubscribe/x").text
    # What is no path of one part leads elsewhere.
    tokens = [one for one in forged() if one.isprintable() and not set("/?#") & set(one)]
    assert len(tokens) > 100
    for token in tokens:
        answer = mailed.client.post(f"/unsubscribe/{token}", data=ONE_CLICK)
        assert (answer.status_code, answer.text) == (404, told), token
    assert mailed.dump() == before


def test_a_token_is_good_for_its_own_purpose_only(mailed: Reading) -> None:
    before = mailed.dump()
    for purpose in PURPOSES:
        for other in {*PURPOSES, "bounce"} - {purpose}:
            token = SIGNER.sign(other, 1)
            for method in ("GET", "POST"):
                answer = mailed.client.request(method, f"/{purpose}/{token}")
                assert answer.status_code == 404, (purpose, other)
    assert mailed.dump() == before


def test_links_of_an_older_secret_are_good_for_good(mailed: Reading) -> None:
    old = TokenSigner(["the secret of before"]).sign("unsubscribe", 2)
    assert mailed.client.post(f"/unsubscribe/{old}").status_code == 200
    assert mailed.states() == ["ended", "active"]


def test_the_way_back_keeps_what_was_chosen_and_is_recorded_once(mailed: Reading) -> None:
    mailed.client.post(link("unsubscribe", 1))
    for _ in range(2):
        answer = mailed.client.post(link("resubscribe", 1))
        assert answer.status_code == 200
        assert "weekly, Monday 09:05 UTC" in answer.text
    assert mailed.states() == ["active", "active"]
    with mailed.database.read() as connection:
        found = get_subscriber(connection, 1)
        (consent,) = list_consents(connection, 1)
    assert found is not None
    assert [one.labels for one in found.subscriptions] == [("mek",), ("mek",)]
    assert (consent.kind, consent.origin, consent.digest_id) == (ConsentKind.CONFIRMED, "testclient", 1)
    assert "Subscribe again to The week" in consent.wording


@pytest.mark.parametrize("how", ["erased", "suppressed"])
def test_who_was_erased_or_suppressed_does_not_come_back_by_a_link(mailed: Reading, how: str) -> None:
    with mailed.database.write() as connection:
        if how == "erased":
            erase(connection, "a@example.org", now=NOW, salt=salt(connection))
        else:
            reason = SuppressionReason.COMPLAINED
            suppress(connection, "a@example.org", reason=reason, now=NOW, salt=salt(connection))
    before = mailed.dump()
    assert mailed.client.post(link("resubscribe", 1)).status_code == 409
    for purpose in ("unsubscribe", "stop", "preferences"):
        answer = mailed.client.post(link(purpose, 1), data={"do": "save"})
        assert answer.status_code == 200
        assert "resubscribe/" not in answer.text
    assert mailed.dump() == before


def test_stop_ends_all_and_offers_each_again(mailed: Reading) -> None:
    mailed.reader("b")
    page = mailed.client.get(link("stop", 1)).text
    assert tree(page).xpath("//main//li/text()") == ["The day", "The week"]
    done = mailed.client.post(link("stop", 1))
    assert mailed.states() == ["ended", "ended"]
    assert mailed.states(2) == ["active"]
    assert buttons(done.text) == {
        "Subscribe again to The day": f"..{link('resubscribe', 2)}",
        "Subscribe again to The week": f"..{link('resubscribe', 1)}",
    }
    assert mailed.client.post(link("stop", 1)).text == done.text


def test_a_digest_that_is_gone_is_left_all_the_same(mailed: Reading) -> None:
    with mailed.database.write() as connection:
        remove_digest(connection, "weekly", force=True)
    for purpose in ("unsubscribe", "stop"):
        for method in ("GET", "POST"):
            assert mailed.client.request(method, link(purpose, 1)).status_code == 200
    for purpose in ("resubscribe", "preferences"):
        assert mailed.client.post(link(purpose, 1)).status_code == 404


@pytest.mark.parametrize("told", [True, False], ids=["told", "streamed"])
def test_a_large_body_is_refused_and_nothing_happens(mailed: Reading, told: bool) -> None:
    body = b"x" * (LARGEST + 1)
    before = mailed.dump()
    answer = mailed.client.post(link("unsubscribe", 1), content=body if told else iter([body[:9], body[9:]]))
    assert answer.status_code == 413
    assert mailed.dump() == before
    assert mailed.client.post(link("unsubscribe", 1), content=body[1:]).status_code == 200


def test_a_confirmation_waits_for_the_button(mailed: Reading) -> None:
    number = ask(mailed)
    page = mailed.client.get(link("confirm", number))
    assert "Do you want The week by email?" in page.text
    assert buttons(page.text) == {"Yes, subscribe me": f"..{link('confirm', number)}"}
    for _ in range(2):
        assert "You are subscribed" in mailed.client.post(link("confirm", number)).text
    with mailed.database.read() as connection:
        found = get_subscriber(connection, 2)
        kinds = [(one.kind, one.origin) for one in list_consents(connection, 2)]
    assert found is not None
    assert found.state.value == "confirmed"
    assert kinds == [(ConsentKind.ASKED, "192.0.2.1"), (ConsentKind.CONFIRMED, "testclient")]
    mailed.client.post(link("unsubscribe", found.subscriptions[0].id))
    # An old link does not bring them back; the button on the page does.
    assert "Subscribe again" in mailed.client.post(link("confirm", number)).text
    assert mailed.states(2) == ["ended"]


def test_without_the_database_a_reader_hears_so_and_no_log_has_the_token(
    mailed: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise DatabaseUnavailable("database sqlite:///it: disk I/O error")

    monkeypatch.setattr(mailed.database, "write", gone)
    with structlog.testing.capture_logs() as logs:
        answer = mailed.client.post(link("unsubscribe", 1))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.headers["cache-control"] == "no-store"
    assert logs
    assert SIGNER.sign("unsubscribe", 1) not in str(logs)


def test_no_other_method_does_anything(mailed: Reading) -> None:
    before = mailed.dump()
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert mailed.client.request(method, link("unsubscribe", 1)).status_code == 405
    assert mailed.dump() == before


def test_leaving_and_coming_back_work_on_each_database(feed_blog: FeedsBlog) -> None:
    mailed = reading(feed_blog)
    (number,) = mailed.reader("a")
    for purpose, state in (
        ("unsubscribe", "ended"),
        ("resubscribe", "active"),
        ("stop", "ended"),
        ("resubscribe", "active"),
    ):
        assert mailed.client.post(link(purpose, number)).status_code == 200
        assert mailed.states() == [state]


def test_without_links_there_are_no_such_pages(sqlite_feed_blog: FeedsBlog) -> None:
    assert open_client(sqlite_feed_blog).post(link("unsubscribe", 1)).status_code == 404
