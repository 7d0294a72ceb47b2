"""How the mail stands: counted per edition and answer, what fails told once, how far it is behind."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from database import Database
from digests.model import DeliveryState, delivery, digest, edition
from digests.standing import (
    backlog,
    claim_alerts,
    count_answers,
    edition_standings,
    failing_editions,
    mark_alerted,
)
from digests.store import add_digest
from labelcast.alerts import Alerts, alert_message
from outbox.maildir import Maildir
from outbox.servers import Connection
from subscribers.model import subscriber, subscription
from tests.digests_newsroom import HOUR, MONDAY, WEEK, Newsroom

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


@pytest.fixture
def filled(database: Database) -> Database:
    """Two editions of ten readers each: one that failed for four of them, one that is due."""
    with database.write() as connection:
        number = add_digest(connection, "weekly", rule="all", now=NOW).id
        for its in (1, 2):
            connection.execute(
                insert(edition).values(
                    id=its,
                    digest_id=number,
                    window_start=NOW - timedelta(days=7 * its),
                    window_end=NOW - timedelta(hours=its),
                    labels="" if its == 1 else "iran,mek",
                    language="en",
                    template="digest",
                    folded=False,
                    created_at=NOW,
                    readers=10,
                    subject=f"The week, {its}",
                )
            )
        for reader in range(1, 11):
            email = f"reader{reader}@example.org"
            person = {"id": reader, "email": email, "email_key": email, "state": "confirmed"}
            connection.execute(insert(subscriber).values(**person, created_at=NOW))
            connection.execute(
                insert(delivery).values(_delivery(1, reader, "sent", "250 2.0.0 Ok: queued as 7"))
            )
            connection.execute(insert(delivery).values(_delivery(2, reader, "queued", None)))
        failed = update(delivery).where(delivery.c.edition_id == 1, delivery.c.subscriber_id <= 4)
        connection.execute(failed.values(state="failed", reply="550 5.1.1 reader4@example.org: no such user"))
    return database


def _delivery(its: int, reader: int, state: str, reply: str | None) -> dict[str, object]:
    return {
        "edition_id": its,
        "subscriber_id": reader,
        "state": state,
        "attempt": 1,
        "doubts": 0,
        "message_id": f"<{its}.{reader}@example.org>",
        "due_at": NOW - timedelta(minutes=5),
        "reply": reply,
        "created_at": NOW,
        "updated_at": NOW,
    }


def test_each_edition_s_deliveries_are_counted_by_state(filled: Database) -> None:
    with filled.read() as connection:
        newest, oldest = edition_standings(connection)
        assert edition_standings(connection, number=1) == [oldest]
        assert edition_standings(connection, slug="other") == []
        assert edition_standings(connection, limit=1) == [newest]
    assert (newest.id, newest.labels, newest.states) == (2, ("iran", "mek"), {DeliveryState.QUEUED: 10})
    assert oldest.states == {DeliveryState.SENT: 6, DeliveryState.FAILED: 4}
    assert (oldest.readers, oldest.subject, oldest.reason) == (10, "The week, 1", None)


def test_answers_that_differ_in_a_queue_number_only_are_one(filled: Database) -> None:
    with filled.write() as connection:
        numbered = update(delivery).where(delivery.c.state == "sent", delivery.c.subscriber_id == 9)
        connection.execute(numbered.values(reply="250 2.0.0 Ok: queued as 8"))
        own = update(delivery).where(delivery.c.edition_id == 2, delivery.c.subscriber_id < 3)
        connection.execute(own.values(reply="not sent: the connection was lost at octet 1"))
        counted = [(one.state, one.answer, one.count) for one in count_answers(connection)]
        of_one = count_answers(connection, number=1, state=DeliveryState.FAILED)
    assert counted == [
        ("sent", "250 2.0.0", 6),
        ("failed", "550 5.1.1", 4),
        ("queued", "not sent: the connection was los", 2),
    ]
    assert [(one.count, one.example) for one in of_one] == [
        (4, "550 5.1.1 reader4@example.org: no such user")
    ]


def test_an_edition_that_fails_is_told_of_once_and_from_its_share_on(filled: Database) -> None:
    since = NOW - timedelta(days=1)
    with filled.write() as connection:
        assert failing_editions(connection, share=0.41, since=since, limit=9) == []
        (failing,) = failing_editions(connection, share=0.4, since=since, limit=9)
        assert failing.id == 1
        assert failing_editions(connection, share=0.4, since=NOW + timedelta(seconds=1), limit=9) == []
        mark_alerted(connection, [1], now=NOW)
        assert failing_editions(connection, share=0.4, since=since, limit=9) == []


def test_the_operator_reads_what_failed_why_and_what_to_do(filled: Database) -> None:
    with filled.read() as connection:
        failing = failing_editions(connection, share=0.1, since=NOW - timedelta(days=1), limit=9)
        answers = {1: count_answers(connection, number=1, state=DeliveryState.FAILED)}
    message = alert_message(
        failing, answers, to="op@example.org", sender="News <news@example.org>", site="Bücher", now=NOW
    )
    assert message["Subject"] == "Bücher: 4 mails of digests failed"
    body = message.get_content()
    assert "Digest weekly, edition 1 (2026-03-02 13:00 UTC): 4 of 10 failed, 40%." in body
    assert "  4 x 550 5.1.1 reader4@example.org: no such user" in body
    # Not all that ever failed.
    assert "labelcast deliveries retry --edition 1\n" in body


def test_the_lag_is_that_of_the_oldest_slot_whose_mail_waits(filled: Database) -> None:
    with filled.write() as connection:
        assert backlog(connection, NOW).due == 10
        assert backlog(connection, NOW).lag == timedelta(hours=2)
        # Not due yet: a server asked to wait.
        connection.execute(update(delivery).values(due_at=NOW + timedelta(hours=1)))
        assert (backlog(connection, NOW).due, backlog(connection, NOW).lag) == (0, timedelta(0))
        # A slot that no tick has come to.
        number = connection.execute(select(digest.c.id)).scalar_one()
        waiting = {"subscriber_id": 1, "digest_id": number, "state": "active", "labels": []}
        slot = {"next_slot": NOW - timedelta(hours=3), "created_at": NOW}
        connection.execute(insert(subscription).values(**waiting, **slot))
        assert backlog(connection, NOW).lag == timedelta(hours=3)


def test_instant_readers_who_wait_for_more_posts_are_not_behind(database: Database) -> None:
    newsroom = Newsroom(database)
    newsroom.reader(newsroom.digest(cadence="instant", at=None, min_posts=2))
    newsroom.plan(MONDAY)
    newsroom.publish("alone", MONDAY + HOUR)
    newsroom.plan(MONDAY + 2 * HOUR)
    assert newsroom.mail() == {}
    with database.read() as connection:
        assert backlog(connection, MONDAY + WEEK).lag == timedelta(0)


@pytest.mark.parametrize(
    ("to", "as_sent"),
    [("Op <op@bücher.example>", "op@xn--bcher-kva.example"), ("jörg@example.org", "jörg@example.org")],
)
def test_the_operator_is_told_also_by_names_that_are_not_ascii(
    filled: Database, tmp_path: Path, to: str, as_sent: str
) -> None:
    alerts = Alerts(
        filled,
        to=to,
        sender="Bücher <news@bücher.example>",
        site="Bücher",
        share=0.1,
        connect=lambda: Maildir(tmp_path),
    )
    assert alerts.is_due(NOW)
    assert alerts.tell(NOW) == "the operator was told of 1 editions that fail"
    (mail,) = (tmp_path / "new").iterdir()
    told = message_from_bytes(mail.read_bytes(), policy=default)
    assert (told["To"], told["From"].addresses[0].addr_spec) == (as_sent, "news@xn--bcher-kva.example")
    assert str(told["Message-ID"]).endswith("@xn--bcher-kva.example>")
    assert not alerts.is_due(NOW + timedelta(hours=1))


def test_of_two_processes_one_tells_the_operator(filled: Database, tmp_path: Path) -> None:
    told: list[str | None] = []

    def alerts(connect: Callable[[], Connection]) -> Alerts:
        return Alerts(
            filled, to="op@example.org", sender="news@example.org", site="x", share=0.1, connect=connect
        )

    def while_the_other_sends() -> Connection:
        other = alerts(lambda: Maildir(tmp_path))
        assert other.is_due(NOW + timedelta(seconds=1))
        told.append(other.tell(NOW + timedelta(seconds=1)))
        return Maildir(tmp_path)

    def nowhere() -> Connection:
        raise ConnectionError("nobody there")

    # One that could not tell keeps nobody from it.
    with pytest.raises(ConnectionError, match="nobody there"):
        alerts(nowhere).tell(NOW)
    told.append(alerts(while_the_other_sends).tell(NOW))
    assert told == [None, "the operator was told of 1 editions that fail"]
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_who_died_telling_and_who_rehearsed_keep_nobody_from_it_for_long(database: Database) -> None:
    length = timedelta(minutes=10)
    with database.write() as connection:
        assert claim_alerts(connection, now=NOW + timedelta(days=365), length=length)
        assert claim_alerts(connection, now=NOW, length=length)
        assert not claim_alerts(connection, now=NOW - timedelta(minutes=1), length=length)
        assert not claim_alerts(connection, now=NOW + timedelta(minutes=9), length=length)
        assert claim_alerts(connection, now=NOW + length, length=length)
