"""A feed put together: its head, its entries' kept bytes, its tail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from database import Database
from feeds.atom import ATOM, whole_seconds
from feeds.formats import Format
from feeds.fragments import Fragment, FragmentStore
from feeds.memory import Memory
from feeds.selection import FeedSpec, FeedState, current_feed, current_feeds, newest_posts
from feeds.site import FeedSite

MEMORY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BuiltFeed:
    """A feed's bytes and what HTTP says of them.

    ``etag`` is strong, grows from these very bytes and has its quotes. ``last_modified`` (whole seconds,
    UTC) is when a post of the feed last came, changed or went: it moves too when one is deleted or loses the
    label. ``revision`` changes whenever the bytes may have.
    """

    spec: FeedSpec
    body: bytes
    etag: str
    last_modified: datetime
    revision: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Assembled:
    """Feeds' bytes, each in parts to be joined, and the entries rendered for them but not kept yet."""

    documents: list[list[bytes]]
    fresh: list[Fragment]


class FeedBuilder:
    """Builds a site's feeds from one database. Thread-safe; make one and keep it, for it grows warm."""

    def __init__(
        self,
        database: Database,
        site: FeedSite,
        *,
        fragments: FragmentStore | None = None,
        memory: int = MEMORY_BYTES,
    ) -> None:
        self.database = database
        self.site = site
        self.fragments = fragments or FragmentStore(database)
        self._labels: dict[str, FeedState] = {}
        self._built: Memory[tuple[str, str], BuiltFeed] = Memory(limit=memory)

    def build(self, name: str, *, form: Format = ATOM) -> BuiltFeed | None:
        """A feed by its slug, or by a label's name, slug or former ones; None if there is none.

        Built anew only when a post under its rule, or the site's settings, changed. Raises
        ``DatabaseUnavailable`` when the database cannot be read.
        """
        with self.database.read() as connection:
            state = current_feed(connection, self.site, name)
            if state is None:
                return None
            revision = f"{self.settings(form)} {state.token}"
            key = (form.kind, state.spec.slug)
            known = self._built.get([key]).get(key)
            if known is not None and known.revision == revision:
                return known
            assembled = self.assemble(connection, [state], form=form)
        self.fragments.keep(form, assembled.fresh)
        body = b"".join(assembled.documents[0])
        built = BuiltFeed(
            spec=state.spec,
            body=body,
            etag=f'"{sha256(body).hexdigest()[:32]}"',
            last_modified=whole_seconds(state.changed_at),
            revision=revision,
            media_type=form.media_type,
        )
        self._built.put([(key, built, len(body))])
        return built

    def assemble(
        self, connection: Connection, states: Sequence[FeedState], *, form: Format = ATOM
    ) -> Assembled:
        """The bytes of these feeds, in their order; for many feeds in few queries."""
        newest = newest_posts(connection, states)
        wanted = list(dict.fromkeys(post_id for post_ids in newest for post_id in post_ids))
        collected = self.fragments.collect(connection, form, wanted)
        documents = []
        for state, post_ids in zip(states, newest, strict=True):
            shown = [collected.fragments[post_id] for post_id in post_ids if post_id in collected.fragments]
            updated = max((entry.updated for entry in shown), default=state.changed_at)
            entries = [entry.body for entry in shown]
            documents.append(form.feed(state.spec, self.site, updated=updated, entries=entries))
        return Assembled(documents, collected.fresh)

    def states(self, connection: Connection) -> list[FeedState]:
        """Every feed of the site as it stands; in a warm process only changed labels cost anything."""
        return current_feeds(connection, self.site, known=self._labels)

    def settings(self, form: Format) -> str:
        """A short text that changes whenever the bytes of all feeds may: with the site, or the renderer."""
        site = self.site
        decisive = (form.kind, site.home_url, site.title, site.author_name, site.language, site.entries)
        return sha256(repr(decisive).encode()).hexdigest()[:16]
