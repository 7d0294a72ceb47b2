"""Suppression: by hash, ending what there was, lifted only by a publisher."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select

from digests.store import add_digest
from subscribers.model import SubscriberState, SubscriptionState, suppression
from subscribers.store import SubscriberError, add_subscriber, find, subscribe
from subscribers.suppression import (
    Suppression,
    SuppressionReason,
    address_hash,
    find_suppression,
    is_suppressed,
    lift,
    suppress,
)

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SALT = "a salt that never changes"
ANNA = "anna@example.com"


def test_an_address_is_suppressed_whether_or_not_someone_has_it(connection: Connection) -> None:
    assert suppress(connection, "Anna@Example.com", reason=SuppressionReason.BY_HAND, now=NOW, salt=SALT)
    assert is_suppressed(connection, ANNA, salt=SALT)
    assert not is_suppressed(connection, "bob@example.com", salt=SALT)


def test_only_a_salted_hash_is_kept(connection: Connection) -> None:
    suppress(connection, ANNA, reason=SuppressionReason.BOUNCED, now=NOW, salt=SALT)
    (row,) = connection.execute(select(suppression)).all()
    assert row.hash == address_hash(ANNA, salt=SALT) != address_hash(ANNA, salt="another")
    assert len(row.hash) == 64
    with pytest.raises(ValueError, match="salt"):
        address_hash(ANNA, salt="")


def test_a_suppressed_subscribers_subscriptions_end(connection: Connection) -> None:
    anna = add_subscriber(connection, ANNA, confirmed=True, now=NOW, salt=SALT)
    weekly = add_digest(connection, "weekly", rule="all", now=NOW)
    subscribe(connection, subscriber_id=anna.id, digest_id=weekly.id, now=NOW)
    suppress(connection, ANNA, reason=SuppressionReason.BOUNCED, now=NOW, salt=SALT)
    found = find(connection, ANNA)
    assert found is not None
    assert found.state is SubscriberState.SUPPRESSED
    assert [one.state for one in found.subscriptions] == [SubscriptionState.ENDED]


def test_the_first_reason_stays(connection: Connection) -> None:
    assert suppress(connection, ANNA, reason=SuppressionReason.COMPLAINED, now=NOW, salt=SALT)
    assert not suppress(connection, ANNA, reason=SuppressionReason.BOUNCED, now=NOW, salt=SALT)
    assert find_suppression(connection, ANNA, salt=SALT) == Suppression(SuppressionReason.COMPLAINED, NOW)


def test_an_erasure_gives_way_to_a_complaint(connection: Connection) -> None:
    suppress(connection, ANNA, reason=SuppressionReason.ERASED, now=NOW, salt=SALT)
    suppress(connection, ANNA, reason=SuppressionReason.COMPLAINED, now=NOW, salt=SALT)
    assert find_suppression(connection, ANNA, salt=SALT) == Suppression(SuppressionReason.COMPLAINED, NOW)


@pytest.mark.parametrize("confirmed", [True, False])
def test_lifting_makes_a_subscriber_what_they_were(connection: Connection, confirmed: bool) -> None:
    before = add_subscriber(connection, ANNA, confirmed=confirmed, now=NOW, salt=SALT)
    suppress(connection, ANNA, reason=SuppressionReason.BOUNCED, now=NOW, salt=SALT)
    assert lift(connection, ANNA, salt=SALT)
    assert find(connection, ANNA) == before
    assert not lift(connection, ANNA, salt=SALT)


def test_an_erasure_is_not_lifted_by_the_publisher(connection: Connection) -> None:
    suppress(connection, ANNA, reason=SuppressionReason.ERASED, now=NOW, salt=SALT)
    with pytest.raises(SubscriberError, match="only they can come back"):
        lift(connection, ANNA, salt=SALT)
    assert find_suppression(connection, ANNA, salt=SALT) == Suppression(SuppressionReason.ERASED, NOW)
