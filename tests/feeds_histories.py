"""Random histories of a small blog, for tests: posts come, change, move and go, and labels too."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Connection, delete, text

from database import Database, metadata
from feeds.selection import add_feed, find_feed
from posts.blog import create_blog
from posts.curation import delete_label, merge_labels, rename_label
from posts.lookup import labels
from posts.model import Post, PostState
from posts.rules import parse
from posts.store import list_posts, newest
from tests.feeds_blog import START, FeedsBlog, post

RULES = ("a and not b", "a or b", "not a", "b", "not (a and c)")


def emptied(database: Database) -> FeedsBlog:
    """An empty blog in a database that may have held another one."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM post_search"))
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        create_blog(connection, site_url="https://blog.example", now=START)
    return FeedsBlog(database)


class History:
    """A blog to which things happen, by the will of a random number generator."""

    def __init__(self, blog: FeedsBlog, random: Random, *, posts: int) -> None:
        self.blog = blog
        self._random = random
        self._posts = {number: post(number, *self._some_labels()) for number in range(1, posts + 1)}
        blog.store_all(self._posts.values())
        self._set_rule(RULES[0])

    def step(self) -> None:
        """One thing happens, or several at once."""
        steps: dict[Callable[[], None], int] = {
            self._new: 8,
            self._new_at_once: 2,
            self._late: 3,
            self._edit: 6,
            self._touch: 2,
            self._delete: 4,
            self._restore: 3,
            self._relabel: 4,
            self._date_anew: 2,
            self._rename_label: 1,
            self._merge_labels: 1,
            self._delete_label: 1,
            self._delete_newest: 1,
            self._edit_many: 1,
            self._change_rule: 1,
        }
        (chosen,) = self._random.choices(list(steps), weights=list(steps.values()))
        chosen()

    def expected(self) -> dict[str, list[Post]]:
        """Every feed's posts, the newest first."""
        with self.blog.database.read() as connection:
            live = list_posts(connection, state=PostState.LIVE)
            # A label that no live post ever had has no feed yet.
            slugs = [label.slug for label in labels(connection, counted=False) if label.is_met]
            mine = find_feed(connection, self.blog.site, "mine")
            assert mine is not None
            under = set(newest(connection, mine.rule, limit=None))
            by_ann = [] if find_feed(connection, self.blog.site, "authors/ann") is None else ["authors/ann"]
        found: dict[str, list[Post]] = {slug: [] for slug in ("all", "mine", *by_ann, *slugs)}
        for one in live:
            for slug in ("all", *by_ann, *one.label_slugs, *(["mine"] if one.id in under else [])):
                found[slug].append(one)
        return found

    def _some_labels(self) -> list[str]:
        return self._random.sample("aabc", self._random.randint(0, 3))

    def _some(self, count: int) -> list[int]:
        return self._random.sample(sorted(self._posts), min(count, len(self._posts)))

    def _put(self, numbers: Iterable[int], **changes: object) -> None:
        for number in numbers:
            self._posts[number] = replace(self._posts[number], **changes)  # type: ignore[arg-type]
        self.blog.store_all(self._posts[number] for number in numbers)

    def _add(self, published: datetime) -> None:
        number = max(self._posts, default=0) + 1
        self._posts[number] = replace(
            post(number, *self._some_labels()), published=published, updated=published
        )

    def _new(self) -> None:
        self._add(self.blog.now)
        self._put([max(self._posts)])

    def _new_at_once(self) -> None:
        """More than an archive document holds."""
        before = max(self._posts, default=0)
        for back in range(self._random.randint(2, 12)):
            self._add(self.blog.now - timedelta(seconds=back))
        self._put(range(before + 1, max(self._posts) + 1))

    def _late(self) -> None:
        """Posts of long ago are stored only now."""
        before = max(self._posts, default=0)
        for _ in range(self._random.randint(1, 6)):
            self._add(START - timedelta(days=self._random.randint(0, 1200)))
        self._put(range(before + 1, max(self._posts) + 1))

    def _edit(self) -> None:
        changes = {} if self._random.random() < 0.5 else {"updated": self.blog.now}
        self._put(self._some(1), html=f"<p>Edited at {self.blog.now}</p>", **changes)

    def _edit_many(self) -> None:
        self._put(self._some(self._random.randint(2, 9)), title=f"Edited at {self.blog.now}")

    def _touch(self) -> None:
        """What nobody calls an edit."""
        self._put(self._some(1), url=f"https://blog.example/at/{self.blog.now.timestamp()}")

    def _delete(self) -> None:
        gone = self._random.choice([PostState.DELETED, PostState.DRAFT])
        self._put(self._some(self._random.randint(1, 3)), state=gone)

    def _delete_newest(self) -> None:
        newest_first = sorted(self._posts, key=lambda number: self._posts[number].published or START)
        self._put(newest_first[-self._random.randint(5, 15) :], state=PostState.DELETED)

    def _restore(self) -> None:
        gone = [number for number, one in self._posts.items() if one.state is not PostState.LIVE]
        self._put(self._random.sample(gone, min(len(gone), 3)), state=PostState.LIVE)

    def _relabel(self) -> None:
        for number in self._some(self._random.randint(1, 3)):
            self._put([number], labels=tuple(self._some_labels()))

    def _date_anew(self) -> None:
        published = START - timedelta(days=self._random.randint(0, 1200))
        self._put(self._some(1), published=published, updated=published)

    def _rename_label(self) -> None:
        self._curate(lambda connection, some, now: rename_label(connection, some[0], f"n{now:%H%M}", now=now))

    def _merge_labels(self) -> None:
        if self._random.random() < 0.3:
            self._curate(lambda connection, some, now: merge_labels(connection, some[0], some[1], now=now))

    def _delete_label(self) -> None:
        if self._random.random() < 0.3:
            self._curate(lambda connection, some, now: delete_label(connection, some[0], now=now))

    def _curate(self, change: Callable[[Connection, list[str], datetime], object]) -> None:
        self.blog.now += timedelta(minutes=1)
        with self.blog.database.write() as connection:
            known = [label.name for label in labels(connection, counted=False)]
            if len(known) > 1:
                change(connection, self._random.sample(known, 2), self.blog.now)

    def _change_rule(self) -> None:
        self._set_rule(self._random.choice(RULES))

    def _set_rule(self, rule: str) -> None:
        with self.blog.database.write() as connection:
            add_feed(connection, slug="mine", rule=parse(rule), now=self.blog.now, replace=True)
