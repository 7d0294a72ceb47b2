"""What the publisher's pages can have done for them that stands on a floor above: handed in by the wiring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web.admin.digests.work import DigestWork
from web.admin.posts.work import ImportPosts, no_import
from web.admin.readers.work import ReaderWork


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it may be shown: its values without any secret, and where they come from."""

    key: str
    values: Sequence[str]
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the doctor looked at, how it stands (``ok``, ``problem``, ``not checked``), and what to do."""

    what: str
    health: str
    said: str


@dataclass(frozen=True, slots=True)
class AdminWork:
    """Functions of the application; each opens the database itself."""

    settings: Callable[[], Sequence[Setting]] = lambda: ()
    # Asks mail servers and the DNS, which takes a while.
    examine: Callable[[], Sequence[Finding]] = lambda: ()
    # What is wrong with the scheduler, in a line.
    trouble: Callable[[], str | None] = lambda: None
    # None: no mail is made here, and none can be looked at.
    digests: DigestWork | None = None
    # None: nothing can be done for readers here, and they have no pages.
    readers: ReaderWork | None = None
    import_posts: ImportPosts = no_import
