"""Readers found by the publisher: by part of the address, state and digest, in pages, by indexes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from database import open_database, upgrade
from subscribers import finding
from subscribers.finding import Asked, count_readers, find_readers
from subscribers.model import SubscriberState, subscriber, subscription
from tests.examples import often
from tests.feeds_blog import FeedsBlog, new_blog
from tests.readers_audience import NOW, Audience

DAY = timedelta(days=1)
NAMES = ("anna", "Annabel", "an%a", "an_a", "ann.a", "änne", "bert", "zoë", "Zz")
DOMAINS = ("example.org", "example.com", "mail.example.org", "anna.example")
STATES = ("confirmed", "pending", "suppressed")


@pytest.fixture
def audience(feed_blog: FeedsBlog) -> Audience:
    """Every name at every domain, in every state, some of whom get this or that; and one erased."""
    made = Audience(feed_blog)
    made.digest()
    made.digest("daily")
    number = 0
    for domain in DOMAINS:
        for name in NAMES:
            digests = [slug for slug, every in (("weekly", 2), ("daily", 3)) if number % every == 0]
            made.reader(f"{name}@{domain}", *digests, state=STATES[number % 4 % 3])
            number += 1
    made.reader(None, state="erased")
    return made


def everything(audience: Audience, asked: Asked, *, limit: int = 4) -> list[str | None]:
    """The addresses found, page after page; nobody comes twice."""
    found, after = [], None
    with audience.database.read() as connection:
        for _ in range(100):
            page = find_readers(connection, asked, salt="salt", after=after, limit=limit)
            assert len(page.readers) <= limit
            found += [one.email for one in page.readers]
            after = page.then
            if after is None:
                break
        else:
            pytest.fail("it never ends")
    assert len(found) == len(set(found))
    return found


def all_of(audience: Audience, state: SubscriberState | None, slug: str | None) -> list[dict[str, Any]]:
    """The readers there are, by plain questions."""
    with audience.database.read() as connection:
        readers = select(subscriber)
        rows = [dict(row._mapping) for row in connection.execute(readers)]
        held = select(subscription).filter_by(state="active")
        pairs = {(row.subscriber_id, row.digest_id) for row in connection.execute(held)}
    wanted = audience.digests.get(slug or "")
    return [
        row
        for row in rows
        if state in {None, row["state"]} and (wanted is None or (row["id"], wanted) in pairs)
    ]


@pytest.mark.parametrize("window", [2, 5000])
def test_whoever_is_asked_for_is_found_once(
    audience: Audience, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(finding, "WINDOW", window)
    texts = ["", "ann", "ANN", "an%", "an_", "ä", "zoë@exa", "anna@example.org", "\U0010fffe", "q"]
    domains = ["@example.org", "anna.example", "example.com", "@nowhere.example"]
    for text in [*texts, *domains]:
        for state in (None, SubscriberState.PENDING, SubscriberState.ERASED):
            for slug in (None, "weekly"):
                asked = Asked(text, state, audience.digests.get(slug or ""))
                there = [row for row in all_of(audience, state, slug) if _is(text, row)]
                expected = sorted(str(row["email"]) for row in there)
                assert sorted(map(str, everything(audience, asked))) == expected, asked


def _is(text: str, row: dict[str, Any]) -> bool:
    key = row["email_key"]
    if text.startswith(("reader ", "#")):
        return bool(row["id"] == int(text.rsplit(maxsplit=1)[-1].strip("#")))
    if not text:
        return True
    if key is None:
        return False
    domain = key.partition("@")[2]
    if text in {"example.com", "@example.org", "@nowhere.example"}:
        return bool(domain == text.lstrip("@"))
    # "anna.example" begins no address, though it looks as if.
    return bool(domain == text) if text == "anna.example" else bool(key.startswith(text.casefold()))


def test_a_number_finds_its_reader_whatever_else_is_asked(audience: Audience) -> None:
    with audience.database.read() as connection:
        page = find_readers(connection, Asked("Reader 37", SubscriberState.PENDING), salt="salt")
        assert [(one.id, one.state, one.since) for one in page.readers] == [
            (37, SubscriberState.ERASED, None)
        ]
        assert find_readers(connection, Asked(f"#{'9' * 18}"), salt="salt").readers == []


def test_readers_are_told_with_what_they_get_and_since_when(audience: Audience) -> None:
    with audience.database.read() as connection:
        (one,) = find_readers(connection, Asked("anna@example.org"), salt="salt").readers
    assert (one.subscriptions, one.state, one.since) == (2, SubscriberState.CONFIRMED, NOW - 19 * DAY)


def test_counts_end_where_they_would_take_long(audience: Audience) -> None:
    with audience.database.read() as connection:
        assert count_readers(connection, Asked()) == 37
        assert count_readers(connection, Asked(), most=37) == 37
        assert count_readers(connection, Asked(), most=36) is None
        assert count_readers(connection, Asked(state=SubscriberState.ERASED)) == 1
        assert count_readers(connection, Asked(digest_id=audience.digests["weekly"])) == 18


def test_a_page_goes_on_where_its_last_reader_was_though_they_were_erased_since(audience: Audience) -> None:
    asked = Asked("a")
    with audience.database.write() as connection:
        page = find_readers(connection, asked, salt="salt", limit=4)
        gone = update(subscriber).where(subscriber.c.id == page.then)
        connection.execute(gone.values(email=None, email_key=None, state="erased"))
        again = find_readers(connection, asked, salt="salt", after=page.then, limit=4)
    # There is no telling where they stood: it begins anew, and does not end.
    assert [one.email for one in again.readers][:3] == [one.email for one in page.readers][:3]


@given(st.text(max_size=30))
@settings(max_examples=often(60))
def test_no_text_is_a_mistake(sqlite_text_audience: Audience, text: str) -> None:
    with sqlite_text_audience.database.read() as connection:
        page = find_readers(connection, Asked(text), salt="salt")
    assert all(one.email is not None for one in page.readers) or not text.strip() or page.readers[0].id


@pytest.fixture(scope="module")
def sqlite_text_audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    """One reader, for as many questions as there are."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('found') / 'labelcast.db'}")
    upgrade(database)
    made = Audience(new_blog(database))
    made.reader("anna@example.org")
    yield made
    database.dispose()


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (Asked(), "subscriber"),
        (Asked("anna"), "sqlite_autoindex_subscriber_1 (email_key>? AND email_key<?)"),
        (Asked("@example.org"), "ix_subscriber_domain"),
        (Asked("@example.org", SubscriberState.PENDING, 1), "ix_subscriber_domain"),
        (Asked(state=SubscriberState.ERASED), "ix_subscriber_state"),
        (Asked(digest_id=1), "ix_subscription_digest"),
        (Asked(digest_id=1, state=SubscriberState.PENDING), "ix_subscription_digest"),
    ],
    ids=str,
)
def test_readers_are_found_by_indexes(sqlite_feed_blog: FeedsBlog, asked: Asked, index: str) -> None:
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute("EXPLAIN QUERY PLAN " + statement, values)
            plans.extend(row[-1] for row in cursor.fetchall())

    database = sqlite_feed_blog.database
    event.listen(database.engine, "before_cursor_execute", explain)
    with database.read() as connection:
        find_readers(connection, asked, salt="salt", after=5)
        count_readers(connection, asked)
    through = ("SCAN subscriber", "SCAN subscription")
    assert not [line for line in plans if line.startswith(through) and "COVERING INDEX" not in line]
    assert any(index in line for line in plans)
