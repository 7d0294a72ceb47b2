"""The posts, labels and feeds of a made-up publication."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from random import Random
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, select, update

from benchmarks.blog import SITE, label_name, made_posts
from benchmarks.filling import DAY, NOW, Size, fill, slug_of
from feeds.configured import add_feed
from feeds.model import feed_key, feed_readers
from posts.blog import create_blog
from posts.model import blog, label, post, post_label, post_override
from posts.rules import parse

__all__ = ["make_feeds", "make_posts"]


AT_ONCE = 20_000
BODY = 1024
AUTHORS = 50
STATES = ("live",) * 194 + ("scheduled",) * 2 + ("draft",) * 2 + ("private", "deleted")


def make_posts(connection: Connection, size: Size) -> None:
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
    fill(
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
        fill(connection, post, names, rows)
        fill(connection, post_label, ("post_id", "label_id", "written", "live", "published"), ties)
    hidden = [n for n in range(size.posts) if STATES[n * 7919 % len(STATES)] == "draft"][::2]
    held: Iterator[tuple[object, ...]] = ((n + 1, True, "live", [], [], NOW) for n in hidden)
    fill(connection, post_override, ("post_id", "is_hidden", "said", "added", "removed", "at"), held)


def make_feeds(connection: Connection, size: Size) -> None:
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
    fill(connection, feed_readers, ("feed_uri", "day", "clients"), polled)
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
    fill(connection, feed_key, ("id", "feed_slug", "reader", "digest", "created_at"), keys)
