"""Labels as they are found: by name, by address, and by the names and addresses they once had."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, func, or_, select, true

from posts.alike import most_alike
from posts.labels import clean_name, label_key
from posts.model import UNMET, Label, label, label_alias, post_label
from posts.rules import Rule, rule_labels

BATCH = 500

# Longer names are meant for nobody's.
_LONGEST_LIKE = 100

_LABELS = select(label)
_ALIASES = select(label_alias.c.key, label_alias.c.slug, label_alias.c.label_id, label_alias.c.was_met)
# Made once: putting a statement together takes longer than running it.
_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_SLUGS: BindParameter[str] = bindparam("slugs", expanding=True)
_ALIASES_NAMED = _ALIASES.where(or_(label_alias.c.key.in_(_KEYS), label_alias.c.slug.in_(_SLUGS)))
# With those that aliases lead to in the same query, PostgreSQL would go through all labels.
_LABELS_NAMED = _LABELS.where(or_(label.c.key.in_(_KEYS), label.c.slug.in_(_SLUGS)))
_LABELS_NUMBERED = _LABELS.where(label.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class LabelIndex:
    """Labels by all that leads to them; an alias that leads to None is of a deleted label.

    ``unmet_keys`` and ``unmet_slugs`` are those of the old ones that a label had while no live post had ever
    had it. Load it once with ``load_labels`` and hand it to many queries of one transaction.
    """

    by_key: Mapping[str, Label]
    by_slug: Mapping[str, Label]
    old_keys: Mapping[str, Label | None]
    old_slugs: Mapping[str, Label | None]
    unmet_keys: frozenset[str] = frozenset()
    unmet_slugs: frozenset[str] = frozenset()

    def named(self, name: str) -> Label | None:
        """The label a rule means by this name: its own name first, then its slug, then what it once was."""
        key, slugs = label_key(name), _slugs(name)
        for table, candidates in (
            (self.by_key, (key,)),
            (self.by_slug, slugs),
            (self.old_keys, (key,)),
            (self.old_slugs, slugs),
        ):
            for candidate in candidates:
                if candidate in table:
                    return table[candidate]
        return None

    def only(self, names: Iterable[str]) -> "LabelIndex":
        """What these names lead to, and by what the labels found are called: for one rule of many."""
        wanted = set(names)
        keys, slugs = {label_key(name) for name in wanted}, {slug for name in wanted for slug in _slugs(name)}
        led = [one for name in wanted if (one := self.named(name)) is not None]
        return LabelIndex(
            by_key={key: self.by_key[key] for key in keys if key in self.by_key}
            | {label_key(one.name): one for one in led},
            by_slug={slug: self.by_slug[slug] for slug in slugs if slug in self.by_slug},
            old_keys={key: self.old_keys[key] for key in keys if key in self.old_keys},
            old_slugs={slug: self.old_slugs[slug] for slug in slugs if slug in self.old_slugs},
            unmet_keys=self.unmet_keys & keys,
            unmet_slugs=self.unmet_slugs & slugs,
        )

    def met(self, *, by_any_name: bool = False) -> "LabelIndex":
        """Without the labels that no live post ever had: nobody is to hear of them yet.

        Nor by names they had before one did, unless ``by_any_name``: for rules that a publisher wrote.
        """
        unmet_keys, unmet_slugs = (
            (frozenset[str](), frozenset[str]()) if by_any_name else (self.unmet_keys, self.unmet_slugs)
        )
        return LabelIndex(
            by_key={key: one for key, one in self.by_key.items() if one.is_met},
            by_slug={slug: one for slug, one in self.by_slug.items() if one.is_met},
            old_keys=_known(self.old_keys, unmet_keys),
            old_slugs=_known(self.old_slugs, unmet_slugs),
        )

    def addressed(self, name_or_slug: str) -> Label | None:
        """The label at this address: its slug first, then its name, then what it once was."""
        for slug in _slugs(name_or_slug):
            if slug in self.by_slug:
                return self.by_slug[slug]
        return self.named(name_or_slug)


def _known(old: Mapping[str, Label | None], unmet: Collection[str]) -> dict[str, Label | None]:
    return {name: one for name, one in old.items() if name not in unmet and (one is None or one.is_met)}


def _slugs(name: str) -> tuple[str, ...]:
    cleaned = clean_name(name)
    return tuple(dict.fromkeys((cleaned, cleaned.lower())))


def load_labels(connection: Connection, names: Iterable[str] | None = None) -> LabelIndex:
    """All labels and aliases, or only those that the names (or slugs) given may lead to."""
    if names is None:
        return _index(connection.execute(_LABELS).all(), connection.execute(_ALIASES).all())
    wanted = set(names)
    if not wanted:
        return LabelIndex({}, {}, {}, {})
    leading = {
        "keys": sorted({label_key(name) for name in wanted}),
        "slugs": sorted({slug for name in wanted for slug in _slugs(name)}),
    }
    found = [*connection.execute(_LABELS_NAMED, leading)]
    aliases = connection.execute(_ALIASES_NAMED, leading).all()
    further = {row.label_id for row in aliases if row.label_id} - {row.id for row in found}
    if further:
        found += connection.execute(_LABELS_NUMBERED, {"ids": sorted(further)})
    return _index(found, aliases)


def _index(labels: Sequence[Row[*tuple[Any, ...]]], aliases: Sequence[Row[*tuple[Any, ...]]]) -> LabelIndex:
    by_id = {row.id: (row.key, as_label(row)) for row in labels}
    former = [(row.key, row.slug, by_id[row.label_id][1] if row.label_id else None) for row in aliases]
    return LabelIndex(
        by_key=dict(by_id.values()),
        by_slug={found.slug: found for _, found in by_id.values()},
        old_keys={key: found for key, _, found in former},
        old_slugs={slug: found for _, slug, found in former if slug is not None},
        unmet_keys=frozenset(row.key for row in aliases if not row.was_met),
        unmet_slugs=frozenset(row.slug for row in aliases if not row.was_met),
    )


def as_label(row: Row[*tuple[Any, ...]]) -> Label:
    """A row of the table as what other rooms see; the number of its posts is not in it."""
    return Label(row.id, row.name, row.slug, row.feed_uri, row.revision, row.changed_at)


def labels(connection: Connection, *, counted: bool = True) -> list[Label]:
    """All labels by name, with the number of their live posts; ``counted=False`` spares the counting."""
    found = [as_label(row) for row in connection.execute(select(label))]
    if counted:
        numbers = dict(_live_posts(connection))
        found = [replace(one, posts=numbers.get(one.id, 0)) for one in found]
    return sorted(found, key=lambda one: (one.name.casefold(), one.name))


def labels_after(connection: Connection, key: str, *, limit: int) -> list[tuple[str, Label]]:
    """Labels whose keys come after one, in the order of these, each with its key and its posts counted."""
    query = _LABELS.where(label.c.key > key).order_by(label.c.key).limit(limit)
    found = [(row.key, as_label(row)) for row in connection.execute(query)]
    numbers = dict(_live_posts(connection, post_label.c.label_id.in_([one.id for _, one in found])))
    return [(its, replace(one, posts=numbers.get(one.id, 0))) for its, one in found]


def live_counts(connection: Connection, label_ids: Collection[int]) -> dict[int, int]:
    """The number of live posts of each of these labels; one that has none is left out."""
    wanted = sorted(label_ids)
    if len(wanted) > BATCH:
        # Counting all takes less than asking for so many.
        return dict(_live_posts(connection))
    return dict(_live_posts(connection, post_label.c.label_id.in_(wanted))) if wanted else {}


def _live_posts(connection: Connection, *only: ColumnElement[bool]) -> Iterator[tuple[int, int]]:
    query = (
        select(post_label.c.label_id, func.count())
        .where(post_label.c.live == true(), *only)
        .group_by(post_label.c.label_id)
    )
    for row in connection.execute(query):
        yield row[0], row[1]


def find_label(connection: Connection, name_or_slug: str, *, counted: bool = True) -> Label | None:
    """The label at this address or of this name, now or once, with the number of its live posts.

    ``counted=False`` spares the counting, which takes a label of half a million posts 50 ms.
    """
    found = load_labels(connection, [name_or_slug]).addressed(name_or_slug)
    if found is None or not counted:
        return found
    numbers = dict(_live_posts(connection, post_label.c.label_id == found.id))
    return replace(found, posts=numbers.get(found.id, 0))


def is_deleted_label(connection: Connection, name_or_slug: str) -> bool:
    """Whether there was such a label and it was deleted (its addresses answer 410, not 404).

    One that no live post ever had was never there: nobody could know of it.
    """
    index = load_labels(connection, [name_or_slug]).met()
    if index.addressed(name_or_slug) is not None:
        return False
    known = label_key(name_or_slug) in index.old_keys
    return known or any(slug in index.old_slugs for slug in _slugs(name_or_slug))


def unknown_labels(connection: Connection, rule: Rule) -> list[str]:
    """The names in a rule that no label has: the rule stands all the same, the label may come tomorrow."""
    names = rule_labels(rule)
    index = load_labels(connection, names)
    return [name for name in names if index.named(name) is None]


def nearest_labels(connection: Connection, name: str, *, limit: int = 3, only_met: bool = False) -> list[str]:
    """Names of labels that look like this one, the likest first, for "did you mean".

    With ``only_met`` those that anybody may know of. None for a name of more than 100 characters.
    """
    return nearest_to_each(connection, [name], limit=limit, only_met=only_met)[0]


def nearest_to_each(
    connection: Connection, names: Sequence[str], *, limit: int = 3, only_met: bool = False
) -> list[list[str]]:
    """``nearest_labels`` of each of several names, for which the labels are read once."""
    query = select(label.c.key, label.c.name).order_by(label.c.key)
    if only_met:
        query = query.where(label.c.revision > UNMET)
    known: dict[str, str] = {row[0]: row[1] for row in connection.execute(query).all()} if names else {}
    return [[known[key] for key in _nearest(label_key(name), known, limit)] for name in names]


def _nearest(key: str, known: Collection[str], limit: int) -> list[str]:
    if not key or len(key) > _LONGEST_LIKE:
        return []
    near = most_alike(key, known, limit=limit)
    if len(near) < limit:
        # One of the two begins a word of the other.
        word = f" {key}"
        near += [other for other in known if other.startswith(key) or word in other or f" {other}" in word]
    return list(dict.fromkeys(near))[:limit]


def label_aliases(connection: Connection) -> dict[str, str]:
    """Slugs that labels once had, each with the slug its label has now."""
    query = select(label_alias.c.slug, label.c.slug).join(label, label.c.id == label_alias.c.label_id)
    return {row[0]: row[1] for row in connection.execute(query) if row[0] is not None}
