"""Handing a message's text to a server: from the leave to begin to the last octet."""

from collections.abc import Callable, Sequence

from outbox.envelope import refusal
from outbox.outcome import Outcome
from outbox.replies import Reply
from outbox.smtpurl import Timeouts
from outbox.wire import Answer, Wire

WITHHELD = Outcome("withheld", "the leave to send was taken back")

# Refusals of this connection, not of this message: out of step, or a login is wanted (RFC 4954, section 6).
_NOT_THE_MESSAGE = frozenset({503, 530, 534, 535, 538})


def forbidden(wire: Wire, fence: Callable[[], bool]) -> Outcome | None:
    """Why the message must not be begun, or gone on with."""
    if wire.broken is not None:
        return Outcome("deferred", f"not sent: {wire.broken}")
    if not fence():
        wire.break_off("the leave to send was taken back")
        return WITHHELD
    return None


async def ask_data(wire: Wire, asked: Sequence[Answer], seconds: float) -> Reply | None:
    """Say DATA; the reply that forbids to go on, None when there is none (or the connection broke)."""
    go = await wire.ask(b"DATA\r\n", seconds)
    refused = refusal(asked)
    if refused is None:
        return None if go is None or go.code == 354 else go
    if go is not None and go.code == 354:
        # It waits for a text that nobody is to get. RFC 2920, section 3.1, would end it by a dot: an
        # empty message, which a server that is this lax might deliver.
        wire.break_off(f"the server said {go} though it had said {refused}")
    return refused


async def write_whole(wire: Wire, octets: bytes, timeouts: Timeouts) -> Outcome | Answer:
    """Write the message to its end, in one go; the answer stands for "in doubt" from here on."""
    answer = wire.ask(octets, timeouts.data_end, what="the message")
    if wire.flush() or await wire.drained(answer, timeouts.data_block):
        return answer
    # The end of the message never left: the server cannot have taken it.
    reply = answer.result() if answer.done() else None
    why = wire.broken or f"the message was not taken within {timeouts.data_block:g} s"
    wire.break_off(why)
    if reply is not None and reply.kind in {4, 5}:
        return refused_by(wire, reply)
    return Outcome("deferred", f"not sent whole: {why}")


def refused_by(wire: Wire, reply: Reply) -> Outcome:
    """What a reply before the message's end means; the connection is cut where it cannot go on."""
    if reply.code in _NOT_THE_MESSAGE or reply.kind not in {4, 5}:
        wire.break_off(f"the server does not go on: {reply}")
        return Outcome("deferred", str(reply))
    return Outcome("deferred" if reply.kind == 4 else "failed", str(reply))
