"""Many feeds' documents at once, for files: laid out, listed, and put together in few queries."""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from sqlalchemy import Connection

from database import Database
from feeds.archives.arranging import lay_out
from feeds.archives.keeping import ArchiveKeeper
from feeds.archives.layout import PER_DOCUMENT, ArchiveDocument, Held, Layout
from feeds.archives.reading import Archives
from feeds.built import Assembled
from feeds.formats.atom import ATOM
from feeds.formats.format import FeedHead, Format
from feeds.fragments import Fragment, FragmentStore
from feeds.linking import archive_head, feed_head
from feeds.selection import FeedState, current_feeds
from feeds.site import FeedSite


class Assembler:
    """Puts a site's documents together from one database.

    Closed archive documents hold ``per_document`` posts each, as they are closed.
    """

    def __init__(
        self,
        database: Database,
        site: FeedSite,
        *,
        fragments: FragmentStore | None = None,
        per_document: int = PER_DOCUMENT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.site = site
        self.fragments = fragments or FragmentStore(database)
        self.archives = Archives(per_document)
        self.keeper = ArchiveKeeper(database, self.archives, clock=clock)
        self._labels: dict[str, FeedState] = {}

    def states(self, connection: Connection) -> list[FeedState]:
        """Every public feed as it stands; in a warm process only changed labels cost anything."""
        return current_feeds(connection, self.site, known=self._labels)

    def settle(self, states: Sequence[FeedState]) -> int:
        """Bring these feeds' archives up to date before they are read, in one transaction; tell how many.

        Where nothing changed since it was asked last, it costs nothing. Raises ``DatabaseUnavailable``.
        """
        return self.keeper.settle(states)

    def lay_out(self, connection: Connection, states: Sequence[FeedState]) -> list[Layout]:
        """Where these feeds' posts stand, for ``assemble`` and the others that take a layout."""
        return lay_out(connection, self.archives, states)

    def assemble(
        self,
        connection: Connection,
        states: Sequence[FeedState],
        *,
        form: Format = ATOM,
        layouts: Sequence[Layout] | None = None,
    ) -> Assembled:
        """The bytes of these feeds' subscription documents, in their order; of many feeds in few queries.

        ``layouts`` is what ``lay_out`` said of them, where this connection has asked already.
        """
        if layouts is None:
            layouts = self.lay_out(connection, states)
        found, fresh = self._collected(connection, form, [layout.shown for layout in layouts])
        documents = [
            _joined(form, feed_head(self.site, layout, form, entries), entries)
            for layout, entries in zip(layouts, found, strict=True)
        ]
        return Assembled(documents, fresh)

    def documents(self, connection: Connection, layout: Layout) -> list[ArchiveDocument]:
        """A feed's archive documents, the oldest first; while the feed's token stays, they do."""
        return self.archives.documents(connection, layout)

    def assemble_archive(
        self,
        connection: Connection,
        layout: Layout,
        documents: Sequence[ArchiveDocument],
        *,
        form: Format = ATOM,
    ) -> Assembled:
        """The bytes of some of a feed's archive documents, in their order."""
        held = [self.archives.entries(connection, layout, document.number) for document in documents]
        found, fresh = self._collected(connection, form, held)
        made = [
            _joined(form, archive_head(self.site, layout, document, form, entries), entries)
            for document, entries in zip(documents, found, strict=True)
        ]
        return Assembled(made, fresh)

    def document_revisions(
        self, layout: Layout, documents: Sequence[ArchiveDocument], *, form: Format = ATOM
    ) -> list[str]:
        """For each of a feed's archive documents a short text that changes whenever its bytes may."""
        # All else in a document follows from these.
        shared = f"{self.settings(form)} {form.suffix} {layout.state.spec}"
        told = (f"{shared} {document}".encode(errors="surrogatepass") for document in documents)
        return [sha256(one).hexdigest()[:16] for one in told]

    def _collected(
        self, connection: Connection, form: Format, held: Sequence[Held]
    ) -> tuple[list[list[Fragment]], list[Fragment]]:
        revisions = {post_id: at for some in held for post_id, at in some.items()}
        collected = self.fragments.collect(connection, form, list(revisions), revisions=revisions)
        return [[collected.fragments[post_id] for post_id in some] for some in held], collected.fresh

    def settings(self, form: Format) -> str:
        """A short text that changes whenever the bytes of all feeds may: with the site, or the renderer."""
        site = self.site
        decisive = (
            form.kind,
            site.home_url,
            site.title,
            site.author_name,
            site.language,
            site.entries,
            site.hubs,
            self.archives.per_document,
        )
        return sha256(repr(decisive).encode()).hexdigest()[:16]


def _joined(form: Format, head: FeedHead, entries: Sequence[Fragment]) -> list[bytes]:
    return form.feed(head, [entry.body for entry in entries])
