"""What follows from mail that came back, and from mail that only says so."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from database import Database
from digests.deliveries import forget_reader
from digests.model import bounce, delivery, digest, edition
from digests.returns.bounced import list_bounces
from digests.returns.consequences import Returned, SoftLimits, Taken, note_refusals, take_back
from labelcast.bounces import BounceReader
from outbox.bounces.reading import message_key, read_reports
from outbox.bounces.report import ReportKind
from posts.blog import create_blog, get_blog
from subscribers.model import SubscriberState, subscriber, subscription
from subscribers.returnpath import ReturnPaths
from subscribers.suppression import SuppressionReason, find_suppression, lift
from subscribers.tokens import TokenSigner
from tests.returned_mail import LETTER, OUT_OF_OFFICE, arf, dsn

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNER = TokenSigner(["a secret of the first year"])
PATHS = ReturnPaths(SIGNER, "bounces@example.org")
LIMITS = SoftLimits()
NO_TIME = timedelta()
ANN, BOB = 1, 2
PEOPLE = {ANN: "ann@example.net", BOB: "bob@example.net"}
FULL = {"status": "5.2.2", "said": "smtp; 552 5.2.2 mailbox full"}


def message_id(number: int) -> str:
    return f"<{number:032x}@example.org>"


def deliver(
    connection: Connection,
    number: int,
    *,
    reader: int = ANN,
    ago: timedelta = timedelta(),
    state: str = "sent",
) -> None:
    """A delivery to a reader, sent so long ago."""
    sent = NOW - ago
    window = {"window_start": sent, "window_end": sent, "labels": str(number), "language": "en"}
    connection.execute(
        insert(edition).values(
            id=number, digest_id=1, folded=False, created_at=sent, message=b"m", template="digest", **window
        )
    )
    values = {"state": state, "attempt": 1, "doubts": 0, "due_at": sent, "created_at": sent}
    connection.execute(
        insert(delivery).values(
            id=number,
            edition_id=number,
            subscriber_id=reader,
            subscription_id=reader,
            message_id=message_id(number),
            updated_at=sent,
            **values,
        )
    )


def people(connection: Connection) -> None:
    numbers = {"minute": 480, "weekday": 0, "monthday": 1, "max_age_seconds": 1, "max_lateness_seconds": 1}
    words = {"slug": "weekly", "title": "Weekly", "rule": "all", "template": "digest", "language": "en"}
    when = {"cadence": "daily", "cadences": ["daily"], "timezone": "UTC", "created_at": NOW}
    connection.execute(insert(digest).values(id=1, **numbers, **words, **when))
    for number, email in PEOPLE.items():
        states = {"state": "confirmed", "created_at": NOW, "confirmed_at": NOW}
        connection.execute(insert(subscriber).values(id=number, email=email, email_key=email, **states))
        connection.execute(
            insert(subscription).values(
                id=number, subscriber_id=number, digest_id=1, state="active", labels=[], created_at=NOW
            )
        )


@pytest.fixture
def ledger(connection: Connection) -> Connection:
    """Two readers, and a delivery to Ann: number 1."""
    people(connection)
    deliver(connection, 1)
    return connection


def take(
    connection: Connection, data: bytes, *, now: datetime = NOW, limits: SoftLimits = LIMITS
) -> list[Returned]:
    return take_back(connection, message_key(data), read_reports(data), signer=SIGNER, limits=limits, now=now)


def taken(connection: Connection, data: bytes) -> list[Taken]:
    return [one.taken for one in take(connection, data)]


def reason(connection: Connection, email: str = "ann@example.net") -> SuppressionReason | None:
    found = find_suppression(connection, email, salt=str(get_blog(connection).feed_namespace))
    return None if found is None else found.reason


def states(connection: Connection) -> dict[int, str]:
    return {row.id: row.state for row in connection.execute(select(subscriber.c.id, subscriber.c.state))}


def rows(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(bounce).order_by(bounce.c.id)).all()


def test_a_hard_bounce_to_a_signed_return_path_suppresses_at_once(ledger: Connection) -> None:
    (one,) = take(ledger, dsn(to=PATHS.address(1)))
    assert (one.taken, one.email, one.suppressed) == (Taken.HARD, "ann@example.net", True)
    assert reason(ledger) is SuppressionReason.BOUNCED
    assert states(ledger) == {ANN: SubscriberState.SUPPRESSED, BOB: SubscriberState.CONFIRMED}
    (row,) = rows(ledger)
    assert (row.kind, row.status, row.subscriber_id, row.delivery_id) == ("hard", "5.1.1", ANN, 1)


def test_a_return_path_in_capitals_is_as_good(ledger: Connection) -> None:
    assert taken(ledger, dsn(to=PATHS.address(1).upper())) == [Taken.HARD]


def test_without_a_token_the_enclosed_message_id_and_the_recipient_must_match(ledger: Connection) -> None:
    assert taken(ledger, dsn(message_id=message_id(1))) == [Taken.HARD]
    assert reason(ledger) is SuppressionReason.BOUNCED


def test_only_a_complaint_that_hides_its_reader_is_looked_for_among_all_deliveries(
    ledger: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may send reports by the thousand: one that names a reader costs a look at that one's mail."""
    monkeypatch.setattr("digests.returns.claims.RECENT", 0)
    assert taken(ledger, dsn(message_id=message_id(1), **FULL)) == [Taken.SOFT]
    assert taken(ledger, arf(message_id=message_id(1))) == [Taken.NOT_OURS]


