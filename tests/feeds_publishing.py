"""Publishing for the tests: to a folder or another target; Atom alone, and not compressed, unless told."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from feeds.build import FeedBuilder
from feeds.publishing.documents import Document, Source
from feeds.publishing.folder import Folder
from feeds.publishing.publish import PATIENCE_SECONDS, PublishReport, publish
from feeds.publishing.sources import FeedDocuments
from feeds.publishing.targets import Target


class LabelFeeds(FeedDocuments):
    """The feeds of everything, of labels and configured ones: tests that count them leave authors' out."""

    def documents(self, connection: Connection) -> Iterator[Document]:
        """As they are, without authors'."""
        return (one for one in super().documents(connection) if not one.name.startswith("feeds/authors/"))


def publish_feeds(
    builder: FeedBuilder,
    out: Path | Target,
    *,
    suffixes: Sequence[str] = ("atom",),
    more: Sequence[Source] = (),
    compressed: bool = False,
    progress: Callable[[int, int], None] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> PublishReport:
    """Publish a builder's feeds but authors', and what else there is."""
    return publish(
        builder.database,
        (LabelFeeds(builder, suffixes=suffixes), *more),
        Folder(out) if isinstance(out, Path) else out,
        compressed=compressed,
        progress=progress,
        patience=patience,
    )
