"""Double opt-in: nobody gets what they did not agree to, whoever typed their address."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from digests.model import Digest
from digests.store import add_digest, remove_digest
from subscribers.address import AddressError
from subscribers.consent import list_consents
from subscribers.model import ConsentKind, Subscriber, SubscriberState, Subscription, SubscriptionState
from subscribers.signup import Asked, Confirmed, confirm_subscription, request_subscription
from subscribers.store import SubscriberError, add_subscriber, erase, find, subscribe, unsubscribe
from subscribers.suppression import SuppressionReason, is_suppressed, suppress

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ANNA = "anna@example.com"
SALT = "salt"


@pytest.fixture
def weekly(connection: Connection) -> Digest:
    return add_digest(connection, "weekly", rule="all", now=NOW)


@pytest.fixture
def daily(connection: Connection) -> Digest:
    return add_digest(connection, "daily", rule="all", cadence="daily", now=NOW)


def _ask(connection: Connection, its: Digest, *, now: datetime = NOW, **choices: Any) -> Asked:
    words = f"Shall {its.title} come to this address?"
    asked: dict[str, Any] = {
        "digest_id": its.id,
        "wording": words,
        "origin": "192.0.2.1",
        "now": now,
        "salt": SALT,
    }
    return request_subscription(connection, ANNA, **asked, choices=choices)


def _agree(connection: Connection, asked: Asked, *, now: datetime = LATER) -> Confirmed | None:
    assert asked.number is not None
    return confirm_subscription(connection, asked.number, origin="192.0.2.2", now=now, salt=SALT)


def _anna(connection: Connection) -> Subscriber:
    found = find(connection, ANNA)
    assert found is not None
    return found


def _held(connection: Connection, its: Digest) -> Subscription:
    return next(one for one in _anna(connection).subscriptions if one.digest == its.slug)


def test_one_who_asked_is_pending_until_they_agree_and_both_are_kept(
    connection: Connection, weekly: Digest
) -> None:
    asked = _ask(connection, weekly, labels=["mek"], cadence="daily", form="text")
    assert asked.subscriber.state is SubscriberState.PENDING
    assert asked.asked_before is None
    confirmed = _agree(connection, asked)
    assert confirmed is not None
    assert (confirmed.is_new, confirmed.digest_id) == (True, weekly.id)
    assert confirmed.subscriber.state is SubscriberState.CONFIRMED
    held = _held(connection, weekly)
    assert (held.state, held.labels, held.cadence, held.form) == ("active", ("mek",), "daily", "text")
    words = "Shall Weekly come to this address?"
    assert [
        (one.kind, one.at, one.origin, one.wording, one.digest_id)
        for one in list_consents(connection, asked.subscriber.id)
    ] == [
        (ConsentKind.ASKED, NOW, "192.0.2.1", words, weekly.id),
        (ConsentKind.CONFIRMED, LATER, "192.0.2.2", words, weekly.id),
    ]


def test_agreeing_twice_changes_nothing_and_an_old_link_undoes_no_unsubscription(
    connection: Connection, weekly: Digest
) -> None:
    asked = _ask(connection, weekly)
    _agree(connection, asked)
    unsubscribe(connection, asked.subscription_id, now=LATER)
    again = _agree(connection, asked, now=LATER + timedelta(days=1))
    assert again is not None
    assert not again.is_new
    assert _held(connection, weekly).state is SubscriptionState.ENDED
    assert len(list_consents(connection, asked.subscriber.id)) == 2


def test_who_is_asked_again_after_they_unsubscribed_may_come_back(
    connection: Connection, weekly: Digest
) -> None:
    first = _ask(connection, weekly)
    _agree(connection, first)
    unsubscribe(connection, first.subscription_id, now=LATER)
    second = _ask(connection, weekly, now=LATER + timedelta(days=1))
    assert second.asked_before == NOW
    assert _held(connection, weekly).state is SubscriptionState.ENDED
    back = _agree(connection, second, now=LATER + timedelta(days=2))
    assert back is not None
    assert back.is_new
    held = _held(connection, weekly)
    assert (held.state, held.created_at) == ("active", LATER + timedelta(days=2))


def test_a_stranger_cannot_change_what_a_reader_gets(
    connection: Connection, weekly: Digest, daily: Digest
) -> None:
    _agree(connection, _ask(connection, weekly, labels=["mek"]))
    before = _anna(connection)
    asked = _ask(connection, weekly, labels=["iran"], now=LATER)
    assert asked.number is None
    assert _anna(connection) == before
    other = _ask(connection, daily, now=LATER)
    held = _held(connection, daily)
    assert held.waits
    assert held.state is SubscriptionState.ENDED
    assert _held(connection, weekly).state is SubscriptionState.ACTIVE
    assert _agree(connection, other, now=LATER) is not None
    assert _held(connection, daily).state is SubscriptionState.ACTIVE


def test_agreeing_to_one_digest_is_no_yes_to_another(
    connection: Connection, weekly: Digest, daily: Digest
) -> None:
    asked = _ask(connection, weekly)
    other = _ask(connection, daily)
    _agree(connection, other)
    assert _held(connection, daily).state is SubscriptionState.ACTIVE
    assert _held(connection, weekly).waits
    _agree(connection, asked, now=LATER)
    assert _held(connection, weekly).state is SubscriptionState.ACTIVE
    assert not _held(connection, weekly).waits


def test_suppression_wins_also_over_who_asks_and_who_agrees(connection: Connection, weekly: Digest) -> None:
    asked = _ask(connection, weekly)
    suppress(connection, ANNA, reason=SuppressionReason.COMPLAINED, now=NOW, salt=SALT)
    assert _agree(connection, asked) is None
    with pytest.raises(SubscriberError, match="is suppressed"):
        _ask(connection, weekly)
    assert _anna(connection).state is SubscriberState.SUPPRESSED


def test_only_the_erased_themselves_come_back_by_agreeing_anew(
    connection: Connection, weekly: Digest
) -> None:
    old = _ask(connection, weekly)
    erase(connection, ANNA, now=NOW, salt=SALT)
    assert _agree(connection, old) is None
    asked = _ask(connection, weekly)
    assert is_suppressed(connection, ANNA, salt=SALT)
    assert _agree(connection, asked) is not None
    assert not is_suppressed(connection, ANNA, salt=SALT)
    assert _anna(connection).state is SubscriberState.CONFIRMED


def test_there_is_nothing_to_agree_to_but_a_question(connection: Connection, weekly: Digest) -> None:
    asked = _ask(connection, weekly)
    _agree(connection, asked)
    kinds = [one.id for one in list_consents(connection, asked.subscriber.id)]
    for number in (0, 2**63 - 1, kinds[-1]):
        assert confirm_subscription(connection, number, origin="x", now=LATER, salt=SALT) is None
    remove_digest(connection, "weekly", force=True)
    assert _agree(connection, asked) is None


def test_who_is_no_address_is_asked_nothing(connection: Connection, weekly: Digest) -> None:
    with pytest.raises(AddressError):
        request_subscription(
            connection, "nobody", digest_id=weekly.id, wording="x", origin="x", now=NOW, salt=SALT
        )


def test_what_waits_begins_with_a_consent_only(connection: Connection, weekly: Digest) -> None:
    reader = add_subscriber(connection, ANNA, confirmed=True, now=NOW, salt=SALT)
    ids: dict[str, Any] = {"subscriber_id": reader.id, "digest_id": weekly.id}
    number = subscribe(connection, **ids, now=NOW, waits=True)
    assert subscribe(connection, **ids, labels=["mek"], now=LATER) == number
    assert (_held(connection, weekly).waits, _held(connection, weekly).labels) == (True, ("mek",))
    assert subscribe(connection, **ids, now=LATER, renew=True) == number
    assert _held(connection, weekly).state is SubscriptionState.ACTIVE
