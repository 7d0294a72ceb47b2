"""A year of a real blog rehearsed: a thousand readers who change their minds, beside a plain model.

``python -m benchmarks.year BLOG [--first DATE] [--days N] [--readers N] [--seed N] [--database URL]``

BLOG holds posts as JSON lines; those from the day ``--first`` on are handed to the database when they were
published, while ticks come every few hours, now and then after more than a digest may be late. The readers
have cadences, labels and timezones at random; they pause, choose again, leave and come back, and labels are
renamed. ``tests/digests_rehearsing.py`` has the model: each reader's mails by walking their slots one by one.
Ends with an error when one mail of one reader has other posts, or the same in another order.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from time import perf_counter

from database import open_database, upgrade
from tests.digests_rehearsing import Rehearsal, Told


def main() -> None:
    """Rehearse, compare and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("blog", type=Path, help="a file of posts as JSON lines")
    options.add_argument("--first", type=date.fromisoformat, default=date(2016, 1, 1))
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--readers", type=int, default=1000)
    options.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    options.add_argument("--database", help="the address of an empty database, else an SQLite file")
    chosen = options.parse_args()
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(chosen.database or f"sqlite:///{Path(folder) / 'year.db'}")
        upgrade(database)
        posts = list(_posts(chosen.blog, chosen.first, chosen.days))
        began = perf_counter()
        rehearsal = Rehearsal(
            database,
            posts,
            first=chosen.first,
            days=chosen.days,
            readers=chosen.readers,
            seed=chosen.seed,
        )
        rehearsal.play()
        seconds = perf_counter() - began
        mailed, expected = rehearsal.mailed(), rehearsal.expected()
        miscounted = rehearsal.miscounted()
        database.dispose()
    wrong = [number for number, mails in expected.items() if mailed[number] != mails]
    mails = sum(map(len, expected.values()))
    print(
        f"{len(posts)} posts, {chosen.days} days, {chosen.readers} readers: {mails:,} mails, {seconds:.0f} s"
    )
    if wrong or miscounted:
        raise SystemExit(f"otherwise than by the model: readers {wrong[:9]}, editions {miscounted[:9]}")
    print("mail for mail as by the model")


def _posts(file: Path, first: date, days: int) -> Iterator[Told]:
    """The posts published in those days; each is handed over half a minute later."""
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    for line in file.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        at = datetime.fromisoformat(said["published"]).astimezone(UTC)
        if begin <= at < begin + timedelta(days=days):
            name = said["id"].rpartition("/")[2]
            yield Told(name, at, at + timedelta(seconds=30), tuple(said["labels"]))


if __name__ == "__main__":
    main()
