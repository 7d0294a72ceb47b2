"""The pages of a site as documents to publish: the same addresses as the service has, for any web server.

``index.html``, ``labels/{slug}.html`` and ``authors/{slug}.html`` with the newest posts, and beside each a
folder with its older ones by their dates, ``labels/{slug}/2026-03.html``. A web server tries the address with
``.html`` behind it. Nothing in a page leads to what only the service answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby, islice

from sqlalchemy import Connection

from feeds.assembling import Assembler
from feeds.formats.known import SUFFIXES
from feeds.publishing.documents import SELDOM, Document, Rank, digest
from feeds.selection import FeedState
from feeds.specs import FeedSpec
from posts.walking import Step, walk_in
from web.blog.archive_list import archive_of_parts, lines_of
from web.blog.entries import Entries, Rendered
from web.blog.front import front_page
from web.blog.labels import POSTS_A_PAGE
from web.blog.listing import Listing, Turn
from web.blog.periods import Part, Period, cut, day_of
from web.blog.signingup import Ways, way_to_sign_up, what_is_offered
from web.blog.subjects import Subject, subject_of
from web.links import Links
from web.pages import CSS, HTML, Pages

# A period with more posts is cut into shorter ones, for a page is to be read.
POSTS_A_PERIOD = 100
# Bytes of rendered posts that are remembered, for a post stands on several pages.
KEPT = 6 * 1024 * 1024
# Posts that are read at once, for the next pages.
POSTS_AT_ONCE = 100
# Whoever changes what pages are made of, but for templates and style, raises the number.
PAGES_KIND = "pages-1"

STYLE = "style.css"
FRONT = "index.html"


@dataclass(frozen=True, slots=True)
class _Newest:
    """The page of a feed's newest posts; ``older`` is the period that the next one is in."""

    spec: FeedSpec
    subject: Subject
    years: tuple[Part, ...]
    ids: tuple[int, ...]
    older: Period | None


@dataclass(frozen=True, slots=True)
class _Older:
    """The page of one period of a feed's posts, with its neighbours among those that are shown whole."""

    spec: FeedSpec
    subject: Subject
    part: Part
    newer: Period | None = None
    older: Period | None = None


class PageDocuments:
    """The public pages. Keep it: what did not change is listed from memory."""

    def __init__(self, builder: Assembler, pages: Pages, *, suffixes: Sequence[str] = SUFFIXES) -> None:
        self._builder = builder
        self._pages = pages
        self._suffixes = tuple(suffixes)
        self._listed: dict[tuple[str, str], tuple[Document, ...]] = {}
        self._offered = ""

    def prepare(self) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""

    @cached_property
    def _version(self) -> str:
        return f"{PAGES_KIND} {self._pages.version} {self._suffixes}"

    def documents(self, connection: Connection) -> Iterator[Document]:
        """The style sheet, all lists of posts, the oldest periods first, and the front page."""
        yield Document(STYLE, digest(self._version), CSS, Rank.STYLE, None, SELDOM)
        before, self._listed = self._listed, {}
        self._offered = what_is_offered(connection, self._pages)
        states = self._builder.states(connection)
        for state in states:
            key = (state.spec.slug, f"{state.token} {self._offered}")
            self._listed[key] = before.get(key) or tuple(self._list(connection, state))
        found = list(chain.from_iterable(self._listed.values()))
        # By date and not by feed: so a post is still remembered when the next page shows it.
        older = [one for one in found if isinstance(one.key, _Older)]
        yield from sorted(older, key=_when)
        yield from (one for one in found if not isinstance(one.key, _Older))
        yield Document(FRONT, self._revision(list(self._listed)), HTML, Rank.LISTING, None)

    def _revision(self, *told: object) -> str:
        return digest(f"{self._version} {self._offered} {told}")

    def _list(self, connection: Connection, state: FeedState) -> Iterator[Document]:
        spec, zone = state.spec, self._pages.timezone
        steps = walk_in(connection, spec.scope)
        first = list(islice(steps, POSTS_A_PAGE + 1))
        years = cut(chain(first, steps), timezone=zone, most=POSTS_A_PERIOD)
        subject = subject_of(connection, spec)
        folder = _name(spec)
        for page in _periods(spec, subject, years):
            revision = self._revision(
                spec.title, str(spec.rule), subject, _holds(page.part), page.newer, page.older
            )
            name = f"{folder}/{page.part.period}.html"
            yield Document(name, revision, HTML, Rank.PAGE, page)
        older = _holding(years, first[POSTS_A_PAGE], zone) if len(first) > POSTS_A_PAGE else None
        shown = first[:POSTS_A_PAGE]
        newest = _Newest(spec, subject, years, tuple(step.id for step in shown), older)
        counts = [(part.period, part.count) for year in years for part in (year, *year.parts)]
        revision = self._revision(spec.title, str(spec.rule), subject, shown, counts, older)
        yield Document(f"{folder}.html", revision, HTML, Rank.PAGE, newest)

    def make(self, connection: Connection, some: Sequence[Document]) -> Iterator[bytes]:
        """The documents' bytes, one page at a time."""
        press = _Press(connection, self._pages, self._suffixes)
        for one in press.reading_ahead(some):
            if one.name == STYLE:
                yield self._pages.stylesheet
            elif isinstance(one.key, _Newest):
                yield press.newest(one.key)
            elif isinstance(one.key, _Older):
                yield press.older(one.key)
            else:
                yield press.front()


