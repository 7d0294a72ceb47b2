"""Sending over SMTP (RFC 5321): one connection, one message after another, PIPELINING where it is offered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from outbox.addresses import ascii_address, needs_smtputf8
from outbox.handshake import Session, open_session
from outbox.headers import HeaderError
from outbox.outcome import Outcome, TransportError
from outbox.replies import Reply
from outbox.smtpurl import SmtpSettings
from outbox.wire import Answer, Wire

__all__ = ["SmtpConnection", "SmtpSettings", "TransportError"]

WITHHELD = Outcome("withheld", "the leave to send was taken back")

# Refusals of this connection, not of this message: out of step, or a login is wanted (RFC 4954, section 6).
_NOT_THE_MESSAGE = frozenset({503, 530, 534, 535, 538})


def _always() -> bool:
    return True


class SmtpConnection:
    """One connection to an SMTP server.

    ``send`` may be called again before an earlier call returned: the next MAIL and RCPT then travel right
    behind the last message, but its text only after that message was answered, so at most one can ever be in
    doubt.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self._must_reset = False

    @property
    def usable(self) -> bool:
        """Whether another message may be sent: it is open, and neither broke nor was told to go."""
        return self._session is not None and self._session.wire.broken is None

    async def open(self) -> None:
        """Connect, secure and log in as the settings say. Raises ``TransportError``; may be called again."""
        self._session = await open_session(self._settings)
        self._must_reset = False

    async def close(self) -> None:
        """Say QUIT if there is anyone to say it to, and be gone."""
        if self._session is None:
            return
        wire = self._session.wire
        if wire.broken is None:
            await wire.ask(b"QUIT\r\n", self._settings.timeouts.quit)
        wire.break_off("it was closed")

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool] = _always,
    ) -> Outcome:
        """Send one message from an envelope sender (may be empty) to one recipient; say what became of it.

        ``data`` has CRLF line ends and no line that starts with a dot, as spliced messages are (any other:
        ``outbox.message.dot_stuff``). ``may_send`` is awaited once, whatever happens, while MAIL and RCPT
        travel; DATA goes out only if it says True. ``fence`` is asked right before the message's first octet:
        at False the connection is cut and the message withheld. Whatever breaks before the last octet of the
        final dot can have left this machine (over TLS: before it was encrypted) defers it; whatever breaks
        from there to the reply leaves it in doubt. Nothing is raised but what those two raise, or
        cancellation: the connection is cut then, and the message is in doubt if ``fence`` had been asked.
        """
        session = self._session
        if session is None:
            return (
                Outcome("deferred", "not sent: the connection is not open") if await may_send() else WITHHELD
            )
        try:
            async with self._turn:
                begun = await self._begin(session, (sender, recipient, data), may_send, fence)
            return begun if isinstance(begun, Outcome) else await self._end(session.wire, begun)
        except BaseException:
            session.wire.break_off("sending was interrupted")
            raise

    async def _begin(
        self,
        session: Session,
        message: tuple[str, str, bytes],
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome | Answer:
        """All up to the final dot: what became of the message, or the answer that will tell."""
        envelope = _envelope(session, *message)
        if isinstance(envelope, Outcome):
            return envelope if await may_send() else WITHHELD
        asked = await self._ask_envelope(session, envelope)
        if not await may_send():
            self._must_reset = True
            return WITHHELD
        wire = session.wire
        refused = _refusal(asked) or await self._ask_data(wire, asked)
        if refused is not None:
            return self._refused(wire, refused)
        if wire.broken is not None:
            return Outcome("deferred", f"not sent: {wire.broken}")
        if not fence():
            wire.break_off("the leave to send was taken back")
            return WITHHELD
        return await self._write(wire, message[2])

    async def _ask_data(self, wire: Wire, asked: Sequence[Answer]) -> Reply | None:
        """Say DATA; the reply that forbids to go on, None when there is none (or the connection broke)."""
        go = await wire.ask(b"DATA\r\n", self._settings.timeouts.data)
        refused = _refusal(asked)
        if refused is None:
            return None if go is None or go.code == 354 else go
        if go is not None and go.code == 354:
            # It waits for a text that nobody is to get. RFC 2920, section 3.1, would end it by a dot: an
            # empty message, which a server that is this lax might deliver.
            wire.break_off(f"the server said {go} though it had said {refused}")
        return refused

    async def _ask_envelope(self, session: Session, envelope: Sequence[bytes]) -> list[Answer]:
        """Send MAIL and RCPT: together, or where there is no PIPELINING one after the other's good reply."""
        wire = session.wire
        together = "PIPELINING" in session.extensions
        if self._must_reset:
            self._must_reset = False
            reset = wire.ask(b"RSET\r\n", self._settings.timeouts.command)
            if not together:
                await reset
        timeouts = (self._settings.timeouts.mail, self._settings.timeouts.rcpt)
        asked: list[Answer] = []
        for command, seconds in zip(envelope, timeouts, strict=True):
            asked.append(wire.ask(command, seconds))
            if not together and ((reply := await asked[-1]) is None or reply.kind != 2):
                break
        return asked

    async def _write(self, wire: Wire, data: bytes) -> Outcome | Answer:
        """Write the message with its final dot, in one go; the answer stands for "in doubt" from here on."""
        tail = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
        answer = wire.ask(data + tail, self._settings.timeouts.data_end, what="the message")
        if wire.flush() or await wire.drained(answer, self._settings.timeouts.data_block):
            return answer
        # The end of the message never left: the server cannot have taken it.
        reply = answer.result() if answer.done() else None
        why = wire.broken or f"the message was not taken within {self._settings.timeouts.data_block:g} s"
        wire.break_off(why)
        if reply is not None and reply.kind in {4, 5}:
            return self._refused(wire, reply)
        return Outcome("deferred", f"not sent whole: {why}")

    async def _end(self, wire: Wire, answer: Answer) -> Outcome:
        """What the reply to the final dot says."""
        reply = await answer
        if reply is None:
            return Outcome("in_doubt", f"sent whole, then {wire.broken}")
        if reply.kind == 2:
            return Outcome("sent", str(reply))
        if reply.kind == 3:
            wire.break_off(f"the server answered the message with {reply}")
            return Outcome("in_doubt", f"sent whole, then {wire.broken}")
        return Outcome("deferred" if reply.kind == 4 else "failed", str(reply))

    def _refused(self, wire: Wire, reply: Reply) -> Outcome:
        """What a reply before the message means, and how the connection goes on."""
        self._must_reset = True
        if reply.code in _NOT_THE_MESSAGE or reply.kind not in {4, 5}:
            wire.break_off(f"the server does not go on: {reply}")
            return Outcome("deferred", str(reply))
        return Outcome("deferred" if reply.kind == 4 else "failed", str(reply))


def _refusal(asked: Sequence[Answer]) -> Reply | None:
    """The first reply so far that is not good."""
    for answer in asked:
        reply = answer.result() if answer.done() else None
        if reply is not None and reply.kind != 2:
            return reply
    return None


def _envelope(session: Session, sender: str, recipient: str, data: bytes) -> tuple[bytes, bytes] | Outcome:
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
