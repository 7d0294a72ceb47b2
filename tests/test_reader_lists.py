"""A list of readers is taken: nobody is subscribed who did not agree; the same list again changes nothing."""

import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from digests.choosing import Words
from digests.model import Digest
from digests.store import add_digest, get_digest
from labelcast.reader_export import export_readers
from labelcast.reader_lists import ReadersReport, import_readers
from labelcast.readers import add_reader, erase_reader, suppression_salt, unsubscribe_reader
from subscribers.consent import list_consents
from subscribers.csvfile import CsvError, read_csv
from subscribers.csvrows import Row, Status
from subscribers.intake import Fate, Held, Known, Wanted, decide
from subscribers.model import (
    ConsentKind,
    SubscriberState,
    SubscriptionState,
    consent,
    subscriber,
    subscription,
    suppression,
)
from subscribers.store import find, list_subscribers, unsubscribe, unsubscribe_all
from subscribers.subscribing import CHOICES
from subscribers.suppression import Suppression, SuppressionReason, is_suppressed, lift, suppress
from tests.examples import often

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
LISTS = Path(__file__).parent / "data" / "csv"


@pytest.fixture
def weekly(connection: Connection) -> Digest:
    return add_digest(connection, "weekly", rule="all", now=NOW)


def _take(
    connection: Connection, text: str, *, vouched: bool = True, digest: str | None = "weekly", **how: Any
) -> ReadersReport:
    its = None if digest is None else get_digest(connection, digest)
    how = {"now": NOW, "file": "readers.csv", **how}
    return import_readers(connection, read_csv(io.StringIO(text)), its, vouched=vouched, **how)


def _counts(report: ReadersReport) -> tuple[int, int, int, int]:
    return report.subscribed, report.already, len(report.suppressed), len(report.skipped)


def _sample(name: str) -> str:
    return (LISTS / f"{name}.csv").read_text(encoding="utf-8")


def _all(connection: Connection) -> list[list[Any]]:
    tables = (subscriber, subscription, consent, suppression)
    return [list(connection.execute(select(table).order_by(*table.primary_key))) for table in tables]


def _export(connection: Connection) -> str:
    text = io.StringIO(newline="")
    export_readers(connection, text)
    return text.getvalue()


def test_a_claimed_consent_is_kept_with_its_own_time_and_place(
    connection: Connection, weekly: Digest
) -> None:
    report = _take(connection, _sample("mailchimp_subscribed"))
    assert _counts(report) == (3, 0, 0, 0)
    ada, bo, chi = list_subscribers(connection)
    (claimed,) = list_consents(connection, ada.id)
    assert (claimed.kind, claimed.at, claimed.digest_id) == (
        ConsentKind.CLAIMED,
        datetime(2018, 2, 12, 10, 54, 27, tzinfo=UTC),
        weekly.id,
    )
    assert claimed.origin == "csv:readers.csv:2 (198.51.100.8)"
    assert claimed.wording == (
        "The publisher says that this reader agreed to get the digest weekly. So says the list of Mailchimp."
    )
    assert ada.subscriptions[0].timezone == "Europe/Oslo"
    assert (bo.subscriptions[0].timezone, chi.subscriptions[0].timezone) == (None, None)
    (undated,) = list_consents(connection, chi.id)
    assert undated.at == NOW
    assert undated.wording.endswith("The list gives no date: this is when it was imported.")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("mailchimp_subscribed", (3, 0, 0, 0)),
        ("mailchimp_unsubscribed", (0, 0, 0, 2)),
        ("mailchimp_cleaned", (0, 0, 1, 0)),
        ("listmonk", (2, 0, 0, 2)),
        ("feedburner", (3, 0, 0, 1)),
        ("substack", (2, 0, 0, 1)),
        ("buttondown", (3, 0, 2, 2)),
        ("ghost", (2, 0, 0, 2)),
    ],
)
def test_each_services_list_is_taken_once(
    connection: Connection, weekly: Digest, name: str, counts: tuple[int, int, int, int]
) -> None:
    assert _counts(_take(connection, _sample(name))) == counts
    before = _all(connection)
    subscribed, _, suppressed, skipped = counts
    again = _take(connection, _sample(name), now=LATER)
    assert _counts(again) == (0, subscribed, suppressed, skipped)
    assert _all(connection) == before


