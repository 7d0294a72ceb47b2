"""Authors: who wrote which post, each with an address and a feed of their own."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from database import Identity, UtcDateTime, metadata
from posts.labels import clean_name, label_key, slugify
from posts.model import post, post_label
from posts.revisions import batched, later

author = Table(
    "author",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("name", Text, nullable=False),
    # The name without its case and white space: what makes two names one author.
    Column("key", Text, nullable=False, unique=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("feed_uri", Text, nullable=False, unique=True),
    # As a label's; 0 until a post of theirs is live: until then nobody is to know of them.
    Column("revision", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

post_author = Table(
    "post_author",
    metadata,
    Column("post_id", ForeignKey(post.c.id, ondelete="CASCADE"), nullable=False),
    Column("author_id", ForeignKey("author.id", ondelete="CASCADE"), nullable=False),
    # The post's own, as in post_label.
    Column("live", Boolean, nullable=False),
    Column("published", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("post_id", "author_id"),
    sqlite_with_rowid=False,
)
Index(
    "ix_post_author_newest",
    post_author.c.author_id,
    post_author.c.live,
    post_author.c.published.desc(),
    post_author.c.post_id.desc(),
)


@dataclass(frozen=True, slots=True)
class Author:
    """An author: the name as it was first written, its slug, and its feed's permanent id.

    ``revision`` grows in each transaction that changes a live post of theirs; ``changed_at`` is when that
    was. ``posts`` are the live ones.
    """

    id: int
    name: str
    slug: str
    feed_uri: str
    revision: int
    changed_at: datetime
    posts: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A post as its authors' feeds need it; ``before`` are its authors until now, if it was live."""

    post_id: int
    authors: Sequence[str]
    is_live: bool
    published: datetime
    before: Sequence[str] = ()


class AuthorBook:
    """All authors during one writing transaction, which holds the blog's row; ``finish`` it last."""

    def __init__(self, connection: Connection, *, namespace: UUID, now: datetime) -> None:
        self._connection = connection
        self._namespace = namespace
        self._now = now
        self._ids: dict[str, int] | None = None
        self._slugs: set[str] = set()
        self._written: dict[str, int | None] = {}
        # The names of those of whom no post was ever live.
        self._unmet: dict[int, str] = {}
        self._touched: set[int] = set()

    def write(self, posts: Sequence[Written], *, are_new: bool = False) -> None:
        """Store who wrote these posts, in place of what was stored."""
        if not are_new:
            for some in batched(one.post_id for one in posts):
                self._connection.execute(delete(post_author).where(post_author.c.post_id.in_(some)))
        rows = []
        for one in posts:
            author_ids = self._of(one.authors)
            rows += [
                {"post_id": one.post_id, "author_id": found, "live": one.is_live, "published": one.published}
                for found in author_ids
            ]
            if one.is_live:
                self.touch(author_ids)
                self._meet(one.authors)
            self.touch(self._of(one.before))
        if rows:
            self._connection.execute(insert(post_author), rows)

    def set_live(self, post_ids: list[int], *, is_live: bool) -> None:
        """Repeat that these posts are live now, or no more, and count it for their authors."""
        those = post_author.c.post_id.in_(post_ids)
        self._connection.execute(update(post_author).where(those).values(live=is_live))
        self.touch(
            self._connection.execute(select(post_author.c.author_id).where(those).distinct()).scalars()
        )

    def touch_labels(self, label_ids: Collection[int]) -> None:
        """Count a change of these labels' names for the authors of live posts that show them."""
        for some in batched(sorted(label_ids)):
            tied = select(post_label.c.post_id).where(post_label.c.label_id.in_(some))
            query = select(post_author.c.author_id).where(
                post_author.c.live == true(), post_author.c.post_id.in_(tied)
            )
            self.touch(self._connection.execute(query.distinct()).scalars())

    def touch(self, author_ids: Iterable[int]) -> None:
        """Remember authors who gained, lost or keep a live post that changed."""
        self._touched.update(author_ids)

    def finish(self) -> None:
        """Count what this transaction changed."""
        for some in batched(sorted(self._touched)):
            self._connection.execute(
                update(author)
                .where(author.c.id.in_(some))
                .values(
                    revision=author.c.revision + 1,
                    changed_at=case(
                        (author.c.revision == 0, literal(self._now, UtcDateTime)),
                        else_=later(author.c.changed_at, self._now),
                    ),
                )
            )

    def _meet(self, names: Sequence[str]) -> None:
        """Name those whom nobody knew as their first live post does: not as what nobody saw wrote them."""
        for name in names:
            found = self._written[name]
            known = None if found is None else self._unmet.pop(found, None)
            if known not in {None, clean_name(name)}:
                renamed = update(author).where(author.c.id == found).values(name=clean_name(name))
                self._connection.execute(renamed)

    def _of(self, names: Sequence[str]) -> list[int]:
        """The authors of these names, each once; those not known yet are made."""
        found = []
        for name in names:
            if name not in self._written:
                self._written[name] = self._find_or_make(name)
            found.append(self._written[name])
        return [author_id for author_id in dict.fromkeys(found) if author_id is not None]

    def _find_or_make(self, name: str) -> int | None:
        if self._ids is None:
            self._ids = {}
            known = select(author.c.id, author.c.name, author.c.key, author.c.slug, author.c.revision)
            for row in self._connection.execute(known):
                self._ids[row.key] = row.id
                self._slugs.add(row.slug.casefold())
                if row.revision == 0:
                    self._unmet[row.id] = row.name
        key = label_key(name)
        if key and key not in self._ids:
            self._ids[key] = self._make(clean_name(name), key)
        return self._ids.get(key)

    def _make(self, name: str, key: str) -> int:
        slug = slugify(name, taken=lambda candidate: candidate.casefold() in self._slugs)
        self._slugs.add(slug.casefold())
        made = insert(author).values(
            name=name,
            key=key,
            slug=slug,
            feed_uri=f"urn:uuid:{uuid5(self._namespace, f'author:{slug}')}",
            revision=0,
            changed_at=self._now,
        )
        author_id: int = self._connection.execute(made.returning(author.c.id)).scalar_one()
        self._unmet[author_id] = name
        return author_id


