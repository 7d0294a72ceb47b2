"""A digest sent beside its slots, paused and resumed: no post is mailed twice, and none is lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from database import Database
from digests.cadence import Cadence, Fold, Hold, PassOver, Rhythm, Send, Wait, decide, next_slot
from digests.model import digest, edition
from digests.offer import DigestError
from digests.past import Candidate, tiled
from digests.planning.calling import (
    SentMeanwhile,
    call_up,
    is_anybody_called,
    pause_digest,
    resume_digest,
    send_now,
)
from digests.planning.editions import Planner
from digests.planning.estimating import estimate
from digests.store import get_digest, update_digest
from posts.model import blog, post
from subscribers.model import CHANGED, subscriber, subscription
from tests.digests_newsroom import HOUR, MONDAY, WEEK, Newsroom
from tests.examples import often

DAY = timedelta(days=1)
TUESDAY = MONDAY + DAY
APRIL = MONDAY + 30 * DAY
WEEKLY = Rhythm(Cadence.WEEKLY, 480, 0, 1, "America/Regina")
AGES = timedelta(days=3000)


def _tell(newsroom: Newsroom, at: datetime, *, last: datetime | None = None) -> None:
    with newsroom.database.write() as connection:
        send_now(connection, "weekly", last=last, now=at)


def _pause(newsroom: Newsroom, at: datetime) -> None:
    with newsroom.database.write() as connection:
        pause_digest(connection, "weekly", now=at)


def _resume(newsroom: Newsroom) -> None:
    with newsroom.database.write() as connection:
        resume_digest(connection, "weekly")


def _decide(**said: Any) -> object:
    return decide(
        WEEKLY, **{"window_start": MONDAY, "next_slot": None, "max_lateness": 2 * DAY, "now": TUESDAY} | said
    )


def test_a_new_rhythm_reaches_all_its_readers_however_few_at_a_time(database: Database) -> None:
    newsroom = Newsroom(database)
    its = newsroom.digest()
    readers = [newsroom.reader(its) for _ in range(5)]
    newsroom.plan(MONDAY)
    newsroom.publish("one", MONDAY + HOUR)
    with database.write() as connection:
        update_digest(connection, "weekly", at="tue 08:00")
        call_up(connection, MONDAY + 2 * HOUR, limit=2)
        changed = select(subscription.c.id).where(subscription.c.next_slot == CHANGED)
        assert len(connection.execute(changed).all()) == 2
    # A process that ended here leaves the others to the next tick.
    assert newsroom.planner.is_due(MONDAY + 2 * HOUR)
    newsroom.plan(TUESDAY + HOUR)
    assert newsroom.mail() == {reader: [["one"]] for reader in readers}
    with database.read() as connection:
        slots = set(connection.execute(select(subscription.c.next_slot)).scalars())
    assert slots == {TUESDAY + WEEK}
    assert not newsroom.planner.is_due(TUESDAY + HOUR)


def test_an_extra_slot_ends_the_open_window_once() -> None:
    following = MONDAY + WEEK
    assert _decide(extra=TUESDAY) == Send(MONDAY, TUESDAY, following, folded=False)
    assert _decide(extra=TUESDAY, now=TUESDAY - HOUR) == Fold(following)
    assert _decide(extra=TUESDAY, window_start=TUESDAY) == Fold(following)
    assert _decide(extra=TUESDAY, next_slot=following) == Wait()
    late = _decide(extra=TUESDAY, now=TUESDAY + 3 * DAY)
    assert late == Fold(following)
    # A regular slot that has come since holds its posts too.
    assert _decide(extra=TUESDAY, now=following) == Send(MONDAY, following, following + WEEK, folded=False)


def test_who_pauses_has_no_extra_slot() -> None:
    assert _decide(extra=TUESDAY, paused_until=TUESDAY + HOUR) == PassOver(MONDAY, MONDAY + WEEK)
    ended = _decide(extra=TUESDAY, paused_until=TUESDAY - HOUR)
    assert ended == Send(MONDAY, TUESDAY, MONDAY + WEEK, folded=False)


def test_while_a_digest_is_held_its_windows_stay_open() -> None:
    following = MONDAY + WEEK
    assert _decide(held=True, now=following) == Hold(following + WEEK)
    assert _decide(held=True, extra=TUESDAY) == Hold(following)
    instant = decide(
        Rhythm(Cadence.INSTANT, 0, 0, 1, "UTC"),
        window_start=MONDAY,
        next_slot=None,
        now=TUESDAY,
        max_lateness=DAY,
        held=True,
    )
    assert instant == Hold(TUESDAY)


def test_what_is_told_to_be_sent_is_mailed_at_the_next_tick(database: Database) -> None:
    newsroom = Newsroom(database)
    its = newsroom.digest()
    weekly, monthly, instant = (newsroom.reader(its, cadence=one) for one in (None, "monthly", "instant"))
    newsroom.plan(MONDAY)
    newsroom.publish("one", TUESDAY)
    newsroom.plan(TUESDAY + HOUR)
    _tell(newsroom, TUESDAY + 2 * HOUR)
    newsroom.publish("two", TUESDAY + 3 * HOUR)
    # A tick that is told an earlier instant leaves it alone.
    assert not newsroom.planner.is_due(TUESDAY + HOUR)
    assert newsroom.planner.is_due(TUESDAY + 2 * HOUR)
    newsroom.plan(TUESDAY + 4 * HOUR)
    assert newsroom.mail() == {weekly: [["one"]], monthly: [["one"]], instant: [["one"], ["two"]]}
    with database.read() as connection:
        ends = set(connection.execute(select(edition.c.window_end)).scalars())
    assert TUESDAY + 2 * HOUR in ends
    newsroom.plan(MONDAY + WEEK)
    newsroom.plan(APRIL)
    assert newsroom.mail() == {
        weekly: [["one"], ["two"]],
        monthly: [["one"], ["two"]],
        instant: [["one"], ["two"]],
    }


def test_of_two_who_tell_it_one_is_refused(database: Database) -> None:
    newsroom = Newsroom(database)
    newsroom.digest()
    _tell(newsroom, TUESDAY)
    with pytest.raises(SentMeanwhile):
        _tell(newsroom, TUESDAY + HOUR)
    _tell(newsroom, TUESDAY + HOUR, last=TUESDAY)
    _pause(newsroom, TUESDAY + HOUR)
    with database.read() as connection:
        # Nobody was called up yet: that is over.
        assert get_digest(connection, "weekly").send_at is None
    with pytest.raises(DigestError, match="resume it first"):
        _tell(newsroom, TUESDAY + HOUR)


def test_readers_are_called_up_in_batches(sqlite_database: Database) -> None:
    newsroom = Newsroom(sqlite_database)
    newsroom.planner = Planner(sqlite_database, mail_domain="example.org", batch=3, breath=0)
    its = newsroom.digest()
    readers = [newsroom.reader(its) for _ in range(10)]
    newsroom.plan(MONDAY)
    newsroom.publish("one", TUESDAY)
    _tell(newsroom, TUESDAY + HOUR)
    with sqlite_database.write() as connection:
        # A process that ends here has called up some; another goes on with the rest.
        call_up(connection, TUESDAY + HOUR, limit=3)
        assert is_anybody_called(connection, TUESDAY + HOUR)
    newsroom.plan(TUESDAY + HOUR)
    assert newsroom.mail() == {reader: [["one"]] for reader in readers}
    assert not newsroom.planner.is_due(TUESDAY + HOUR)


def test_two_processes_that_plan_at_once_send_once(database: Database) -> None:
    newsroom = Newsroom(database)
    its = newsroom.digest()
    readers = [newsroom.reader(its) for _ in range(12)]
    newsroom.plan(MONDAY)
    newsroom.publish("one", TUESDAY)
    _tell(newsroom, TUESDAY + HOUR)
    planners = [Planner(database, mail_domain="example.org", batch=2, breath=0) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda planner: planner.plan(TUESDAY + HOUR), planners))
    assert newsroom.mail() == {reader: [["one"]] for reader in readers}


def test_who_was_just_imported_is_called_up_too(sqlite_database: Database) -> None:
    newsroom = Newsroom(sqlite_database)
    reader = newsroom.reader(newsroom.digest(), made=TUESDAY)
    newsroom.publish("one", TUESDAY)
    _tell(newsroom, TUESDAY + HOUR)
    newsroom.plan(TUESDAY + HOUR)
    assert newsroom.mail() == {reader: [["one"]]}


def test_a_slot_missed_by_little_is_sent_when_a_digest_is_resumed(database: Database) -> None:
    newsroom = Newsroom(database)
    its = newsroom.digest()
    weekly, instant = newsroom.reader(its), newsroom.reader(its, cadence="instant")
    newsroom.plan(MONDAY)
    newsroom.publish("one", TUESDAY)
    _pause(newsroom, TUESDAY)
    assert str(newsroom.plan(MONDAY + WEEK)) == ""
    assert not newsroom.planner.is_due(MONDAY + WEEK)
    assert newsroom.mail() == {}
    _resume(newsroom)
    newsroom.plan(MONDAY + WEEK + HOUR)
    assert newsroom.mail() == {weekly: [["one"]], instant: [["one"]]}


def test_slots_missed_by_much_come_with_the_next(sqlite_database: Database) -> None:
    newsroom = Newsroom(sqlite_database)
    weekly = newsroom.reader(newsroom.digest())
    newsroom.plan(MONDAY)
    newsroom.publish("one", TUESDAY)
    _pause(newsroom, TUESDAY)
    newsroom.plan(MONDAY + WEEK)
    newsroom.publish("two", TUESDAY + WEEK)
    _resume(newsroom)
    newsroom.plan(MONDAY + WEEK + 3 * DAY)
    assert newsroom.mail() == {}
    newsroom.plan(MONDAY + 2 * WEEK)
    assert newsroom.mail() == {weekly: [["two", "one"]]}
    with sqlite_database.read() as connection:
        assert connection.execute(select(edition.c.folded)).scalars().all()[-1]


def test_what_would_be_sent_is_told_before(database: Database) -> None:
    newsroom = Newsroom(database)
    its = newsroom.digest(min_posts=2)
    newsroom.reader(its)
    newsroom.reader(its, labels=["iran"])
    newsroom.reader(its, labels=["nothing"])
    newsroom.reader(its, paused_until=TUESDAY + DAY)
    newsroom.reader(its, cadence="daily")
    newsroom.reader(its, state="ended")
    newsroom.plan(MONDAY)
    newsroom.publish("one", TUESDAY, "iran")
    newsroom.publish("two", TUESDAY, "MEK")
    at = TUESDAY + HOUR
    with database.read() as connection:
        found = estimate(connection, get_digest(connection, "weekly"), now=at)
        first = estimate(connection, get_digest(connection, "weekly"), now=at, limit=2)
    assert (found.readers, found.is_all, found.mailed, found.mails) == (5, True, {2: 2}, 2)
    assert (found.nothing_new, found.too_few, found.paused) == (1, 1, 1)
    assert (first.readers, first.is_all) == (2, False)
    _tell(newsroom, at)
    newsroom.plan(at)
    assert sum(map(len, newsroom.mail().values())) == found.mails


def test_a_change_of_a_digest_does_not_end_its_pause(sqlite_database: Database) -> None:
    newsroom = Newsroom(sqlite_database)
    newsroom.digest()
    _pause(newsroom, TUESDAY)
    with sqlite_database.write() as connection:
        update_digest(connection, "weekly", title="Another")
    with sqlite_database.read() as connection:
        assert get_digest(connection, "weekly").paused_at == TUESDAY


def test_what_was_sent_beside_the_slots_is_in_the_archive_at_once(sqlite_database: Database) -> None:
    newsroom = Newsroom(sqlite_database)
    newsroom.digest()
    _tell(newsroom, TUESDAY)
    with sqlite_database.read() as connection:
        its = get_digest(connection, "weekly")
    following = MONDAY + WEEK
    regular, sent = Candidate(1, MONDAY - WEEK, MONDAY), Candidate(2, MONDAY, TUESDAY)
    assert tiled(its, [regular, sent]) == [regular, sent]
    # Who came, or paused, has a window over both: the archive tells each post once all the same.
    rest, whole = Candidate(3, TUESDAY, following), Candidate(4, MONDAY, following)
    assert tiled(its, [regular, sent, rest, whole]) == [regular, sent, rest]


# What a publisher and time do: publish, wait (hours) and tick, send now, pause, resume.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from([(), ("iran",), ("MEK",)])),
        st.tuples(st.just("tick"), st.sampled_from([0, 1, 5, 24, 60, 200])),
        st.tuples(st.just("send"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["pause", "resume", "half"]), st.none()),
    ),
    min_size=4,
    max_size=14,
)
CHOSEN: tuple[dict[str, Any], ...] = (
    {},
    {"cadence": "daily", "timezone": "Asia/Tokyo"},
    {"cadence": "instant"},
    {"cadence": "monthly", "labels": ["iran"]},
)


@dataclass
class _Model:
    """What everybody must have been mailed at an instant, and may have been."""

    posts: list[tuple[str, frozenset[str], datetime]] = field(default_factory=list)
    paused: bool = False
    last: datetime | None = None


def _emptied(database: Database) -> Newsroom:
    with database.write() as connection:
        for table in (digest, subscriber, post):
            connection.execute(delete(table))
        connection.execute(update(blog).values(news_closed_until=None))
    newsroom = Newsroom(database)
    newsroom.planner = Planner(database, mail_domain="example.org", batch=2, breath=0)
    return newsroom


def _play(database: Database, steps: list[tuple[str, Any]]) -> None:
    newsroom, model, now = _emptied(database), _Model(), MONDAY
    its = newsroom.digest(max_age=AGES)
    readers = {newsroom.reader(its, **chosen): frozenset(chosen.get("labels", ())) for chosen in CHOSEN}
    newsroom.plan(now)
    for step, what in steps:
        now += timedelta(minutes=7)
        if step == "publish":
            newsroom.publish(f"post {len(model.posts)}", now, *what)
            model.posts.append((f"post {len(model.posts)}", frozenset(what), now))
        elif step == "tick":
            now += what * HOUR
            newsroom.plan(now)
        elif step == "half":
            # A process that was ended when it had called up some.
            with database.write() as connection:
                call_up(connection, now, limit=2)
        elif step == "pause":
            _pause(newsroom, now)
            model.paused = True
        elif step == "resume":
            _resume(newsroom)
            model.paused = False
        elif not model.paused:
            with database.read() as connection:
                model.last = get_digest(connection, "weekly").send_at
            _tell(newsroom, now, last=model.last)
            if what:
                newsroom.plan(now)
                _assert_mailed(newsroom, model, readers, until=now)
        assert max(_times(newsroom).values(), default=1) == 1
    _resume(newsroom)
    newsroom.plan(now)
    for cadence in (Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY):
        newsroom.plan(next_slot(replace(WEEKLY, cadence=cadence), now) + 15 * HOUR)
    assert max(_times(newsroom).values(), default=1) == 1
    _assert_mailed(newsroom, model, readers, until=now)


def _times(newsroom: Newsroom) -> Counter[tuple[int, str]]:
    """How often each reader was mailed each post."""
    return Counter(
        (reader, title) for reader, mails in newsroom.mail().items() for mail in mails for title in mail
    )


def _assert_mailed(
    newsroom: Newsroom, model: _Model, readers: dict[int, frozenset[str]], *, until: datetime
) -> None:
    expected = {
        (reader, title)
        for reader, labels in readers.items()
        for title, its, at in model.posts
        if at <= until and (not labels or labels & its)
    }
    assert set(_times(newsroom)) == expected


_PLAIN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(_PLAIN, max_examples=often(20))
@given(STEPS)
def test_no_post_is_mailed_twice_and_none_is_lost(
    sqlite_database: Database, steps: list[tuple[str, Any]]
) -> None:
    _play(sqlite_database, steps)


@settings(_PLAIN, max_examples=often(4))
@given(STEPS)
def test_nor_on_postgresql(postgres_database: Database, steps: list[tuple[str, Any]]) -> None:
    _play(postgres_database, steps)
