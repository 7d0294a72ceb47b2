"""The publisher's pages of deliveries: how editions stand, what servers said, sending again."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, update

from digests.deliveries import requeue
from digests.model import DeliveryState, delivery
from digests.review import answers, count_in_state, mails_of_edition, mails_of_reader, sent_answers
from digests.standing import count_by_edition, edition_standings
from tests.admin_client import AdminClient
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.readers_audience import NOW, Audience
from tests.test_web_admin_readers import words
from tests.web_client import tree
from web.model import Role
from web.operations.figures import Figures

REPLIES = {
    "sent": "250 2.0.0 Ok: queued as 17",
    "failed": "550 5.1.1 no such user",
    "deferred": "451 4.7.1 later",
    "in_doubt": "the connection was lost after the final dot",
}


@pytest.fixture
def audience(sqlite_feed_blog: FeedsBlog) -> Audience:
    """Seven readers, whose mails of one edition stand each in another state; and an edition before it."""
    return filled(sqlite_feed_blog)


def filled(blog: FeedsBlog) -> Audience:
    made = Audience(blog)
    made.digest()
    readers = [made.reader(f"reader{number}@example.org", "weekly") for number in range(7)]
    old, new = made.edition(), made.edition()
    for reader, state in zip(readers, DeliveryState, strict=True):
        made.mail(old, reader, "failed" if reader == readers[0] else "sent", REPLIES["failed"])
        made.mail(new, reader, state, REPLIES.get(state))
    return made


@pytest.fixture
def owner(audience: Audience) -> AdminClient:
    """Somebody who may do everything."""
    return audience.client()


def test_an_edition_shows_how_many_stand_where_in_words(owner: AdminClient) -> None:
    page = owner.page("/deliveries")
    (new, old) = page.xpath("//ol[@class='sendings']/li")
    assert words(new.xpath(".//figcaption")[0]) == "Under way: 3 of 7 to go."
    assert [words(one) for one in new.xpath(".//figure//li")] == [
        "● sent 1",
        "◔ being sent 1",
        "◔ waiting 1",
        "◔ deferred 1",
        "▲ in doubt 1",
        "▲ failed 1",
        "○ skipped 1",
    ]
    assert [words(one) for one in old.xpath(".//figure//*[self::figcaption or self::li]")] == [
        "Done.",
        "● sent 6",
        "▲ failed 1",
    ]


def test_why_an_edition_was_not_mailed_is_told(audience: Audience, owner: AdminClient) -> None:
    audience.edition(reason="too_few", message=None, subject=None, readers=9)
    (first, *_) = owner.page("/deliveries").xpath("//ol[@class='sendings']/li")
    assert "Not mailed: too few posts yet." in words(first)
    assert not first.xpath(".//figure")


def test_editions_go_on_page_by_page_and_by_digest(audience: Audience, owner: AdminClient) -> None:
    audience.digest("daily")
    for _ in range(26):
        audience.edition("daily")
    found = []
    path = "/deliveries?digest=daily"
    while path:
        page = owner.page(path)
        found += page.xpath("//ol[@class='sendings']/li/h2/a/text()")
        path = "".join(
            f"/deliveries{href.partition('/deliveries')[2]}" for href in page.xpath("//a[@rel='next']/@href")
        )
    assert found == [f"Edition {number}" for number in range(28, 2, -1)]


def test_an_edition_can_be_watched_to_its_end(audience: Audience, owner: AdminClient) -> None:
    page = owner.page("/deliveries/2")
    (polled,) = page.xpath("//*[@data-poll]/@data-poll")
    assert page.xpath("//noscript/meta[@http-equiv='refresh']")
    path = "/deliveries" + polled.partition("/deliveries")[2]
    first = owner.get(path).text
    assert "<html" not in first
    assert "Under way: 3 of 7 to go." in first
    with audience.database.write() as connection:
        sent = update(delivery).where(delivery.c.state.in_(["queued", "sending", "deferred"]))
        connection.execute(sent.values(state="sent"))
    last = tree(owner.get(path).text)
    assert last.xpath("//*[@data-over]")
    assert "● sent 4" in words(last)
    over = owner.page("/deliveries/2")
    assert not over.xpath("//*[@data-poll] | //noscript")


def test_who_did_not_get_it_is_listed_by_state(owner: AdminClient) -> None:
    for state, reader in (("failed", 4), ("in_doubt", 5), ("queued", 0), ("", 4), ("sent", 4), ("x", 4)):
        page = owner.page(f"/deliveries/2?state={state}")
        listed = page.xpath("//h2[@id='mails']/following-sibling::form//tbody/tr/th")
        assert [words(one) for one in listed] == [f"reader{reader}@example.org"], state
    assert owner.get("/deliveries/99").status_code == 404
    assert owner.get(f"/deliveries/{'9' * 30}").status_code == 404


def test_some_are_sent_again_after_their_number_was_told(audience: Audience, owner: AdminClient) -> None:
    before = audience.states()
    (doubtful,) = [number for number, state in before.items() if state == "in_doubt"]
    sent = next(number for number, state in before.items() if state == "sent")
    path = f"/deliveries/2/again?state=in_doubt&delivery={doubtful}&delivery=x"
    page = owner.page(path)
    assert page.xpath("string(//h1)") == "Send 1 mail again?"
    assert audience.states() == before
    # What was sent, and what is another edition's, stays.
    chosen = {"state": "in_doubt", "delivery": [str(doubtful), str(sent), "1"]}
    assert owner.post("/deliveries/2/again", chosen).status_code == 303
    assert audience.states() == before | {doubtful: "queued"}
    assert audience.done() == [("deliveries.release", "edition 2")]


def test_all_of_an_edition_are_sent_again_and_no_other_s(audience: Audience, owner: AdminClient) -> None:
    before = audience.states()
    assert "1 mail of this edition" in words(owner.page("/deliveries/2/again?state=failed"))
    owner.post("/deliveries/2/again", {"state": "failed"})
    changed = {number for number, state in audience.states().items() if before[number] != state}
    assert [before[number] for number in changed] == ["failed"]
    assert Counter(audience.states().values())["failed"] == 1
    assert audience.done() == [("deliveries.retry", "edition 2")]


def test_all_that_failed_is_sent_again(audience: Audience, owner: AdminClient) -> None:
    page = owner.page("/deliveries/doubt")
    assert [words(row)[:9] for row in page.xpath("//tbody/tr")] == ["Edition 2", "Edition 1"]
    assert "2 mails of 2 editions" in words(owner.page("/deliveries/again?state=failed"))
    owner.post("/deliveries/again", {"state": "failed"})
    assert "failed" not in audience.states().values()
    assert audience.done() == [("deliveries.retry", "all editions")]


@pytest.mark.parametrize("state", ["sent", "queued", "skipped", "", "nonsense"])
def test_nothing_else_is_sent_again(audience: Audience, owner: AdminClient, state: str) -> None:
    before = audience.states()
    for path in ("/deliveries/again", "/deliveries/2/again"):
        assert owner.get(f"{path}?state={state}").status_code == 404
        assert owner.post(path, {"state": state}).status_code == 404
    assert owner.post("/deliveries/99/again", {"state": "failed"}).status_code == 404
    assert audience.states() == before


def test_a_viewer_watches_and_sends_nothing(audience: Audience) -> None:
    viewer = audience.client(Role.VIEWER)
    before = audience.states()
    page = viewer.page("/deliveries/2?state=failed")
    assert not page.xpath("//input[@type='checkbox'] | //a[contains(@href, 'again')]")
    for path in ("/deliveries/again", "/deliveries/2/again"):
        assert viewer.get(f"{path}?state=failed").status_code == 403
        assert viewer.post(path, {"state": "failed"}).status_code == 403
    assert audience.states() == before


def test_what_servers_answered_is_grouped(audience: Audience, owner: AdminClient) -> None:
    page = owner.page("/deliveries/answers")
    first = [words(cell) for cell in page.xpath("//tbody/tr[1]/*")]
    assert first == ["550 5.1.1", "▲ failed", "2", "550 5.1.1 no such user"]
    of_one = owner.page("/deliveries/2").xpath("//div[@aria-label='Answers of servers']//tbody/tr[last()]/*")
    assert [words(cell) for cell in of_one] == ["250 2.0.0", "● sent", "1", "250 2.0.0 Ok: queued as 17"]


def test_of_many_answers_the_newest_are_read_and_that_is_said(feed_blog: FeedsBlog) -> None:
    audience = filled(feed_blog)
    with audience.database.read() as connection:
        found, is_all = answers(connection, most=2)
        assert (sum(one.count for one in found if one.state == "failed"), is_all) == (2, False)
        _, is_all = answers(connection, most=3)
        assert is_all
        assert sum(one.count for one in sent_answers(connection, 1, most=3)) == 3


def test_charts_count_mails_by_the_day_of_their_edition(audience: Audience, owner: AdminClient) -> None:
    Figures(audience.database).count(NOW)
    page = owner.page("/deliveries/charts")
    legend = [words(one) for one in page.xpath("//ul[@class='legend']/li")]
    assert legend == ["sent 7", "not sent yet 4", "failed 2", "skipped 1"]


@given(st.lists(st.lists(st.sampled_from(list(DeliveryState)), max_size=7), min_size=1, max_size=4))
@settings(max_examples=often(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_sent_is_the_rest(sqlite_feed_blog: FeedsBlog, editions: list[list[DeliveryState]]) -> None:
    made = Audience(sqlite_feed_blog)
    with made.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM digest")
        connection.exec_driver_sql("DELETE FROM subscriber")
    made.digest()
    readers = [made.reader(f"r{number}@example.org") for number in range(7)]
    numbers = {}
    for states in editions:
        number = made.edition()
        for reader, state in zip(readers, states, strict=False):
            made.mail(number, reader, state)
        numbers[number] = states
    with made.database.read() as connection:
        found = {one.id: dict(one.states) for one in edition_standings(connection)}
        assert found == {number: dict(Counter(states)) for number, states in numbers.items()}
        assert count_by_edition(connection, {}) == {}
        for state in set(DeliveryState) - {DeliveryState.SENT}:
            expected = {number: states.count(state) for number, states in numbers.items() if state in states}
            assert count_in_state(connection, state) == expected


def test_the_ledger_is_read_page_by_page_on_either_database(feed_blog: FeedsBlog) -> None:
    audience = filled(feed_blog)
    for _ in range(3):
        audience.mail(2, audience.reader(None, state="erased"), "failed", None)
    with audience.database.read() as connection:
        first = mails_of_edition(connection, 2, DeliveryState.FAILED, limit=3)
        rest = mails_of_edition(connection, 2, DeliveryState.FAILED, before=first[-1].id)
        assert [one.email for one in (*first, *rest)] == [None, None, None, "reader4@example.org"]
        newest = mails_of_reader(connection, 1, limit=1)
        assert [(one.edition, one.state) for one in newest] == [(2, DeliveryState.QUEUED)]
        assert [one.edition for one in mails_of_reader(connection, 1, before=newest[0].id)] == [1]
        assert count_in_state(connection, DeliveryState.FAILED) == {2: 4, 1: 1}
        assert count_in_state(connection, DeliveryState.FAILED, most=1) == {2: 4}
        assert edition_standings(connection, number=2)[0].states == {
            state: 4 if state is DeliveryState.FAILED else 1 for state in DeliveryState
        }
    with audience.database.write() as connection:
        only = [rest[0].id, newest[0].id]
        assert requeue(connection, DeliveryState.FAILED, number=2, only=only, now=NOW) == 1
        assert requeue(connection, DeliveryState.FAILED, now=NOW) == 4


def test_what_was_sent_is_not_listed_by_edition(audience: Audience) -> None:
    with audience.database.read() as connection, pytest.raises(ValueError, match="not listed"):
        mails_of_edition(connection, 1, DeliveryState.SENT)


def test_pages_of_the_ledger_are_read_by_indexes(sqlite_feed_blog: FeedsBlog) -> None:
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute("EXPLAIN QUERY PLAN " + statement, values)
            plans.extend(row[-1] for row in cursor.fetchall())

    database = sqlite_feed_blog.database
    event.listen(database.engine, "before_cursor_execute", explain)
    with database.read() as connection:
        mails_of_reader(connection, 1, before=9)
        mails_of_edition(connection, 1, DeliveryState.FAILED, before=9)
        count_in_state(connection, DeliveryState.IN_DOUBT)
        count_by_edition(connection, {1: 5, 2: 5})
        answers(connection)
        answers(connection, number=1)
        sent_answers(connection, 1)
    of_ledger = [line for line in plans if " delivery" in line]
    assert len(of_ledger) == 13
    assert all("INDEX" in line and line.startswith("SEARCH") for line in of_ledger), of_ledger
    # The newest ten thousand are not sorted to find fifty.
    assert sum("TEMP B-TREE FOR ORDER BY" in line for line in plans) == 0
