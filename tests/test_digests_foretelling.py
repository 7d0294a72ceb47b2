"""What a reader gets at an instant, past or to come: it is what the ticks then send, post for post."""

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from database import Database
from digests.cadence import Cadence, Rhythm
from digests.model import NoMail, delivery, edition, edition_post
from digests.planning.editions import Planner
from digests.planning.foretelling import Foretold, foretell, slot_on
from digests.store import add_digest, get_digest, update_digest
from digests.subscribed import subscribed_of
from labelcast.preview import When, preview_digest
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import PostState, SourcePost
from subscribers.store import add_subscriber, subscribe
from subscribers.subscribing import change
from tests.smtp_faults import SmtpFaults

# A Monday.
BEGUN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SALT = "salt"


def publish(database: Database, day: float, *labels: str, scheduled: bool = False) -> None:
    at = BEGUN + day * DAY
    url = f"https://blog.example/{day}/{'-'.join(labels)}"
    post = SourcePost(
        uri=url,
        url=url,
        title=f"Day {day}",
        html="<p>x</p>",
        published=at,
        updated=at,
        labels=labels,
        state=PostState.SCHEDULED if scheduled else PostState.LIVE,
    )
    store_posts(database, [post], now=BEGUN if scheduled else at)


@pytest.fixture
def reader(database: Database) -> int:
    """A reader of two labels, weekly on Mondays at 08:00."""
    with database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=BEGUN)
        digest = add_digest(connection, "weekly", rule="all", at="mon 08:00", now=BEGUN, min_posts=2)
        her = add_subscriber(connection, "her@example.org", confirmed=True, now=BEGUN, salt=SALT)
        subscribe(connection, subscriber_id=her.id, digest_id=digest.id, now=BEGUN, labels=["a", "b"])
    return her.id


def look(database: Database, reader: int, at: datetime, now: datetime) -> Foretold:
    with database.write() as connection:
        (one,) = subscribed_of(connection, reader)
        return foretell(connection, get_digest(connection, "weekly"), one, at=at, now=now)


def sent(database: Database) -> list[tuple[datetime, tuple[int, ...]]]:
    """The windows' ends and posts of what she was sent."""
    with database.read() as connection:
        mailed = select(edition.c.id, edition.c.window_end).join(delivery).order_by(edition.c.window_end)
        posts = select(edition_post.c.post_id).order_by(edition_post.c.position)
        return [
            (
                row.window_end,
                tuple(connection.execute(posts.where(edition_post.c.edition_id == row.id)).scalars()),
            )
            for row in connection.execute(mailed)
        ]


def test_what_is_foretold_for_every_coming_slot_is_what_the_ticks_send(
    database: Database, reader: int
) -> None:
    for day, label in ((1, "a"), (2, "b"), (3, "c"), (9, "a"), (15, "b"), (22, "c"), (30, "b")):
        publish(database, day, label)
    planner = Planner(database, mail_domain="blog.example")
    planner.plan(BEGUN)
    slots = [datetime(2026, 3, 9, 8, tzinfo=UTC) + week * 7 * DAY for week in range(5)]
    now = BEGUN + DAY / 2
    foretold = [(slot, look(database, reader, slot, now)) for slot in slots]
    # One post is too few: it waits for the next. In the last but one week nothing is new to her.
    assert [one.reason for _, one in foretold] == [
        None,
        NoMail.TOO_FEW,
        None,
        NoMail.NOTHING_NEW,
        NoMail.TOO_FEW,
    ]
    for slot in slots:
        planner.plan(slot)
    assert sent(database) == [(slot, one.edition.post_ids) for slot, one in foretold if one.reason is None]


def test_looking_stores_nothing_and_counts_what_is_scheduled(database: Database, reader: int) -> None:
    publish(database, 1, "a", scheduled=True)
    publish(database, 2, "b", scheduled=True)
    slot = datetime(2026, 3, 9, 8, tzinfo=UTC)
    assert len(look(database, reader, slot, BEGUN).posts) == 2
    assert look(database, reader, BEGUN, BEGUN).posts == ()


def test_what_was_sent_is_shown_as_it_was(database: Database, reader: int) -> None:
    publish(database, 1, "a")
    publish(database, 2, "b")
    slot = datetime(2026, 3, 9, 8, tzinfo=UTC)
    planner = Planner(database, mail_domain="blog.example")
    planner.plan(BEGUN)
    planner.plan(slot)
    # Late news of that week is not in it.
    publish(database, 3, "a")
    ((number, posts),) = [(one.number, one.posts) for one in [look(database, reader, slot, slot + DAY)]]
    assert number == 1
    assert len(posts) == 2


