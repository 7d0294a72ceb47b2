"""A message in a mailbox, whatever kind of mailbox that is."""

from collections.abc import Callable
from dataclasses import dataclass

from outbox.bounces.taming import MAX_BYTES

# More than is looked at; the rest of a message is not even read.
MOST_BYTES = 2 * MAX_BYTES


class MailboxError(ConnectionError):
    """A mailbox that cannot be opened or read; one line says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A message in a mailbox, its beginning. ``settle`` is called once it was dealt with, and durably so.

    It is told whether the message may be thrown away, where the mailbox is one that throws away: a letter
    that somebody wrote never is.
    """

    data: bytes
    settle: Callable[[bool], None]
