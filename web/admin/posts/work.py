"""What the pages about posts ask of the application: the import, which stands on a floor above."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from posts.intake import ImportReport


@dataclass(frozen=True, slots=True)
class PostsImport:
    """What is imported and how: a web address (``url``), or an uploaded file, kept under ``token``.

    ``name`` is what a person calls it. A ``dry_run`` does all of it and stores nothing.
    """

    name: str
    form: str = "auto"
    label: str = ""
    url: str = ""
    token: str = ""
    dry_run: bool = True


@dataclass(frozen=True, slots=True)
class PostsImported:
    """What came of it; ``is_unchanged``: its server said that it is as it was the last time."""

    report: ImportReport
    is_unchanged: bool = False


# The path is that of an uploaded file; the last is told how many posts were read so far.
ImportPosts = Callable[[PostsImport, Path | None, datetime, Callable[[int], None]], PostsImported]


def no_import(
    _asked: PostsImport, _path: Path | None, _now: datetime, _progress: Callable[[int], None]
) -> PostsImported:
    """Where no import was handed in."""
    raise RuntimeError("posts cannot be imported here")
