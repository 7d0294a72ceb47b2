"""Feeds and their archives put together: a head, the entries' kept bytes, a tail."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from database import Database
from feeds.archives.arranging import lay_out
from feeds.archives.layout import PER_DOCUMENT, ArchiveDocument, Held, Layout
from feeds.archives.membership import is_archived
from feeds.archives.paging import Place, read_place
from feeds.assembling import Assembler
from feeds.built import Assembled, BuiltFeed, etag_of
from feeds.formats.format import Format
from feeds.formats.known import find_format
from feeds.formats.moments import whole_seconds
from feeds.fragments import Fragment, FragmentStore
from feeds.linking import archive_head, feed_head
from feeds.memory import Memory
from feeds.parts import PartBuilder
from feeds.selection import FeedState, current_feed
from feeds.site import Content, FeedSite
from feeds.specs import with_content

__all__ = ["Assembled", "BuiltFeed", "FeedBuilder"]

MEMORY_BYTES = 64 * 1024 * 1024
VERSIONS_BYTES = 8 * 1024 * 1024
# About what it takes to remember a version of a feed, and each post in it.
VERSION_BYTES = 400
HELD_BYTES = 150


@dataclass(frozen=True, slots=True)
class _Asked:
    """The document that is asked for; with a ``number`` it is an archive document."""

    name: str
    suffix: str
    content: Content | None
    query: str | None = None
    before: Place | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a document is made of, all of it read from one state of the database.

    ``document`` is the archive document, if it is one.
    """

    asked: _Asked
    layout: Layout
    form: Format
    document: ArchiveDocument | None
    held: Held
    entries: list[Fragment]
    fresh: list[Fragment]
    revision: str


