"""What the rules of all configured feeds mean today: read once, and again when a feed or a label changes.

To read a thousand rules, and to look up what their names lead to, takes longer than a page may. What they
mean is kept for each database, with what tells quickly which of them a label matters to.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from database.remembered import Remembered
from feeds.configured import configured_feeds
from posts.blog import get_blog
from posts.labels import label_key
from posts.lookup import LabelIndex, load_labels
from posts.model import Label, label
from posts.querying import simplify
from posts.rules import Rule, parse, rule_labels

_Rows = Sequence[Row[*tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class MeantFeed:
    """A configured feed: its rule as it was written, and the same by the labels' own names (``simplify``)."""

    row: Row[*tuple[Any, ...]]
    slug: str
    title: str | None
    uri: str
    is_private: bool
    written: Rule
    rule: Rule


@dataclass(frozen=True, slots=True)
class Meant:
    """All configured feeds by slug, the labels that their rules name, and which of the feeds do.

    ``labels`` has each label by its id, ``of_label`` the places of the feeds that name it, by its id, and
    ``of_name`` the places of the feeds in whose rules a name is written, by its ``label_key``.
    """

    feeds: Sequence[MeantFeed]
    index: LabelIndex
    labels: Mapping[int, Label]
    of_label: Mapping[int, Collection[int]]
    of_name: Mapping[str, Collection[int]]

    def naming(self, label_ids: Collection[int], *names: str) -> list[MeantFeed]:
        """The feeds whose rules name one of these labels, or have one of these names or slugs in them."""
        places = {place for one in label_ids for place in self.of_label.get(one, ())}
        places.update(place for name in names for place in self.of_name.get(label_key(name), ()))
        return [self.feeds[place] for place in sorted(places)]


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: tuple[Any, ...]
    rows: _Rows
    meant: Meant


_KEPT = Remembered[_Kept]()


def meant_feeds(connection: Connection) -> Meant:
    """What the configured feeds' rules mean; raises ``BlogMissing`` as ``get_blog`` does."""
    kept, rows, blog = _KEPT.of(connection), configured_feeds(connection), get_blog(connection)
    newest = connection.execute(select(func.max(label.c.id))).scalar()
    stamp = blog.feed_namespace, blog.revision, blog.changed_at, newest
    if kept is None or kept.stamp != stamp or kept.rows != rows:
        kept = _Kept(stamp, rows, _read(connection, rows))
        _KEPT.keep(connection, kept)
    return kept.meant


def _read(connection: Connection, rows: _Rows) -> Meant:
    written = [parse(row.rule) for row in rows]
    named = [rule_labels(rule) for rule in written]
    index = load_labels(connection, {name for names in named for name in names})
    meaning = {name: index.named(name) for names in named for name in names}
    of_label: dict[int, list[int]] = {}
    of_name: dict[str, list[int]] = {}
    for place, names in enumerate(named):
        for name in names:
            of_name.setdefault(label_key(name), []).append(place)
            if (found := meaning[name]) is not None:
                of_label.setdefault(found.id, []).append(place)
    return Meant(
        [
            MeantFeed(row, row.slug, row.title, row.uri, row.is_private, rule, simplify(rule, index))
            for row, rule in zip(rows, written, strict=True)
        ],
        index,
        {found.id: found for found in meaning.values() if found is not None},
        of_label,
        of_name,
    )
