"""The public site as files: feeds in all formats and the pages of labels, in one place."""

from collections.abc import Callable, Sequence

from feeds.build import FeedBuilder
from feeds.formats.known import SUFFIXES
from feeds.publishing.documents import Source
from feeds.publishing.places import target_at
from feeds.publishing.publish import PublishReport, publish
from feeds.publishing.sources import FeedDocuments, FeedList


class SitePublisher:
    """Publishes a site to one place, a folder or a URL, its feeds in these formats.

    Make one and keep it, for it grows warm.
    """

    def __init__(
        self,
        builder: FeedBuilder,
        place: str,
        *,
        suffixes: Sequence[str] = SUFFIXES,
        pages: Sequence[Source] = (),
    ) -> None:
        self.place = place
        self._database = builder.database
        self._sources: tuple[Source, ...] = (
            FeedDocuments(builder, suffixes=suffixes),
            FeedList(builder, suffixes=suffixes),
            *pages,
        )

    def publish(self, *, progress: Callable[[int, int], None] | None = None) -> PublishReport:
        """Bring the place up to date; raises as ``feeds.publishing.publish.publish`` does."""
        return publish(self._database, self._sources, target_at(self.place), progress=progress)
