"""An erased address is nowhere any more, in no table and no column, but for a salted hash of it."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from database import Database, metadata
from digests.choosing import Words
from digests.model import DeliveryState, bounce, delivery, edition
from digests.returns.consequences import note_refusals
from digests.sending.steps import Result, record
from digests.store import add_digest
from feeds.configured import add_feed
from feeds.keys import grant, grants
from labelcast.reader_export import about_reader
from labelcast.reader_lists import import_readers
from labelcast.readers import add_reader, erase_reader, suppression_salt
from labelcast.scrubbing import scrub
from posts.blog import create_blog
from posts.rules import parse
from subscribers.changing import ask_change
from subscribers.consent import ERASED
from subscribers.csvfile import read_csv
from subscribers.model import suppression
from subscribers.signup import request_subscription
from subscribers.store import SubscriberError, find
from subscribers.suppression import address_hash
from tests.conftest import Command

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
KEY = "wilhelmina.quux@her-own-place.example"
EMAIL = "Wilhelmina.Quux@her-own-place.example"
HERS = ("wilhelmina", "quux", "her-own-place", "198.51.100.77")


def _stored(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every cell of every table, as text, and where it stands."""
    for table in metadata.sorted_tables:
        for row in connection.execute(select(table)):
            for column, value in row._mapping.items():
                shown = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                yield f"{table.name}.{column}", shown.lower()


def _places(connection: Connection) -> set[str]:
    return {place for place, shown in _stored(connection) if any(word in shown for word in HERS)}


def _live_through_everything(connection: Connection) -> None:
    """A reader who left a trace wherever one can be left."""
    salt = suppression_salt(connection)
    weekly, daily = (add_digest(connection, slug, rule="all", now=NOW) for slug in ("weekly", "daily"))
    asked: dict[str, Any] = {"wording": f"Shall this come to {EMAIL}?", "origin": HERS[-1], "now": NOW}
    request_subscription(connection, EMAIL, digest_id=daily.id, salt=salt, **asked)
    rows = read_csv(io.StringIO(f"email,agreed_at,agreed_from\n{KEY},2020-01-01,{HERS[-1]}\n"))
    import_readers(connection, rows, weekly, vouched=True, file=f"{KEY}.csv", now=NOW)
    add_reader(connection, KEY, weekly, Words(), confirmed=True, origin=f"mail from {KEY}", now=NOW)
    reader = find(connection, EMAIL)
    assert reader is not None
    values: dict[str, Any] = {
        "digest_id": weekly.id,
        "window_start": NOW,
        "window_end": NOW,
        "labels": "",
        "language": "en",
        "template": "digest",
        "folded": False,
        "created_at": NOW,
    }
    number = connection.execute(insert(edition).values(values).returning(edition.c.id)).scalar_one()
    sent = {
        "edition_id": number,
        "subscriber_id": reader.id,
        "state": DeliveryState.FAILED,
        "attempt": 1,
        "doubts": 0,
        "message_id": "<1.weekly@blog.example>",
        "domain": "her-own-place.example",
        "due_at": NOW,
        "reply": f"550 5.1.1 <{EMAIL}>: no such user",
        "created_at": NOW,
        "updated_at": NOW,
    }
    its = connection.execute(insert(delivery).values(sent).returning(delivery.c.id)).scalar_one()
    back = {"at": NOW, "kind": "soft", "status": "4.2.2", "diagnostic": f"<{EMAIL}>: mailbox full"}
    ids = {"subscriber_id": reader.id, "delivery_id": its}
    connection.execute(insert(bounce).values(**back, **ids, source_key="x" * 64))
    add_feed(connection, slug="inner", rule=parse("all"), now=NOW, is_private=True)
    grant(connection, "inner", EMAIL, now=NOW)
    other = add_reader(connection, "o@else.example", weekly, Words(), confirmed=True, origin="x", now=NOW)
    for number, wanted in ((reader.id, f"new@{KEY.partition('@')[2]}"), (other.id, EMAIL)):
        ask_change(connection, number, wanted, now=NOW, lasts=timedelta(days=7))


