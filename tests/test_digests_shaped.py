"""Editions as their readers and publishers shape them: pauses, least numbers, options, introductions."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select, update

from database import Database
from digests.model import Options, delivery, edition
from digests.offer import DigestError
from digests.planning.editions import Planner, PlanReport
from digests.planning.introducing import introduce
from digests.rendering.printing import edition_contents
from digests.store import add_digest, get_digest, update_digest
from subscribers.model import subscriber, subscription
from tests.digests_newsroom import HOUR, MONDAY, WEEK, Newsroom

DAY = timedelta(days=1)


@pytest.fixture
def newsroom(sqlite_database: Database) -> Newsroom:
    return Newsroom(sqlite_database)


def _editions(newsroom: Newsroom) -> list[Row[Any]]:
    with newsroom.database.read() as connection:
        return list(connection.execute(select(edition).order_by(edition.c.id)).all())


def _told(newsroom: Newsroom) -> list[tuple[str | None, int]]:
    return [(row.reason, row.readers) for row in _editions(newsroom)]


def _introduced(newsroom: Newsroom) -> list[bool]:
    mailed = [row for row in _editions(newsroom) if row.reason is None]
    return [row.options["introduction"] is not None for row in mailed]


def _pause(newsroom: Newsroom, reader: int, until: datetime) -> None:
    step = update(subscription).where(subscription.c.id == reader)
    with newsroom.database.write() as connection:
        connection.execute(step.values(paused_until=until))


def _introduce(newsroom: Newsroom, text: str | None, now: datetime) -> None:
    with newsroom.database.write() as connection:
        introduce(connection, "weekly", text, now=now)


def test_a_slot_without_news_is_told_with_its_readers_and_mails_nobody(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest()
    newsroom.reader(digest)
    newsroom.reader(digest)
    newsroom.plan(MONDAY)
    assert (_told(newsroom), newsroom.count(delivery)) == ([("nothing_new", 2)], 0)
    newsroom.reader(digest, made=MONDAY - HOUR)
    newsroom.plan(MONDAY + HOUR)
    assert _told(newsroom) == [("nothing_new", 3)]


def test_an_edition_counts_its_readers_in_all_batches(database: Database) -> None:
    newsroom = Newsroom(database)
    newsroom.planner = Planner(database, mail_domain="example.org", batch=4, breath=0)
    digest = newsroom.digest()
    for _ in range(11):
        newsroom.reader(digest)
    newsroom.publish("one", MONDAY - HOUR)
    assert newsroom.plan(MONDAY) == PlanReport(editions=1, deliveries=11, decided=11)
    assert _told(newsroom) == [(None, 11)]


def test_too_few_posts_wait_for_the_next_slot_and_are_not_late(database: Database) -> None:
    newsroom = Newsroom(database)
    reader = newsroom.reader(newsroom.digest(min_posts=2))
    newsroom.publish("one", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    assert (_told(newsroom), newsroom.mail()) == ([("too_few", 1)], {})
    newsroom.publish("two", MONDAY + HOUR)
    newsroom.plan(MONDAY + 2 * HOUR)
    newsroom.plan(MONDAY + WEEK)
    assert newsroom.mail() == {reader: [["two", "one"]]}
    last = _editions(newsroom)[-1]
    assert (last.folded, last.window_start, last.window_end) == (False, MONDAY - WEEK, MONDAY + WEEK)


def test_a_slot_that_was_missed_is_told_also_where_posts_may_wait(newsroom: Newsroom) -> None:
    newsroom.reader(newsroom.digest(min_posts=2, max_lateness=2 * HOUR))
    newsroom.publish("one", MONDAY - HOUR)
    newsroom.plan(MONDAY - 2 * HOUR)
    newsroom.plan(MONDAY + 3 * HOUR)
    newsroom.publish("two", MONDAY + 4 * HOUR)
    newsroom.plan(MONDAY + WEEK)
    assert [row.folded for row in _editions(newsroom)] == [True]


def test_an_instant_reader_waits_for_enough_posts_and_nothing_is_due_meanwhile(database: Database) -> None:
    newsroom = Newsroom(database)
    reader = newsroom.reader(newsroom.digest(cadence="instant", at=None, min_posts=2), made=MONDAY)
    newsroom.publish("one", MONDAY + HOUR)
    newsroom.plan(MONDAY + HOUR)
    assert not newsroom.planner.is_due(MONDAY + 2 * HOUR)
    assert _told(newsroom) == []
    newsroom.publish("two", MONDAY + 3 * HOUR)
    newsroom.plan(MONDAY + 3 * HOUR)
    newsroom.publish("three", MONDAY + 4 * HOUR)
    newsroom.plan(MONDAY + 4 * HOUR)
    assert newsroom.mail() == {reader: [["two", "one"]]}


def test_what_waits_is_sent_when_fewer_are_enough(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest(cadence="instant", at=None, min_posts=2), made=MONDAY)
    newsroom.publish("one", MONDAY + HOUR)
    newsroom.plan(MONDAY + HOUR)
    with newsroom.database.write() as connection:
        update_digest(connection, "weekly", min_posts=1)
    newsroom.plan(MONDAY + 2 * HOUR)
    assert newsroom.mail() == {reader: [["one"]]}


def test_who_pauses_misses_what_comes_and_then_shares_editions_again(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest()
    here, away = newsroom.reader(digest), newsroom.reader(digest)
    _pause(newsroom, away, MONDAY + WEEK + 2 * DAY)
    for week in range(4):
        newsroom.publish(f"week {week}", MONDAY + week * WEEK - HOUR)
        newsroom.plan(MONDAY + week * WEEK)
    weeks = [[f"week {week}"] for week in range(4)]
    assert newsroom.mail() == {here: weeks, away: weeks[2:]}
    assert newsroom.count(edition) == 4


def test_an_instant_reader_shares_editions_again_after_a_pause(newsroom: Newsroom) -> None:
    digest = newsroom.digest(cadence="instant", at=None)
    here, away = newsroom.reader(digest, made=MONDAY), newsroom.reader(digest, made=MONDAY)
    _pause(newsroom, away, MONDAY + 3 * HOUR)
    for hour in (1, 2, 4):
        newsroom.publish(f"hour {hour}", MONDAY + hour * HOUR)
        newsroom.plan(MONDAY + hour * HOUR)
        assert not newsroom.planner.is_due(MONDAY + hour * HOUR)
    assert newsroom.mail() == {here: [["hour 1"], ["hour 2"], ["hour 4"]], away: [["hour 4"]]}
    assert newsroom.count(edition) == 3


def test_readers_who_want_it_otherwise_have_an_edition_of_their_own(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest(content="summary", language="fr")
    chosen: list[dict[str, Any]] = [{}, {"content": "full"}, {"form": "text"}, {"language": "de"}]
    for choice in [*chosen, *chosen]:
        newsroom.reader(digest, **choice)
    newsroom.publish("one", MONDAY - HOUR)
    assert newsroom.plan(MONDAY) == PlanReport(editions=4, deliveries=8, decided=8)
    found = {(row.content, row.form, row.language, row.readers) for row in _editions(newsroom)}
    assert found == {
        ("summary", "html", "fr", 2),
        ("full", "html", "fr", 2),
        ("summary", "text", "fr", 2),
        ("summary", "html", "de", 2),
    }


def test_a_delivery_has_its_domain_and_instant_mail_goes_first(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest()
    for cadence in ("instant", "weekly"):
        newsroom.reader(digest, cadence=cadence)
    with newsroom.database.write() as connection:
        for number, domain in ((1, "strasse.example"), (2, "mail.example")):
            step = update(subscriber).where(subscriber.c.id == number)
            connection.execute(step.values(email_key=f"r{number}@{domain}"))
    newsroom.publish("one", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    query = select(delivery.c.domain, delivery.c.priority, delivery.c.message_id)
    with newsroom.database.read() as connection:
        rows = connection.execute(query.order_by(delivery.c.subscriber_id)).all()
    assert [row[:2] for row in rows] == [("strasse.example", 0), ("mail.example", 1)]
    assert len({row.message_id for row in rows}) == 2
    assert all(row.message_id.endswith("@example.org>") and len(row.message_id) == 46 for row in rows)


def test_how_an_edition_shows_its_posts_is_frozen_with_it(database: Database) -> None:
    newsroom = Newsroom(database)
    reader = newsroom.reader(newsroom.digest(sort="oldest", grouping="day", max_posts=1))
    newsroom.publish("first", MONDAY - 2 * HOUR)
    newsroom.publish("second", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    with newsroom.database.write() as connection:
        update_digest(connection, "weekly", sort="newest", grouping="none", max_posts=0)
    with newsroom.database.read() as connection:
        _, its, posts = edition_contents(connection, 1)
    assert its.options == Options(max_posts=1, sort="oldest", grouping="day")
    assert [one.title for one in posts] == ["first", "second"]
    assert newsroom.mail() == {reader: [["first", "second"]]}


def test_an_introduction_stands_in_each_readers_next_mail_once(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest()
    newsroom.reader(digest, cadence="daily", timezone="UTC")
    newsroom.reader(digest)
    newsroom.publish("before", MONDAY - WEEK + 2 * HOUR)
    newsroom.plan(MONDAY - 6 * DAY)
    _introduce(newsroom, "We have moved.", MONDAY - 5 * DAY)
    newsroom.plan(MONDAY - 5 * DAY + HOUR)
    for day in range(4, -9, -1):
        newsroom.publish(f"day {day}", MONDAY - day * DAY - HOUR)
        newsroom.plan(MONDAY - day * DAY)
    daily, weekly = newsroom.mail()[1], newsroom.mail()[2]
    assert (len(daily), len(weekly)) == (13, 2)
    # The first daily mail was before it; then one daily mail and one weekly one have it.
    introduced = [row for row in _editions(newsroom) if (row.options or {}).get("introduction")]
    assert len(introduced) == 2
    assert introduced[0].window_end < introduced[1].window_end == MONDAY


def test_an_introduction_waits_where_nothing_is_mailed(newsroom: Newsroom) -> None:
    newsroom.reader(newsroom.digest())
    _introduce(newsroom, "We have moved.", MONDAY - DAY)
    newsroom.plan(MONDAY)
    for week in (1, 2):
        newsroom.publish(f"week {week}", MONDAY + week * WEEK - HOUR)
        newsroom.plan(MONDAY + week * WEEK)
    assert _introduced(newsroom) == [True, False]


def test_one_reader_who_had_an_introduction_does_not_keep_it_from_the_others(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest()
    moved = newsroom.reader(digest, labels=["sports"])
    for _ in range(2):
        newsroom.reader(digest, labels=["town"])
    _introduce(newsroom, "We have moved.", MONDAY - DAY)
    newsroom.publish("match", MONDAY - HOUR, "sports")
    newsroom.plan(MONDAY)
    with newsroom.database.write() as connection:
        step = update(subscription).where(subscription.c.id == moved)
        connection.execute(step.values(labels=["town"]))
    for week in (1, 2):
        newsroom.publish(f"week {week}", MONDAY + week * WEEK - HOUR, "town")
        newsroom.plan(MONDAY + week * WEEK)
    assert _introduced(newsroom) == [True, True, False]


def test_who_pauses_over_an_introduction_misses_it_as_they_miss_its_posts(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    paused = newsroom.reader(digest)
    for _ in range(2):
        newsroom.reader(digest)
    _introduce(newsroom, "We have moved.", MONDAY - DAY)
    _pause(newsroom, paused, MONDAY + DAY)
    for week in (0, 1):
        newsroom.publish(f"week {week}", MONDAY + week * WEEK - HOUR)
        newsroom.plan(MONDAY + week * WEEK)
    assert _introduced(newsroom) == [True, False]
    assert newsroom.mail()[paused] == [["week 1"]]


def test_another_introduction_is_shown_too_and_one_taken_away_is_not(newsroom: Newsroom) -> None:
    newsroom.reader(newsroom.digest())
    for week, text in enumerate(("First.", "Second.", None)):
        _introduce(newsroom, text, MONDAY + week * WEEK - DAY)
        newsroom.publish(f"week {week}", MONDAY + week * WEEK - HOUR)
        newsroom.plan(MONDAY + week * WEEK)
    shown = [row.options["introduction"] for row in _editions(newsroom)]
    assert shown == ["<p>First.</p>", "<p>Second.</p>", None]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("One & two.\nStill one.\n\nAnother.", "<p>One &amp; two.<br>Still one.</p>\n<p>Another.</p>"),
        ("<p>Hello <b>you</b></p><script>alert(1)</script>", "<p>Hello <b>you</b></p>"),
        ('<a href="/about" onclick="x()">us</a>', '<a href="https://blog.example/about">us</a>'),
    ],
)
def test_an_introduction_is_cleaned_when_it_is_stored(
    sqlite_connection: Connection, text: str, stored: str
) -> None:
    add_digest(sqlite_connection, "weekly", rule="all", now=MONDAY)
    introduce(sqlite_connection, "weekly", text, now=MONDAY, base="https://blog.example")
    its = get_digest(sqlite_connection, "weekly")
    assert (its.introduction, its.introduced_at) == (stored, MONDAY)


@pytest.mark.parametrize("text", ["", "  \n ", "<script>alert(1)</script>", "x" * 20_001])
def test_an_introduction_that_is_none_is_refused(sqlite_connection: Connection, text: str) -> None:
    add_digest(sqlite_connection, "weekly", rule="all", now=MONDAY)
    with pytest.raises(DigestError, match="introduction"):
        introduce(sqlite_connection, "weekly", text, now=MONDAY)
    assert get_digest(sqlite_connection, "weekly").introduction is None


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"content": "all"}, "choose one of full, summary"),
        ({"sort": "best"}, "order 'best' is none: choose one of newest, oldest"),
        ({"grouping": "author"}, "group_by 'author' is none"),
        ({"min_posts": 0}, "1 to 1000"),
        ({"max_posts": -1}, "0 for all"),
    ],
)
def test_what_a_digest_cannot_show_is_refused(
    sqlite_connection: Connection, shape: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DigestError, match=reason):
        add_digest(sqlite_connection, "weekly", rule="all", now=MONDAY, **shape)