@pytest.mark.parametrize(
    "forged",
    [
        dsn(),
        dsn(message_id=message_id(99)),
        dsn(message_id="<somebody@else.example>"),
        dsn("bob@example.net", message_id=message_id(1)),
        dsn(to="bounces+1aaaaaaaaaaaaaaaaaaaa@example.org"),
        dsn(to=ReturnPaths(TokenSigner(["another secret"]), "bounces@example.org").address(1)),
        dsn(to=PATHS.address(77)),
        arf(rcpt="ann@example.net"),
        arf(unsubscribe=TokenSigner(["another secret"]).sign("unsubscribe", ANN)),
        arf(unsubscribe=SIGNER.sign("preferences", ANN)),
    ],
)
def test_who_only_names_an_address_is_not_believed(ledger: Connection, forged: bytes) -> None:
    assert taken(ledger, forged) == [Taken.NOT_OURS]
    assert set(states(ledger).values()) == {SubscriberState.CONFIRMED}
    assert rows(ledger) == []


@pytest.mark.parametrize("data", [LETTER, OUT_OF_OFFICE, b"", dsn(action="delayed", status="4.4.1")])
def test_what_is_no_failure_changes_nothing(ledger: Connection, data: bytes) -> None:
    data = data.replace(b"bounces@example.org", PATHS.address(1).encode())
    assert taken(ledger, data) == [Taken.NONE]
    assert rows(ledger) == []


def test_the_same_report_read_twice_changes_nothing(ledger: Connection) -> None:
    data = dsn(to=PATHS.address(1))
    assert taken(ledger, data) == [Taken.HARD]
    lift(ledger, "ann@example.net", salt=str(get_blog(ledger).feed_namespace))
    assert taken(ledger, b"Received: from elsewhere\n" + data) == [Taken.KNOWN]
    assert reason(ledger) is None
    assert len(rows(ledger)) == 1


def test_a_policy_refusal_is_recorded_and_not_held_against_the_reader(ledger: Connection) -> None:
    for number in range(2, 12):
        deliver(ledger, number, ago=timedelta(hours=number))
        data = dsn(
            to=PATHS.address(number), status="5.7.1", said="smtp; 550 5.7.1 blocked", own_id=f"<{number}>"
        )
        assert taken(ledger, data) == [Taken.POLICY]
    assert reason(ledger) is None
    assert len(rows(ledger)) == 10


def _soft(
    connection: Connection,
    days: Sequence[int],
    *,
    arrived: Sequence[int] = (),
    limits: SoftLimits = LIMITS,
    said: Mapping[str, str] = FULL,
) -> list[bool]:
    """Soft bounces of what was sent so many days ago, beside mail that arrived; whether each suppressed."""
    for day in {*days, *arrived}:
        deliver(connection, 100 + day, ago=timedelta(days=day))
    mails = [dsn(to=PATHS.address(100 + day), own_id=f"<{day}@mx>", **said) for day in days]
    return [take(connection, mail, limits=limits)[0].suppressed for mail in mails]


def test_the_fifth_soft_bounce_within_a_fortnight_suppresses(ledger: Connection) -> None:
    assert _soft(ledger, [5, 4, 3, 2, 1]) == [False] * 4 + [True]
    assert reason(ledger) is SuppressionReason.BOUNCED


