"""The feeds of a site as documents to publish: in every format, with their archives, and the list of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection

from feeds.archives.layout import ArchiveDocument, Layout
from feeds.assembling import Assembler
from feeds.built import Assembled
from feeds.formats.format import Format
from feeds.formats.known import FORMATS, SUFFIXES, find_format
from feeds.formats.opml import opml
from feeds.fragments import Fragment
from feeds.publishing.documents import SELDOM, SOON, Document, Rank, digest
from feeds.selection import FeedState
from feeds.site import Content
from feeds.specs import FeedSpec

FEEDS_AT_ONCE = 20
ARCHIVES_AT_ONCE = 4
# Rendered entries wait for their turn to be kept until there are so many bytes of them.
FRESH_BYTES = 8 * 1024 * 1024

OPML = "feeds.opml"
OPML_MEDIA_TYPE = "text/x-opml; charset=utf-8"
# Whoever changes what is written in it raises the number.
OPML_KIND = "opml-1"


@dataclass(frozen=True, slots=True)
class _Feed:
    """A feed's subscription document, or one of its archive documents, in one format."""

    state: FeedState
    form: Format
    archived: ArchiveDocument | None = None


class FeedDocuments:
    """All public feeds in these formats. Keep it: what did not change is listed from memory.

    Without ``archives`` the subscription documents alone, for those who need no links to what is older.
    """

    def __init__(
        self, builder: Assembler, *, suffixes: Sequence[str] = SUFFIXES, archives: bool = True
    ) -> None:
        self._builder = builder
        self._suffixes = suffixes
        self._archives = archives
        self._settings = {form: builder.settings(form) for form in FORMATS}
        self._listed: dict[tuple[str, str], tuple[Document, ...]] = {}
        self._layouts: dict[str, Layout] = {}
        self._fresh: dict[Format, list[Fragment]] = {}
        self._fresh_bytes = 0

    def prepare(self) -> None:
        """Bring archives up to date and keep entries, which a reading connection cannot."""
        if not self._archives:
            return
        with self._builder.database.read() as connection:
            states = self._builder.states(connection)
        self._builder.settle(states)
        if not self._listed:
            # Archives hold every post. Later there are few new ones.
            self._builder.fragments.render_ahead(self._forms(self._builder.site.content))

    def documents(self, connection: Connection) -> Iterator[Document]:
        """``feeds/{slug}/archive/{number}.{suffix}``, the oldest first, and ``feeds/{slug}.{suffix}``."""
        self._layouts.clear()
        states = self._builder.states(connection)
        before, self._listed = self._listed, {}
        changed = [state for state in states if _key(state) not in before]
        self._lay_out(connection, changed)
        for state in states:
            key = _key(state)
            documents = before.get(key) or tuple(self._list(connection, state))
            self._listed[key] = documents
            yield from documents

    def _lay_out(self, connection: Connection, states: Sequence[FeedState]) -> None:
        unknown = [state for state in states if state.spec.slug not in self._layouts]
        for layout in self._builder.lay_out(connection, unknown) if unknown else ():
            self._layouts[layout.state.spec.slug] = layout

    def _list(self, connection: Connection, state: FeedState) -> Iterator[Document]:
        slug, layout = state.spec.slug, self._layouts[state.spec.slug]
        forms = self._forms(state.spec.content)
        archive = self._builder.documents(connection, layout) if self._archives else []
        revisions = [self._builder.document_revisions(layout, archive, form=form) for form in forms]
        for archived, *of_forms in zip(archive, *revisions, strict=True):
            for form, its in zip(forms, of_forms, strict=True):
                yield Document(
                    f"feeds/{slug}/archive/{archived.number}.{form.suffix}",
                    its,
                    form.media_type,
                    Rank.ARCHIVE,
                    _Feed(state, form, archived),
                    # A cache that knows no editions must not keep what still changes.
                    SELDOM if archived.is_closed and not archived.edition else SOON,
                )
        for form in forms:
            revision = digest(f"{self._settings[form]} {state.token}")
            name = f"feeds/{slug}.{form.suffix}"
            yield Document(name, revision, form.media_type, Rank.FEED, _Feed(state, form))

    def _forms(self, content: Content) -> list[Format]:
        found = (find_format(suffix, content) for suffix in self._suffixes)
        return [form for form in found if form is not None]

    def make(self, connection: Connection, some: Sequence[Document]) -> Iterator[bytes]:
        """The documents' bytes, few feeds at a time."""
        wanted = [one.key for one in some if isinstance(one.key, _Feed)]
        for archived_in, group in groupby(wanted, key=lambda one: one.archived and one.state.spec.slug):
            at_once = ARCHIVES_AT_ONCE if archived_in else FEEDS_AT_ONCE
            of_group = list(group)
            step = at_once * len(self._suffixes)
            for start in range(0, len(of_group), step):
                yield from self._made(connection, of_group[start : start + step])

    def _made(self, connection: Connection, some: Sequence[_Feed]) -> Iterator[bytes]:
        self._lay_out(connection, [one.state for one in some])
        made: dict[int, list[bytes]] = {}
        for form in dict.fromkeys(one.form for one in some):
            places = [place for place, one in enumerate(some) if one.form is form]
            assembled = self._assembled(connection, [some[place] for place in places], form)
            made.update(zip(places, assembled.documents, strict=True))
            self._note(form, assembled.fresh)
        for place in range(len(some)):
            yield b"".join(made.pop(place))

    def _assembled(self, connection: Connection, some: Sequence[_Feed], form: Format) -> Assembled:
        layouts = [self._layouts[one.state.spec.slug] for one in some]
        archived = [one.archived for one in some if one.archived is not None]
        if archived:
            return self._builder.assemble_archive(connection, layouts[0], archived, form=form)
        return self._builder.assemble(connection, [one.state for one in some], form=form, layouts=layouts)

    def _note(self, form: Format, fresh: Sequence[Fragment]) -> None:
        self._fresh.setdefault(form, []).extend(fresh)
        self._fresh_bytes += sum(len(one.body) for one in fresh)
        if self._fresh_bytes > FRESH_BYTES:
            self._keep()

    def _keep(self) -> None:
        for form, fresh in self._fresh.items():
            self._builder.fragments.keep(form, fresh)
        self._fresh.clear()
        self._fresh_bytes = 0

    def finish(self) -> None:
        """Keep the entries that were rendered; the documents need not wait for that."""
        self._keep()
        self._layouts.clear()


