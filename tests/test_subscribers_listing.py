"""Listing subscribers: all of them, in order, with their subscriptions, in few queries."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from digests.store import add_digest
from subscribers.listing import find, iterate_subscribers, list_subscribers
from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def _fill(connection: Connection, count: int) -> None:
    """So many subscribers: the odd ones confirmed, each third with two subscriptions."""
    digests = [add_digest(connection, slug, rule="all", now=NOW).id for slug in ("weekly", "daily")]
    readers: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        email = f"reader{number}@example.com"
        state = "confirmed" if number % 2 else "pending"
        readers.append({"id": number, "email": email, "email_key": email, "state": state, "created_at": NOW})
        if number % 3 == 0:
            theirs += [
                {"subscriber_id": number, "digest_id": one, "state": "active", "labels": [f"label-{number}"]}
                | {"created_at": NOW}
                for one in digests
            ]
    connection.execute(insert(subscriber), readers)
    connection.execute(insert(subscription), theirs)


def _queries(connection: Connection) -> list[str]:
    """The statements that are run from now on."""
    seen: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    return seen


def test_everybody_is_listed_in_order_with_their_own_subscriptions(connection: Connection) -> None:
    _fill(connection, 25)
    listed = list_subscribers(connection)
    assert [reader.email for reader in listed] == [f"reader{number}@example.com" for number in range(1, 26)]
    for number, reader in enumerate(listed, start=1):
        slugs = ["daily", "weekly"] if number % 3 == 0 else []
        assert [one.digest for one in reader.subscriptions] == slugs
        assert all(one.labels == (f"label-{number}",) for one in reader.subscriptions)
        assert all(one.state is SubscriptionState.ACTIVE for one in reader.subscriptions)


@pytest.mark.parametrize("batch", [1, 2, 7, 24, 25, 26])
def test_a_stream_is_the_same_whatever_its_batches(sqlite_connection: Connection, batch: int) -> None:
    _fill(sqlite_connection, 25)
    streamed = list(iterate_subscribers(sqlite_connection, batch=batch))
    assert streamed == list_subscribers(sqlite_connection)


def test_only_those_of_one_state_are_listed(connection: Connection) -> None:
    _fill(connection, 9)
    listed = list_subscribers(connection, state=SubscriberState.CONFIRMED)
    assert [reader.id for reader in listed] == [1, 3, 5, 7, 9]
    assert [len(reader.subscriptions) for reader in listed] == [0, 2, 0, 0, 2]


def test_there_are_two_queries_for_a_thousand_readers(connection: Connection) -> None:
    _fill(connection, 3000)
    seen = _queries(connection)
    assert len(list_subscribers(connection)) == 3000
    assert len(seen) == 2 * 3 + 1


def test_a_stream_that_is_left_early_has_asked_for_no_more(sqlite_connection: Connection) -> None:
    _fill(sqlite_connection, 3000)
    seen = _queries(sqlite_connection)
    next(iterate_subscribers(sqlite_connection))
    assert len(seen) == 2


def test_one_is_found_with_their_subscriptions(connection: Connection) -> None:
    _fill(connection, 3)
    found = find(connection, "READER3@example.com")
    assert found is not None
    assert [one.digest for one in found.subscriptions] == ["daily", "weekly"]


def test_nobody_is_an_empty_list(connection: Connection) -> None:
    assert list_subscribers(connection) == []
