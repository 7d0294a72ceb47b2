"""A message's envelope: MAIL and RCPT with what a server wants to know, and what it says to them."""

from collections.abc import Sequence

from outbox.addresses import ascii_address, needs_smtputf8
from outbox.handshake import Session
from outbox.headers import HeaderError
from outbox.outcome import Outcome
from outbox.replies import Reply
from outbox.wire import Answer


def refusal(asked: Sequence[Answer]) -> Reply | None:
    """The first reply so far that is not good."""
    for answer in asked:
        reply = answer.result() if answer.done() else None
        if reply is not None and reply.kind != 2:
            return reply
    return None


def envelope(session: Session, sender: str, recipient: str, data: bytes) -> tuple[bytes, bytes] | Outcome:
    """MAIL and RCPT with the parameters that are needed, or why this message cannot be sent here."""
    if session.wire.broken is not None:
        return Outcome("deferred", f"not sent: {session.wire.broken}")
    try:
        sender = ascii_address(sender) if sender else ""
        recipient = ascii_address(recipient)
    except HeaderError as error:
        return Outcome("failed", f"553 5.1.3 not sent: {error}")
    extensions = session.extensions
    parameters = ""
    if "SIZE" in extensions:
        limit = session.max_size
        if limit is not None and len(data) > limit:
            return Outcome("failed", f"552 5.3.4 not sent: {len(data)} octets, the server takes {limit}")
        parameters = f" SIZE={len(data)}"
    if not data.isascii():
        if "8BITMIME" not in extensions:
            return Outcome(
                "failed", "554 5.6.3 not sent: the message is 8-bit, and the server takes 7-bit only"
            )
        parameters += " BODY=8BITMIME"
    if needs_smtputf8(recipient) or needs_smtputf8(sender):
        if "SMTPUTF8" not in extensions:
            return Outcome(
                "failed", "553 5.6.7 not sent: the address is not ASCII, and the server has no SMTPUTF8"
            )
        parameters += " SMTPUTF8"
    return f"MAIL FROM:<{sender}>{parameters}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode()