def test_the_unverified_stay_pending_though_the_publisher_vouches(
    connection: Connection, weekly: Digest
) -> None:
    report = _take(connection, _sample("feedburner"))
    assert report.pending == 2
    assert {one.email: one.state for one in list_subscribers(connection)} == {
        "ada@news.example": "confirmed",
        "bo@news.example": "pending",
        "chi@news.example": "pending",
    }
    assert [bad.reason for bad in report.skipped] == ["del@news.example is not subscribed there: Cancelled"]


def test_without_the_publishers_word_nobody_is_confirmed(connection: Connection, weekly: Digest) -> None:
    report = _take(connection, _sample("ghost"), vouched=False)
    assert (report.subscribed, report.pending) == (2, 2)
    assert {one.state for one in list_subscribers(connection)} == {SubscriberState.PENDING}
    assert connection.execute(select(consent)).all() == []
    vouched = _take(connection, _sample("ghost"), now=LATER)
    assert (vouched.subscribed, vouched.pending, vouched.already) == (2, 0, 0)
    assert {one.state for one in list_subscribers(connection)} == {SubscriberState.CONFIRMED}
    assert len(connection.execute(select(consent)).all()) == 2


def test_who_gets_other_mail_gets_nothing_more_without_a_word_for_it(
    connection: Connection, weekly: Digest
) -> None:
    daily = add_digest(connection, "daily", rule="all", now=NOW)
    add_reader(connection, "a@x.example", daily, Words(), confirmed=True, origin="command", now=NOW)
    report = _take(connection, "email\na@x.example\n", vouched=False)
    assert (report.subscribed, report.pending) == (1, 1)
    found = find(connection, "a@x.example")
    assert found is not None
    assert {one.digest: (one.state, one.waits) for one in found.subscriptions} == {
        "daily": ("active", False),
        "weekly": ("ended", True),
    }
    assert _counts(_take(connection, "email\na@x.example\n", vouched=False)) == (0, 1, 0, 0)
    assert _counts(_take(connection, "email\na@x.example\n")) == (1, 0, 0, 0)
    found = find(connection, "a@x.example")
    assert found is not None
    assert {one.state for one in found.subscriptions} == {SubscriptionState.ACTIVE}


def test_the_bounced_and_the_complained_are_never_written_to(connection: Connection, weekly: Digest) -> None:
    salt = suppression_salt(connection)
    _take(connection, "email\ngone@news.example\n")
    report = _take(connection, _sample("buttondown"))
    assert [bad.reason for bad in report.suppressed] == [
        "gone@news.example: undeliverable on 2023-04-04",
        "cross@news.example: complained",
    ]
    for name in ("gone", "cross"):
        assert is_suppressed(connection, f"{name}@news.example", salt=salt)
    gone = find(connection, "gone@news.example")
    assert gone is not None
    assert (gone.state, gone.subscriptions[0].state) == ("suppressed", "ended")
    later = _take(connection, "email\ngone@news.example\ncross@news.example\n")
    assert [bad.reason for bad in later.suppressed] == [
        "gone@news.example is suppressed here: bounced on 2023-04-04",
        "cross@news.example is suppressed here: complained on 2026-03-04",
    ]


def test_no_list_brings_back_who_unsubscribed_or_was_erased(connection: Connection, weekly: Digest) -> None:
    _take(connection, "email\na@x.example\nb@x.example\n")
    anna = find(connection, "a@x.example")
    assert anna is not None
    unsubscribe(connection, anna.subscriptions[0].id, now=LATER)
    erase_reader(connection, "b@x.example", now=LATER)
    before = _all(connection)
    report = _take(connection, "email\nA@x.example\nb@x.example\n", now=LATER)
    assert _counts(report) == (0, 0, 1, 1)
    assert report.skipped[0].reason == (
        "A@x.example unsubscribed here on 2026-03-05: only they can come back, by a new consent"
    )
    assert report.suppressed[0].reason == ("b@x.example was erased here on 2026-03-05, as its reader wished")
    assert _all(connection) == before