class _Press:
    """Makes pages from one state of the database."""

    def __init__(self, connection: Connection, pages: Pages, suffixes: tuple[str, ...]) -> None:
        self._connection = connection
        self._pages = pages
        self._suffixes = suffixes
        self._memory = Rendered(limit=KEPT)
        self._entries: dict[str, Entries] = {}

    def reading_ahead(self, some: Sequence[Document]) -> Iterator[Document]:
        """The documents in their order; the posts of several are read together."""
        for root, group in groupby(some, key=lambda one: _root(one.name)):
            waiting: list[Document] = []
            unknown: set[int] = set()
            for one in group:
                waiting.append(one)
                unknown |= self._on(root).unknown(_ids(one))
                if len(unknown) >= POSTS_AT_ONCE:
                    self._on(root).of(self._connection, sorted(unknown))
                    yield from waiting
                    waiting, unknown = [], set()
            self._on(root).of(self._connection, sorted(unknown))
            yield from waiting

    def front(self) -> bytes:
        """The front page."""
        links = self._links(".")
        return self._pages.text(links, "labels.html", **front_page(self._connection, self._pages, links))

    def newest(self, page: _Newest) -> bytes:
        """The page of a feed's newest posts."""
        spec, links = page.spec, self._links(_root(_name(page.spec)))
        listing = Listing(
            spec,
            page.subject,
            self._on(links.root).of(self._connection, page.ids),
            count=sum(year.count for year in page.years) if page.subject.is_counted else None,
            older=Turn(links.page(spec, page.older)) if page.older else None,
            ways=self._ways(links, spec, page.subject),
            archive=archive_of_parts(page.years, lambda period: links.page(spec, period)),
        )
        return self._text(links, listing)

    def older(self, page: _Older) -> bytes:
        """The page of one period of a feed's posts."""
        spec, part = page.spec, page.part
        links = self._links(_root(f"{_name(spec)}/{part.period}"))
        listing = Listing(
            spec,
            page.subject,
            self._on(links.root).of(self._connection, part.ids),
            period=part.period,
            newer=Turn(links.page(spec, page.newer), page.newer) if page.newer else None,
            older=Turn(links.page(spec, page.older), page.older) if page.older else None,
            parts=lines_of(part.parts, lambda period: links.page(spec, period)),
            ways=self._ways(links, spec, page.subject),
        )
        return self._text(links, listing)

    def _ways(self, links: Links, spec: FeedSpec, subject: Subject) -> Ways:
        label = spec.slug if subject.kind == "label" else None
        return way_to_sign_up(self._connection, self._pages, links, label)

    def _text(self, links: Links, listing: Listing) -> bytes:
        return self._pages.text(links, "posts.html", **listing.context(links))

    def _links(self, root: str) -> Links:
        return Links(self._pages.site, root, self._suffixes, is_static=True)

    def _on(self, root: str) -> Entries:
        """Renders posts for pages that are so far from the front page."""
        if root not in self._entries:
            pages = self._pages
            self._entries[root] = Entries(
                pages.environment, self._links(root), timezone=pages.timezone, memory=self._memory
            )
        return self._entries[root]


def _ids(document: Document) -> Sequence[int]:
    """The posts on a page."""
    key = document.key
    return key.ids if isinstance(key, _Newest) else key.part.ids if isinstance(key, _Older) else ()


def _name(spec: FeedSpec) -> str:
    """Where a feed's page is put, without what its name ends in: authors have a folder in their slugs."""
    return spec.slug if spec.author_id is not None else f"labels/{spec.slug}"


def _root(name: str) -> str:
    return "/".join([".."] * name.count("/")) or "."


def _when(document: Document) -> Period:
    return document.key.part.period if isinstance(document.key, _Older) else Period(0)


def _periods(spec: FeedSpec, subject: Subject, years: Sequence[Part]) -> Iterator[_Older]:
    """The pages of all periods; those that are shown whole lead to each other."""
    leaves = [leaf for year in years for leaf in year.leaves()]
    periods = [leaf.period for leaf in leaves]
    for newer, leaf, older in zip([None, *periods], leaves, [*periods[1:], None], strict=False):
        yield _Older(spec, subject, leaf, newer, older)
    for part in chain.from_iterable(year.all() for year in years):
        if part.parts:
            yield _Older(spec, subject, part)


def _holds(part: Part) -> object:
    """What changes whenever the page of a period does."""
    return [(inner.period, inner.count) for inner in part.parts] or part.digest


def _holding(years: Sequence[Part], step: Step, timezone: str) -> Period:
    """Of the periods that are shown whole the one that a post is in."""
    day = day_of(step.published, timezone)
    leaves = (leaf.period for year in years for leaf in year.leaves())
    return next(period for period in leaves if period.like(day) == period)
