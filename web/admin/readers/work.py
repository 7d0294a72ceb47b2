"""What is done for readers that stands on a floor above the web."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from subscribers.model import SubscriberState


class ListProblem(ValueError):
    """A list cannot be taken; one line says where and why."""


@dataclass(frozen=True, slots=True)
class ReaderList:
    """A list of readers to be taken: by which token it is kept, what it was called, and how it is meant.

    ``digest`` is the slug of the one it is for (empty: each line names its own); ``vouched``: those
    subscribed there agreed, the publisher says.
    """

    token: str
    name: str
    form: str
    digest: str
    vouched: bool
    tags_as_labels: bool
    is_trial: bool


class TakeList(Protocol):
    """Takes the readers of a list, and tells what became of its lines; raises ``ListProblem``."""

    def __call__(
        self, readers: ReaderList, path: Path, *, now: datetime, progress: Callable[[int, int], None]
    ) -> Mapping[str, Any]:
        """``progress`` is told the lines that are done, and how many there are."""


class Erase(Protocol):
    """Forgets who a reader is, everywhere; False when that was done before."""

    def __call__(self, connection: Connection, email: str, *, now: datetime) -> bool:
        """In the caller's transaction."""


@dataclass(frozen=True, slots=True)
class ReaderWork:
    """Functions of the application that readers' pages need.

    ``salt`` is that of suppressed addresses. ``about`` is all that is kept of a reader, by their number, as
    JSON; ``export`` is a list of readers as CSV, all or those of a state, or of a digest by its number; both
    open the database themselves, for each piece anew. ``scrub`` clears the database's file of what was
    deleted, and may take long.
    """

    salt: Callable[[Connection], str]
    erase: Erase
    about: Callable[[int], Iterator[bytes]]
    export: Callable[[SubscriberState | None, int | None], Iterator[bytes]]
    scrub: Callable[[], object]
    take_list: TakeList