@pytest.mark.parametrize("left", ["stop", "by hand", "suppressed", "bounced in a list"])
def test_no_list_says_yes_for_a_reader_who_was_asked_and_left_everything(
    connection: Connection, weekly: Digest, left: str
) -> None:
    daily = add_digest(connection, "daily", rule="all", now=NOW)
    how: dict[str, Any] = {"origin": "command", "now": NOW}
    ann = add_reader(connection, "ann@x.example", weekly, Words(), confirmed=True, **how)
    add_reader(connection, "ann@x.example", daily, Words(), confirmed=False, **how)
    if left == "stop":
        unsubscribe_all(connection, ann.id, now=LATER)
    elif left == "by hand":
        assert unsubscribe_reader(connection, "ann@x.example", None, now=LATER) == ["weekly"]
    else:
        salt = suppression_salt(connection)
        if left == "suppressed":
            suppress(connection, "ann@x.example", reason=SuppressionReason.BY_HAND, now=LATER, salt=salt)
        else:
            _take(connection, "email,status\nann@x.example,bounced\n", now=LATER)
        lift(connection, "ann@x.example", salt=salt)
    report = _take(connection, "email\nann@x.example\n", digest="daily", now=LATER)
    assert _counts(report) == (0, 0, 0, 1)
    assert "unsubscribed here" in report.skipped[0].reason


def test_a_list_does_not_change_what_a_reader_chose(connection: Connection, weekly: Digest) -> None:
    _take(connection, "email,cadence,labels\na@x.example,daily,mek\n")
    assert _counts(_take(connection, "email,cadence,labels\na@x.example,monthly,iran\n")) == (0, 1, 0, 0)
    anna = find(connection, "a@x.example")
    assert anna is not None
    assert (anna.subscriptions[0].cadence, anna.subscriptions[0].labels) == ("daily", ("mek",))


def test_an_address_twice_in_a_list_is_one_reader(connection: Connection, weekly: Digest) -> None:
    assert _counts(_take(connection, "email\na@x.example\nA@X.example\n")) == (1, 1, 0, 0)
    text = "email,status\nb@x.example,\nb@x.example,bounced\nb@x.example,\n"
    assert _counts(_take(connection, text)) == (1, 0, 2, 0)
    found = find(connection, "b@x.example")
    assert found is not None
    assert (found.state, found.subscriptions[0].state) == ("suppressed", "ended")
    text = "email,status\nc@x.example,pending\nc@x.example,\n"
    assert _counts(_take(connection, text)) == (2, 0, 0, 0)
    found = find(connection, "c@x.example")
    assert found is not None
    assert (found.state, found.subscriptions[0].state) == ("confirmed", "active")


def test_control_characters_in_a_list_are_stored_nowhere(connection: Connection, weekly: Digest) -> None:
    text = 'email,agreed_from,labels,status,language\na@x.example,"\x00x\x07","m\x00k",\x00,\x00\n'
    assert _counts(_take(connection, text)) == (1, 0, 0, 0)
    (only,) = list_subscribers(connection)
    assert [one.origin for one in list_consents(connection, only.id)] == ["csv:readers.csv:2 (x)"]
    assert only.subscriptions[0].labels == ("m-k",)


def test_tags_are_labels_only_when_asked_and_only_where_they_are_some(
    connection: Connection, weekly: Digest, store_post: Callable[..., int]
) -> None:
    store_post(connection, "tag:x", labels=["Bees"])
    _take(connection, _sample("ghost"))
    assert {one.subscriptions[0].labels for one in list_subscribers(connection)} == {()}
    add_digest(connection, "other", rule="all", now=NOW)
    _take(connection, _sample("ghost"), digest="other", tags_as_labels=True)
    found = find(connection, "ada@news.example")
    assert found is not None
    assert {one.digest: one.labels for one in found.subscriptions} == {"weekly": (), "other": ("bees",)}


