"""An import as the command and the publisher's pages do it: a source is opened, known, and stored whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from database import Database
from posts.importers import find_importer, open_source
from posts.intake import ImportReport, store_posts
from web.admin.posts.work import ImportPosts, PostsImport, PostsImported


@dataclass(frozen=True, slots=True)
class Import:
    """What is imported and how: ``spec`` is a file, a folder, ``-`` or an http(s) URL.

    ``name`` is what the source is called where it is not its ``spec``: an uploaded file by its own name.
    ``may_be_private``: the address itself may be on a private network, where whoever runs this typed it.
    """

    spec: str
    name: str | None = None
    form: str = "auto"
    labels: Sequence[str] = ()
    blog_url: str | None = None
    dry_run: bool = False
    may_be_private: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; ``is_unchanged``: the source's server said that it is as it was the last time."""

    report: ImportReport
    is_unchanged: bool


def import_posts(
    database: Database,
    asked: Import,
    *,
    timezone: str,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Import all of a source, or nothing of it. Raises what ``open_source`` and ``store_posts`` raise."""
    with open_source(asked.spec, database=database, allow_private=asked.may_be_private) as opened:
        found = opened if asked.name is None else replace(opened, name=asked.name, temporary=False)
        importer = find_importer(asked.form, found, timezone=ZoneInfo(timezone), blog_url=asked.blog_url)
        report = store_posts(
            database,
            importer.read(found),
            now=now,
            labels=asked.labels,
            dry_run=asked.dry_run,
            progress=progress,
        )
        if not found.unchanged and not asked.dry_run:
            found.remember(database, now=now)
        return Imported(report, found.unchanged)


def for_pages(database: Database, *, timezone: str) -> ImportPosts:
    """The import as the publisher's pages ask for it: of an uploaded file, or of what the web has for all."""

    def do(
        asked: PostsImport, path: Path | None, now: datetime, progress: Callable[[int], None]
    ) -> PostsImported:
        wanted = Import(
            asked.url if path is None else str(path),
            name=None if path is None else asked.name,
            form=asked.form,
            labels=[asked.label] if asked.label else (),
            dry_run=asked.dry_run,
        )
        done = import_posts(database, wanted, timezone=timezone, now=now, progress=progress)
        return PostsImported(done.report, done.is_unchanged)

    return do
