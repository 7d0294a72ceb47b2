"""What sending needs from outside: a way out, and the letters."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from digests.due import Pending
from outbox.outcome import Outcome


class Connection(Protocol):
    """One way out: a connection to an SMTP server, or a Maildir."""

    @property
    def usable(self) -> bool:
        """Whether another message may be sent over it."""
        ...

    @property
    def broke(self) -> bool:
        """Whether it broke or never was open; one that is used up is no more usable, and did not break."""
        ...

    async def open(self) -> None:
        """Connect; raise ``ConnectionError`` when that cannot be."""
        ...

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        """Send one message: ask ``may_send`` before DATA, and ``fence`` before the message's first byte."""
        ...

    async def close(self) -> None:
        """Say goodbye."""
        ...


class Letters(Protocol):
    """Where the bytes of a message come from."""

    def sender(self, pending: Pending) -> str:
        """The envelope's sender of a delivery."""
        ...

    def data(self, pending: Pending) -> bytes:
        """The message of a delivery, ready for the connection it goes over."""
        ...
