"""Entries as bytes, each rendered once for a revision of its post, and kept in memory and the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, func, select
from sqlalchemy.exc import DBAPIError

from database import Database
from feeds.formats.format import Format
from feeds.hasty import hasty_write
from feeds.memory import Memory
from feeds.model import fragment
from posts.batch import PostContent, post_contents, post_revisions
from posts.model import PostState, post
from posts.revisions import batched

MEMORY_BYTES = 64 * 1024 * 1024
# What was read of posts is wanted again at once, for the next format.
CONTENTS_BYTES = 4 * 1024 * 1024

# A post's present revision, and its kept entry where that is of this revision.
_KEPT = (
    select(post.c.id, post.c.revision, post.c.updated, fragment.c.body)
    .outerjoin(
        fragment,
        and_(
            fragment.c.post_id == post.c.id,
            fragment.c.kind == bindparam("kind"),
            fragment.c.revision == post.c.revision,
        ),
    )
    .where(post.c.id.in_(bindparam("ids", expanding=True)))
)

# Live posts that lack a kept entry, of their present revision, of one of these kinds.
_LACKING = select(post.c.id).where(
    post.c.state == PostState.LIVE.value,
    select(func.count())
    .where(
        fragment.c.post_id == post.c.id,
        fragment.c.kind.in_(bindparam("kinds", expanding=True)),
        fragment.c.revision == post.c.revision,
    )
    .scalar_subquery()
    < bindparam("of"),
)

# A slower process must not put an older revision over a newer one.
_KEEP = """
    INSERT INTO fragment (post_id, kind, revision, body) VALUES ({mark}, {mark}, {mark}, {mark})
    ON CONFLICT (post_id, kind) DO UPDATE SET revision = excluded.revision, body = excluded.body
    WHERE fragment.revision < excluded.revision"""


@dataclass(frozen=True, slots=True)
class Fragment:
    """An entry's bytes in one format, for one revision of its post; ``updated`` is the post's."""

    post_id: int
    revision: int
    updated: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Collected:
    """The fragments asked for, by post id, and those among them that had to be rendered just now."""

    fragments: dict[int, Fragment]
    fresh: list[Fragment]


class FragmentStore:
    """Where a feed gets its entries from. Thread-safe.

    ``memory`` bounds the bytes kept in this process. What is not there comes from the ``fragment`` table,
    so a new process starts warm; what is in neither is rendered.
    """

    def __init__(self, database: Database, *, memory: int = MEMORY_BYTES) -> None:
        self._database = database
        self._memory: Memory[tuple[str, int], Fragment] = Memory(limit=memory)
        self._contents: Memory[tuple[int, int], PostContent] = Memory(limit=CONTENTS_BYTES)

    def collect(
        self,
        connection: Connection,
        form: Format,
        post_ids: Sequence[int],
        *,
        revisions: Mapping[int, int] | None = None,
    ) -> Collected:
        """The entries of these posts as they stand now; an id that no post has is left out.

        ``revisions`` are the posts' own, where this connection has read them already. The fresh ones are in
        this process' memory already; hand them to ``keep`` once the reading is done.
        """
        found = self._remembered(connection, form, post_ids, revisions)
        unknown = [post_id for post_id in post_ids if post_id not in found]
        missing = []
        loaded = []
        for some in batched(unknown):
            for post_id, revision, updated, body in connection.execute(
                _KEPT, {"kind": form.kind, "ids": some}
            ).all():
                if body is None:
                    missing.append((post_id, revision))
                else:
                    loaded.append(Fragment(post_id, revision, updated, body))
        fresh = [
            Fragment(post.id, post.revision, post.updated, form.entry(post))
            for post in self._read(connection, missing)
        ]
        for made in (loaded, fresh):
            self._memory.put(((form.kind, one.post_id), one, len(one.body)) for one in made)
            found.update((one.post_id, one) for one in made)
        return Collected(found, fresh)

    def _read(self, connection: Connection, posts: Sequence[tuple[int, int]]) -> list[PostContent]:
        """What entries show of posts, by their ids and revisions; in any order."""
        known = self._contents.get(posts)
        read = post_contents(connection, [post_id for post_id, at in posts if (post_id, at) not in known])
        self._contents.put(((one.id, one.revision), one, 2 * len(one.html)) for one in read)
        return [*known.values(), *read]

    def _remembered(
        self,
        connection: Connection,
        form: Format,
        post_ids: Sequence[int],
        revisions: Mapping[int, int] | None,
    ) -> dict[int, Fragment]:
        held = self._memory.get((form.kind, post_id) for post_id in post_ids)
        known = {post_id: one for (_, post_id), one in held.items()}
        if revisions is None:
            revisions = post_revisions(connection, list(known))
        return {post_id: one for post_id, one in known.items() if revisions.get(post_id) == one.revision}

    def recall(self, form: Format, revisions: Mapping[int, int]) -> list[Fragment] | None:
        """The entries of these posts at these revisions out of memory; None unless all are there."""
        found = self._memory.get((form.kind, post_id) for post_id in revisions)
        entries = []
        for post_id, revision in revisions.items():
            one = found.get((form.kind, post_id))
            if one is None or one.revision != revision:
                return None
            entries.append(one)
        return entries

    def render_ahead(self, forms: Sequence[Format]) -> None:
        """Render and keep what is not yet kept of all live posts' entries, each post read once.

        Else whoever makes many feeds over one reading connection, which does not see what is kept meanwhile,
        renders an entry each time that this process has forgotten it.
        """
        with self._database.read() as connection:
            told = {"kinds": [form.kind for form in forms], "of": len(forms)}
            lacking = list(connection.execute(_LACKING, told).scalars())
        for some in batched(lacking):
            with self._database.read() as connection:
                made = [(form, self.collect(connection, form, some).fresh) for form in forms]
            if not all(self.keep(form, fresh) for form, fresh in made):
                return

    def keep(self, form: Format, fresh: Sequence[Fragment]) -> bool:
        """Write fragments to the database in one transaction; tell whether that was possible.

        A database that is busy for longer than a moment, full or gone is no error: the entries will be
        rendered once more by whoever needs them next.
        """
        if not fresh:
            return True
        rows = [
            (one.post_id, form.kind, one.revision, one.body)
            for one in sorted(fresh, key=lambda one: one.post_id)
        ]
        mark = "?" if self._database.is_sqlite else "%s"
        try:
            with hasty_write(self._database, is_durable=False) as connection:
                connection.exec_driver_sql(_KEEP.format(mark=mark), rows)
        except DBAPIError:
            return False
        return True