class FeedList:
    """The list of all public feeds, in the first of the formats that are published."""

    def __init__(self, builder: Assembler, *, suffixes: Sequence[str] = SUFFIXES) -> None:
        self._builder = builder
        self._suffix = suffixes[0]

    def prepare(self) -> None:
        """Nothing."""

    def documents(self, connection: Connection) -> Iterator[Document]:
        """``feeds.opml``."""
        states = self._builder.states(connection)
        told = [(state.spec, state.changed_at) for state in states]
        revision = digest(f"{OPML_KIND} {self._suffix} {self._builder.site} {told}")
        yield Document(OPML, revision, OPML_MEDIA_TYPE, Rank.LISTING, tuple(states))

    def make(self, connection: Connection, some: Sequence[Document]) -> Iterator[bytes]:
        """The list, labels and authors in the order of their names."""
        del connection
        for one in some:
            states = one.key if isinstance(one.key, tuple) else ()
            own = [state.spec for state in states if not _is_of_many(state.spec)]
            others = [state.spec for state in states if _is_of_many(state.spec)]
            others.sort(key=lambda spec: (spec.title.casefold(), spec.title))
            updated = max(state.changed_at for state in states)
            yield opml(self._builder.site, [*own, *others], updated=updated, suffix=self._suffix)

    def finish(self) -> None:
        """Nothing."""


def _is_of_many(spec: FeedSpec) -> bool:
    return spec.label_id is not None or spec.author_id is not None


def _key(state: FeedState) -> tuple[str, str]:
    return state.spec.slug, state.token
