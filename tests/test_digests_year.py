"""Weeks rehearsed: who is mailed which posts is what a plain model says, mail for mail.

``benchmarks/year.py`` rehearses a whole year. LABELCAST_TEST_SEED repeats a run that failed.
"""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random, SystemRandom

from database import Database
from tests.digests_rehearsing import Rehearsal, Told

# Clocks change in America on 8 March and in Europe on 29 March.
FIRST = date(2026, 2, 20)
LABELS = tuple(f"topic {number}" for number in range(12))


def _seed() -> int:
    seed = int(os.environ.get("LABELCAST_TEST_SEED") or SystemRandom().randrange(10**6))
    print(f"LABELCAST_TEST_SEED={seed}")  # noqa: T201 - shown where the test fails
    return seed


def _posts(days: int, seed: int) -> Iterator[Told]:
    """About two a day; some come late, some too late, some before their time."""
    chance = Random(seed)
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    for number in range(days * 2):
        published = begin + chance.random() * timedelta(days=days)
        late = chance.choice((0, 0, 0, 0, -20, 30, 24 * 8, 24 * 12))
        labels = tuple(chance.sample(LABELS, chance.choice((0, 1, 2, 3))))
        yield Told(f"post {number}", published, published + chance.random() * timedelta(hours=late), labels)


def _rehearse(database: Database, *, days: int, readers: int) -> None:
    seed = _seed()
    posts = list(_posts(days, seed))
    rehearsal = Rehearsal(database, posts, first=FIRST, days=days, readers=readers, seed=seed)
    rehearsal.play()
    mailed, expected = rehearsal.mailed(), rehearsal.expected()
    assert sum(map(len, expected.values())) > readers
    for number, mails in expected.items():
        assert mailed[number] == mails, f"reader {number}"
    assert rehearsal.miscounted() == []


def test_seven_weeks_bring_each_reader_the_mails_of_a_plain_model(sqlite_database: Database) -> None:
    _rehearse(sqlite_database, days=49, readers=100)


def test_two_weeks_bring_them_on_postgresql_too(postgres_database: Database) -> None:
    _rehearse(postgres_database, days=14, readers=50)
