"""What sending needs from outside: a way out, and the letters."""

from typing import Protocol

from digests.sending.due import Pending
from outbox.servers import Connection

__all__ = ["Connection", "Letters"]


class Letters(Protocol):
    """Where the bytes of a message come from."""

    def sender(self, pending: Pending) -> str:
        """The envelope's sender of a delivery."""
        ...

    def data(self, pending: Pending) -> bytes:
        """The message of a delivery, ready for the connection it goes over."""
        ...
