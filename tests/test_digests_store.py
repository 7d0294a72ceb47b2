"""Digests as stored: what is taken, what is refused, and what a change of rhythm does to subscriptions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from digests.cadence import Cadence, CadenceError, Rhythm, describe
from digests.model import Digest
from digests.planning.calling import call_up, is_anybody_called
from digests.store import (
    DigestError,
    add_digest,
    digest_at,
    find_digest,
    get_digest,
    list_digests,
    reader_cadence,
    reader_rhythm,
    remove_digest,
    update_digest,
)
from posts.rules import RuleError
from subscribers.listing import list_subscribers
from subscribers.model import CHANGED, subscriber, subscription

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=5)


def _weekly(connection: Connection, **changes: Any) -> Digest:
    options: dict[str, Any] = {
        "rule": "MEK or iran",
        "at": "mon 08:00",
        "timezone": "America/Regina",
        "now": NOW,
    }
    return add_digest(connection, "weekly", **options | changes)


def _subscribe(connection: Connection, its: Digest, *, state: str = "active") -> None:
    connection.execute(
        insert(subscriber).values(
            id=1, email="a@b.example", email_key="a@b.example", state="confirmed", created_at=NOW
        )
    )
    connection.execute(
        insert(subscription).values(
            subscriber_id=1,
            digest_id=its.id,
            state=state,
            labels=[],
            window_start=NOW,
            next_slot=LATER,
            created_at=NOW,
        )
    )


def _slot(connection: Connection) -> tuple[datetime | None, datetime | None]:
    row = connection.execute(select(subscription.c.window_start, subscription.c.next_slot)).one()
    return row.window_start, row.next_slot


def test_a_digest_is_stored_as_it_was_added(connection: Connection) -> None:
    made = _weekly(connection)
    assert get_digest(connection, "weekly") == made == find_digest(connection, "weekly")
    assert made.rule == "MEK or iran"
    assert made.title == "Weekly"
    assert made.created_at == NOW
    assert describe(reader_rhythm(made)) == "weekly, Monday 08:00 America/Regina"
    assert list_digests(connection) == [made]


def test_a_digest_has_sensible_defaults(connection: Connection) -> None:
    made = add_digest(connection, "all-news", rule="all", now=NOW)
    assert describe(reader_rhythm(made)) == "weekly, Monday 08:00 UTC"
    assert made.title == "All news"
    assert made.cadences == ("instant", "daily", "weekly", "monthly")
    assert made.max_age == timedelta(days=14)
    assert (made.language, made.template) == ("en", "digest")


@pytest.mark.parametrize(
    ("cadence", "lateness"),
    [
        ("instant", timedelta(hours=24)),
        ("daily", timedelta(hours=12)),
        ("weekly", timedelta(days=2)),
        ("monthly", timedelta(days=5)),
    ],
)
def test_how_late_a_digest_may_be_goes_by_its_cadence(
    sqlite_connection: Connection, cadence: str, lateness: timedelta
) -> None:
    made = add_digest(sqlite_connection, "d", rule="all", cadence=cadence, now=NOW)
    assert get_digest(sqlite_connection, "d").max_lateness == made.max_lateness == lateness


def test_the_publisher_may_say_how_late_and_how_old(sqlite_connection: Connection) -> None:
    _weekly(sqlite_connection, max_lateness=timedelta(hours=1), max_age=timedelta(hours=36))
    found = get_digest(sqlite_connection, "weekly")
    assert (found.max_lateness, found.max_age) == (timedelta(hours=1), timedelta(hours=36))


def test_a_rule_is_stored_in_its_canonical_form(sqlite_connection: Connection) -> None:
    assert (
        _weekly(sqlite_connection, rule='(mek)  AND NOT "U.S. politics"').rule
        == 'mek and not "U.S. politics"'
    )


def test_a_rule_that_does_not_parse_is_refused_with_its_place(sqlite_connection: Connection) -> None:
    with pytest.raises(RuleError) as refused:
        _weekly(sqlite_connection, rule="mek and")
    assert refused.value.position == 7
    assert list_digests(sqlite_connection) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cadence": "hourly"}, "choose one of instant, daily"),
        ({"at": "8 o'clock"}, "write it like"),
        ({"cadence": "daily", "at": "mon 08:00"}, "a weekday means nothing to daily"),
        ({"cadence": "monthly", "at": "mon 08:00"}, "a weekday means nothing to monthly"),
        ({"cadence": "weekly", "at": "15 08:00"}, "a day of the month means nothing to weekly"),
        ({"timezone": "Berlin"}, "did you mean Europe/Berlin"),
        ({"timezone": "localtime"}, "no place's time"),
        ({"cadences": ["fortnightly"]}, "choose one of"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(
    sqlite_connection: Connection, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CadenceError, match=reason) as refused:
        _weekly(sqlite_connection, **changes)
    assert "\n" not in str(refused.value)
    assert list_digests(sqlite_connection) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cadences": ["daily"]}, "weekly is not among those offered"),
        ({"title": "News\r\nBcc: x@y.example"}, "control character"),
        ({"title": "  "}, "1 to 200 characters"),
        ({"title": "x" * 201}, "1 to 200 characters"),
        ({"language": "english please"}, "no language tag"),
        ({"template": "../secret"}, "no template's name"),
        ({"max_age": timedelta(0)}, "max_age"),
        # A tick is a little late always: such a digest would fold for ever and never be sent.
        ({"max_lateness": timedelta(0)}, "max_lateness"),
        ({"max_age": timedelta(days=40_000)}, "out of range"),
    ],
)
def test_what_a_digest_cannot_be_is_refused(
    sqlite_connection: Connection, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DigestError, match=reason) as refused:
        _weekly(sqlite_connection, **changes)
    assert "\n" not in str(refused.value)
    assert list_digests(sqlite_connection) == []


@pytest.mark.parametrize("slug", ["weekly", "us-news", "a", "2026", "x" * 63])
def test_a_slug_of_letters_digits_and_hyphens_is_taken(sqlite_connection: Connection, slug: str) -> None:
    assert add_digest(sqlite_connection, slug, rule="all", now=NOW).slug == slug


@pytest.mark.parametrize(
    ("slug", "hint"),
    [
        ("Weekly News", "like 'weekly-news'"),
        ("weekly.atom", "like 'weekly-atom'"),
        ("-x", "like 'x'"),
        ("a--b", "like 'a-b'"),
        ("täglich", "like 't-glich'"),
        ("x" * 64, "63 at most"),
        ("", "63 at most"),
        ("政治", "63 at most"),
        ("a\n", "like 'a'"),
    ],
)
def test_another_slug_is_refused_with_the_nearest(
    sqlite_connection: Connection, slug: str, hint: str
) -> None:
    with pytest.raises(DigestError, match=hint) as refused:
        add_digest(sqlite_connection, slug, rule="all", now=NOW)
    assert "\n" not in str(refused.value)


def test_a_slug_is_taken_once(connection: Connection) -> None:
    _weekly(connection)
    with pytest.raises(DigestError, match="is there already"):
        _weekly(connection)


def test_a_digest_that_is_not_there_is_named_with_those_that_are(sqlite_connection: Connection) -> None:
    with pytest.raises(DigestError, match="labelcast digests add"):
        get_digest(sqlite_connection, "weekly")
    _weekly(sqlite_connection)
    with pytest.raises(DigestError, match="there is weekly"):
        get_digest(sqlite_connection, "wekly")
    assert find_digest(sqlite_connection, "wekly") is None


def test_a_digest_is_changed_only_in_what_is_given(connection: Connection) -> None:
    old = _weekly(connection)
    new = update_digest(connection, "weekly", title="Each week", at="fri 17:30")
    assert get_digest(connection, "weekly") == new
    assert describe(reader_rhythm(new)) == "weekly, Friday 17:30 America/Regina"
    assert (new.title, new.rule, new.timezone, new.monthday) == ("Each week", old.rule, old.timezone, 1)


def test_a_new_cadence_brings_its_own_lateness(sqlite_connection: Connection) -> None:
    _weekly(sqlite_connection, cadences=["weekly"])
    changed = update_digest(sqlite_connection, "weekly", cadence="daily")
    assert changed.max_lateness == timedelta(hours=12)
    assert changed.cadences == ("daily", "weekly")


def test_a_new_rhythm_takes_subscriptions_their_slot_but_not_their_window(connection: Connection) -> None:
    its = _weekly(connection)
    _subscribe(connection, its)
    update_digest(connection, "weekly", title="Each week")
    assert _slot(connection) == (NOW, LATER)
    assert not is_anybody_called(connection, NOW)
    update_digest(connection, "weekly", at="tue 08:00")
    # They may be a million: the next tick does it, some at a time.
    assert is_anybody_called(connection, NOW)
    call_up(connection, NOW, limit=2)
    assert not is_anybody_called(connection, NOW)
    assert _slot(connection) == (NOW, CHANGED)
    # To whoever looks it is none, until the next tick gives one.
    (reader,) = list_subscribers(connection)
    assert reader.subscriptions[0].next_slot is None


def test_a_change_that_is_refused_changes_nothing(sqlite_connection: Connection) -> None:
    old = _weekly(sqlite_connection)
    with pytest.raises(CadenceError):
        update_digest(sqlite_connection, "weekly", title="New", timezone="Nowhere")
    assert get_digest(sqlite_connection, "weekly") == old


def test_a_digest_is_removed(connection: Connection) -> None:
    _weekly(connection)
    assert remove_digest(connection, "weekly") == 0
    assert list_digests(connection) == []
    with pytest.raises(DigestError, match="not there"):
        remove_digest(connection, "weekly")


def test_a_digest_with_readers_is_not_removed_by_a_slip(connection: Connection) -> None:
    _subscribe(connection, _weekly(connection))
    with pytest.raises(DigestError, match=r"1 subscription: .* --force"):
        remove_digest(connection, "weekly")
    assert remove_digest(connection, "weekly", force=True) == 1
    assert connection.execute(select(subscription.c.id)).all() == []


def test_a_digest_whose_readers_have_all_left_is_removed(connection: Connection) -> None:
    _subscribe(connection, _weekly(connection), state="ended")
    assert remove_digest(connection, "weekly") == 1


def test_a_reader_may_choose_among_what_is_offered(sqlite_connection: Connection) -> None:
    its = _weekly(sqlite_connection, cadences=["weekly", "daily"])
    assert reader_cadence(its, "Daily") is Cadence.DAILY
    with pytest.raises(DigestError, match="does not come monthly: choose one of daily, weekly"):
        reader_cadence(its, "monthly")
    assert reader_rhythm(its, cadence="daily", timezone="Asia/Tokyo") == Rhythm(
        Cadence.DAILY, 480, 0, 1, "Asia/Tokyo"
    )


@pytest.mark.parametrize(
    ("cadence", "cadences", "at", "written"),
    [
        ("weekly", ["weekly"], "Friday 17:30", "fri 17:30"),
        ("monthly", ["monthly"], "last 07:00", "last 07:00"),
        ("daily", ["daily", "instant"], "7:00", "07:00"),
        ("weekly", ["weekly", "monthly"], "sun 15 09:00", "sun 15 09:00"),
    ],
)
def test_a_digests_time_is_written_as_it_is_read(
    sqlite_connection: Connection, cadence: str, cadences: list[str], at: str, written: str
) -> None:
    made = _weekly(sqlite_connection, cadence=cadence, cadences=cadences, at=at)
    assert digest_at(made) == written
    assert update_digest(sqlite_connection, "weekly", at=written) == made
