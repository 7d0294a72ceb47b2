"""What a publisher does to labels: rename, merge, delete. Old names and addresses live on as aliases."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from posts.authors import AuthorBook
from posts.blog import get_blog
from posts.labelbook import LabelBook
from posts.labels import clean_name, label_key, slugify
from posts.lookup import LabelIndex, load_labels, nearest_labels
from posts.model import UNMET, Label, label, label_alias, post_label
from posts.overrides import forget_label, merge_overrides
from posts.privacy import apply_private_rules
from posts.privaterules import PrivateRules
from posts.revisions import bump_blog, bump_labels, bump_posts_of
from posts.withdrawals import merge_withdrawals


class LabelError(LookupError):
    """A label that cannot be renamed, merged or deleted as asked; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Renaming:
    """A label as it is, and the name, key and slug that it would have."""

    label: Label
    name: str
    key: str
    slug: str


def plan_rename(connection: Connection, old: str, new: str) -> Renaming:
    """What renaming would make of a label. Raises as ``rename_label``."""
    index = load_labels(connection, [old, new])
    found, name, key = must_find(connection, index, old), clean_name(new), label_key(new)
    if not key:
        raise LabelError(f"label {found.name!r}: {new[:80]!r} is no name for a label")
    former = index.old_keys.get(key)
    taken_by = index.by_key.get(key) or former
    if taken_by is not None and taken_by.id != found.id:
        said = "another label is" if former is None else f"{taken_by.name!r} was once"
        raise LabelError(
            f"label {found.name!r}: {said} called {name!r}; merge the two, or choose another name"
        )
    is_same = key == label_key(found.name)
    return Renaming(found, name, key, found.slug if is_same else _new_slug(connection, found, name, key))


def _new_slug(connection: Connection, found: Label, name: str, key: str) -> str:
    """Where the name was this label's before, or a deleted label's, its address comes with it."""
    was = select(label_alias.c.slug).where(label_alias.c.key == key)
    if (slug := connection.execute(was).scalar()) is not None:
        return str(slug)
    others = select(label.c.slug).where(label.c.id != found.id)
    led = label_alias.c.slug.is_not(None) & label_alias.c.label_id.is_distinct_from(found.id)
    slugs = others.union_all(select(label_alias.c.slug).where(led)).subquery()
    # One text, in which no slug has a blank: of ten thousand rows most of the time would go into reading.
    written = connection.execute(select(func.aggregate_strings(slugs.c.slug, " "))).scalar()
    used = set((written or "").casefold().split())
    return slugify(name, taken=lambda candidate: candidate.casefold() in used)


def rename_label(connection: Connection, old: str, new: str, *, now: datetime) -> Label:
    """Give a label another name, which posts no longer vote on, and the address that goes with it.

    Its id and its feed's stay. Posts that go on writing the old name keep this label, and the old address
    leads here. Raises ``LabelError`` when there is no such label or another one has, or once had, that name.
    """
    revision = get_blog(connection, lock=True).revision + 1
    planned = plan_rename(connection, old, new)
    found, name = planned.label, planned.name
    if found.name == name:
        _change(connection, found, name=name)
        return found
    touched = bump_posts_of(connection, {found.id}, changed_in=revision)
    authors = _authors_of(connection, found, now=now)
    if planned.key == label_key(found.name):
        _change(connection, found, name=name)
    else:
        _move(connection, planned)
    _count(connection, touched, authors, now=now, public=found.is_met)
    return load_labels(connection, [name]).by_key[planned.key]


def _move(connection: Connection, planned: Renaming) -> None:
    """Give a label another key and slug; those it had become an alias."""
    found, slug = planned.label, planned.slug
    connection.execute(delete(label_alias).where(label_alias.c.key == planned.key))
    # An address this label had under yet another name: that name still leads here, without it.
    connection.execute(update(label_alias).where(label_alias.c.slug == slug).values(slug=None))
    _change(connection, found, name=planned.name, key=planned.key, slug=slug)
    _leave_alias(connection, found, slug=None if slug == found.slug else found.slug, to=found.id)


