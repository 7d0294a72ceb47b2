"""What a message that came back says, before anybody believes it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from outbox.outcome import printable


class ReportKind(StrEnum):
    """What a report means for its recipient.

    ``hard``: there is no such mailbox. ``soft``: it could not be reached, or is full. ``policy``: our mail
    was refused for what it is or where it comes from, which is not the reader's doing. ``complaint``: the
    reader called it spam. ``none``: no failure: delayed, delivered, an automatic answer, or ordinary mail.
    """

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    COMPLAINT = "complaint"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Original:
    """What is told of the message that came back, from its own headers where they are enclosed.

    ``return_paths`` are envelope senders it may have had, ``unsubscribes`` the tokens in its links.
    """

    message_ids: tuple[str, ...] = ()
    return_paths: tuple[str, ...] = ()
    unsubscribes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that a message reports, of the recipients it names. All of it is a stranger's word.

    ``status`` is an enhanced status code (RFC 3463), None where there is none; ``diagnostic`` one printable
    line. ``sent_to`` are the addresses the report itself came to. ``is_automatic``: a program wrote it.
    """

    kind: ReportKind
    recipients: tuple[str, ...] = ()
    status: str | None = None
    diagnostic: str = ""
    original: Original = Original()
    sent_to: tuple[str, ...] = ()
    is_automatic: bool = False

    @classmethod
    def of(
        cls, kind: ReportKind, recipients: tuple[str, ...], *, status: str | None = None, said: str = ""
    ) -> Self:
        """A report about recipients, with what was said as one printable line."""
        return cls(kind, recipients, status, printable(said), is_automatic=True)

    def among(self, original: Original, sent_to: tuple[str, ...]) -> Self:
        """The same, with what all reports of its message have in common."""
        return replace(self, original=original, sent_to=sent_to)
