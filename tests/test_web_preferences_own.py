"""What else a reader does by their link: further digests, another address, what is kept, being forgotten."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

from digests.model import bounce, delivery
from digests.store import add_digest, get_digest
from feeds.configured import add_feed
from feeds.keys import grant, keys_of
from labelcast.notices import composers
from labelcast.notices.press import NoticePress
from labelcast.reader_export import about_reader, stream_about
from labelcast.readers import erase_reader
from outbox.model import Notice, notice
from outbox.notices import Letter
from posts.rules import parse
from subscribers.consent import list_consents
from subscribers.store import find
from subscribers.suppression import SuppressionReason, suppress
from subscribers.tokens import dated
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import MONDAY, NOW, SIGNER, WEEK, Reading, add_edition, link, reading, salt
from tests.mails import ENVIRONMENT, PUBLISHER
from tests.web_client import tree

HERE = link("preferences", 1)
PRESS = NoticePress(ENVIRONMENT, PUBLISHER, SIGNER)


def opened(blog: FeedsBlog, **links: Any) -> Reading:
    """A blog with three digests and the reader ``a`` of one; what was woken and scrubbed is counted."""
    its: dict[str, Any] = {
        "erase": lambda connection, email, now: erase_reader(connection, email, now=now),
        "about": lambda number: stream_about(blog.database, number),
    }
    made = reading(blog, its | links)
    with made.database.write() as connection:
        add_digest(connection, "daily", rule="all", title="The day", cadence="daily", now=NOW)
        add_digest(connection, "month", rule="all", title="A <month>", cadence="monthly", now=NOW)
    made.reader("a")
    return made


@pytest.fixture
def own(sqlite_feed_blog: FeedsBlog) -> Reading:
    return opened(sqlite_feed_blog)


def letters(made: Reading, press: NoticePress = PRESS) -> dict[str, Letter | None]:
    """The mails that wait, by kind, as their composers write them; the queue is emptied."""
    known = composers(press)
    with made.database.write() as connection:
        rows = connection.execute(select(notice)).all()
        some = {
            row.kind: known[row.kind](connection, Notice(row.id, row.kind, row.payload, 1, row.created_at))
            for row in rows
        }
        connection.execute(notice.delete())
    return some


def twice(made: Reading, address: str, **fields: str) -> Any:
    """Post, and once more: the answer and all rows are the same."""
    first = made.client.post(address, data=fields)
    after = made.dump()
    again = made.client.post(address, data=fields)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert made.dump() == after
    return first


def subscribed(made: Reading) -> list[str]:
    with made.database.read() as connection:
        found = find(connection, "a@example.org")
    assert found is not None
    return [one.digest for one in found.subscriptions if one.ended_at is None]


def test_a_reader_takes_up_a_further_digest_by_a_button_and_it_is_recorded_once(own: Reading) -> None:
    page = tree(own.client.get(HERE).text)
    buttons = page.xpath("//form[@class='more']//button")
    assert [(one.get("value"), one.get("aria-label")) for one in buttons] == [
        ("month", "Subscribe to A <month>"),
        ("daily", "Subscribe to The day"),
    ]
    told = twice(own, HERE, subscribe="daily")
    assert "The day comes to you by email: daily, 08:00 UTC." in told.text
    assert subscribed(own) == ["daily", "weekly"]
    with own.database.read() as connection:
        (consent,) = list_consents(connection, 1)
    assert (consent.kind, consent.origin) == ("confirmed", "testclient")
    assert consent.wording == "On the page of what they get they pressed the button: Subscribe to The day."
    # One they left comes back as it was chosen.
    own.client.post(link("unsubscribe", 2))
    twice(own, HERE, subscribe="daily")
    assert subscribed(own) == ["daily", "weekly"]


def test_nobody_joins_what_is_not_there_or_where_sign_up_is_closed(sqlite_feed_blog: FeedsBlog) -> None:
    closed = opened(sqlite_feed_blog, may_join=False)
    assert not tree(closed.client.get(HERE).text).xpath("//form[@class='more']")
    before = closed.dump()
    for slug in ("daily", "nowhere", "<b>"):
        assert closed.client.post(HERE, data={"subscribe": slug}).status_code == 200
    assert closed.dump() == before


def test_a_suppressed_reader_joins_nothing(own: Reading) -> None:
    with own.database.write() as connection:
        suppress(
            connection, "a@example.org", reason=SuppressionReason.COMPLAINED, now=NOW, salt=salt(connection)
        )
    before = own.dump()
    own.client.post(HERE, data={"subscribe": "daily"})
    for page in ("/address", "/data"):
        assert own.client.post(HERE + page, data={"email": "n@example.org"}).status_code == 409
    assert own.dump() == before


def test_each_end_is_asked_by_a_mail_of_its_own_and_tells_no_more_than_it_must(own: Reading) -> None:
    told = twice(own, f"{HERE}/address", email="N.New@example.org")
    assert "Look into both mailboxes" in told.text
    mails = letters(own)
    old, new = mails["address-old"], mails["address-new"]
    assert old is not None
    assert new is not None
    assert (old.recipient, new.recipient) == ("a@example.org", "N.New@example.org")
    assert b"N.New@example.org" in old.message
    # Who passes a mail on must not be told by it to whoever types an address into the page behind its link.
    assert b"a@example.org" not in new.message
    assert SIGNER.sign("address-old", 1).encode() in old.message.replace(b"=\r\n", b"")
    assert SIGNER.sign("address-new", 1).encode() in new.message.replace(b"=\r\n", b"")
    assert "N…@example.org" in own.client.get(link("address-old", 1)).text


def test_once_both_agreed_all_goes_there_and_the_new_address_hears_of_it(own: Reading) -> None:
    with own.database.write() as connection:
        add_feed(connection, slug="inner", rule=parse("all"), now=NOW, is_private=True)
        grant(connection, "inner", "A@example.org", now=NOW)
    own.client.post(f"{HERE}/address", data={"email": "new@example.org"})
    letters(own)
    assert "You have agreed" in twice(own, link("address-old", 1)).text
    assert "Both ends have agreed" in twice(own, link("address-new", 1)).text
    moved = letters(own)["address-moved"]
    assert moved is not None
    assert moved.recipient == "new@example.org"
    assert SIGNER.sign("preferences", 1).encode() in moved.message.replace(b"=\r\n", b"")
    with own.database.read() as connection:
        found = find(connection, "new@example.org")
        assert found is not None
        assert (found.id, [one.id for one in found.subscriptions]) == (1, [1])
        assert [one.feed for one in keys_of(connection, "new@example.org")] == ["inner"]
    assert "Both ends have agreed" in twice(own, link("address-no", 1)).text


@pytest.mark.parametrize("end", ["address-old", "address-new"])
def test_an_end_that_says_no_ends_it(own: Reading, end: str) -> None:
    own.client.post(f"{HERE}/address", data={"email": "new@example.org"})
    page = own.client.get(link(end, 1))
    ways = tree(page.text).xpath("//form/@action")
    assert ways == [f"..{link(end, 1)}", f"..{link('address-no', 1)}"]
    assert "The address stays as it is" in twice(own, link("address-no", 1)).text
    for purpose in ("address-old", "address-new"):
        assert "The address stays as it is" in twice(own, link(purpose, 1)).text
    assert letters(own) == {"address-old": None, "address-new": None}
    assert subscribed(own) == ["weekly"]


def story(made: Reading, email: str) -> list[str]:
    """All that who reads the old address is shown of a change."""
    shown = [made.client.post(f"{HERE}/address", data={"email": email}).text]
    shown += [made.client.post(link("address-old", 1)).text, made.client.get(f"{HERE}/address").text]
    return shown


def test_nobody_learns_whether_an_address_is_known(own: Reading) -> None:
    """Nothing that a stranger is shown, or sent, differs between a free, a taken and a barred address."""
    own.reader("taken")
    with own.database.write() as connection:
        suppress(
            connection, "barred@example.org", reason=SuppressionReason.BOUNCED, now=NOW, salt=salt(connection)
        )
    kinds = {}
    heard = set()
    for name in ("free", "taken", "barred", "a"):
        heard.add(tuple(story(own, f"{name}@example.org")))
        kinds[name] = {kind: letter is not None for kind, letter in letters(own).items()}
        with own.database.write() as connection:
            connection.execute(text("DELETE FROM address_change"))
    assert len(heard) == 1
    mailed = {"address-old": True, "address-new": True}
    assert kinds == {
        "free": mailed, "taken": mailed, "barred": {"address-old": True, "address-new": False}, "a": mailed
    }  # fmt: skip


def test_an_address_that_another_has_is_left_to_them_and_they_alone_hear_why(own: Reading) -> None:
    own.reader("b")
    own.client.post(f"{HERE}/address", data={"email": "b@example.org"})
    own.client.post(link("address-old", 1))
    free = "Both ends have agreed"
    assert free in twice(own, link("address-new", 1)).text
    assert free in own.client.get(link("address-old", 1)).text
    told = letters(own)["address-moved"]
    assert told is not None
    assert told.recipient == "b@example.org"
    assert b"gets mail of its own" in told.message.replace(b"=\r\n", b"")
    assert subscribed(own) == ["weekly"]
    assert own.states(2) == ["active"]


@pytest.mark.parametrize("wrong", ["", "nonsense", "a@b@c.example", "x@localhost", "é" * 400])
def test_what_is_no_address_is_told_beside_the_field(own: Reading, wrong: str) -> None:
    before = own.dump()
    answer = own.client.post(f"{HERE}/address", data={"email": wrong})
    assert answer.status_code == 422
    (typed,) = tree(answer.text).xpath("//input[@name='email']")
    assert (typed.get("aria-invalid"), typed.get("aria-describedby")) == ("true", "email-hint email-wrong")
    assert tree(answer.text).xpath("//*[@id='email-wrong']/text()")
    assert own.dump() == before


def test_a_fourth_address_in_a_day_is_put_off(own: Reading) -> None:
    for number in range(3):
        own.client.post(f"{HERE}/address", data={"email": f"n{number}@example.org"})
    before = own.dump()
    assert own.client.post(f"{HERE}/address", data={"email": "n9@example.org"}).status_code == 429
    assert own.dump() == before


def test_an_address_that_strangers_type_again_and_again_is_left_in_peace(
    sqlite_feed_blog: FeedsBlog,
) -> None:
    made = opened(sqlite_feed_blog, is_over=lambda address: address.key == "victim@example.org")
    made.client.post(f"{HERE}/address", data={"email": "Victim@example.org"})
    assert letters(made)["address-new"] is None


def test_a_new_address_is_mailed_no_more_often_than_one_that_is_signed_up(own: Reading) -> None:
    asked: list[str] = []
    own.client.post(f"{HERE}/address", data={"email": "victim@example.org"})

    def may_mail(email: str) -> bool:
        asked.append(email)
        return False

    written = letters(own, replace(PRESS, may_mail=may_mail))
    # Who reads the old address is a reader already.
    assert written["address-old"] is not None
    assert (written["address-new"], asked) == (None, ["victim@example.org"])


def test_a_link_to_what_is_kept_is_mailed_to_the_reader_only(own: Reading) -> None:
    told = own.client.post(f"{HERE}/data")
    assert "Look into your mailbox" in told.text
    assert own.client.post(f"{HERE}/data").text == told.text
    letter = letters(own)["data"]
    assert letter is not None
    assert letter.recipient == "a@example.org"
    token = SIGNER.sign("data", dated(1, NOW.date()))
    assert token in letter.message.replace(b"=\r\n", b"").decode()
    for _ in range(9):
        assert own.client.post(f"{HERE}/data").text == told.text
        letters(own)
    own.client.post(f"{HERE}/data")
    assert letters(own) == {}


def test_what_is_kept_is_handed_out_whole(feed_blog: FeedsBlog) -> None:
    made = opened(feed_blog)
    with made.database.write() as connection:
        add_feed(connection, slug="inner", rule=parse("all"), now=NOW, is_private=True)
        grant(connection, "inner", "a@example.org", now=NOW)
        _mail(connection, count=1203)
        back = {"at": NOW, "kind": "soft", "status": "4.2.2", "diagnostic": "full", "subscriber_id": 1}
        connection.execute(insert(bounce).values(**back, source_key="x"))
    made.client.post(HERE, data={"subscribe": "daily"})
    made.client.post(f"{HERE}/address", data={"email": "new@example.org"})
    before = made.dump()
    answer = made.client.get(f"{link('data', dated(1, NOW.date()))}/labelcast.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="labelcast.json"'
    assert answer.headers["cache-control"] == "no-store"
    document = json.loads(answer.text)
    assert document["email"] == "a@example.org"
    assert [one["digest"] for one in document["subscriptions"]] == ["daily", "weekly"]
    assert document["consents"][0]["wording"].endswith("Subscribe to The day.")
    assert (document["feed_keys"][0]["feed"], document["feed_keys"][0]["revoked"]) == ("inner", None)
    assert document["address_changes"][0]["to"] == "new@example.org"
    assert document["bounces"][0]["diagnostic"] == "full"
    assert len(document["deliveries"]) == 1203
    assert document["deliveries"][0]["subject"] == "News of 2026-11-02"
    with made.database.read() as connection:
        same = about_reader(connection, "a@example.org")
    assert set(same) == set(document)
    assert [one["edition"] for one in same["deliveries"]] == [
        one["edition"] for one in document["deliveries"]
    ]
    assert made.dump() == before


def _mail(connection: Connection, *, count: int) -> None:
    """So many weeks, each mailed to the first reader."""
    its = get_digest(connection, "weekly")
    sent = {
        "subscriber_id": 1, "state": "sent", "attempt": 1, "doubts": 0, "message_id": "<1@blog.example>",
        "due_at": NOW, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    first = add_edition(connection, its, MONDAY, subject="News of 2026-11-02")
    rest = [add_edition(connection, its, MONDAY - n * WEEK, mailed=False) for n in range(1, count)]
    rows = [{"edition_id": number, **sent} for number in (first, *rest)]
    connection.execute(insert(delivery), rows)


def test_who_asks_to_be_forgotten_is_told_first_and_then_is(sqlite_feed_blog: FeedsBlog) -> None:
    scrubbed: list[int] = []
    made = opened(sqlite_feed_blog, scrub=lambda: scrubbed.append(1))
    made.client.post(HERE, data={"subscribe": "daily"})
    page = made.client.get(f"{HERE}/erase")
    assert "2 subscriptions end with it." in page.text
    (form,) = tree(page.text).xpath("//form")
    assert form.get("action") == f"../..{HERE}/erase"
    assert "You are forgotten" in twice(made, f"{HERE}/erase").text
    assert made.client.get(f"{HERE}/erase").text == made.client.post(f"{HERE}/erase").text
    assert scrubbed == [1]
    assert "a@example.org" not in str(made.dump())
    assert not tree(made.client.get(HERE).text).xpath("//form")
    for page_ in ("/address", "/data"):
        assert made.client.get(HERE + page_).status_code == 409


def test_where_nobody_can_be_forgotten_there_is_no_such_page(sqlite_feed_blog: FeedsBlog) -> None:
    made = opened(sqlite_feed_blog, erase=None, about=None)
    page = made.client.get(HERE).text
    assert tree(page).xpath("//section[@aria-labelledby='yours']//a/@href") == [f"..{HERE}/address"]
    for name in ("erase", "data"):
        assert made.client.get(f"{HERE}/{name}").status_code == 404


def test_what_is_wrong_stands_at_its_field(own: Reading) -> None:
    fields = {
        "which": "all", "cadence": "weekly", "weekday": "9", "at": "25:00", "timezone": "Mars", "do": "save",
        "content": "full", "form": "html", "language": "<b>", "paused_until": "soon",
    }  # fmt: skip
    page = tree(own.client.post(HERE, data=fields).text)
    summary = page.xpath("//*[@role='alert']//a/@href")
    assert summary == ["#weekday", "#at", "#timezone", "#language", "#paused_until"]
    for name in (one.removeprefix("#") for one in summary):
        (it,) = page.xpath(f"//*[@id='{name}']")
        assert it.get("aria-invalid") == "true"
        assert f"{name}-wrong" in it.get("aria-describedby").split()
        assert page.xpath(f"//*[@id='{name}-wrong']/text()")
