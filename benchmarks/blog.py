"""A made-up blog for the benchmarks: the same posts every time, from a seed.

``python -m benchmarks.blog FILE [POSTS [LABELS]]`` writes one to an SQLite file.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, insert

from database import Database, open_database, upgrade
from posts.blog import create_blog
from posts.model import UNMET, SourcePost, label, post, post_label

SITE = "https://bench.example"
POSTS = 10_000
LABELS = 200
BODY_BYTES = 3 * 1024
AT_ONCE = 2_000
FIRST = datetime(2016, 1, 4, 8, 0, tzinfo=UTC)
STORED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
WORDS = (
    "water council school budget report bridge election river union harbour market energy price season",
    "museum court village minister archive concert library railway garden climate science hospital theatre",
    "Düsseldorf naïve über 政治 Zürich café “quoted” it’s — and the of to in a is that for was on with by",
)


@dataclass(frozen=True, slots=True)
class MadePost:
    """A post of the made-up blog; ``labels`` are numbers from 0, the most used first."""

    number: int
    title: str
    html: str
    published: datetime
    labels: tuple[int, ...]

    @property
    def uri(self) -> str:
        """The permanent id."""
        return f"tag:bench.example,2016:{self.number}"

    @property
    def url(self) -> str:
        """The link."""
        return f"{SITE}/posts/{self.number}"


def label_name(number: int) -> str:
    """The name of a label by its number."""
    return f"Label {number:03}"


def made_posts(
    *, count: int = POSTS, labels: int = LABELS, body: int = BODY_BYTES, seed: int = 1
) -> Iterator[MadePost]:
    """Posts oldest first, each with 1–5 of the labels by Zipf's law and HTML of about ``body`` bytes."""
    random = Random(seed)
    totals = list(accumulate(1 / (rank + 1) for rank in range(labels)))
    step = timedelta(days=3650) / count
    paragraphs = [_paragraph(random) for _ in range(500)]
    for number in range(count):
        wanted = random.randint(1, 5)
        chosen: dict[int, None] = {}
        while len(chosen) < wanted:
            chosen.update(dict.fromkeys(random.choices(range(labels), cum_weights=totals, k=wanted)))
        yield MadePost(
            number=number,
            title=" ".join(random.choices(_words(), k=6)).capitalize(),
            html=_body(random, paragraphs, body),
            published=(FIRST + step * number).replace(microsecond=0),
            labels=tuple(islice(chosen, wanted)),
        )


def _words() -> list[str]:
    return [word for line in WORDS for word in line.split()]


def _paragraph(random: Random) -> str:
    words = random.choices(_words(), k=40)
    words[3] = f"<em>{words[3]}</em>"
    words[9] = f'<a href="{SITE}/posts/{random.randrange(POSTS)}?a=1&amp;b=2" rel="noopener">{words[9]}</a>'
    words[20] = f"<strong>{words[20]}</strong> &amp;"
    return f"<p>{' '.join(words)}.</p>\n"


def _body(random: Random, paragraphs: list[str], size: int) -> str:
    parts: list[str] = []
    while size > 0:
        parts.append(random.choice(paragraphs))
        size -= len(parts[-1].encode())
    return "".join(parts)


def source_post(
    *, number: int, labels: tuple[int, ...], published: datetime, size: int = BODY_BYTES
) -> SourcePost:
    """One more post, as an importer would hand it in."""
    random = Random(number)
    return SourcePost(
        uri=f"tag:bench.example,2016:{number}",
        url=f"{SITE}/posts/{number}",
        title=f"News {number}",
        html=_body(random, [_paragraph(random) for _ in range(20)], size),
        published=published,
        updated=published,
        labels=tuple(map(label_name, labels)),
        authors=("Ann Bench",),
    )


def make_blog(file: Path, *, count: int = POSTS, labels: int = LABELS, body: int = BODY_BYTES) -> Database:
    """An SQLite database with the made-up posts, written by plain SQL: filling it is not what is measured."""
    database = open_database(f"sqlite:///{file}")
    upgrade(database)
    with database.write() as connection:
        create_blog(connection, site_url=SITE, now=STORED)
        connection.execute(insert(label), [_label_row(number) for number in range(labels)])
        made = made_posts(count=count, labels=labels, body=body)
        while some := list(islice(made, AT_ONCE)):
            _store(connection, some)
    # The last connection to go writes the log into the file itself; the next use opens a new one.
    database.dispose()
    return database


def _label_row(number: int) -> dict[str, object]:
    name = label_name(number)
    slug = name.lower().replace(" ", "-")
    return {
        "id": number + 1,
        "name": name,
        "key": name.casefold(),
        "slug": slug,
        "feed_uri": f"urn:uuid:{uuid5(NAMESPACE_URL, slug)}",
        "name_is_chosen": False,
        "revision": UNMET + 1,
        "changed_at": STORED,
    }


def _store(connection: Connection, some: list[MadePost]) -> None:
    rows = [
        {
            "id": made.number + 1,
            "uri": made.uri,
            "url": made.url,
            "title": made.title,
            "html": made.html,
            "authors": ["Ann Bench"],
            "published": made.published,
            "updated": made.published,
            "first_stored": STORED,
            "visible_at": STORED,
            "state": "live",
            "source_hash": sha256(made.uri.encode()).hexdigest(),
            "revision": 1,
            "notes": [],
        }
        for made in some
    ]
    connection.execute(insert(post), rows)
    ties = [
        {
            "post_id": made.number + 1,
            "label_id": number + 1,
            "written": label_name(number),
            "live": True,
            "published": made.published,
        }
        for made in some
        for number in sorted(made.labels)
    ]
    connection.execute(insert(post_label), ties)


def main() -> None:
    """Write a blog to the file named on the command line."""
    count = int(sys.argv[2]) if len(sys.argv) > 2 else POSTS
    labels = int(sys.argv[3]) if len(sys.argv) > 3 else LABELS
    make_blog(Path(sys.argv[1]), count=count, labels=labels).dispose()
    print(f"{count} posts under {labels} labels in {sys.argv[1]}")


if __name__ == "__main__":
    main()