def test_a_line_that_cannot_be_so_is_skipped_with_its_reason(connection: Connection, weekly: Digest) -> None:
    lines = [
        "email,cadence,at,timezone,content,form,digest",
        "a@x.example,hourly,,,,,",
        "b@x.example,daily,mon 08:00,,,,",
        "c@x.example,,,Mars/Base,,,",
        "d@x.example,,,,some,,",
        "e@x.example,,,,,pdf,",
        "f@x.example,weekly,tue 07:30,Asia/Tokyo,summary,text,",
    ]
    report = _take(connection, "\n".join(lines))
    assert _counts(report) == (1, 0, 0, 5)
    for bad, said in zip(
        report.skipped, ("hourly", "weekday", "Mars/Base", "content 'some'", "form 'pdf'"), strict=True
    ):
        assert said in bad.reason
    (only,) = list_subscribers(connection)
    one = only.subscriptions[0]
    assert (one.minute, one.weekday, one.timezone) == (450, 1, "Asia/Tokyo")
    assert (one.content, one.form) == ("summary", "text")


def test_a_list_that_names_no_digest_needs_one(connection: Connection, weekly: Digest) -> None:
    with pytest.raises(CsvError, match="line 2: the list names no digest: say which with --digest"):
        _take(connection, "email\na@x.example\n", digest=None)
    report = _take(connection, "email,digest\na@x.example,weekly\nb@x.example,monthly\n", digest=None)
    assert _counts(report) == (1, 0, 0, 1)
    assert report.skipped[0].reason == "b@x.example: digest 'monthly' is not there: add it first"


def _populate(connection: Connection) -> None:
    """Readers in every state, with every choice."""
    weekly, daily = (add_digest(connection, slug, rule="all", now=NOW) for slug in ("weekly", "daily"))
    full = Words(["mek", "iran"], "monthly", "last 07:30", "Asia/Tokyo", "fa", "summary", "text")
    how: dict[str, Any] = {"origin": "command", "now": NOW}
    add_reader(connection, "All@x.example", weekly, full, confirmed=True, **how)
    add_reader(
        connection, "all@x.example", daily, Words(at="tue 00:00", cadence="weekly"), confirmed=True, **how
    )
    add_reader(connection, "=cmd@x.example", weekly, Words(), confirmed=True, **how)
    add_reader(connection, "pending@x.example", weekly, Words(), confirmed=False, **how)
    add_reader(connection, "asked@x.example", weekly, Words(), confirmed=True, **how)
    add_reader(connection, "asked@x.example", daily, Words(labels=["x"]), confirmed=False, **how)
    for name in ("left", "spam", "erased"):
        add_reader(connection, f"{name}@x.example", weekly, Words(), confirmed=True, **how)
    left = find(connection, "left@x.example")
    assert left is not None
    unsubscribe(connection, left.subscriptions[0].id, now=LATER)
    salt = suppression_salt(connection)
    suppress(connection, "spam@x.example", reason=SuppressionReason.COMPLAINED, now=LATER, salt=salt)
    erase_reader(connection, "erased@x.example", now=LATER)
    connection.execute(
        subscription.update().where(subscription.c.id == 1).values(paused_until=LATER + timedelta(days=300))
    )


def _readers(connection: Connection) -> dict[str | None, Any]:
    """Who reads what, and how; without what belongs to this database: numbers, windows, dates."""
    names = ("digest", "state", "waits", "labels", *CHOICES, "paused_until")
    return {
        one.email: (
            one.state,
            one.language,
            [[getattr(held, name) for name in names] for held in one.subscriptions],
        )
        for one in list_subscribers(connection)
        if one.email is not None and one.state is not SubscriberState.SUPPRESSED
    }


def test_an_import_of_our_own_export_gives_the_same_readers_back(connection: Connection) -> None:
    _populate(connection)
    text, before = _export(connection), _readers(connection)
    consents = connection.execute(select(consent.c.at).where(consent.c.kind != ConsentKind.ASKED)).all()
    for table in (subscription, consent, suppression, subscriber):
        connection.execute(table.delete())
    report = _take(connection, text, digest=None, now=LATER + timedelta(days=2))
    assert [bad.reason for bad in report.skipped] == [
        "left@x.example is not subscribed there: unsubscribed on 2026-03-05"
    ]
    assert [bad.reason for bad in report.suppressed] == ["spam@x.example: complained on 2026-03-05"]
    assert _readers(connection) == before
    salt = suppression_salt(connection)
    assert is_suppressed(connection, "spam@x.example", salt=salt)
    assert find(connection, "spam@x.example") is None
    kept = [one.at for one in connection.execute(select(consent.c.at))]
    assert kept == [NOW] * len(kept)
    assert len(consents) >= len(kept) == 5
    after = _all(connection)
    _take(connection, text, digest=None, now=LATER + timedelta(days=3))
    assert _all(connection) == after


