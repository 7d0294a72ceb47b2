"""Planning: who gets which posts when, in one transaction, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from database import Database, open_database, upgrade
from digests.model import delivery, edition
from digests.planning.editions import PlanReport
from posts.curation import rename_label
from posts.model import PostState
from subscribers.model import subscriber, subscription
from subscribers.store import confirm, subscribe, unsubscribe
from tests.digests_newsroom import HOUR, MONDAY, WEEK, Newsroom
from tests.examples import often


@pytest.fixture
def newsroom(database: Database) -> Newsroom:
    return Newsroom(database)


def test_a_weekly_digest_brings_the_news_of_its_week_and_no_archive(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest(rule="mek or iran"))
    newsroom.publish("old", datetime(2012, 2, 9, tzinfo=UTC), "MEK", stored=MONDAY - 3 * HOUR)
    assert newsroom.plan(MONDAY) == PlanReport(decided=1)
    newsroom.publish("new", MONDAY + 2 * 24 * HOUR, "MEK")
    newsroom.publish("of another label", MONDAY + 2 * 24 * HOUR, "sports")
    assert newsroom.plan(MONDAY + WEEK - timedelta(seconds=1)) == PlanReport()
    assert newsroom.plan(MONDAY + WEEK) == PlanReport(editions=1, deliveries=1, decided=1)
    assert newsroom.plan(MONDAY + WEEK) == PlanReport()
    assert newsroom.mail() == {reader: [["new"]]}


def test_a_post_under_two_labels_comes_once(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest(rule="mek or iran"), labels=["iran", "mek"])
    newsroom.publish("both", MONDAY - HOUR, "MEK", "Iran")
    newsroom.plan(MONDAY)
    assert newsroom.mail() == {reader: [["both"]]}


def test_a_late_import_is_news_of_the_next_window(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest())
    newsroom.plan(MONDAY)
    newsroom.publish("late", MONDAY - HOUR, stored=MONDAY + HOUR)
    newsroom.plan(MONDAY + WEEK)
    assert newsroom.mail() == {reader: [["late"]]}


def test_an_import_that_ends_after_the_window_was_closed_is_not_lost(newsroom: Newsroom) -> None:
    """It began before the slot and committed after the digest was planned."""
    reader = newsroom.reader(newsroom.digest())
    newsroom.plan(MONDAY + HOUR)
    newsroom.publish("slow", MONDAY - HOUR, stored=MONDAY - HOUR)
    newsroom.plan(MONDAY + WEEK)
    assert newsroom.mail() == {reader: [["slow"]]}


def test_an_edit_is_not_sent_again(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest())
    newsroom.publish("first", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    newsroom.publish("first", MONDAY - HOUR, "a label it did not have", stored=MONDAY + HOUR)
    newsroom.publish("second", MONDAY + HOUR)
    newsroom.plan(MONDAY + WEEK)
    assert newsroom.mail() == {reader: [["first"], ["second"]]}


def test_a_scheduled_post_is_news_when_its_time_comes(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest())
    newsroom.publish("planned", MONDAY + 24 * HOUR, stored=MONDAY - 24 * HOUR)
    newsroom.plan(MONDAY)
    assert newsroom.mail() == {}
    newsroom.plan(MONDAY + WEEK)
    assert newsroom.mail() == {reader: [["planned"]]}


def test_drafts_and_deleted_posts_are_no_news(newsroom: Newsroom) -> None:
    newsroom.reader(newsroom.digest())
    newsroom.publish("draft", MONDAY - HOUR, state=PostState.DRAFT)
    newsroom.publish("gone", MONDAY - HOUR, state=PostState.DELETED)
    newsroom.plan(MONDAY)
    assert newsroom.mail() == {}


def test_readers_of_the_same_window_labels_and_language_share_an_edition(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    for labels in ([], [], ["mek"], ["mek"], ["iran"]):
        newsroom.reader(digest, labels=labels)
    newsroom.publish("one", MONDAY - HOUR, "MEK")
    assert newsroom.plan(MONDAY) == PlanReport(editions=2, deliveries=4, decided=5)


def test_the_news_of_a_window_is_asked_for_once_whatever_readers_choose(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    for number in range(30):
        newsroom.reader(digest, labels=["mek", f"label-{number}"])
    newsroom.publish("one", MONDAY - HOUR, "MEK")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "visible_at >" in statement:
            asked.append(statement)

    event.listen(newsroom.database.engine, "before_cursor_execute", note)
    assert newsroom.plan(MONDAY) == PlanReport(editions=30, deliveries=30, decided=30)
    assert len(asked) == 1


def test_a_reader_who_joined_in_the_middle_of_the_week_shares_its_edition(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    newsroom.reader(digest)
    newsroom.plan(MONDAY)
    newsroom.publish("one", MONDAY + HOUR)
    newsroom.reader(digest, made=MONDAY + 50 * HOUR)
    assert newsroom.plan(MONDAY + WEEK) == PlanReport(editions=1, deliveries=2, decided=2)


def test_a_renamed_label_still_reaches_who_chose_it(newsroom: Newsroom) -> None:
    digest = newsroom.digest(rule="MEK")
    newsroom.publish("old", MONDAY - 30 * WEEK, "MEK")
    before, after = newsroom.reader(digest, labels=["mek"]), newsroom.reader(digest, labels=["pmoi"])
    with newsroom.database.write() as connection:
        rename_label(connection, "MEK", "PMOI", now=MONDAY - 2 * HOUR)
    newsroom.publish("news", MONDAY - HOUR, "PMOI")
    assert newsroom.plan(MONDAY).editions == 1
    assert newsroom.mail() == {before: [["news"]], after: [["news"]]}


def test_a_reader_has_a_cadence_and_a_timezone_of_their_own(newsroom: Newsroom) -> None:
    daily = newsroom.reader(newsroom.digest(), cadence="daily", minute=7 * 60, timezone="Europe/Berlin")
    newsroom.publish("one", MONDAY - 2 * HOUR)
    newsroom.plan(datetime(2026, 3, 3, 5, 59, tzinfo=UTC))
    assert newsroom.mail() == {}
    newsroom.plan(datetime(2026, 3, 3, 6, 0, tzinfo=UTC))
    assert newsroom.mail() == {daily: [["one"]]}


def test_instant_readers_get_what_is_new_at_the_next_tick_and_once(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest(cadence="instant", at=None), made=MONDAY)
    newsroom.publish("before", MONDAY - HOUR)
    newsroom.plan(MONDAY + timedelta(seconds=5))
    newsroom.publish("one", MONDAY + HOUR)
    newsroom.publish("two", MONDAY + HOUR)
    newsroom.plan(MONDAY + HOUR + timedelta(seconds=5))
    assert newsroom.plan(MONDAY + HOUR + timedelta(seconds=10)) == PlanReport()
    newsroom.publish("three", MONDAY + 2 * HOUR)
    newsroom.plan(MONDAY + 2 * HOUR)
    assert newsroom.mail() == {reader: [["two", "one"], ["three"]]}


def test_a_digest_too_late_folds_into_the_next_which_says_so(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest(max_lateness=2 * HOUR))
    newsroom.publish("first week", MONDAY - HOUR)
    newsroom.plan(MONDAY - 2 * HOUR)
    assert newsroom.plan(MONDAY + 3 * HOUR) == PlanReport(folded=1, decided=1)
    newsroom.publish("second week", MONDAY + 4 * HOUR)
    newsroom.plan(MONDAY + WEEK + HOUR)
    assert newsroom.mail() == {reader: [["second week", "first week"]]}
    with newsroom.database.read() as connection:
        row = connection.execute(select(edition)).one()
    assert (row.folded, row.window_start, row.window_end) == (True, MONDAY - WEEK, MONDAY + WEEK)


def test_a_digest_a_little_late_is_sent_for_its_own_window(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest())
    newsroom.publish("in time", MONDAY - HOUR)
    newsroom.publish("after the slot", MONDAY + HOUR)
    newsroom.plan(MONDAY + 3 * HOUR)
    assert newsroom.mail() == {reader: [["in time"]]}
    newsroom.plan(MONDAY + WEEK)
    assert newsroom.mail() == {reader: [["in time"], ["after the slot"]]}


def test_pending_suppressed_and_ended_readers_are_not_planned_for(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    numbers = [newsroom.reader(digest) for _ in range(4)]
    with newsroom.database.write() as connection:
        for number, state in zip(numbers, ("pending", "suppressed"), strict=False):
            connection.execute(update(subscriber).where(subscriber.c.id == number).values(state=state))
        ended = update(subscription).where(subscription.c.id == numbers[2])
        connection.execute(ended.values(state="ended"))
    newsroom.publish("news", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    assert newsroom.mail() == {numbers[3]: [["news"]]}


def test_a_rehearsal_before_the_subscription_was_made_counts_it_as_made(newsroom: Newsroom) -> None:
    reader = newsroom.reader(newsroom.digest(), made=MONDAY + 52 * WEEK)
    newsroom.publish("news", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    newsroom.plan(MONDAY)
    assert newsroom.mail() == {reader: [["news"]]}


def test_a_reader_who_comes_back_gets_no_news_of_the_time_they_were_away(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    reader = newsroom.reader(digest)
    newsroom.plan(MONDAY)
    with newsroom.database.write() as connection:
        unsubscribe(connection, reader, now=MONDAY + HOUR)
    newsroom.publish("while away", MONDAY + 2 * HOUR)
    back = MONDAY + 10 * WEEK + HOUR
    with newsroom.database.write() as connection:
        subscribe(connection, subscriber_id=reader, digest_id=digest, now=back, renew=True)
    newsroom.plan(back + HOUR)
    newsroom.publish("back", back + 2 * HOUR)
    newsroom.plan(MONDAY + 11 * WEEK)
    assert newsroom.mail() == {reader: [["back"]]}


@pytest.mark.parametrize("cadence", ["instant", "weekly"])
def test_a_reader_who_confirms_late_begins_when_they_confirmed(newsroom: Newsroom, cadence: str) -> None:
    reader = newsroom.reader(newsroom.digest(), cadence=cadence)
    pending = update(subscriber).values(state="pending", confirmed_at=None)
    with newsroom.database.write() as connection:
        connection.execute(pending)
    newsroom.publish("before", MONDAY + HOUR)
    confirmed = MONDAY + 10 * WEEK + HOUR
    with newsroom.database.write() as connection:
        confirm(connection, reader, now=confirmed, salt="salt")
    newsroom.plan(confirmed + HOUR)
    newsroom.publish("after", confirmed + 2 * HOUR)
    newsroom.plan(MONDAY + 11 * WEEK)
    assert newsroom.mail() == {reader: [["after"]]}


def test_an_edition_is_frozen(newsroom: Newsroom) -> None:
    """What is planned later for the same window gets the same posts."""
    digest = newsroom.digest()
    newsroom.reader(digest)
    newsroom.publish("one", MONDAY - HOUR)
    newsroom.plan(MONDAY)
    late = newsroom.reader(digest, made=MONDAY - HOUR)
    newsroom.plan(MONDAY + HOUR)
    assert newsroom.count(edition) == 1
    assert newsroom.mail()[late] == [["one"]]


def test_many_planners_at_once_plan_everything_once(newsroom: Newsroom) -> None:
    digest = newsroom.digest()
    for number in range(60):
        newsroom.reader(digest, labels=["mek"] if number % 2 else [])
    newsroom.publish("one", MONDAY - HOUR, "MEK")
    with ThreadPoolExecutor(6) as planners:
        reports = list(planners.map(lambda _: newsroom.plan(MONDAY), range(6)))
    assert sum(report.deliveries for report in reports) == 60
    assert sum(report.editions for report in reports) == 2
    assert newsroom.count(delivery) == 60


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy, so that an example costs no migration."""
    path = tmp_path_factory.mktemp("planned") / "empty.db"
    database = open_database(f"sqlite:///{path}")
    upgrade(database)
    database.dispose()
    return path


