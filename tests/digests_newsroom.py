"""A newsroom for tests of planning: its digests, its readers, and what each of them was mailed."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select

from database import Database
from digests.model import delivery, edition_post
from digests.planning.editions import Planner, PlanReport
from digests.store import add_digest
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import SourcePost, post
from subscribers.model import subscriber, subscription

# Monday 2 March 2026, 08:00 in Regina, which has no summer time: 14:00 UTC.
MONDAY = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)


class Newsroom:
    """A blog, its digests and their readers over one database; what happened is asked of it in the end."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.planner = Planner(database, mail_domain="example.org")
        self._readers = 0
        with database.write() as connection:
            create_blog(connection, site_url="https://blog.example", now=MONDAY - 10 * WEEK)

    def digest(self, *, rule: str = "all", at: str | None = "mon 08:00", **options: object) -> int:
        with self.database.write() as connection:
            made = add_digest(
                connection,
                "weekly",
                rule=rule,
                at=at,
                timezone="America/Regina",
                now=MONDAY - 9 * WEEK,
                **options,  # type: ignore[arg-type] # as the test gives them
            )
        return made.id

    def reader(self, digest: int, *, made: datetime = MONDAY - WEEK + HOUR, **chosen: object) -> int:
        self._readers += 1
        number = self._readers
        with self.database.write() as connection:
            connection.execute(
                insert(subscriber).values(
                    id=number,
                    email=f"r{number}@example.org",
                    email_key=f"r{number}",
                    state="confirmed",
                    created_at=made,
                )
            )
            values = {"labels": [], "state": "active"} | chosen
            connection.execute(
                insert(subscription).values(
                    id=number, subscriber_id=number, digest_id=digest, created_at=made, **values
                )
            )
        return number

    def publish(
        self, name: str, at: datetime, *labels: str, stored: datetime | None = None, **more: object
    ) -> None:
        source = SourcePost(
            uri=f"https://blog.example/{name}",
            url=f"https://blog.example/{name}",
            title=name,
            html=f"<p>{name}</p>",
            published=at,
            updated=at,
            labels=labels,
            **more,  # type: ignore[arg-type] # as the test gives them
        )
        store_posts(self.database, [source], now=stored or at)

    def plan(self, at: datetime) -> PlanReport:
        return self.planner.plan(at)

    def mail(self) -> dict[int, list[list[str]]]:
        """What each reader was or will be sent: an edition after the other, the titles in it."""
        query = (
            select(delivery.c.subscriber_id, delivery.c.edition_id, post.c.title)
            .join(edition_post, edition_post.c.edition_id == delivery.c.edition_id)
            .join(post, post.c.id == edition_post.c.post_id)
            .order_by(delivery.c.subscriber_id, delivery.c.edition_id, edition_post.c.position)
        )
        found: dict[int, dict[int, list[str]]] = {}
        with self.database.read() as connection:
            for reader, number, title in connection.execute(query):
                found.setdefault(reader, {}).setdefault(number, []).append(title)
        return {reader: list(editions.values()) for reader, editions in found.items()}

    def count(self, what: type | object) -> int:
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(what)).scalar_one()  # type: ignore[arg-type] # a table
