"""Where documents are published to: what a place must know how to do, and what is remembered of it."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

MANIFEST = "feeds/.labelcast-feeds.json"
VERSION = 2

# A name's bytes: with what stands behind it while a file is being written it must fit a file system's 255.
MAX_SEGMENT_BYTES = 200
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")


class PublishError(OSError):
    """Documents cannot be published there, or another build is at work for too long; said in one line."""


# How a file stands where it was put, which tells it from another unread: text, for there are many and the
# garbage collector does not go through text. Its size in bytes comes first, and a blank.
Standing = str

# Something that is no file of ours to read: a folder, a link.
ODD: Standing = "-1 odd"

# What we remember of a document of ours: how its files stood once written, with commas between, a blank, and
# the revision of what is in it.
Published = str

# Of one that was about to be made: it is ours, and what is in it is not known.
INTENDED: Published = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file to put in place, and what a server is to say of it."""

    name: str
    body: bytes
    media_type: str
    caching: str
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which documents are ours, by name; the build that said so last, and whether it had come to its end."""

    documents: Mapping[str, Published]
    build: str = ""
    is_done: bool = True


class Target(Protocol):
    """A place for published files; all but ``held`` may be called only while it is held.

    ``is_exclusive`` tells whether nobody else publishes there meanwhile. ``workers`` is how many calls of
    ``holds`` and ``put`` at once it is quickest with. Whatever goes wrong there is a ``PublishError``.
    """

    @property
    def is_exclusive(self) -> bool:
        """Whether holding it keeps all other builds out."""

    @property
    def workers(self) -> int:
        """How many threads to put files with."""

    def held(self, *, patience: float) -> AbstractContextManager[None]:
        """Make ready to publish, waiting at most so many seconds for another build to end."""

    def survey(self, names: Collection[str]) -> dict[str, Standing]:
        """What is there, at least of these names and what stands beside them."""

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None when there is none."""

    def holds(self, name: str, there: Standing, body: bytes) -> bool:
        """Whether the file that stands there so has these bytes; False when that costs too much to know."""

    def put(self, files: Sequence[File]) -> list[Standing]:
        """Put files in place, each whole at any instant, and one as soon after the other as can be."""

    def remove(self, name: str) -> None:
        """Remove a file, unless it is gone, and the folders that it leaves empty."""


def is_fit(name: str) -> bool:
    """Whether a name stays below the place: segments with one slash between, none hidden or too long."""
    return all(map(_is_fit_segment, name.split("/")))


# Of many names few segments differ.
@lru_cache(maxsize=4096)
def _is_fit_segment(segment: str) -> bool:
    return bool(
        segment
        and not segment.startswith(".")
        and not _UNFIT.search(segment)
        and len(segment.encode(errors="replace")) <= MAX_SEGMENT_BYTES
    )


def parse_manifest(text: bytes | None) -> Manifest:
    """Read a list; an empty one when it is missing, damaged or another version's (all is compared anew)."""
    try:
        known = json.loads(text or b"")
        if known["version"] != VERSION:
            return Manifest({})
        documents: dict[str, Published] = known["documents"]
        build, is_done = str(known["build"]), bool(known["done"])
        if not all(isinstance(one, str) for one in documents.values()):
            return Manifest({})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Manifest({})
    # A list that someone wrote over must not lead us to remove files elsewhere.
    return Manifest({name: one for name, one in documents.items() if is_fit(name)}, build, is_done)


def manifest_file(manifest: Manifest) -> File:
    """The list as a file."""
    known = {"version": VERSION, "build": manifest.build, "done": manifest.is_done}
    # Document by document: encoded as one, a long list takes up its size several times over.
    documents = (
        f"{_as_json(name)}:{_as_json(one)}".encode(errors="replace")
        for name, one in manifest.documents.items()
    )
    head = _as_json(known).removesuffix("}")
    text = b'%b,"documents":{%b}}' % (head.encode(errors="replace"), b",".join(documents))
    return File(MANIFEST, text, "application/json", "no-store")


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