def _erase(connection: Connection) -> None:
    create_blog(connection, site_url="https://blog.example", now=NOW)
    _live_through_everything(connection)
    assert _places(connection) >= {
        "subscriber.email",
        "subscriber.email_key",
        "consent.origin",
        "consent.wording",
        "delivery.reply",
        "delivery.domain",
        "bounce.diagnostic",
        "feed_key.reader",
        "address_change.email",
    }
    assert erase_reader(connection, f" {EMAIL.upper()} ", now=NOW)


def test_what_a_server_says_after_an_erasure_during_sending_is_not_kept(connection: Connection) -> None:
    create_blog(connection, site_url="https://blog.example", now=NOW)
    _live_through_everything(connection)
    (its,) = connection.execute(select(delivery.c.id)).scalars()
    connection.execute(update(delivery).values(state=DeliveryState.SENDING, reply=None))
    assert erase_reader(connection, EMAIL, now=NOW)
    refused = Result(its, 1, DeliveryState.FAILED, f"550 5.1.1 <{EMAIL}>: no such user", NOW)
    record(connection, [refused], now=NOW)
    note_refusals(connection, [(its, refused.reply)], NOW)
    assert connection.execute(select(delivery.c.state)).scalars().all() == [DeliveryState.FAILED]
    assert _places(connection) == set()


def test_an_erased_address_is_in_no_table(database: Database) -> None:
    with database.write() as connection:
        _erase(connection)
        assert _places(connection) == set()
        kept = connection.execute(select(suppression.c.hash)).scalars().all()
        assert kept == [address_hash(KEY, salt=suppression_salt(connection))]
        (key,) = grants(connection, "inner")
        assert key.reader.startswith("(erased")
        assert key.revoked_at is not None
        assert about_reader(connection, EMAIL)["suppressed"]["reason"] == "erased"
        assert "subscriptions" not in about_reader(connection, EMAIL)
        with pytest.raises(SubscriberError, match="nobody has the address"):
            about_reader(connection, "somebody@else.example")


def test_what_a_consent_was_to_stays_without_the_person(connection: Connection) -> None:
    reader = add_reader(
        connection,
        EMAIL,
        add_digest(connection, "weekly", rule="all", now=NOW),
        Words(labels=["x"]),
        confirmed=True,
        origin=HERS[-1],
        now=NOW,
    )
    erase_reader(connection, EMAIL, now=NOW)
    rows = [place for place, shown in _stored(connection) if place.startswith("consent.") and ERASED in shown]
    assert rows == ["consent.origin"]
    assert reader.email == EMAIL


def test_a_rewritten_sqlite_file_has_no_byte_of_it(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.write() as connection:
        _erase(connection)
    with sqlite_database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert connection.execute(text("SELECT count(*) FROM suppression")).scalar_one() == 1
    files = [file for file in tmp_path.iterdir() if file.is_file()]
    assert files
    for file in files:
        content = file.read_bytes().lower()
        assert not [word for word in HERS if word.encode() in content], file.name


def test_the_command_leaves_no_byte_of_an_address_in_the_file(command: Command, blog: Path) -> None:
    assert command("digests", "add", "weekly", "--rule", "all").code == 0
    for confirmed in ((), ("--confirmed",)):
        assert command("subscribers", "add", EMAIL, "--digest", "weekly", *confirmed).code == 0
    assert b"quux" in (blog / "labelcast.db").read_bytes().lower()
    erased = command("subscribers", "erase", KEY)
    assert (erased.code, erased.err) == (0, f"{KEY}: erased\n")
    for file in blog.glob("labelcast.db*"):
        assert b"quux" not in file.read_bytes().lower(), file.name


def test_a_file_that_is_too_large_or_in_use_is_said_to_hold_it_still(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelcast.scrubbing.PATIENCE_SECONDS", 0.05)
    with sqlite_database.read() as connection:
        connection.execute(text("SELECT count(*) FROM subscriber")).all()
        assert "others are at it" in (_scrubbed(sqlite_database) or "")
    assert _scrubbed(sqlite_database) is None
    monkeypatch.setattr("labelcast.scrubbing.LARGEST", 0)
    assert "MB large" in (_scrubbed(sqlite_database) or "")


def _scrubbed(database: Database) -> str | None:
    with database.write() as connection:
        connection.execute(text("PRAGMA user_version = 1"))
    return scrub(database)
