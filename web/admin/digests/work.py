"""What is done for digests that stands on a floor above the web."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


class CannotShow(ValueError):
    """A mail that cannot be shown or sent; one line says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which mail of a digest: at an instant, or at the slot of a ``day``; as a reader by ``email`` gets it.

    ``email`` None: as one who chose nothing does.
    """

    slug: str
    now: datetime
    at: datetime
    day: date | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class MailShown:
    """A message, the instant it is of, and what is to be said of it (None: nothing)."""

    message: bytes
    at: datetime
    remark: str | None


class SendTest(Protocol):
    """Sends a digest's mail to an address, and tells what the server said.

    Raises ``CannotShow``, and ``ConnectionError`` where it was not taken.
    """

    def __call__(self, asked: Asked, to: str) -> str:
        """It stores nothing."""


@dataclass(frozen=True, slots=True)
class DigestWork:
    """``preview`` makes a digest's mail and raises ``CannotShow``; ``templates`` names those there are."""

    preview: Callable[[Asked], MailShown]
    send_test: SendTest
    templates: Callable[[], Sequence[str]]
