"""Newest 25 of a hot label among 1,000,000 posts, beside the same among 10,000 (SQLite).

``python -m benchmarks.label_query [--rounds N] [--posts N] [--folder DIR]``

The posts' bodies are short, for none is read. The query is what a feed asks, and, beside it, what a rule asks
(``posts.store.newest``, which also looks the label up). A database made once in ``--folder`` is used again.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.blog import LABELS, label_name, make_blog
from benchmarks.timing import in_turns, show, verdict
from database import Database, open_database
from posts.batch import newest_by_label
from posts.rules import HasLabel
from posts.store import newest

FEW = 10_000
AT_ONCE = 200
BODY_BYTES = 200
HOT, SELDOM = 0, LABELS // 2


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--posts", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = chosen.folder or Path(folder)
        few, many = _blog(where, FEW), _blog(where, chosen.posts)
        measure(few, many, posts=chosen.posts, rounds=chosen.rounds)
        few.dispose()
        many.dispose()


def _blog(folder: Path, count: int) -> Database:
    file = folder / f"{count}.db"
    if file.exists():
        return open_database(f"sqlite:///{file}")
    print(f"making {count:,} posts", flush=True)
    return make_blog(file, count=count, body=BODY_BYTES)


def _feed_query(database: Database, number: int) -> Callable[[], None]:
    def ask() -> None:
        with database.read() as connection:
            for _ in range(AT_ONCE):
                assert len(newest_by_label(connection, [number + 1], limit=25)[number + 1]) == 25

    return ask


def _rule_query(database: Database, number: int) -> Callable[[], None]:
    rule = HasLabel(label_name(number))

    def ask() -> None:
        with database.read() as connection:
            for _ in range(AT_ONCE):
                assert len(newest(connection, rule, limit=25)) == 25

    return ask


def measure(few: Database, many: Database, *, posts: int, rounds: int) -> None:
    """All in turns, then the figure: a line's time is that of ``AT_ONCE`` queries."""
    sizes = {f"{FEW:,}": few, f"{posts:,}": many}
    ways: dict[str, Callable[[], None]] = {}
    for size, database in sizes.items():
        for what, number in (("hot", HOT), ("seldom used", SELDOM)):
            ways[f"a feed's, {what} label, {size} posts"] = _feed_query(database, number)
            ways[f"a rule's, {what} label, {size} posts"] = _rule_query(database, number)
    timed = in_turns(ways, rounds=rounds)
    print(f"{AT_ONCE} queries each")
    show(timed)
    small, large = sizes
    for what in ("hot", "seldom used"):
        for whose in ("a feed's", "a rule's"):
            ratio = (
                timed[f"{whose}, {what} label, {large} posts"].median
                / timed[f"{whose}, {what} label, {small} posts"].median
            )
            verdict(f"{whose} query of a {what} label, to that among {small}", ratio, at_most=2)


if __name__ == "__main__":
    main()