def test_after_another_rhythm_was_chosen_nothing_is_foretold_twice(database: Database, reader: int) -> None:
    with database.write() as connection:
        update_digest(connection, "weekly", min_posts=1, cadences=["weekly", "daily"])
    planner = Planner(database, mail_domain="blog.example")
    monday = datetime(2026, 3, 9, 8, tzinfo=UTC)
    planner.plan(BEGUN)
    # On Sunday night; it is sent on Monday morning.
    publish(database, 6.4, "a")
    planner.plan(monday)
    publish(database, 7.1, "b")
    with database.write() as connection:
        (one,) = subscribed_of(connection, reader)
        change(connection, one.subscription.id, {"cadence": "daily", "minute": 20 * 60})
    evening = monday + timedelta(hours=12)
    foretold = look(database, reader, evening, monday + timedelta(hours=6))
    for tick in (monday + timedelta(hours=6), evening):
        planner.plan(tick)
    assert [end for end, _ in sent(database)] == [monday, evening]
    assert sent(database)[-1] == (evening, foretold.edition.post_ids)
    assert foretold.edition.window_start == monday


@pytest.mark.parametrize("state", ["queued", "skipped", "failed"])
def test_of_what_was_made_and_not_sent_nobody_is_told_that_it_was_sent(
    command: Any, blog: Path, state: str
) -> None:
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00", "--timezone", "UTC")
    command("subscribers", "add", "her@example.org", "--digest", "weekly", "--confirmed")
    (blog / "new.jsonl").write_text(NEWS.replace("2026", "2025"))
    command("import", "new.jsonl", "--now", "2025-12-09T10:00:00Z")
    command("tick", "--now", "2025-12-15T08:00:00Z")
    look = ("digests", "preview", "weekly", "--subscriber", "her@example.org", "--at", "2025-12-15T08:00:00Z")
    assert "edition 1, as it was sent" in command(*look).err
    wiring = Wiring(load_settings())
    with wiring.database.write() as connection:
        connection.execute(update(delivery).values(state=state))
        if state == "queued":
            connection.execute(update(edition).values(message=None))
    told = command(*look)
    assert f"edition 1; its message to them is {state}" in told.err
    assert "New" in told.text


def test_who_looks_at_what_there_is_waits_for_nobody_who_writes(command: Any, blog: Path) -> None:
    command("digests", "add", "weekly", "--rule", "all", "--min-posts", "2")
    (blog / "new.jsonl").write_text(NEWS)
    command("import", "new.jsonl", "--now", "2026-12-09T10:00:00Z")
    at = datetime(2026, 12, 15, 8, 0, tzinfo=UTC)
    wiring = Wiring(load_settings())
    with wiring.database.write():
        seen = preview_digest(wiring, "weekly", When(now=at, at=at), email=None)
    assert seen is not None
    assert b"New" in seen.part("text")


def test_a_day_means_the_slot_on_it() -> None:
    weekly = Rhythm(Cadence.WEEKLY, 8 * 60, 0, 1, "America/Regina")
    assert slot_on(date(2026, 11, 30), weekly) == datetime(2026, 11, 30, 14, tzinfo=UTC)
    assert slot_on(date(2026, 12, 1), weekly) == datetime(2026, 12, 2, 6, tzinfo=UTC)


NEWS = """{"id": "tag:b,2026:1", "title": "New", "published": "2026-12-09T10:00Z", "labels": ["MEK"],
"html": "x"}""".replace("\n", " ")


def test_a_test_mail_goes_to_one_address_and_is_not_in_the_ledger(
    command: Any, blog: Path, smtp_faults: SmtpFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_MAIL__TRANSPORT", smtp_faults.url)
    (blog / "new.jsonl").write_text(NEWS)
    assert command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00").code == 0
    nothing = command("digests", "test", "weekly", "--to", "desk@example.org")
    assert (nothing.code, nothing.err.count("\n")) == (1, 1)
    assert command("import", "new.jsonl", "--now", "2026-12-09T12:00:00Z").code == 0
    done = command("digests", "test", "weekly", "--to", "desk@example.org", "--at", "2026-12-14")
    assert done.err == "digest weekly: sent to desk@example.org: 250 2.0.0 Ok: queued\n"
    (taken,) = smtp_faults.messages
    assert taken.recipients == ("desk@example.org",)
    message = message_from_bytes(taken.data, policy=default)
    assert message["To"] == "desk@example.org"
    assert "/unsubscribe/preview" in message["List-Unsubscribe"]
    assert command("deliveries", "--json").json == []
    smtp_faults.set_fault("^doubt@", "dot", "keep-drop")
    doubt = command("digests", "test", "weekly", "--to", "doubt@example.org")
    assert doubt.code == 1
    assert doubt.err.startswith("labelcast: doubt@example.org: nobody knows whether it was taken: sent whole")
    smtp_faults.set_fault("^desk@", "rcpt", "550 5.1.1 no such user")
    refused = command("digests", "test", "weekly", "--to", "desk@example.org")
    assert (refused.code, refused.err) == (
        1,
        "labelcast: desk@example.org: not sent: 550 5.1.1 no such user\n",
    )
