"""The record of consent: added to, never changed, and without the person once they are erased."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from digests.store import add_digest, remove_digest
from subscribers.consent import Consent, blank_consents, list_consents, record_consent
from subscribers.store import add_subscriber

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def _anna(connection: Connection) -> int:
    return add_subscriber(connection, "anna@example.com", confirmed=True, now=NOW, salt="salt").id


def test_each_consent_is_kept_oldest_first(connection: Connection) -> None:
    anna, weekly = _anna(connection), add_digest(connection, "weekly", rule="all", now=NOW).id
    later = NOW + timedelta(days=1)
    second = record_consent(
        connection, subscriber_id=anna, digest_id=weekly, at=later, origin="192.0.2.1", wording="Weekly"
    )
    first = record_consent(connection, subscriber_id=anna, at=NOW, origin="csv:readers.csv", wording="News")
    assert list_consents(connection, anna) == [
        Consent(first, anna, None, NOW, "csv:readers.csv", "News"),
        Consent(second, anna, weekly, later, "192.0.2.1", "Weekly"),
    ]


def test_a_consent_outlives_its_digest(connection: Connection) -> None:
    anna, weekly = _anna(connection), add_digest(connection, "weekly", rule="all", now=NOW).id
    record_consent(
        connection, subscriber_id=anna, digest_id=weekly, at=NOW, origin="command", wording="Weekly"
    )
    remove_digest(connection, "weekly")
    assert [one.digest_id for one in list_consents(connection, anna)] == [None]


def test_a_blanked_consent_keeps_its_time_and_words_but_no_person(connection: Connection) -> None:
    anna = _anna(connection)
    record_consent(connection, subscriber_id=anna, at=NOW, origin="::1", wording="Yes, ANNA@example.com!")
    blank_consents(connection, anna, addresses=("anna@example.com",))
    (one,) = list_consents(connection, anna)
    assert (one.at, one.origin, one.wording) == (NOW, "(erased)", "Yes, (erased)!")
