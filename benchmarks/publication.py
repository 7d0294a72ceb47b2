"""A made-up publication as large as one gets: posts, labels, readers and years of mail, the same every time.

It is written by bulk inserts, table by table, into an empty SQLite or PostgreSQL database: filling it is not
what is measured.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter

from sqlalchemy import Connection, insert, select, text, update

from benchmarks.filling import DAY, NOW, Size, fill, slug_of
from benchmarks.publication_posts import make_feeds, make_posts
from benchmarks.publication_readers import make_digests, make_mail, make_readers
from database import Database, upgrade
from digests.model import edition
from digests.rendering.message import print_edition
from digests.rendering.printing import edition_contents
from labelcast.webwork.streaming import MOST_TOLD
from labelcast.wiring import Wiring
from posts.backfill import complete
from subscribers.model import ConsentKind, address_change, consent
from web.accounts.tokens import TokenScope, add_token, find_named
from web.admin.posts.imports import SKIPS_KEPT
from web.model import JobState, audit_entry, figure, job
from web.operations.figures import Figures, counted_at

__all__ = ["QUESTION", "TOKEN", "add_more", "make_publication", "render_editions"]

# The name of a token that nobody uses, and the number of a question to a reader.
TOKEN, QUESTION = "a program", 7


def make_publication(database: Database, size: Size) -> None:
    """Fill an empty database."""
    upgrade(database)
    began = perf_counter()
    for part in (make_posts, make_feeds, make_digests, make_readers, make_mail, _records, _index):
        with database.write() as connection:
            part(connection, size)
        print(f"{part.__name__}: after {perf_counter() - began:.0f} s", flush=True)
    if not database.is_sqlite:
        # As its autovacuum does; SQLite plans without statistics, for nobody makes it any.
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    database.dispose()


def _records(connection: Connection, size: Size) -> None:
    entries: Iterator[tuple[object, ...]] = (
        (n + 1, NOW, "account:anna", ("feed.change", "digest.change")[n % 2], f"feed-{n % 100}", {})
        for n in range(5_000)
    )
    fill(connection, audit_entry, ("id", "at", "actor", "action", "subject", "detail"), entries)
    days = [(NOW - back * DAY).date() for back in range(90)]
    kinds = {"readers": ("confirmed", "pending", "suppressed"), "mails": ("sent", "failed", "skipped")}
    figures = [(kind, day, name, size.readers) for kind in kinds for day in days for name in kinds[kind]]
    for kind in ("chosen", "feeds"):
        figures += [(kind, days[0], slug_of(n), 500 - n) for n in range(min(500, size.labels))]
    fill(connection, figure, ("kind", "day", "name", "number"), figures)


def _index(connection: Connection, _size: Size) -> None:
    """What the application itself makes of posts: who wrote them, and by which words they are found."""
    complete(connection)


def add_more(database: Database) -> None:
    """What a publication has besides, where it lacks that yet.

    What the service counts each hour, a token, imports with long reports, and asked just now: a question to
    a new reader, and one to a reader who wants their mail elsewhere.
    """
    with database.read() as connection:
        is_counted = counted_at(connection) is not None
    if not is_counted:
        Figures(database).count(datetime.now(UTC))
    with database.write() as connection:
        asked = {"kind": ConsentKind.ASKED, "at": datetime.now(UTC)}
        connection.execute(update(consent).where(consent.c.id == QUESTION).values(asked))
        wanted = {"subscriber_id": 1, "email": "elsewhere@bench.example", "asked_at": datetime.now(UTC)}
        if not connection.execute(update(address_change).values(wanted)).rowcount:
            connection.execute(insert(address_change).values(wanted))
        if find_named(connection, TOKEN) is None:
            add_token(connection, TOKEN, list(TokenScope), now=NOW)
        there = set(connection.execute(select(job.c.kind)).scalars())
        for kind, report in _reports().items():
            if kind not in there:
                its = {"kind": kind, "title": "years", "actor": "account:anna", "report": report}
                at = dict.fromkeys(("started_at", "beat_at", "finished_at"), NOW)
                connection.execute(insert(job).values(**its, state=JobState.DONE.value, **at))


def render_editions(wiring: Wiring) -> None:
    """Render one edition of each digest; the others are as if rendered alike."""
    with wiring.database.write() as connection:
        waiting = select(edition.c.digest_id).where(edition.c.message.is_(None)).distinct()
        for number in connection.execute(waiting).scalars().all():
            mine = edition.c.digest_id == number
            first = connection.execute(select(edition.c.id).where(mine).limit(1)).scalar_one()
            digest, its, posts = edition_contents(connection, first)
            printed = print_edition(
                wiring.environment, digest=digest, edition=its, posts=posts, publisher=wiring.publisher
            )
            values = {"message": printed.message.blob, "subject": printed.subject, "rendered_at": NOW}
            connection.execute(update(edition).where(mine).values(values))


def _reports() -> dict[str, dict[str, object]]:
    """What came of an import of posts, and of one of readers: as much as is ever kept of one."""
    reason = "it has no id and no link, so that nobody could tell whether it is another's"
    posts = {
        "new": 90_000,
        "updated": 20,
        "unchanged": 3,
        "cleaned": 9_000,
        "is_unchanged": False,
        "skipped": [{"id": f"{n}", "reason": reason, "where": f"line {n}"} for n in range(SKIPS_KEPT)],
        "skipped_more": 5,
    }
    lines = [[n, reason] for n in range(MOST_TOLD)]
    readers = {
        "subscribed": 900_000,
        "pending": 0,
        "already": 3,
        "suppressed": 10_000,
        "skipped": 20_000,
        "skipped_lines": lines,
        "suppressed_lines": lines,
    }
    return {"posts.import": posts, "readers.import": readers}
