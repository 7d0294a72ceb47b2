"""What the importers' tests share: reading a source to the end."""

from datetime import UTC, tzinfo
from pathlib import Path

from posts.importers import find_importer, open_source
from posts.model import SkippedPost, SourcePost

SAMPLES = Path(__file__).parent / "data" / "imports"


def read(
    source: Path | str, *, form: str = "auto", timezone: tzinfo = UTC, blog_url: str | None = None
) -> list[SourcePost | SkippedPost]:
    """Everything that a source gives, read as one who imports it would."""
    with open_source(str(source)) as opened:
        importer = find_importer(form, opened, timezone=timezone, blog_url=blog_url)
        return list(importer.read(opened))


def posts(
    source: Path | str, *, form: str = "auto", timezone: tzinfo = UTC, blog_url: str | None = None
) -> list[SourcePost]:
    """The same, where nothing may be skipped."""
    found = read(source, form=form, timezone=timezone, blog_url=blog_url)
    skipped = [item for item in found if isinstance(item, SkippedPost)]
    assert not skipped
    return [item for item in found if isinstance(item, SourcePost)]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
