"""Subscribers as stored: who is added, who is refused, who may come back, and what erasure leaves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from digests.store import add_digest
from subscribers.address import AddressError
from subscribers.consent import list_consents, record_consent
from subscribers.model import Subscriber, SubscriberState, Subscription, SubscriptionState, subscriber
from subscribers.store import (
    SubscriberError,
    add_subscriber,
    confirm,
    erase,
    find,
    get_subscriber,
    list_subscribers,
    subscribe,
    unsubscribe,
    unsubscribe_all,
)
from subscribers.suppression import SuppressionReason, is_suppressed, lift, suppress

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
SALT = "a salt that never changes"


def _add(
    connection: Connection,
    email: str = "Anna@example.com",
    *,
    confirmed: bool = True,
    now: datetime = NOW,
    language: str | None = None,
    asked_anew: bool = False,
) -> Subscriber:
    return add_subscriber(
        connection, email, confirmed=confirmed, now=now, salt=SALT, language=language, asked_anew=asked_anew
    )


def _digest(connection: Connection, slug: str = "weekly") -> int:
    return add_digest(connection, slug, rule="all", now=NOW).id


def _only(connection: Connection, reader: Subscriber) -> Subscription:
    found = get_subscriber(connection, reader.id)
    assert found is not None
    (one,) = found.subscriptions
    return one


def test_a_subscriber_is_added_once_whatever_the_case(connection: Connection) -> None:
    anna = _add(connection)
    assert anna.email == "Anna@example.com"
    assert anna.state is SubscriberState.CONFIRMED
    assert _add(connection, " aNNa@EXAMPLE.com ") == anna
    assert find(connection, "anna@example.com") == anna == get_subscriber(connection, anna.id)
    assert list_subscribers(connection) == [anna]


def test_nobody_is_found_who_is_not_there(sqlite_connection: Connection) -> None:
    assert find(sqlite_connection, "anna@example.com") is None
    assert get_subscriber(sqlite_connection, 1) is None


def test_an_address_that_is_none_stores_nothing(sqlite_connection: Connection) -> None:
    with pytest.raises(AddressError):
        _add(sqlite_connection, "anna@example.com\r\nBcc: bob@example.com")
    assert list_subscribers(sqlite_connection) == []


def test_a_pending_subscriber_is_confirmed_and_never_the_other_way(connection: Connection) -> None:
    assert _add(connection, confirmed=False).state is SubscriberState.PENDING
    assert _add(connection, confirmed=True, now=LATER, language="de").state is SubscriberState.CONFIRMED
    again = _add(connection, confirmed=False)
    assert again.state is SubscriberState.CONFIRMED
    assert (again.language, again.created_at) == ("de", NOW)
    assert connection.execute(select(subscriber.c.confirmed_at)).scalar_one() == LATER


def test_a_pending_subscriber_confirms_once(connection: Connection) -> None:
    anna = _add(connection, confirmed=False)
    assert confirm(connection, anna.id, now=NOW, salt=SALT)
    assert not confirm(connection, anna.id, now=NOW, salt=SALT)
    assert _add(connection).state is SubscriberState.CONFIRMED


def test_a_subscription_holds_what_the_reader_chose(connection: Connection) -> None:
    anna = _add(connection)
    number = subscribe(
        connection,
        subscriber_id=anna.id,
        digest_id=_digest(connection),
        labels=["mek", "iran", "mek"],
        cadence="daily",
        minute=0,
        timezone="Asia/Tokyo",
        window_start=NOW,
        next_slot=LATER,
        now=NOW,
    )
    assert _only(connection, anna) == Subscription(
        id=number,
        digest="weekly",
        state=SubscriptionState.ACTIVE,
        labels=("iran", "mek"),
        cadence="daily",
        minute=0,
        weekday=None,
        monthday=None,
        timezone="Asia/Tokyo",
        window_start=NOW,
        next_slot=LATER,
        created_at=NOW,
    )


def test_subscribing_twice_changes_nothing(connection: Connection) -> None:
    anna, weekly = _add(connection), _digest(connection)
    first = subscribe(
        connection,
        subscriber_id=anna.id,
        digest_id=weekly,
        labels=["mek"],
        window_start=NOW,
        next_slot=LATER,
        now=NOW,
    )
    before = _only(connection, anna)
    second = subscribe(
        connection, subscriber_id=anna.id, digest_id=weekly, window_start=LATER, next_slot=NOW, now=LATER
    )
    assert second == first
    assert _only(connection, anna) == before


def test_a_new_choice_replaces_only_what_it_names_and_the_window_goes_on(connection: Connection) -> None:
    anna, weekly = _add(connection), _digest(connection)
    ids: dict[str, Any] = {"subscriber_id": anna.id, "digest_id": weekly}
    subscribe(
        connection, **ids, labels=["mek"], timezone="Asia/Tokyo", window_start=NOW, next_slot=LATER, now=NOW
    )
    subscribe(connection, **ids, labels=["iran"], window_start=LATER, next_slot=NOW, now=LATER)
    one = _only(connection, anna)
    assert (one.labels, one.timezone, one.window_start, one.next_slot) == (
        ("iran",),
        "Asia/Tokyo",
        NOW,
        LATER,
    )
    subscribe(connection, **ids, cadence="daily", minute=0, weekday=0, now=LATER)
    one = _only(connection, anna)
    assert (one.labels, one.cadence, one.minute, one.weekday) == (("iran",), "daily", 0, 0)
    assert (one.window_start, one.next_slot) == (NOW, None)


def test_an_unsubscription_is_undone_only_by_a_new_consent(connection: Connection) -> None:
    anna, weekly = _add(connection), _digest(connection)
    ids: dict[str, Any] = {"subscriber_id": anna.id, "digest_id": weekly}
    number = subscribe(connection, **ids, labels=["mek"], window_start=NOW, next_slot=LATER, now=NOW)
    assert unsubscribe(connection, number, now=LATER)
    assert not unsubscribe(connection, number, now=LATER + timedelta(days=1))
    assert _only(connection, anna).state is SubscriptionState.ENDED
    with pytest.raises(SubscriberError, match=r"Anna@example.com unsubscribed on 2026-03-05: .*--confirmed"):
        subscribe(connection, **ids, now=LATER)
    assert _only(connection, anna).state is SubscriptionState.ENDED
    assert subscribe(connection, **ids, window_start=LATER, now=LATER, renew=True) == number
    one = _only(connection, anna)
    assert (one.state, one.labels, one.window_start) == (SubscriptionState.ACTIVE, (), LATER)
    assert one.next_slot is None


def test_all_of_a_readers_subscriptions_end_together_and_nobody_elses(connection: Connection) -> None:
    anna, bob = _add(connection), _add(connection, "bob@example.com")
    weekly, daily = _digest(connection), _digest(connection, "daily")
    for reader, digest_id in ((anna, weekly), (anna, daily), (bob, weekly)):
        subscribe(connection, subscriber_id=reader.id, digest_id=digest_id, now=NOW)
    assert unsubscribe_all(connection, anna.id, now=LATER) == 2
    assert unsubscribe_all(connection, anna.id, now=LATER) == 0
    assert _only(connection, bob).state is SubscriptionState.ACTIVE


@pytest.mark.parametrize(
    "reason", [SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED, SuppressionReason.BY_HAND]
)
@pytest.mark.parametrize("asked_anew", [False, True])
def test_a_suppressed_address_is_refused_whoever_asks(
    connection: Connection, reason: SuppressionReason, asked_anew: bool
) -> None:
    suppress(connection, "anna@example.com", reason=reason, now=NOW, salt=SALT)
    for confirmed in (False, True):
        with pytest.raises(
            SubscriberError, match=f"Anna@example.com is suppressed \\({reason}, 2026-03-04\\)"
        ):
            _add(connection, confirmed=confirmed, asked_anew=asked_anew)
    assert find(connection, "anna@example.com") is None


def test_a_suppressed_subscriber_is_refused_also_where_the_salt_was_lost(connection: Connection) -> None:
    _add(connection)
    suppress(connection, "anna@example.com", reason=SuppressionReason.BOUNCED, now=NOW, salt="another")
    with pytest.raises(SubscriberError, match="is suppressed"):
        _add(connection)


def _erased(connection: Connection) -> Subscriber:
    anna, weekly = _add(connection, language="de"), _digest(connection)
    ids: dict[str, Any] = {"subscriber_id": anna.id, "digest_id": weekly}
    subscribe(connection, **ids, labels=["mek"], timezone="Asia/Tokyo", window_start=NOW, now=NOW)
    wording = "anna@EXAMPLE.com wants Weekly (Anna@example.com)"
    record_consent(connection, **ids, at=NOW, origin="192.0.2.1", wording=wording)
    assert erase(connection, "ANNA@example.com", now=LATER, salt=SALT)
    return anna


def test_an_erased_subscriber_keeps_a_row_and_nothing_of_theirs(connection: Connection) -> None:
    anna = _erased(connection)
    left = get_subscriber(connection, anna.id)
    assert left is not None
    assert (left.email, left.language, left.state) == (None, None, SubscriberState.ERASED)
    one = _only(connection, anna)
    assert (one.state, one.labels, one.timezone) == (SubscriptionState.ENDED, (), None)
    (consent,) = list_consents(connection, anna.id)
    assert (consent.at, consent.origin) == (NOW, "(erased)")
    assert consent.wording == "(erased) wants Weekly ((erased))"
    assert find(connection, "anna@example.com") is None


def test_no_table_holds_an_erased_address(sqlite_connection: Connection) -> None:
    _erased(sqlite_connection)
    for table in ("subscriber", "subscription", "consent", "suppression"):
        rows = sqlite_connection.execute(text(f"SELECT * FROM {table}")).all()
        assert rows
        assert "anna" not in repr(rows).casefold()


def test_an_erased_address_is_suppressed_by_its_hash(connection: Connection) -> None:
    _erased(connection)
    assert is_suppressed(connection, "anna@EXAMPLE.com", salt=SALT)
    assert not is_suppressed(connection, "bob@example.com", salt=SALT)
    assert not is_suppressed(connection, "anna@example.com", salt="another")


@pytest.mark.parametrize("confirmed", [False, True])
def test_no_list_brings_an_erased_reader_back(connection: Connection, confirmed: bool) -> None:
    _erased(connection)
    with pytest.raises(SubscriberError, match="was erased on 2026-03-05, as its reader wished"):
        _add(connection, confirmed=confirmed)


def test_an_erased_reader_comes_back_by_asking_and_confirming(connection: Connection) -> None:
    anna = _erased(connection)
    back = _add(connection, confirmed=False, asked_anew=True)
    assert back.id != anna.id
    assert is_suppressed(connection, "anna@example.com", salt=SALT)
    assert confirm(connection, back.id, now=LATER, salt=SALT)
    assert not is_suppressed(connection, "anna@example.com", salt=SALT)
    assert _add(connection).id == back.id


def test_an_erased_reader_who_asks_and_has_confirmed_is_back_at_once(connection: Connection) -> None:
    _erased(connection)
    assert _add(connection, asked_anew=True).state is SubscriberState.CONFIRMED
    assert not is_suppressed(connection, "anna@example.com", salt=SALT)


def test_an_erasure_is_done_once_and_of_someone_known(connection: Connection) -> None:
    _erased(connection)
    assert not erase(connection, "anna@example.com", now=LATER, salt=SALT)
    with pytest.raises(SubscriberError, match=r"no subscriber has the address bob@example.com"):
        erase(connection, "bob@example.com", now=LATER, salt=SALT)


def test_erasing_a_suppressed_reader_keeps_why_they_were(connection: Connection) -> None:
    _add(connection)
    suppress(connection, "anna@example.com", reason=SuppressionReason.COMPLAINED, now=NOW, salt=SALT)
    assert erase(connection, "anna@example.com", now=LATER, salt=SALT)
    with pytest.raises(SubscriberError, match="complained"):
        _add(connection, asked_anew=True)
    assert lift(connection, "anna@example.com", salt=SALT)
    assert _add(connection).state is SubscriberState.CONFIRMED