def test_soft_bounces_are_counted_by_when_the_mail_was_sent_in_whatever_order_they_are_read(
    ledger: Connection,
) -> None:
    assert _soft(ledger, [1, 9, 3, 40, 7, 60, 5]) == [False] * 6 + [True]


def test_soft_bounces_over_more_than_a_fortnight_suppress_nobody(ledger: Connection) -> None:
    assert _soft(ledger, [60, 50, 40, 30, 20, 10]) == [False] * 6


def test_the_limits_are_the_publishers(ledger: Connection) -> None:
    limits = SoftLimits(bounces=3, days=60)
    assert _soft(ledger, [50, 30, 10], limits=limits) == [False, False, True]


def test_one_delivery_counts_once_however_often_it_comes_back(ledger: Connection) -> None:
    for number in range(8):
        data = dsn(to=PATHS.address(1), own_id=f"<{number}@mx>", **FULL)
        assert take(ledger, data)[0].suppressed is False
    assert len(rows(ledger)) == 8


def test_mail_that_arrived_between_begins_the_count_anew(ledger: Connection) -> None:
    """What was sent over six days ago and did not come back arrived; of the rest nobody knows yet."""
    assert _soft(ledger, [13, 12, 11, 9, 8], arrived=[10, 1]) == [False] * 5
    assert reason(ledger) is None


def test_mail_just_sent_is_not_known_to_have_arrived(ledger: Connection) -> None:
    assert _soft(ledger, [13, 12, 11, 9, 8], arrived=[5, 4, 3])[-1] is True


def test_a_full_mailbox_of_one_evening_counts_once_however_much_came_that_day(ledger: Connection) -> None:
    for number in range(2, 9):
        deliver(ledger, number, ago=timedelta(minutes=number))
        data = dsn(to=PATHS.address(number), own_id=f"<{number}@mx>", **FULL)
        assert [one.suppressed for one in take(ledger, data)] == [False]


def test_mail_put_off_for_policy_is_no_fault_of_the_readers(ledger: Connection) -> None:
    said = {"status": "4.7.1", "said": "smtp; 451 4.7.1 greylisted"}
    assert _soft(ledger, [6, 5, 4, 3, 2, 1], said=said) == [False] * 6


def test_a_dead_address_that_the_reader_forwards_to_counts_as_soft(ledger: Connection) -> None:
    (one,) = take(ledger, dsn("elsewhere@example.com", to=PATHS.address(1)))
    assert (one.taken, one.suppressed) == (Taken.SOFT, False)
    assert reason(ledger) is None


@pytest.mark.parametrize(
    "complaint",
    [
        arf(message_id=message_id(1)),
        arf(unsubscribe=SIGNER.sign("unsubscribe", ANN)),
        arf().replace(b"Version: 1", f"Version: 1\nOriginal-Mail-From: <{PATHS.address(1)}>".encode()),
    ],
)
def test_a_complaint_ends_everything_though_it_hides_the_address(
    ledger: Connection, complaint: bytes
) -> None:
    assert taken(ledger, complaint) == [Taken.COMPLAINT]
    assert reason(ledger) is SuppressionReason.COMPLAINED
    ended = select(subscription.c.id).where(subscription.c.state == "ended")
    assert ledger.execute(ended).scalars().all() == [ANN]


def test_of_what_one_message_says_of_a_reader_the_worst_is_recorded(ledger: Connection) -> None:
    more = b"Final-Recipient: rfc822; ann@example.net\nAction: failed\nStatus: 4.2.2\n\n"
    data = dsn(to=PATHS.address(1)).replace(b"Final-Recipient", more + b"Final-Recipient", 1)
    assert taken(ledger, data) == [Taken.HARD]
    assert len(rows(ledger)) == 1


def test_a_report_about_an_erased_reader_is_nobodys(ledger: Connection) -> None:
    ledger.execute(
        update(subscriber).where(subscriber.c.id == ANN).values(email=None, email_key=None, state="erased")
    )
    assert taken(ledger, dsn(to=PATHS.address(1))) == [Taken.NOT_OURS]
    assert rows(ledger) == []