@settings(max_examples=often(12), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_post_comes_once_however_the_ticks_fall(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Posts at any time, ticks at any time, a reader of each cadence: each gets each post exactly once."""
    path = tmp_path_factory.mktemp("one") / "labelcast.db"
    path.write_bytes(empty.read_bytes())
    newsroom = Newsroom(open_database(f"sqlite:///{path}"))
    digest = newsroom.digest(max_age=timedelta(days=400))
    cadences = ("instant", "daily", "weekly", "monthly")
    readers = [newsroom.reader(digest, made=MONDAY, cadence=cadence) for cadence in cadences]
    hours = st.integers(1, 24 * 20)
    steps = data.draw(st.lists(st.tuples(st.booleans(), hours), min_size=5, max_size=25))
    now = MONDAY
    written: list[str] = []
    newsroom.plan(now + timedelta(seconds=1))
    for is_post, pause in steps:
        now += timedelta(hours=pause)
        if is_post:
            written.append(f"p{len(written)}")
            newsroom.publish(written[-1], now)
        else:
            newsroom.plan(now)
    # The last post's month ends, and what is late has folded.
    for _ in range(3):
        now = (now + timedelta(days=32)).replace(day=1, hour=14, minute=0, second=1, microsecond=0)
        newsroom.plan(now)
    mail = newsroom.mail()
    for reader in readers:
        titles = [title for titles in mail.get(reader, []) for title in titles]
        assert sorted(titles) == sorted(written)
    newsroom.database.dispose()
