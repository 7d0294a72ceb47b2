"""A made-up publication as large as one gets: posts, labels, readers and years of mail, the same every time.

It is written by bulk inserts, table by table, into an empty SQLite or PostgreSQL database: filling it is not
what is measured.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate, islice
from random import Random
from time import perf_counter
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, Table, insert, select, text, update

from benchmarks.blog import SITE, label_name, made_posts
from database import Database, upgrade
from digests.model import bounce, delivery, edition, edition_post
from digests.store import add_digest, list_digests
from feeds.configured import add_feed
from feeds.model import feed_key, feed_readers
from posts.backfill import complete
from posts.blog import create_blog
from posts.model import blog, label, post, post_label, post_override
from posts.rules import parse
from subscribers.model import consent, subscriber, subscription, suppression
from web.model import audit_entry, figure

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DOMAINS = ("gmail.example", "outlook.example", "yahoo.example", *(f"d{n}.example" for n in range(500)))
AT_ONCE = 20_000
BODY = 1024
AUTHORS = 50
STATES = ("live",) * 194 + ("scheduled",) * 2 + ("draft",) * 2 + ("private", "deleted")
DELIVERED = ("sent",) * 194 + ("failed", "failed", "skipped", "queued", "deferred", "in_doubt")
KINDS = ("hard", "soft", "policy", "complaint")
# Of readers whose choice is made of some labels, and of those who take all that a digest has.
CHOOSE = 0.3


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything."""

    posts: int = 100_000
    labels: int = 10_000
    readers: int = 1_000_000
    deliveries: int = 3_000_000
    editions: int = 600
    digests: int = 20
    feeds: int = 1_000

    def times(self, part: float) -> "Size":
        """The same publication, smaller."""
        return Size(
            int(self.posts * part),
            int(self.labels * part),
            int(self.readers * part),
            int(self.deliveries * part),
            max(60, int(self.editions * part)),
            self.digests,
            max(40, int(self.feeds * part)),
        )


def make_publication(database: Database, size: Size) -> None:
    """Fill an empty database."""
    upgrade(database)
    began = perf_counter()
    for part in (_posts, _feeds, _digests, _readers, _mail, _records, _index):
        with database.write() as connection:
            part(connection, size)
        print(f"{part.__name__[1:]}: after {perf_counter() - began:.0f} s", flush=True)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE"))
    database.dispose()


def slug_of(number: int) -> str:
    """The slug of a label by its number, from 0, the most used first."""
    return label_name(number).lower().replace(" ", "-")