_AUTHORS = select(
    author.c.id, author.c.name, author.c.slug, author.c.feed_uri, author.c.revision, author.c.changed_at
)


def authors(connection: Connection, *, counted: bool = True) -> list[Author]:
    """All who have, or once had, a live post, by name, with the number of their live posts.

    ``counted=False`` spares the counting.
    """
    query = (
        select(post_author.c.author_id, func.count())
        .where(post_author.c.live == true())
        .group_by(post_author.c.author_id)
    )
    numbers: dict[int, int] = {row[0]: row[1] for row in connection.execute(query)} if counted else {}
    found = [Author(*row) for row in connection.execute(_AUTHORS.where(author.c.revision > 0))]
    if counted:
        found = [replace(one, posts=numbers.get(one.id, 0)) for one in found]
    return sorted(found, key=lambda one: (one.name.casefold(), one.name))


def find_author(connection: Connection, name_or_slug: str, *, counted: bool = True) -> Author | None:
    """The author at this address, or of this name, with the number of their live posts.

    None too where no post of theirs was ever live. ``counted=False`` spares the counting.
    """
    slugs = {clean_name(name_or_slug), clean_name(name_or_slug).lower()}
    is_meant = or_(author.c.slug.in_(slugs), author.c.key == label_key(name_or_slug))
    rows = connection.execute(_AUTHORS.where(author.c.revision > 0, is_meant)).all()
    if not rows:
        return None
    found = Author(*min(rows, key=lambda row: row.slug not in slugs))
    if not counted:
        return found
    query = select(func.count()).where(post_author.c.author_id == found.id, post_author.c.live == true())
    return replace(found, posts=connection.execute(query).scalar_one())


def author_slugs(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """The slugs of those of the authors, by name, who have, or once had, a live post."""
    keys = {name: label_key(name) for name in names}
    query = select(author.c.key, author.c.slug).where(author.c.revision > 0, author.c.key.in_(keys.values()))
    slugs = {row.key: row.slug for row in connection.execute(query)} if keys else {}
    return {name: slugs[key] for name, key in keys.items() if key in slugs}
