"""What the API has done for it that stands on a floor above: handed in by the wiring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from digests.choosing import Words
from digests.model import Digest
from subscribers.model import Subscriber, Subscription
from web.accounts.tokens import AccessToken


class AddReader(Protocol):
    """Adds a reader and subscribes them."""

    def __call__(
        self,
        connection: Connection,
        email: str,
        digest: Digest,
        words: Words,
        *,
        confirmed: bool,
        origin: str,
        now: datetime,
    ) -> Subscriber:
        """As ``labelcast.readers.add_reader``."""


class PauseReader(Protocol):
    """Pauses a reader's subscription, or ends the pause."""

    def __call__(
        self, connection: Connection, email: str, slug: str | None, *, until: str | None, now: datetime
    ) -> object:
        """As ``labelcast.readers.pause_reader``."""


class EndReader(Protocol):
    """Unsubscribes a reader from one digest or from all."""

    def __call__(self, connection: Connection, email: str, slug: str | None, *, now: datetime) -> list[str]:
        """As ``labelcast.readers.unsubscribe_reader``."""


class EraseReader(Protocol):
    """Forgets who a reader is."""

    def __call__(self, connection: Connection, email: str, *, now: datetime) -> bool:
        """As ``labelcast.readers.erase_reader``."""


class AskReader(Protocol):
    """Asks a reader by mail whether they want a digest."""

    def __call__(
        self, connection: Connection, email: str, digest: Digest, words: Words, *, origin: str, now: datetime
    ) -> None:
        """Keep what was asked, and that a mail is to be sent."""


@dataclass(frozen=True, slots=True)
class ApiWork:
    """Functions of the application, and what its settings say.

    ``salt`` is that of suppressed addresses; ``feed_url`` the address of a feed by its slug. ``ask_reader``
    None: no mail that asks can be sent. ``webhook_secrets`` are those that a token's webhooks may be signed
    with, the present one first. ``wake`` has waiting mail sent; ``scrub`` clears the file of what was erased.
    """

    add_reader: AddReader
    change_reader: Callable[[Connection, str, str, Words], Subscription]
    pause_reader: PauseReader
    unsubscribe_reader: EndReader
    erase_reader: EraseReader
    about_reader: Callable[[Connection, str], dict[str, Any]]
    salt: Callable[[Connection], str]
    webhook_secrets: Callable[[AccessToken], Sequence[str]]
    feed_url: Callable[[str], str]
    ask_reader: AskReader | None = None
    wake: Callable[[], None] = lambda: None
    scrub: Callable[[], object] = lambda: None
    site_url: str = ""
    timezone: str = "UTC"
    language: str = "en"
