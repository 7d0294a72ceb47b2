"""One document put in place: itself and what is compressed of it, unless they are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feeds.publishing.compressing import BESIDE, ENCODERS
from feeds.publishing.documents import Document
from feeds.publishing.planning import standings, were
from feeds.publishing.targets import INTENDED, File, Published, Standing, Target


@dataclass(frozen=True, slots=True)
class Placed:
    """A document's files as they stand now (None: another's are there), and whether one of them is new."""

    document: Document
    files: list[Standing] | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Placer:
    """Puts documents in place, by what is there and what is remembered of it. Thread-safe."""

    target: Target
    there: Mapping[str, Standing]
    ours: Mapping[str, Published]
    foreign: frozenset[str]
    suffixes: Sequence[str]

    def place(self, document: Document, body: bytes) -> Placed:
        """Put those of its files in place that differ.

        A compressed file is trusted only beside the very document that we left it with: else, where a build
        was killed in between, it may be of another revision.
        """
        there = standings(document.name, self.there, self.suffixes)
        is_there = document.name in self.there and self.target.holds(document.name, there[0], body)
        if is_there and were(self.ours.get(document.name, INTENDED), there):
            return Placed(document, there, is_new=False)
        if document.name in self.foreign and not is_there:
            return Placed(document, None, is_new=False)
        files = [_file(document, body, suffix) for suffix in self.suffixes]
        stale = [file for file in files if not self._is_there(file)]
        put = dict(zip((file.name for file in stale), self.target.put(stale), strict=True))
        for suffix in BESIDE:
            if suffix not in self.suffixes and document.name + suffix in self.there:
                self.target.remove(document.name + suffix)
        return Placed(document, [put.get(file.name) or self.there[file.name] for file in files], bool(stale))

    def _is_there(self, file: File) -> bool:
        there = self.there.get(file.name)
        return there is not None and self.target.holds(file.name, there, file.body)

    def remove(self, name: str) -> None:
        """Remove a document and what is compressed of it."""
        for suffix in ("", *BESIDE):
            if name + suffix in self.there:
                self.target.remove(name + suffix)


def _file(document: Document, body: bytes, suffix: str) -> File:
    if not suffix:
        return File(document.name, body, document.media_type, document.caching)
    encoding = BESIDE[suffix]
    compressed = ENCODERS[encoding](body)
    return File(document.name + suffix, compressed, document.media_type, document.caching, encoding)
