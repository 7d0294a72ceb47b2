"""Months of a newsroom in seconds: posts, ticks and readers who change their minds, beside a plain model.

The model walks each reader's slots one by one, which it finds day by day in the reader's timezone, and knows
nothing of how planning decides or of the database. A change of mind means: labels count from the next window
that ends on; another cadence, time or timezone has its own slots from the next tick on, and the window goes
on where the last one ended; who leaves and comes back begins anew, as one who came for the first time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from database import Database
from digests.model import delivery, edition, edition_post
from digests.planning.editions import Planner
from digests.store import add_digest
from posts.blog import create_blog
from posts.curation import rename_label
from posts.intake import store_posts
from posts.labels import slugify
from posts.model import SourcePost, post
from subscribers.model import subscriber, subscription
from subscribers.subscribing import change, subscribe, unsubscribe

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
CADENCES = ("instant", "daily", "weekly", "monthly")
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "America/Regina", "Asia/Kolkata", "Australia/Lord_Howe")
MINUTES = (150, 480, 1110)
MAX_AGE = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Told:
    """A post, and when it is handed to the database."""

    title: str
    published: datetime
    stored: datetime
    labels: tuple[str, ...]

    @property
    def visible(self) -> datetime:
        return max(self.published, self.stored)


@dataclass(frozen=True, slots=True)
class Offered:
    """A digest as the model knows it; ``under``: its posts have one of these labels, or any if none."""

    id: int
    min_posts: int
    sort: str
    max_lateness: timedelta
    under: frozenset[str]


@dataclass
class Reader:
    """A reader of one digest as the model knows them, and the mails they ought to have got."""

    number: int
    its: Offered
    labels: frozenset[str]
    rhythm: tuple[str, int, int, int, str]
    begun: datetime
    active: bool = False
    paused_until: datetime | None = None
    window_start: datetime | None = None
    judged: datetime | None = None
    mails: list[list[str]] = field(default_factory=list)

    def begin(self, now: datetime) -> None:
        self.begun, self.active, self.paused_until = now, True, None
        self.window_start = self.judged = None


class Rehearsal:
    """A newsroom over one empty database; ``play`` it, then compare ``mailed`` with ``expected``."""

    def __init__(
        self, database: Database, posts: Sequence[Told], *, first: date, days: int, readers: int, seed: int
    ) -> None:
        self.database = database
        self.planner = Planner(database, mail_domain="example.org", batch=40, breath=0)
        self.chance = Random(seed)
        self.begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
        self.end = self.begin + days * DAY
        self.posts = sorted(posts, key=lambda one: one.stored)
        self.labels = sorted({label for one in posts for label in one.labels})
        self.names = {label: label for label in self.labels}
        self.slots = _Slots(first - 40 * DAY, first + (days + 2) * DAY)
        self.stored: list[Told] = []
        with database.write() as connection:
            create_blog(connection, site_url="https://blog.example", now=self.begin - 40 * DAY)
        self.digests = [self._offer("all", 1, "newest", ()), self._offer("few", 3, "oldest", self.labels[:4])]
        self.readers = [self._reader(number) for number in range(1, readers + 1)]

    def play(self) -> None:
        """All that happens, in its order."""
        events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        events += [(one.stored, 0, self._storing(one)) for one in self.posts]
        events += [(one.begun, 0, self._joining(one)) for one in self.readers]
        events += [(at, 1, self._changing) for at in self._moments(len(self.readers) // 2 + 20)]
        events += [(at, 1, self._renaming) for at in self._moments(3)]
        events += [(at, 2, self._tick) for at in self._ticks()]
        for at, _, happens in sorted(events, key=lambda event: event[:2]):
            happens(at)

    def expected(self) -> dict[int, list[list[str]]]:
        """By the model: the titles of each mail of each reader."""
        return {one.number: one.mails for one in self.readers}

    def mailed(self) -> dict[int, list[list[str]]]:
        """By the ledger."""
        query = (
            select(delivery.c.subscription_id, delivery.c.edition_id, post.c.title)
            .join(edition_post, edition_post.c.edition_id == delivery.c.edition_id)
            .join(post, post.c.id == edition_post.c.post_id)
            .order_by(delivery.c.id, edition_post.c.position)
        )
        found: dict[int, dict[int, list[str]]] = {one.number: {} for one in self.readers}
        with self.database.read() as connection:
            for number, its, title in connection.execute(query):
                found[number].setdefault(its, []).append(title)
        return {number: list(mails.values()) for number, mails in found.items()}

    def miscounted(self) -> list[int]:
        """The mailed editions that say another number of readers than there are deliveries."""
        query = select(edition.c.id, edition.c.readers).where(edition.c.reason.is_(None))
        counted = select(delivery.c.edition_id)
        with self.database.read() as connection:
            readers = {row.id: row.readers for row in connection.execute(query)}
            for number in connection.execute(counted).scalars():
                readers[number] -= 1
        return [number for number, rest in readers.items() if rest]

    # What happens.

    def _tick(self, now: datetime) -> None:
        self.planner.plan(now)
        assert not self.planner.is_due(now), f"still due at {now}"
        for reader in self.readers:
            if reader.active:
                self._model(reader, now)

    def _storing(self, told: Told) -> Callable[[datetime], None]:
        def happens(now: datetime) -> None:
            uri = f"https://blog.example/{len(self.stored)}"
            source = SourcePost(
                uri=uri,
                url=uri,
                title=told.title,
                html="<p>News.</p>",
                published=told.published,
                updated=told.published,
                labels=tuple(self.names[label] for label in told.labels),
            )
            store_posts(self.database, [source], now=now)
            self.stored.append(told)

        return happens

    def _renaming(self, now: datetime) -> None:
        met = sorted({label for one in self.stored for label in one.labels})
        if met:
            label = self.chance.choice(met)
            new = f"{label} {len(self.stored)}"
            with self.database.write() as connection:
                rename_label(connection, self.names[label], new, now=now)
            self.names[label] = new

    def _changing(self, now: datetime) -> None:
        there = [one for one in self.readers if one.begun <= now]
        if not there:
            return
        reader = self.chance.choice(there)
        if not reader.active:
            self._return(reader, now)
        elif (what := self.chance.random()) < 0.2:
            reader.active = False
            with self.database.write() as connection:
                unsubscribe(connection, reader.number, now=now)
        elif what < 0.5:
            reader.paused_until = now + self.chance.random() * 20 * DAY
            self._change(reader, paused_until=reader.paused_until)
        elif what < 0.7:
            reader.labels = self._some_labels()
            self._change(reader, labels=self._slugs(reader))
        else:
            old, reader.rhythm = reader.rhythm, self._some_rhythm()
            self._change(reader, **_columns(reader.rhythm))
            if old != reader.rhythm:
                reader.judged = None

    def _return(self, reader: Reader, now: datetime) -> None:
        reader.begin(now)
        with self.database.write() as connection:
            subscribe(
                connection,
                subscriber_id=reader.number,
                digest_id=reader.its.id,
                now=now,
                labels=self._slugs(reader),
                renew=True,
                **_columns(reader.rhythm),
            )

    def _change(self, reader: Reader, **changes: Any) -> None:
        with self.database.write() as connection:
            change(connection, reader.number, changes)

    # What ought to come of it.

    def _model(self, reader: Reader, now: datetime) -> None:
        if reader.rhythm[0] == "instant":
            self._model_instant(reader, now)
            return
        slots = self.slots.of(reader.rhythm)
        if reader.window_start is None:
            reader.window_start = slots[bisect_right(slots, reader.begun) - 1]
        if reader.judged is None:
            reader.judged = reader.begun
        latest = slots[bisect_right(slots, now) - 1]
        if latest <= reader.judged:
            return
        reader.judged = now
        start, pause = reader.window_start, reader.paused_until
        if pause is not None and pause > start:
            if latest < pause:
                reader.window_start = max(start, latest)
                return
            start = max(start, slots[bisect_left(slots, pause) - 1])
        if latest <= start or now - latest > reader.its.max_lateness:
            return
        found = self._news(reader, start, latest)
        reader.window_start = start if self._waits(reader, found) else latest

    def _model_instant(self, reader: Reader, now: datetime) -> None:
        if reader.window_start is None:
            reader.window_start = reader.begun
        newest = max((one.visible for one in self.stored if one.visible <= now), default=reader.begun)
        if newest <= (reader.judged or reader.window_start):
            return
        start, pause = reader.window_start, reader.paused_until
        if pause is not None and pause > start:
            start = pause - MICROSECOND
        found = self._news(reader, start, newest) if newest > start else []
        if self._waits(reader, found):
            reader.window_start, reader.judged = start, newest
        else:
            reader.window_start, reader.judged = newest, None

    def _waits(self, reader: Reader, found: list[str]) -> bool:
        """Mail what was found, unless it is nothing, or so little that it waits for more."""
        if len(found) >= reader.its.min_posts:
            reader.mails.append(found)
        return 0 < len(found) < reader.its.min_posts

    def _news(self, reader: Reader, start: datetime, end: datetime) -> list[str]:
        found = [
            (one.published, number, one.title)
            for number, one in enumerate(self.stored)
            if start < one.visible <= end
            and one.stored - one.published <= MAX_AGE
            and (not reader.its.under or reader.its.under & set(one.labels))
            and (not reader.labels or reader.labels & set(one.labels))
        ]
        return [title for *_, title in sorted(found, reverse=reader.its.sort == "newest")]

    # What is there by chance.

    def _offer(self, slug: str, min_posts: int, sort: str, under: Sequence[str]) -> Offered:
        with self.database.write() as connection:
            its = add_digest(
                connection,
                slug,
                rule=" or ".join(f'"{label}"' for label in under) or "all",
                now=self.begin,
                max_age=MAX_AGE,
                max_lateness=timedelta(hours=9),
                min_posts=min_posts,
                sort=sort,
            )
        return Offered(its.id, min_posts, sort, its.max_lateness, frozenset(under))

    def _reader(self, number: int) -> Reader:
        joined = self.begin + self.chance.random() * self.chance.choice((0.2, 20)) * DAY
        its = self.chance.choice(self.digests)
        return Reader(number, its, self._some_labels(), self._some_rhythm(), joined)

    def _joining(self, reader: Reader) -> Callable[[datetime], None]:
        def happens(now: datetime) -> None:
            number = reader.number
            person = {"id": number, "email": f"r{number}@example.org", "email_key": f"r{number}@example.org"}
            with self.database.write() as connection:
                connection.execute(insert(subscriber).values(**person, state="confirmed", created_at=now))
                connection.execute(
                    insert(subscription).values(
                        id=number,
                        subscriber_id=number,
                        digest_id=reader.its.id,
                        state="active",
                        labels=sorted(self._slugs(reader)),
                        created_at=now,
                        **_columns(reader.rhythm),
                    )
                )
            reader.active = True

        return happens

    def _some_labels(self) -> frozenset[str]:
        return frozenset(self.chance.sample(self.labels, self.chance.choice((0, 0, 1, 3, 6))))

    def _some_rhythm(self) -> tuple[str, int, int, int, str]:
        chance = self.chance
        day = (chance.choice((0, 3)), chance.choice((1, 15, 31)))
        return (chance.choice(CADENCES), chance.choice(MINUTES), *day, chance.choice(ZONES))

    def _slugs(self, reader: Reader) -> list[str]:
        return [slugify(self.names[label], taken=lambda _: False) for label in reader.labels]

    def _moments(self, count: int) -> list[datetime]:
        return [self.begin + self.chance.random() * (self.end - self.begin) for _ in range(count)]

    def _ticks(self) -> Iterator[datetime]:
        """Mostly every few hours; now and then none for longer than a digest may be late."""
        now = self.begin
        while now < self.end:
            hours = self.chance.choice((0.1, 3, 5, 8)) if self.chance.random() < 0.98 else 14
            now += self.chance.random() * timedelta(hours=2 * hours)
            yield now


class _Slots:
    """The slots of each rhythm over some time, found by looking at each of its days."""

    def __init__(self, first: date, last: date) -> None:
        self._days = [first + number * DAY for number in range((last - first).days)]
        self._known: dict[tuple[str, int, int, int, str], list[datetime]] = {}

    def of(self, rhythm: tuple[str, int, int, int, str]) -> list[datetime]:
        if rhythm not in self._known:
            cadence, minute, weekday, monthday, timezone = rhythm
            place = ZoneInfo(timezone)
            self._known[rhythm] = [
                datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=place).astimezone(UTC)
                for day in self._days
                if cadence == "daily"
                or (cadence == "weekly" and day.weekday() == weekday)
                or (cadence == "monthly" and _is_monthday(day, monthday))
            ]
        return self._known[rhythm]


def _is_monthday(day: date, monthday: int) -> bool:
    return day.day == monthday or (day.day < monthday and (day + DAY).day == 1)


def _columns(rhythm: tuple[str, int, int, int, str]) -> dict[str, Any]:
    return dict(zip(("cadence", "minute", "weekday", "monthday", "timezone"), rhythm, strict=True))
