"""Where the posts of any feeds stand: of those with archives, and of those in pages."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from feeds.archives.layout import Layout
from feeds.archives.membership import is_archived
from feeds.archives.paging import Place, page_of
from feeds.archives.reading import Archives
from feeds.archives.tombstones import tombstones
from feeds.selection import FeedState
from posts.batch import post_revisions


def lay_out(
    connection: Connection, archives: Archives, states: Sequence[FeedState], *, before: Place | None = None
) -> list[Layout]:
    """Where the posts of feeds stand, of many feeds in few queries.

    ``before`` asks for another page than the newest, of feeds in pages.
    """
    archived = [state for state in states if is_archived(state.spec)]
    found = {layout.state.spec.uri: layout for layout in archives.lay_out(connection, archived)}
    layouts = [found.get(state.spec.uri) or _paged(connection, state, before) for state in states]
    gone = tombstones(connection, layouts)
    return [
        replace(layout, deleted=its) if its else layout for layout, its in zip(layouts, gone, strict=True)
    ]


def _paged(connection: Connection, state: FeedState, before: Place | None) -> Layout:
    post_ids, older = page_of(connection, state.spec, before)
    revisions = post_revisions(connection, post_ids)
    return Layout(state, {post_id: revisions[post_id] for post_id in post_ids}, older=older)
