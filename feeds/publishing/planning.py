"""What is to be published, in which order, and what goes. All pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from feeds.publishing.documents import Document
from feeds.publishing.targets import Published, Standing

# Where every name is ours; elsewhere a file of another's stays.
OWN_FOLDER = "feeds/"
_NOT_THERE: Standing = "-"


@dataclass(frozen=True, slots=True)
class Plan:
    """Documents to make, in stages of which each must be in place before the next; and those to remove.

    In the place of ``foreign`` ones stands a file that is not ours. ``gone`` ones that lead to others come
    before these.
    """

    stages: tuple[tuple[Document, ...], ...]
    foreign: frozenset[str]
    gone: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether all is as it should be."""
        return not self.stages and not self.gone


def plan(
    wanted: Collection[Document],
    ours: Mapping[str, Published],
    there: Mapping[str, Standing],
    *,
    suffixes: Sequence[str] = ("",),
) -> Plan:
    """Compare what should be with what we wrote and what is there; ``suffixes`` tell a document's files.

    A document is stale when its revision is another, or one of its files is not as we left it. Only documents
    of ours are ever gone.
    """
    names = {one.name for one in wanted}
    stale = [
        one for one in wanted if ours.get(one.name) != published(one, standings(one.name, there, suffixes))
    ]
    foreign = frozenset(
        one.name
        for one in stale
        if one.name not in ours and one.name in there and not one.name.startswith(OWN_FOLDER)
    )
    gone = sorted((name for name in ours if name not in names), key=lambda name: (name.count("/"), name))
    return Plan(tuple(_stages(stale, there)), foreign, tuple(gone))


def _stages(stale: Iterable[Document], there: Mapping[str, Standing]) -> Iterable[tuple[Document, ...]]:
    def stage(one: Document) -> tuple[bool, int]:
        # Nothing leads to a new document until one that is there already is changed.
        return one.name in there, one.rank

    for _, group in groupby(sorted(stale, key=stage), key=stage):
        yield tuple(group)


def standings(name: str, there: Mapping[str, Standing], suffixes: Sequence[str]) -> list[Standing]:
    """How a document's files stand."""
    return [there.get(name + suffix, _NOT_THERE) for suffix in suffixes]


def published(document: Document, files: Sequence[Standing]) -> Published:
    """What is remembered of a document whose files stand so."""
    return f"{','.join(files)} {document.revision}"


def were(one: Published, files: Sequence[Standing]) -> bool:
    """Whether the files of a document that is remembered so stood like these, whatever its revision."""
    return one.rpartition(" ")[0] == ",".join(files)