def merge_labels(connection: Connection, source: str, into: str, *, now: datetime) -> Label:
    """Make one label of two: the second has the posts of both, and all names and addresses lead to it.

    Raises ``LabelError`` when either is not there or both are one.
    """
    revision = get_blog(connection, lock=True).revision + 1
    index = load_labels(connection)
    gone, stays = must_find(connection, index, source), must_find(connection, index, into)
    if gone.id == stays.id:
        raise LabelError(f"label {gone.name!r}: {source!r} and {into!r} are one label already")
    touched = bump_posts_of(connection, {gone.id}, changed_in=revision)
    if gone.is_met:
        # Whoever knows the one will find the other at its address.
        _meet(connection, stays)
        touched |= {stays.id}
    authors = _authors_of(connection, gone, now=now)
    there = select(post_label.c.post_id).where(post_label.c.label_id == stays.id)
    connection.execute(
        delete(post_label).where(post_label.c.label_id == gone.id, post_label.c.post_id.in_(there))
    )
    connection.execute(update(post_label).where(post_label.c.label_id == gone.id).values(label_id=stays.id))
    merge_withdrawals(connection, gone.id, stays.id)
    merge_overrides(connection, gone, stays)
    _retire(connection, gone, to=stays.id)
    _count(connection, touched - {gone.id}, authors, now=now, public=gone.is_met)
    return load_labels(connection, [stays.slug]).by_slug[stays.slug]


def delete_label(connection: Connection, name: str, *, now: datetime) -> Label:
    """Take a label away; its posts stay. Returns what it was.

    Posts that go on writing its name don't bring it back, and its addresses are known to be gone. Raises
    ``LabelError`` when there is no such label, or a private feed's rule names it.
    """
    revision = get_blog(connection, lock=True).revision + 1
    gone = must_find(connection, load_labels(connection), name)
    if (private := PrivateRules(connection).naming(gone.id)) is not None:
        raise LabelError(
            f"label {gone.name!r}: the private feed {private!r} is made of it, and its posts would be for"
            " everybody to read; change the feed's rule first"
        )
    touched = bump_posts_of(connection, {gone.id}, changed_in=revision)
    authors = _authors_of(connection, gone, now=now)
    connection.execute(delete(post_label).where(post_label.c.label_id == gone.id))
    forget_label(connection, gone)
    _retire(connection, gone, to=None)
    _count(connection, touched - {gone.id}, authors, now=now, public=gone.is_met)
    return gone


def must_find(connection: Connection, index: LabelIndex, name: str) -> Label:
    """The label that a name means; raises ``LabelError`` with the nearest where it means none."""
    found = index.named(name)
    if found is not None:
        return found
    near = nearest_labels(connection, name)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "`labelcast labels` lists them all"
    raise LabelError(f"no label is called {name!r}: {hint}")


def _change(connection: Connection, found: Label, **values: str) -> None:
    connection.execute(update(label).where(label.c.id == found.id).values(name_is_chosen=True, **values))


def _meet(connection: Connection, found: Label) -> None:
    """Let it be known of a label: whatever is done to it counts from now on."""
    if not found.is_met:
        connection.execute(update(label).where(label.c.id == found.id).values(revision=UNMET + 1))


def _retire(connection: Connection, gone: Label, *, to: int | None) -> None:
    """Take a label's row away; all its names and addresses lead to another label, or to none."""
    connection.execute(update(label_alias).where(label_alias.c.label_id == gone.id).values(label_id=to))
    connection.execute(delete(label).where(label.c.id == gone.id))
    _leave_alias(connection, gone, slug=gone.slug, to=to)


def _leave_alias(connection: Connection, found: Label, *, slug: str | None, to: int | None) -> None:
    """A name and a slug that a label loses."""
    connection.execute(
        insert(label_alias).values(key=label_key(found.name), slug=slug, label_id=to, was_met=found.is_met)
    )


def _authors_of(connection: Connection, found: Label, *, now: datetime) -> AuthorBook:
    """The authors whose feeds show this label's name: to be asked before its posts change."""
    book = AuthorBook(connection, namespace=get_blog(connection).feed_namespace, now=now)
    book.touch_labels({found.id})
    return book


def _count(
    connection: Connection, touched: Collection[int], authors: AuthorBook, *, now: datetime, public: bool
) -> None:
    """Count what was done to labels; ``public`` is whether one of them was known to everybody."""
    bump_labels(connection, touched, now=now)
    authors.finish()
    # Private posts show labels as well.
    bump_blog(connection, now=now, public=public, private=True)
    book = LabelBook(connection, now=now)
    apply_private_rules(connection, book, now=now)
    book.finish()
