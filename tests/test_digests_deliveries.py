"""An erased reader leaves nothing of theirs in the ledger."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from database import open_database
from digests.model import delivery
from subscribers.store import unsubscribe

NEWS = """{"id": "tag:b,2026:1", "title": "New", "published": "2026-12-09T10:00Z", "labels": ["MEK"],
"html": "x"}""".replace("\n", " ")


def test_an_erased_reader_is_not_written_to_and_the_server_s_words_are_forgotten(
    command: Any, blog: Path
) -> None:
    (blog / "new.jsonl").write_text(NEWS)
    assert command("digests", "add", "weekly", "--rule", "MEK", "--at", "mon 08:00").code == 0
    for name in ("stays", "goes"):
        assert (
            command("subscribers", "add", f"{name}@example.org", "--digest", "weekly", "--confirmed").code
            == 0
        )
    assert command("import", "new.jsonl", "--now", "2026-12-09T12:00:00Z").code == 0
    # The Maildir is a file: nothing can be delivered, everything waits.
    (blog / "outbox").write_text("in the way")
    assert command("tick", "--now", "2026-12-14T08:00:00Z").code == 1
    database = open_database(f"sqlite:///{blog / 'labelcast.db'}")
    with database.write() as connection:
        connection.execute(update(delivery).values(reply="452 goes@example.org: mailbox full"))
    assert command("subscribers", "erase", "goes@example.org").code == 0
    with database.read() as connection:
        rows = connection.execute(select(delivery.c.state, delivery.c.reply).order_by(delivery.c.id)).all()
    database.dispose()
    assert sorted(map(tuple, rows)) == [
        ("queued", "452 goes@example.org: mailbox full"),
        ("skipped", "the reader was erased"),
    ]
    (blog / "outbox").unlink()
    assert command("tick", "--now", "2026-12-14T08:00:00Z").code == 0
    assert len(list((blog / "outbox" / "new").iterdir())) == 1


def test_a_reader_may_choose_a_label_that_no_post_has_yet(command: Any, blog: Path) -> None:
    (blog / "new.jsonl").write_text(NEWS)
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00")
    added = command(
        "subscribers", "add", "a@example.org", "--digest", "weekly", "--label", "MEK", "--confirmed"
    )
    assert added.code == 0
    assert "warning: no post has the label 'MEK' yet" in added.err
    command("import", "new.jsonl", "--now", "2026-12-09T12:00:00Z")
    command("tick", "--now", "2026-12-14T08:00:00Z")
    (sent,) = command("deliveries", "--json").json
    assert (sent["email"], sent["state"]) == ("a@example.org", "sent")


def test_an_old_list_does_not_bring_back_who_unsubscribed(command: Any, blog: Path) -> None:
    (blog / "readers.csv").write_text("email\na@example.org\n")
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00")
    command("subscribers", "import", "readers.csv", "--digest", "weekly", "--confirmed")
    database = open_database(f"sqlite:///{blog / 'labelcast.db'}")
    with database.write() as connection:
        unsubscribe(connection, 1, now=datetime(2026, 12, 1, tzinfo=UTC))
    database.dispose()
    again = command("subscribers", "import", "readers.csv", "--digest", "weekly", "--confirmed")
    assert "0 subscribed, 0 already, 0 suppressed, 1 skipped" in again.text