class FeedBuilder(Assembler):
    """Builds a site's feeds from one database, and remembers them.

    Thread-safe; make one and keep it, for it grows warm. ``parts`` builds parts of feeds.
    """

    def __init__(
        self,
        database: Database,
        site: FeedSite,
        *,
        fragments: FragmentStore | None = None,
        memory: int = MEMORY_BYTES,
        per_document: int = PER_DOCUMENT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(database, site, fragments=fragments, per_document=per_document, clock=clock)
        self._built: Memory[tuple[object, ...], BuiltFeed] = Memory(limit=memory)
        self._versions: Memory[tuple[str, str], Held] = Memory(limit=VERSIONS_BYTES)
        self.parts = PartBuilder(self)

    def build(
        self,
        name: str,
        suffix: str = "atom",
        *,
        content: Content | None = None,
        query: str | None = None,
        before: str | None = None,
    ) -> BuiltFeed | None:
        """A feed by any of its names, as ``current_feed`` takes them; None if there is none in that format.

        ``before`` asks for the page of older posts that begins there, of a feed that has no archive. Built
        anew only when a post of it, or the site's settings, changed. Raises ``DatabaseUnavailable`` when the
        database cannot be read, ``AddressError`` for a rule that is too much for an address.
        """
        return self._made(_Asked(name, suffix, content, query, read_place(before)))

    def archive(
        self,
        name: str,
        number: int,
        suffix: str = "atom",
        *,
        content: Content | None = None,
        edition: str | None = None,
    ) -> BuiltFeed | None:
        """One of a feed's archive documents as it is now; None if there is none of that number.

        Where another ``edition`` was asked for, it ``is_moved``: to its ``self_url``, for good if it
        ``is_closed``. So it is where all there was in an archive is in the subscription document now. Raises
        as ``build`` does, and ``DatabaseUnavailable`` for an archive that is far behind and cannot be stored.
        """
        built = self._made(_Asked(name, suffix, content, number=number))
        if built is None and number == 1:
            whole = self.build(name, suffix, content=content)
            return replace(whole, is_moved=True) if whole and whole.head.is_complete else None
        return replace(built, is_moved=True) if built and built.edition != (edition or "") else built

    def since(self, built: BuiltFeed, etag: str) -> bytes | None:
        """A built feed's document with only what is new or changed since another ETag of it (RFC 3229).

        None when this process does not know, or knows no more, what that version held.
        """
        key = (built.self_url, etag)
        before = self._versions.get([key]).get(key)
        if before is None:
            return None
        new = {post_id: at for post_id, at in built.held.items() if before.get(post_id) != at}
        entries = self.fragments.recall(built.form, new)
        if entries is None:
            return None
        head = replace(built.head, is_complete=False)
        return b"".join(built.form.feed(head, [entry.body for entry in entries]))

    def _made(self, asked: _Asked) -> BuiltFeed | None:
        """The document, remembered or built; its archive is stored first if it is behind and can be."""
        with self.database.read() as connection:
            found = self._find(connection, asked, whatever=False)
        if isinstance(found, FeedState):
            self.keeper.settle_now(found)
            with self.database.read() as connection:
                found = self._find(connection, asked, whatever=True)
        if isinstance(found, _Draft):
            return self._finished(found)
        return found if isinstance(found, BuiltFeed) else None

    def _find(
        self, connection: Connection, asked: _Asked, *, whatever: bool
    ) -> BuiltFeed | _Draft | FeedState | None:
        """The document, or all that it takes; only the feed if its archive is behind, unless ``whatever``."""
        base = current_feed(connection, self.site, asked.name, query=asked.query)
        if base is None:
            return None
        state = base if asked.content is None else with_content(base, asked.content)
        form = find_format(asked.suffix, state.spec.content)
        if form is None:
            return None
        if is_archived(base.spec):
            asked = replace(asked, before=None)
        key, revision = _key(asked, state, form), f"{self.settings(form)} {state.token}"
        known = self._built.get([key]).get(key)
        if known is not None and known.revision == revision:
            return known
        if asked.number is None:
            (layout,) = lay_out(connection, self.archives, [base], before=asked.before)
        elif is_archived(base.spec):
            (layout,) = self.archives.lay_out(connection, [base])
        else:
            return None
        if layout.is_due and not whatever:
            return base
        # In whatever content a feed is asked for, its posts stand in the same places.
        return self._draft(connection, asked, replace(layout, state=state), form, revision)

    def _draft(
        self, connection: Connection, asked: _Asked, layout: Layout, form: Format, revision: str
    ) -> _Draft | None:
        document: ArchiveDocument | None = None
        held: Held = layout.shown
        if asked.number is not None:
            found = self.archives.find(connection, layout, asked.number)
            if found is None:
                return None
            document, held = found
        collected = self.fragments.collect(connection, form, list(held), revisions=held)
        entries = [collected.fragments[post_id] for post_id in held]
        return _Draft(asked, layout, form, document, held, entries, collected.fresh, revision)

    def _finished(self, draft: _Draft) -> BuiltFeed:
        """The draft as bytes, remembered."""
        self.fragments.keep(draft.form, draft.fresh)
        layout, form, document = draft.layout, draft.form, draft.document
        if document is None:
            head = feed_head(self.site, layout, form, draft.entries, before=draft.asked.before)
        else:
            head = archive_head(self.site, layout, document, form, draft.entries)
        body = b"".join(form.feed(head, [entry.body for entry in draft.entries]))
        moment = layout.state.changed_at
        if document is not None and document.is_closed and not document.edition:
            moment = document.closed_at or moment
        built = BuiltFeed(
            spec=layout.state.spec,
            form=form,
            body=body,
            etag=etag_of(body),
            last_modified=whole_seconds(moment),
            revision=draft.revision,
            head=head,
            held=draft.held,
            number=document.number if document else None,
            edition=document.edition if document else "",
            is_closed=document is not None and document.is_closed,
        )
        self._remember(draft, built)
        return built

    def _remember(self, draft: _Draft, built: BuiltFeed) -> None:
        if not built.is_archive:
            size = VERSION_BYTES + HELD_BYTES * len(built.held)
            self._versions.put([((built.self_url, built.etag), built.held, size)])
        # What is behind may be brought up to date by another process, which this one would not notice.
        if not draft.layout.is_due:
            key = _key(draft.asked, draft.layout.state, draft.form)
            self._built.put([(key, built, len(built.body))])


def _key(asked: _Asked, state: FeedState, form: Format) -> tuple[object, ...]:
    return form.kind, state.spec.slug, state.spec.params, asked.before, asked.number
