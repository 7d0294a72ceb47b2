"""Labels and authors with their posts counted, kept from one page to the next: what changed is counted again.

To count the ties of ten thousand labels takes longer than a page may. They are kept for each database, by the
blog's revision, which every change of what readers see moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from database.remembered import Remembered
from posts.authors import Author, authors
from posts.batch import label_stamps, labels_by_id
from posts.blog import get_blog
from posts.lookup import live_counts
from posts.model import Label, label

_Stamp = tuple[int, datetime, int | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """Labels and authors that have live posts, by name, each with the number of these."""

    labels: Sequence[Label]
    authors: Sequence[Author]


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: _Stamp
    by_stamp: dict[str, Label]
    counted: Counted


_KEPT = Remembered[_Kept]()


def counted(connection: Connection) -> Counted:
    """Those there are; raises ``BlogMissing`` as ``get_blog`` does."""
    kept = _KEPT.of(connection)
    blog = get_blog(connection)
    newest = connection.execute(select(func.max(label.c.id))).scalar()
    stamp = blog.revision, blog.changed_at, newest
    if kept is None or kept.stamp != stamp:
        kept = _count(connection, stamp, {} if kept is None else kept.by_stamp)
        _KEPT.keep(connection, kept)
    return kept.counted


def _count(connection: Connection, stamp: _Stamp, before: dict[str, Label]) -> _Kept:
    stamps = label_stamps(connection)
    new = {int(one.split(" ", 1)[0]): one for one in stamps if one not in before}
    numbers = live_counts(connection, new)
    read = {
        new[number]: replace(one, posts=numbers.get(number, 0))
        for number, one in labels_by_id(connection, list(new)).items()
    }
    by_stamp = {one: read[one] if one in read else before[one] for one in stamps}
    found = sorted(
        (one for one in by_stamp.values() if one.posts), key=lambda one: (one.name.casefold(), one.name)
    )
    writers = [one for one in authors(connection) if one.posts]
    return _Kept(stamp, by_stamp, Counted(found, writers))
