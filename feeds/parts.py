"""Parts of a feed, as Blogger's addresses ask for them: so many posts from the n-th on, of some time.

A part is a page among others (RFC 5005 §3) and keeps the id of its feed; a post that comes moves those after
it on by one, so whoever wants each post once reads the feed and its archive instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from feeds.assembling import Assembler
from feeds.built import BuiltFeed, etag_of
from feeds.formats.format import FeedHead, Format
from feeds.formats.gdata import GDATA, GDATA_SUMMARY
from feeds.formats.known import find_format
from feeds.formats.moments import whole_seconds
from feeds.fragments import Fragment
from feeds.memory import Memory
from feeds.selection import FeedState, current_feed
from feeds.site import Content, FeedSite, Ordering
from posts.batch import post_revisions
from posts.scope import Range, count_in, newest_in
from posts.selecting import ALWAYS

MAX_ENTRIES = 150
MEMORY_BYTES = 16 * 1024 * 1024
GDATA_SUFFIX = "gdata"

# The absolute address of the part of the same feed that starts at another post.
Address = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class PartSpec:
    """``limit`` of a feed's posts (0 to 150) from the ``start``-th (from 1) on, of these times.

    Raises ``ValueError`` on other numbers.
    """

    limit: int = 25
    start: int = 1
    published: Range = ALWAYS
    updated: Range = ALWAYS
    ordering: Ordering = "published"

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= MAX_ENTRIES or self.start < 1:
            raise ValueError(f"no part of a feed: {self.limit} posts from the {self.start}. on")

    def after(self, total: int) -> int | None:
        """Where the next part starts, of so many posts; None when there is none."""
        following = self.start + self.limit
        return following if self.limit and following <= total else None

    def before(self, total: int) -> int | None:
        """Where the part before starts; from beyond the end that is the last one."""
        if not self.limit or self.start == 1 or not total:
            return None
        return max(min(self.start, total + 1) - self.limit, 1)


class PartBuilder:
    """Builds parts of the feeds of a builder, and remembers them. Thread-safe."""

    def __init__(self, builder: Assembler, *, memory: int = MEMORY_BYTES) -> None:
        self._builder = builder
        self._built: Memory[str, BuiltFeed] = Memory(limit=memory)

    def build(
        self,
        name: str,
        suffix: str,
        part: PartSpec,
        *,
        address: Address,
        content: Content | None = None,
        query: str | None = None,
    ) -> BuiltFeed | None:
        """Some posts of a feed, by any of its names; None if there is none, or only a private one.

        ``suffix`` may be ``gdata``, Blogger's JSON. Two parts must not have one ``address``. Raises as
        ``FeedBuilder.build`` does.
        """
        builder, key = self._builder, address(part.start)
        with builder.database.read() as connection:
            state = current_feed(connection, builder.site, name, content=content, query=query)
            form = None if state is None else part_format(suffix, state.spec.content)
            if state is None or form is None or state.spec.is_private:
                return None
            revision = f"{builder.settings(form)} {state.spec.uri} {state.token}"
            known = self._built.get([key]).get(key)
            if known is not None and known.revision == revision:
                return known
            found = find_part(connection, state, part)
            collected = builder.fragments.collect(connection, form, list(found.held), revisions=found.held)
        builder.fragments.keep(form, collected.fresh)
        entries = [collected.fragments[post_id] for post_id in found.held]
        head = _head(builder.site, state, part, found.total, entries, address=address)
        built = _finished(state, head, found, entries, form=form, revision=revision)
        self._built.put([(key, built, len(built.body))])
        return built


@dataclass(frozen=True, slots=True)
class PartFound:
    """The posts of a part with their revisions, in its order, and how many all its parts have together."""

    held: Mapping[int, int]
    total: int


def part_format(suffix: str, content: Content) -> Format | None:
    """As ``find_format``, and Blogger's JSON for ``gdata``."""
    if suffix == GDATA_SUFFIX:
        return GDATA_SUMMARY if content == "summary" else GDATA
    return find_format(suffix, content)


def find_part(connection: Connection, state: FeedState, part: PartSpec) -> PartFound:
    """Which posts stand in a part of a feed."""
    scope = state.spec.scope
    total = count_in(connection, scope, published=part.published, updated=part.updated)
    if not part.limit or part.start > total:
        return PartFound({}, total)
    post_ids = newest_in(
        connection,
        scope,
        limit=part.limit,
        offset=part.start - 1,
        ordering=part.ordering,
        published=part.published,
        updated=part.updated,
    )
    revisions = post_revisions(connection, post_ids)
    return PartFound({post_id: revisions[post_id] for post_id in post_ids}, total)


def _head(
    site: FeedSite,
    state: FeedState,
    part: PartSpec,
    total: int,
    entries: Sequence[Fragment],
    *,
    address: Address,
) -> FeedHead:
    """The head of a part: it has no hubs, for they are told of whole feeds only."""
    following, before = part.after(total), part.before(total)
    return FeedHead(
        spec=state.spec,
        site=replace(site, hubs=()),
        updated=max((entry.updated for entry in entries), default=state.changed_at),
        self_url=address(part.start),
        next_page=address(following) if following else None,
        previous_page=address(before) if before else None,
        total=total,
        start=part.start,
    )


def _finished(
    state: FeedState,
    head: FeedHead,
    found: PartFound,
    entries: Sequence[Fragment],
    *,
    form: Format,
    revision: str,
) -> BuiltFeed:
    body = b"".join(form.feed(head, [entry.body for entry in entries]))
    return BuiltFeed(
        spec=state.spec,
        form=form,
        body=body,
        etag=etag_of(body),
        last_modified=whole_seconds(state.changed_at),
        revision=revision,
        head=head,
        held=found.held,
    )