def _fill(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Write rows as fast as the database takes them."""
    columns = [table.c[name] for name in names]
    turn = [
        column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for column in columns
    ]
    written = (
        tuple(value if how is None else how(value) for how, value in zip(turn, row, strict=True))
        for row in rows
    )
    driver: Any = connection.connection.dbapi_connection
    if driver is None:
        raise SystemExit("the connection is gone")
    cursor, listed = driver.cursor(), ", ".join(names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        cursor.executemany(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", written)
        return
    with cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN") as copy:
        for row in written:
            copy.write_row(row)
    if "id" in names:
        query = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
        connection.execute(text(query))


def _posts(connection: Connection, size: Size) -> None:
    create_blog(connection, site_url=SITE, now=NOW - 4000 * DAY)
    connection.execute(update(blog).values(revision=1, public_revision=1, changed_at=NOW))
    names = [
        "id",
        "name",
        "key",
        "slug",
        "feed_uri",
        "name_is_chosen",
        "is_contested",
        "revision",
        "changed_at",
    ]
    _fill(
        connection,
        label,
        names,
        (
            (
                n + 1,
                name,
                name.casefold(),
                slug_of(n),
                f"urn:uuid:{uuid5(NAMESPACE_URL, name)}",
                False,
                False,
                2,
                NOW,
            )
            for n in range(size.labels)
            for name in (label_name(n),)
        ),
    )
    made = made_posts(count=size.posts, labels=size.labels, body=BODY)
    names = [
        "id",
        "uri",
        "url",
        "title",
        "html",
        "authors",
        "published",
        "updated",
        "first_stored",
        "visible_at",
        "state",
        "was_withdrawn",
        "source_hash",
        "revision",
        "notes",
    ]
    while some := list(islice(made, AT_ONCE)):
        rows: list[tuple[object, ...]] = []
        ties: list[tuple[object, ...]] = []
        for one in some:
            state = STATES[one.number * 7919 % len(STATES)]
            at = one.published if state != "scheduled" else NOW + one.number * timedelta(minutes=1)
            hashed = sha256(one.uri.encode()).hexdigest()
            writers = [f"Author {one.number % AUTHORS}"]
            rows.append(
                (
                    one.number + 1,
                    one.uri,
                    one.url,
                    one.title,
                    one.html,
                    writers,
                    at,
                    at,
                    at,
                    at,
                    state,
                    False,
                    hashed,
                    1,
                    [],
                )
            )
            ties += [
                (one.number + 1, number + 1, label_name(number), state == "live", at)
                for number in sorted(one.labels)
            ]
        _fill(connection, post, names, rows)
        _fill(connection, post_label, ("post_id", "label_id", "written", "live", "published"), ties)
    hidden = [n for n in range(size.posts) if STATES[n * 7919 % len(STATES)] == "draft"][::2]
    held: Iterator[tuple[object, ...]] = ((n + 1, True, "live", [], [], NOW) for n in hidden)
    _fill(connection, post_override, ("post_id", "is_hidden", "said", "added", "removed", "at"), held)


def _feeds(connection: Connection, size: Size) -> None:
    chance = Random(2)
    shapes = ("{} and {}", "{} or {} or {}", "{} and not {}", "({} or {}) and not ({} or {})", "not {}")
    for number in range(size.feeds):
        picked = [f'"{label_name(chance.randrange(size.labels // 10))}"' for _ in range(4)]
        shape = shapes[number % len(shapes)]
        add_feed(
            connection,
            slug=f"feed-{number}",
            rule=parse(shape.format(*picked[: shape.count("{}")])),
            title=f"Feed {number}",
            is_private=number % 50 == 49 and "not" not in shape,
            now=NOW,
        )
    uris = connection.execute(select(label.c.feed_uri).order_by(label.c.id)).scalars().all()
    days = [(NOW - back * DAY).date() for back in range(7)]
    polled = ((uri, day, 1 + place % 50) for place, uri in enumerate(uris) for day in days)
    _fill(connection, feed_readers, ("feed_uri", "day", "clients"), polled)
    keys = (
        (
            n + 1,
            "feed-50" if size.feeds > 50 else "feed-0",
            f"r{n}@d.example",
            sha256(b"%d" % n).hexdigest(),
            NOW,
        )
        for n in range(1_000)
    )
    _fill(connection, feed_key, ("id", "feed_slug", "reader", "digest", "created_at"), keys)


def _digests(connection: Connection, size: Size) -> None:
    for number in range(size.digests):
        rule = "all" if number < 2 else f'"{label_name(number)}" or "{label_name(number + 30)}"'
        add_digest(connection, f"digest-{number}", rule=rule, timezone="Europe/Berlin", now=NOW - 2000 * DAY)


def _readers(connection: Connection, size: Size) -> None:
    digests = [its.id for its in list_digests(connection)]
    totals = list(accumulate(1 / (rank + 1) for rank in range(size.labels)))
    everyone = range(1, size.readers + 1)
    names = ["id", "email", "email_key", "state", "created_at", "confirmed_at"]
    people = (
        (
            n,
            address,
            address,
            "pending" if n % 50 == 7 else "suppressed" if n % 100 == 9 else "confirmed",
            at,
            at,
        )
        for n in everyone
        for address in (f"reader{n}@{DOMAINS[n * 31 % len(DOMAINS)]}",)
        for at in (NOW - timedelta(days=n * 2000 // size.readers),)
    )
    _fill(connection, subscriber, names, people)
    chance = Random(3)

    def subscriptions() -> Iterator[tuple[object, ...]]:
        for n in everyone:
            chosen: list[str] = []
            if chance.random() < CHOOSE:
                picked = chance.choices(range(size.labels), cum_weights=totals, k=chance.randint(1, 6))
                # The last tenth of the labels is nobody's choice.
                chosen = sorted({slug_of(one * 9 // 10) for one in picked})
            # Half of all read one digest; the first reader reads every digest.
            its = digests[0] if n == 1 or n % 2 else digests[n // 2 % len(digests)]
            cadence = (None, None, "daily", "monthly")[n % 4]
            yield (
                n,
                n,
                its,
                "ended" if n % 20 == 3 else "active",
                chosen,
                cadence,
                NOW - DAY,
                NOW + 7 * DAY,
                NOW,
            )
        for place, its in enumerate(digests[1:], size.readers + 1):
            yield place, 1, its, "active", [], None, NOW - DAY, NOW + 7 * DAY, NOW

    names = [
        "id",
        "subscriber_id",
        "digest_id",
        "state",
        "labels",
        "cadence",
        "window_start",
        "next_slot",
        "created_at",
    ]
    _fill(connection, subscription, names, subscriptions())
    agreed = ((n, n, digests[0], NOW, "csv:readers.csv", "Do you want it?", "confirmed") for n in everyone)
    names = ["id", "subscriber_id", "digest_id", "at", "origin", "wording", "kind"]
    _fill(connection, consent, names, agreed)
    never = ((sha256(b"never %d" % n).hexdigest(), "complaint", NOW) for n in range(size.readers // 100))
    _fill(connection, suppression, ("hash", "reason", "at"), never)


def _mail(connection: Connection, size: Size) -> None:
    digests = [its.id for its in list_digests(connection)]
    newest = connection.execute(select(post.c.id).where(post.c.state == "live").limit(2_000)).scalars().all()
    each = size.deliveries // size.editions
    for n in range(size.editions):
        its = digests[0] if n % 2 else digests[n // 2 % len(digests)]
        end = NOW - timedelta(days=7) * (size.editions - n) / 6
        values = {
            "id": n + 1,
            "digest_id": its,
            "window_start": end - 7 * DAY,
            "window_end": end,
            "labels": "" if n % 4 else slug_of(n % size.labels),
            "language": "en",
            "template": "digest",
            "folded": False,
            "created_at": end,
            "readers": each,
        }
        connection.execute(insert(edition).values(values))
    shown = (
        (n + 1, at, newest[(n * 13 + at) % len(newest)]) for n in range(size.editions) for at in range(10)
    )
    _fill(connection, edition_post, ("edition_id", "position", "post_id"), shown)
    names = [
        "id",
        "edition_id",
        "subscriber_id",
        "subscription_id",
        "state",
        "attempt",
        "doubts",
        "message_id",
        "domain",
        "due_at",
        "tried_at",
        "created_at",
        "updated_at",
        "reply",
    ]
    _fill(connection, delivery, names, _deliveries(size, each))
    reports = (
        (n + 1, sha256(b"bounce %d" % n).hexdigest(), NOW, KINDS[n % 4], "5.1.1", n + 1, n + 1)
        for n in range(size.readers // 50)
    )
    names = ["id", "source_key", "at", "kind", "status", "subscriber_id", "delivery_id"]
    _fill(connection, bounce, names, reports)


def _deliveries(size: Size, each: int) -> Iterator[tuple[object, ...]]:
    number = 0
    for n in range(size.editions):
        end = NOW - timedelta(days=7) * (size.editions - n) / 6
        first = n * each % max(1, size.readers - each)
        # The first reader is in every edition.
        for reader in (1, *range(first + 2, first + each + 1)):
            number += 1
            state = DELIVERED[number * 7919 % len(DELIVERED)]
            domain = DOMAINS[reader * 31 % len(DOMAINS)]
            reply = "550 5.1.1 no such user" if state == "failed" else None
            yield (
                (
                    number,
                    n + 1,
                    reader,
                    reader,
                    state,
                    1,
                    0,
                    f"<{number}@bench.example>",
                    domain,
                    end,
                    end,
                    end,
                    end,
                    reply,
                )
            )


def _records(connection: Connection, size: Size) -> None:
    entries: Iterator[tuple[object, ...]] = (
        (n + 1, NOW, "account:anna", ("feed.change", "digest.change")[n % 2], f"feed-{n % 100}", {})
        for n in range(5_000)
    )
    _fill(connection, audit_entry, ("id", "at", "actor", "action", "subject", "detail"), entries)
    days = [(NOW - back * DAY).date() for back in range(90)]
    kinds = {"readers": ("confirmed", "pending", "suppressed"), "mails": ("sent", "failed", "skipped")}
    figures = [(kind, day, name, size.readers) for kind in kinds for day in days for name in kinds[kind]]
    for kind in ("chosen", "feeds"):
        figures += [(kind, days[0], slug_of(n), 500 - n) for n in range(min(500, size.labels))]
    _fill(connection, figure, ("kind", "day", "name", "number"), figures)


def _index(connection: Connection, _size: Size) -> None:
    """What the application itself makes of posts: who wrote them, and by which words they are found."""
    complete(connection)