def test_what_a_server_said_of_an_erased_reader_is_forgotten(ledger: Connection) -> None:
    take(ledger, dsn(to=PATHS.address(1)))
    forget_reader(ledger, ANN, now=NOW)
    assert [row.diagnostic for row in rows(ledger)] == [None]


def test_refusals_at_sending_are_judged_alike_and_noted_once(ledger: Connection) -> None:
    deliver(ledger, 2, reader=BOB, state="failed")
    refused = [
        (1, "550 5.1.1 <ann@example.net>: user unknown"),
        (2, "550 5.7.1 blocked by policy"),
        (2, "no message can be made: edition 2 is gone"),
        (99, "550 5.1.1 user unknown"),
    ]
    assert note_refusals(ledger, refused, NOW) == 1
    assert note_refusals(ledger, refused, NOW) == 0
    assert states(ledger) == {ANN: SubscriberState.SUPPRESSED, BOB: SubscriberState.CONFIRMED}
    assert [(row.kind, row.delivery_id) for row in rows(ledger)] == [("hard", 1), ("policy", 2)]


@pytest.mark.parametrize(
    "reply",
    [
        "550 no thanks",
        "553 5.1.8 sender's domain does not exist",
        "554 5.7.1 relay access denied",
        "553 5.6.7 not sent: the address is not ASCII, and the server has no SMTPUTF8",
        "gave up after 30 attempts in 5 days: 452 4.2.2 mailbox full",
    ],
)
def test_a_refusal_that_may_be_no_fault_of_the_readers_suppresses_nobody(
    ledger: Connection, reply: str
) -> None:
    assert note_refusals(ledger, [(1, reply)], NOW) == 0
    assert reason(ledger) is None


def test_what_came_back_is_listed_newest_first(ledger: Connection) -> None:
    deliver(ledger, 2, reader=BOB)
    take(ledger, dsn(to=PATHS.address(1)))
    note_refusals(ledger, [(2, "550 5.7.1 blocked")], NOW)
    found = list(list_bounces(ledger))
    assert [(one.kind, one.email, one.digest) for one in found] == [
        (ReportKind.POLICY, "bob@example.net", "weekly"),
        (ReportKind.HARD, "ann@example.net", "weekly"),
    ]
    assert [one.email for one in list_bounces(ledger, kind=ReportKind.HARD)] == ["ann@example.net"]


def test_what_others_collected_suppresses_none_of_their_readers(
    sqlite_database: Database, shared_data: Any
) -> None:
    files = sorted((shared_data / "bounces-flufl" / "tests" / "data").glob("*.txt"))
    mails = [file.read_bytes() for file in files]
    named = {one for mail in mails for report in read_reports(mail) for one in report.recipients}
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
        people(connection)
        for number, email in enumerate(sorted(named), start=10):
            row = {"id": number, "email": email, "email_key": email, "state": "confirmed", "created_at": NOW}
            connection.execute(insert(subscriber).values(**row))
        outcomes = {one for mail in mails for one in taken(connection, mail)}
        assert outcomes == {Taken.NOT_OURS, Taken.NONE}
        assert set(states(connection).values()) == {SubscriberState.CONFIRMED}


def test_a_report_that_two_processes_read_at_once_counts_once(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
        people(connection)
        deliver(connection, 1)
    (tmp_path / "back.eml").write_bytes(dsn(to=PATHS.address(1), **FULL))
    reader = BounceReader(database, signer=SIGNER, limits=SoftLimits(bounces=2))
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: reader.read(str(tmp_path / "back.eml"), now=NOW), range(4)))
    assert sum(report.counts[Taken.SOFT] for report in reports) == 1
    assert sum(report.counts[Taken.KNOWN] for report in reports) == 3
    with database.read() as connection:
        assert len(rows(connection)) == 1
        assert reason(connection) is None


def test_soft_bounces_that_come_at_once_count_each_other(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)
        people(connection)
        for number in range(1, 6):
            deliver(connection, number, ago=timedelta(days=number))
            (tmp_path / f"{number}.eml").write_bytes(dsn(to=PATHS.address(number), **FULL))
    reader = BounceReader(database, signer=SIGNER, limits=LIMITS)
    with ThreadPoolExecutor(5) as pool:
        reports = list(
            pool.map(lambda number: reader.read(str(tmp_path / f"{number}.eml"), now=NOW), range(1, 6))
        )
    assert sum(report.suppressed for report in reports) == 1
