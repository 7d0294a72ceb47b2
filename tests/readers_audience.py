"""Digests, readers and what they were mailed, as rows: for tests of what the publisher sees of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from database import Database
from digests.model import delivery, edition
from digests.store import add_digest
from labelcast.webwork.readers import reader_work
from subscribers.model import subscriber, subscription
from tests.admin_client import AdminClient, admin_client
from tests.feeds_blog import FeedsBlog
from web.admin.work import AdminWork
from web.model import Role, audit_entry

NOW = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)


class Audience:
    """A blog's readers; each of them, each edition and each delivery is made by one call."""

    def __init__(self, blog: FeedsBlog) -> None:
        self.blog = blog
        self.database: Database = blog.database
        blog.now = NOW
        self.digests: dict[str, int] = {}

    def digest(self, slug: str = "weekly") -> int:
        """A digest by its slug."""
        with self.database.write() as connection:
            made = add_digest(connection, slug, rule="all", now=NOW - timedelta(days=99)).id
        self.digests[slug] = made
        return made

    def reader(self, email: str | None, *digests: str, state: str = "confirmed", **chosen: Any) -> int:
        """A reader who is subscribed to digests; ``chosen`` are columns of their subscriptions."""
        row = {"email": email, "email_key": email and email.casefold(), "state": state}
        dates = {"created_at": NOW - timedelta(days=20), "confirmed_at": NOW - timedelta(days=19)}
        with self.database.write() as connection:
            made = insert(subscriber).values(row | dates).returning(subscriber.c.id)
            number: int = connection.execute(made).scalar_one()
            for slug in digests:
                values = {"subscriber_id": number, "digest_id": self.digests[slug], "state": "active"}
                begun = {"labels": [], "created_at": NOW - timedelta(days=19)}
                connection.execute(insert(subscription).values(values | begun | chosen))
        return number

    def edition(self, slug: str = "weekly", *, at: datetime = NOW - timedelta(days=1), **more: Any) -> int:
        """An edition that was mailed, to nobody yet."""
        with self.database.write() as connection:
            count = connection.execute(select(func.count()).select_from(edition)).scalar_one()
            values = {
                "digest_id": self.digests[slug],
                "window_start": at - timedelta(days=7),
                "window_end": at + timedelta(seconds=count),
                "labels": "",
                "language": "en",
                "template": "digest",
                "folded": False,
                "created_at": at,
                "message": b"Subject: x",
                "rendered_at": at,
                "subject": f"Edition {count + 1}",
                "readers": 0,
            }
            made = insert(edition).values(values | more).returning(edition.c.id)
            number: int = connection.execute(made).scalar_one()
        return number

    def mail(self, number: int, reader: int, state: str = "sent", reply: str | None = None) -> int:
        """A delivery of an edition to a reader."""
        with self.database.write() as connection:
            values = {
                "edition_id": number,
                "subscriber_id": reader,
                "state": state,
                "attempt": 1,
                "doubts": int(state == "in_doubt"),
                "message_id": f"<{number}.{reader}@blog.example>",
                "due_at": NOW,
                "reply": reply,
                "created_at": NOW - timedelta(hours=1),
                "updated_at": NOW,
            }
            made = insert(delivery).values(values).returning(delivery.c.id)
            its: int = connection.execute(made).scalar_one()
            mine = edition.c.id == number
            connection.execute(edition.update().where(mine).values(readers=edition.c.readers + 1))
        return its

    def states(self) -> dict[int, str]:
        """How each delivery stands."""
        with self.database.read() as connection:
            rows = connection.execute(select(delivery.c.id, delivery.c.state))
            return {row.id: row.state for row in rows}

    def done(self) -> list[tuple[str, str]]:
        """What was done, and to whom, as it is recorded."""
        with self.database.read() as connection:
            query = select(audit_entry.c.action, audit_entry.c.subject).order_by(audit_entry.c.id)
            return [(row.action, row.subject) for row in connection.execute(query)]

    def client(self, role: Role = Role.OWNER) -> AdminClient:
        """Somebody who is logged in."""
        work = AdminWork(readers=reader_work(self.database))
        return admin_client(self.blog, role, work=work, now=NOW)
