"""Labels while posts are being stored: found or made by name, named as most posts write them.

With them goes what else a writing transaction keeps in mind: authors, and what the private rules mean.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, true, update

from posts.authors import AuthorBook
from posts.blog import get_blog
from posts.labels import clean_name, label_key, slugify
from posts.model import UNMET, label, label_alias, post_label
from posts.privaterules import PrivateRules
from posts.revisions import batched, bump_blog, bump_labels, bump_posts_of


class LabelBook:
    """All labels during one writing transaction.

    Make it before anything of the posts is read: it holds other writers back (see ``posts.blog.get_blog``).
    Call ``finish`` once, last in the transaction. ``now`` is what ``changed_at`` becomes.
    """

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        """Load every label and alias; raises ``posts.blog.BlogMissing`` when there is no blog."""
        self._connection = connection
        self._now = now
        self._blog = get_blog(connection, lock=True)
        self.authors = AuthorBook(connection, namespace=self._blog.feed_namespace, now=now)
        self._private = PrivateRules(connection)
        self._has_made_labels = False
        self._ids: dict[str, int | None] = {}
        self._names: dict[int, str] = {}
        self._slugs: set[str] = set()
        self._written: dict[str, int | None] = {}
        self._chosen: set[int] = set()
        self._unmet: set[int] = set()
        self._contested: set[int] = set()
        self._newly_contested: set[int] = set()
        self._touched: set[int] = set()
        self._blog_touched = False
        self._private_touched = False
        self._load()

    def _load(self) -> None:
        aliases = select(label_alias.c.key, label_alias.c.slug, label_alias.c.label_id)
        for key, slug, label_id in self._connection.execute(aliases):
            self._ids[key] = label_id
            if slug is not None:
                self._slugs.add(slug.casefold())
        for row in self._connection.execute(select(label)):
            self._ids[row.key] = row.id
            self._names[row.id] = row.name
            self._slugs.add(row.slug.casefold())
            if row.name_is_chosen:
                self._chosen.add(row.id)
            if row.revision == UNMET:
                self._unmet.add(row.id)
            if row.is_contested:
                self._contested.add(row.id)

    @property
    def revision(self) -> int:
        """The blog's revision once ``finish`` has counted what this transaction changes: ``changed_in``."""
        return self._blog.revision + 1

    def label_id(self, name: str) -> int | None:
        """The label for a name as a post writes it, made when there is none yet.

        None when nothing readable is left of the name, and for the name of a label that was deleted.
        """
        if name not in self._written:
            self._written[name] = self._find_or_make(name)
        return self._written[name]

    def find(self, name: str) -> int | None:
        """The label that a name leads to, now or once; none is made."""
        return self._ids.get(label_key(name))

    def name(self, label_id: int) -> str:
        """What a label is called."""
        return self._names[label_id]

    def _find_or_make(self, name: str) -> int | None:
        cleaned, key = clean_name(name), label_key(name)
        if not key:
            return None
        if key not in self._ids:
            self._ids[key] = self._make(cleaned, key)
        found = self._ids[key]
        if found is not None and self._names[found] != cleaned and label_key(self._names[found]) == key:
            self._newly_contested.add(found)
        return found

    def _make(self, name: str, key: str) -> int:
        slug = slugify(name, taken=lambda candidate: candidate.casefold() in self._slugs)
        made = insert(label).values(
            name=name,
            key=key,
            slug=slug,
            feed_uri=self._blog.label_feed_uri(slug),
            revision=UNMET,
            changed_at=self._now,
        )
        label_id: int = self._connection.execute(made.returning(label.c.id)).scalar_one()
        self._names[label_id] = name
        self._slugs.add(slug.casefold())
        self._unmet.add(label_id)
        self._has_made_labels = True
        return label_id

    def is_private(self, label_ids: Collection[int]) -> bool:
        """Whether a post with these labels is under the rule of a private feed; see ``rules_changed``."""
        return self._private.hide(label_ids)

    def rules_changed(self) -> bool:
        """Look at the labels just made: whether a private rule now means another label than before.

        Ask once the labels of some posts are known, before asking whether they are private.
        """
        made, self._has_made_labels = self._has_made_labels, False
        return made and self._private.relearn()

    def touch(self, label_ids: Iterable[int]) -> None:
        """Remember labels that gained, lost or keep a live post that changed."""
        self._touched.update(label_ids)

    def touch_blog(self) -> None:
        """Remember that a live post changed, also when it has no label."""
        self._blog_touched = True

    def touch_private(self) -> None:
        """Remember that a private post changed."""
        self._private_touched = True

    def finish(self) -> None:
        """Write what the transaction changed: names as most posts write them, revisions, ``changed_at``."""
        self._contest()
        renamed = self._vote()
        if renamed:
            # Live posts of a label that nobody met before show it for the first time: they count as changed.
            unmet = renamed & self._unmet
            bump_posts_of(self._connection, unmet, changed_in=self.revision, only_hidden=True)
            self._touched |= bump_posts_of(self._connection, renamed - unmet, changed_in=self.revision)
            self.authors.touch_labels(renamed)
            # Private posts show the names as well.
            self._private_touched = True
        bump_labels(self._connection, self._touched, now=self._now)
        self.authors.finish()
        public = bool(self._touched) or self._blog_touched
        if public or self._private_touched:
            bump_blog(self._connection, now=self._now, public=public, private=self._private_touched)

    def _contest(self) -> None:
        for some in batched(sorted(self._newly_contested - self._contested)):
            self._connection.execute(update(label).where(label.c.id.in_(some)).values(is_contested=True))
        self._contested |= self._newly_contested

    def _vote(self) -> set[int]:
        """Give each contested label the name that most of its live posts write; return those renamed.

        Between equals the first in the order of code points wins, whatever order they were imported in.
        """
        contested = self._contested & (self._touched | self._newly_contested) - self._chosen
        renamed: dict[int, str] = {}
        for label_id, votes in self._count(contested).items():
            name = min(votes, key=lambda form: (-votes[form], form))
            if name != self._names[label_id]:
                renamed[label_id] = name
        if renamed:
            one = update(label).where(label.c.id == bindparam("voted")).values(name=bindparam("as"))
            self._connection.execute(one, [{"voted": key, "as": name} for key, name in renamed.items()])
            self._names |= renamed
        return set(renamed)

    def _count(self, label_ids: Iterable[int]) -> dict[int, Counter[str]]:
        counted: dict[int, Counter[str]] = {}
        for some in batched(sorted(label_ids)):
            query = (
                select(post_label.c.label_id, post_label.c.written, func.count())
                .where(post_label.c.label_id.in_(some), post_label.c.live == true())
                .group_by(post_label.c.label_id, post_label.c.written)
            )
            for label_id, written, number in self._connection.execute(query):
                form = clean_name(written)
                # What another name led here by (a merge) is no vote on this label's own.
                if label_key(form) == label_key(self._names[label_id]):
                    counted.setdefault(label_id, Counter())[form] += number
        return counted