def test_what_was_agreed_to_before_an_end_is_kept_through_an_export(
    connection: Connection, weekly: Digest
) -> None:
    """The mail until then was agreed to, and the publisher may have to show that."""
    header = "email,state,digest,subscription,agreed_at,agreed_from,since\n"
    line = "ann@example.org,confirmed,weekly,ended,2024-01-02T00:00:00Z,web,2025-01-02T00:00:00Z\n"
    for _ in range(2):
        _take(connection, header + line, digest=None)
    ann = find(connection, "ann@example.org")
    assert ann is not None
    (kept,) = list_consents(connection, ann.id)
    assert (kept.kind, kept.digest_id, f"{kept.at:%Y-%m-%d}") == ("claimed", weekly.id, "2024-01-02")
    assert "2024-01-02T00:00:00Z" in _export(connection)
    assert ann.subscriptions[0].state == "ended"


def test_an_export_changes_nobody_where_it_came_from(connection: Connection) -> None:
    _populate(connection)
    text, before = _export(connection), _all(connection)
    report = _take(connection, text, digest=None, now=LATER + timedelta(days=2))
    assert report.subscribed == 0
    assert _all(connection) == before


ADDRESSES = ("a@x.example", "b@x.example", "A@x.example", "c@x.example")
STATUSES = ("", "pending", "unsubscribed", "bounced", "complained", "nonsense")
LINES = st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(STATUSES)), max_size=12)


@settings(deadline=None, max_examples=often(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=LINES, second=LINES, vouched=st.booleans())
def test_any_lists_again_change_nothing_and_the_suppressed_stay_so(
    sqlite_connection: Connection, first: list[Any], second: list[Any], *, vouched: bool
) -> None:
    with sqlite_connection.begin_nested() as trial:
        add_digest(sqlite_connection, "weekly", rule="all", now=NOW)
        refused: set[str] = set()
        for lines in (first, second, second):
            before = _all(sqlite_connection)
            _take(sqlite_connection, _list(lines), vouched=vouched)
            refused |= {email.casefold() for email, word in lines if word in {"bounced", "complained"}}
        assert _all(sqlite_connection) == before
        for one in list_subscribers(sqlite_connection):
            assert one.email is not None
            is_refused = one.email.casefold() in refused
            assert (one.state is SubscriberState.SUPPRESSED) == is_refused
            active = [s for s in one.subscriptions if s.state is SubscriptionState.ACTIVE]
            assert not (is_refused and active)
        trial.rollback()


def _list(lines: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["email,status", *(f"{email},{word}" for email, word in lines)])


@given(
    state=st.sampled_from([None, *SubscriberState]),
    held=st.sampled_from([None, *SubscriptionState]),
    reason=st.sampled_from([None, *SuppressionReason]),
    status=st.sampled_from(Status),
    vouched=st.booleans(),
)
def test_suppression_goes_before_all_and_an_end_before_every_list(
    state: SubscriberState | None,
    held: SubscriptionState | None,
    reason: SuppressionReason | None,
    status: Status,
    *,
    vouched: bool,
) -> None:
    known = Known("a@x.example", 1, state, None if reason is None else Suppression(reason, NOW))
    if held is not None:
        known.held[1] = Held(1, held, ended_at=NOW)
    wanted = Wanted(Row(2, "a@x.example", status=status), "a@x.example", 1, {}, NOW, "csv", "words")
    decision = decide(wanted, known, vouched=vouched)
    if reason is not None or state is SubscriberState.SUPPRESSED:
        assert decision.fate is Fate.SUPPRESSED
    if held is SubscriptionState.ENDED or status not in {Status.SUBSCRIBED, Status.PENDING}:
        assert decision.fate in {Fate.SUPPRESSED, Fate.SKIPPED}
    assert not (decision.agreed and not (vouched and status is Status.SUBSCRIBED))
