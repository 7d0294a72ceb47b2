"""Digests, readers and mailed editions, for the tests of readers' links and of the archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select
from starlette.testclient import TestClient

from database import Database, metadata
from digests.model import Digest, edition, edition_post
from digests.store import add_digest, get_digest
from outbox.marks import mark
from outbox.message import MessageTemplate
from posts.blog import get_blog
from subscribers.store import add_subscriber, get_subscriber, subscribe
from subscribers.tokens import TokenSigner
from tests.feeds_blog import FeedsBlog
from tests.web_client import open_client
from web.readers.readerlinks import ReaderLinks

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
# Mondays, 08:00.
MONDAY = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
SIGNER = TokenSigner(["the secret of today", "the secret of before"])


def salt(connection: Connection) -> str:
    """The salt of suppressed addresses."""
    return str(get_blog(connection).feed_namespace)


@dataclass
class Reading:
    """A blog with the digest ``weekly``, and a client of its pages at ``NOW``."""

    blog: FeedsBlog
    client: TestClient

    @property
    def database(self) -> Database:
        return self.blog.database

    def reader(self, name: str, *digests: str, confirmed: bool = True, **chosen: Any) -> list[int]:
        """Subscribe a reader; return the numbers of the subscriptions."""
        with self.database.write() as connection:
            known = add_subscriber(
                connection, f"{name}@example.org", confirmed=confirmed, now=NOW - WEEK, salt=salt(connection)
            )
            return [
                subscribe(
                    connection,
                    subscriber_id=known.id,
                    digest_id=get_digest(connection, slug).id,
                    now=NOW - WEEK,
                    **chosen,
                )
                for slug in digests or ("weekly",)
            ]

    def states(self, subscriber_id: int = 1) -> list[str]:
        """The states of a reader's subscriptions, by the digests' slugs."""
        with self.database.read() as connection:
            found = get_subscriber(connection, subscriber_id)
        assert found is not None
        return [one.state.value for one in found.subscriptions]

    def dump(self) -> dict[str, list[str]]:
        """All rows there are."""
        return dump(self.database)


def dump(database: Database) -> dict[str, list[str]]:
    """All rows of all tables."""
    with database.read() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def reading(blog: FeedsBlog, links: dict[str, Any] | None = None, **options: Any) -> Reading:
    """The digest ``weekly`` (Mondays at 8) on a blog, its pages opened.

    ``links`` is more for its ``ReaderLinks``.
    """
    with blog.database.write() as connection:
        add_digest(connection, "weekly", rule="all", title="The week", at="mon 08:00", now=MONDAY - WEEK)
    its = ReaderLinks(signer=SIGNER, salt=salt, now=lambda: NOW, **links or {})
    return Reading(blog, open_client(blog, reader_links=its, **options))


def link(purpose: str, number: int) -> str:
    """A link as it stands in a mail, below the site."""
    return f"/{purpose}/{SIGNER.sign(purpose, number)}"


def message(subject: str, html: str | None, text: str = "Plain words.") -> bytes:
    """An edition's message with all the links a reader has."""
    ways = [
        f"https://blog.example/{name}/{mark(name.upper())}" for name in ("unsubscribe", "preferences", "stop")
    ]
    rows = "".join(f'<a href="{way}">Way</a>' for way in ways)
    built = MessageTemplate.build(
        subject=subject,
        text=f"{text}\n\nFor {mark('TO')}\n{ways[0]}\n",
        html=html and f"<!doctype html><html><body>{html}<p>{mark('TO')} {rows}</p></body></html>",
        headers=[
            ("From", "news@blog.example"),
            ("To", mark("TO")),
            ("Message-ID", mark("MESSAGE_ID")),
            ("List-Unsubscribe", f"<{ways[0]}>"),
        ],
    )
    return built.blob


def add_edition(
    connection: Connection,
    its: Digest,
    end: datetime,
    *,
    start: datetime | None = None,
    posts: Sequence[int] = (),
    html: str | None = "<h1>News</h1>",
    mailed: bool = True,
    **values: Any,
) -> int:
    """Store an edition of a digest, as it is once it was mailed; return its number."""
    subject = values.pop("subject", f"News of {end:%Y-%m-%d}")
    row = {
        "digest_id": its.id,
        "window_start": end - WEEK if start is None else start,
        "window_end": end,
        "labels": "",
        "language": its.language,
        "template": its.template,
        "content": its.content,
        "form": "html" if html is not None else "text",
        "folded": False,
        "created_at": end,
        "message": message("News", html) if mailed else None,
        "rendered_at": end + timedelta(seconds=7) if mailed else None,
        "subject": subject,
    }
    number: int = connection.execute(
        insert(edition).values(row | values).returning(edition.c.id)
    ).scalar_one()
    places = [{"edition_id": number, "position": at, "post_id": one} for at, one in enumerate(posts)]
    if places:
        connection.execute(insert(edition_post), places)
    return number
