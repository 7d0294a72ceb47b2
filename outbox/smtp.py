"""Sending over SMTP (RFC 5321): one connection, one message after another.

PIPELINING (RFC 2920) and CHUNKING (RFC 3030) are used where they are offered.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from outbox.accesstokens import AccessTokens
from outbox.chunking import NO_BDAT, chunks
from outbox.envelope import envelope, refusal
from outbox.handover import WITHHELD, ask_data, forbidden, refused_by, write_whole
from outbox.handshake import Session, open_session
from outbox.outcome import Outcome, TransportError
from outbox.replies import Reply
from outbox.smtpurl import SmtpSettings
from outbox.wire import Answer, Wire

__all__ = ["ServerMemory", "SmtpConnection", "SmtpSettings", "TransportError"]


def _always() -> bool:
    return True


@dataclass(slots=True)
class ServerMemory:
    """What the connections of one process to one server know together."""

    tokens: AccessTokens
    # A server may offer CHUNKING and then know no BDAT: nobody asks it again.
    has_bdat: bool = field(default=True)


class SmtpConnection:
    """One connection to an SMTP server.

    It lives for one run of sending and then says QUIT: nothing is kept open between runs. Within a run it is
    used for ``max_messages`` or ``max_age`` seconds of ``clock``; then it is no more usable, and another is
    opened. ``send`` may be called again before an earlier call returned: the next MAIL and RCPT then
    travel right behind the last message, but its text only after that message was answered, so at most one
    can ever be in doubt.
    """

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        memory: ServerMemory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._memory = memory or ServerMemory(AccessTokens(settings))
        self._clock = clock
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self._must_reset = False
        self._has_chunked = False
        self._until = 0.0
        self._left = 0

    @property
    def usable(self) -> bool:
        """Whether another message may be sent: it is open, and not used up."""
        return not self.broke and self._left > 0 and self._clock() < self._until

    @property
    def broke(self) -> bool:
        """Whether it broke, was told to go, or was never open."""
        return self._session is None or self._session.wire.broken is not None

    async def open(self) -> None:
        """Connect, secure and log in as the settings say. Raises ``TransportError``; may be called again."""
        self._session = await open_session(self._settings, self._memory.tokens)
        self._must_reset = self._has_chunked = False
        self._until = self._clock() + self._settings.max_age
        self._left = self._settings.max_messages

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
        travel; DATA or BDAT goes out only if it says True. ``fence`` is asked right before the message's
        first octet (and where BDAT sends a first line ahead, again before the rest): at False the connection
        is cut and the message withheld. Whatever breaks before the last octet (with DATA: of the final dot)
        can have left this machine (over TLS: before it was encrypted) defers it; whatever breaks from there
        to the reply leaves it in doubt. Nothing is raised but what those two raise, or cancellation: the
        connection is cut then, and the message is in doubt if ``fence`` had been asked.
        """
        if self._session is None:
            return (
                Outcome("deferred", "not sent: the connection is not open") if await may_send() else WITHHELD
            )
        try:
            async with self._turn:
                self._left -= 1
                begun = await self._begin(self._session, (sender, recipient, data), may_send, fence)
                wire = self._session.wire
            return begun if isinstance(begun, Outcome) else await self._end(wire, begun)
        except BaseException:
            self._session.wire.break_off("sending was interrupted")
            raise

    async def _begin(
        self,
        session: Session,
        message: tuple[str, str, bytes],
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome | Answer:
        """All up to the message's last octet: what became of it, or the answer that will tell."""
        lines = envelope(session, *message)
        if isinstance(lines, Outcome):
            return lines if await may_send() else WITHHELD
        asked = await self._ask_envelope(session, lines)
        if not await may_send():
            self._must_reset = True
            return WITHHELD
        if not self._may_chunk(session):
            return await self._by_data(session.wire, asked, message[2], fence)
        begun = await self._by_chunks(session.wire, asked, message[2], fence)
        return begun or await self._begin_anew(message, fence)

    async def _begin_anew(
        self, message: tuple[str, str, bytes], fence: Callable[[], bool]
    ) -> Outcome | Answer:
        """The same message over a new connection by DATA; the server has nothing whole of it."""
        try:
            await self.open()
        except TransportError as error:
            return Outcome("deferred", f"not sent: {error}")
        assert self._session is not None  # noqa: S101 - it is open
        lines = envelope(self._session, *message)
        if isinstance(lines, Outcome):
            return lines
        asked = await self._ask_envelope(self._session, lines)
        return await self._by_data(self._session.wire, asked, message[2], fence)

    def _may_chunk(self, session: Session) -> bool:
        is_offered = "CHUNKING" in session.extensions and "PIPELINING" in session.extensions
        return is_offered and self._settings.chunking and self._memory.has_bdat

    async def _by_data(
        self, wire: Wire, asked: Sequence[Answer], data: bytes, fence: Callable[[], bool]
    ) -> Outcome | Answer:
        """The message by DATA, up to its final dot."""
        refused = refusal(asked) or await ask_data(wire, asked, self._settings.timeouts.data)
        if refused is not None:
            return self._refused(wire, refused)
        tail = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
        return forbidden(wire, fence) or await write_whole(wire, data + tail, self._settings.timeouts)

    async def _by_chunks(
        self, wire: Wire, asked: Sequence[Answer], data: bytes, fence: Callable[[], bool]
    ) -> Outcome | Answer | None:
        """The message by BDAT, once the server took its reader; None where the server knows no BDAT.

        To wait for the replies to MAIL and RCPT costs less than DATA, whose own comes later still (measured
        with Postfix, and over a line of 20 ms: never slower, but for the first message of a connection).
        The first message of a connection goes in two chunks, its first line before the rest: a server that
        knows no BDAT reads a chunk as commands, and a header field is none.
        """
        await asyncio.gather(*asked)
        refused = refusal(asked)
        if refused is not None:
            return self._refused(wire, refused)
        if (stop := forbidden(wire, fence)) is not None:
            return stop
        *first, last = chunks(data, split=not self._has_chunked)
        for chunk in first:
            reply = await wire.ask(chunk, self._settings.timeouts.data_block, what="BDAT")
            if reply is not None and reply.kind != 2:
                return self._chunk_refused(wire, reply)
            if (stop := forbidden(wire, fence)) is not None:
                return stop
        self._has_chunked = True
        return await write_whole(wire, last, self._settings.timeouts)

    def _chunk_refused(self, wire: Wire, reply: Reply) -> Outcome | None:
        # More replies may come, to what a server without BDAT took for commands.
        wire.break_off(f"the server refused BDAT: {reply}")
        if reply.code in NO_BDAT:
            self._memory.has_bdat = False
            return None
        return self._refused(wire, reply)

    async def _ask_envelope(self, session: Session, lines: Sequence[bytes]) -> list[Answer]:
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
        for command, seconds in zip(lines, timeouts, strict=True):
            asked.append(wire.ask(command, seconds))
            if not together and ((reply := await asked[-1]) is None or reply.kind != 2):
                break
        return asked

    async def _end(self, wire: Wire, answer: Answer) -> Outcome:
        """What the reply to the whole message says."""
        reply = await answer
        if reply is None:
            return Outcome("in_doubt", f"sent whole, then {wire.broken}")
        if reply.kind == 2:
            return Outcome("sent", str(reply))
        if reply.kind == 3:
            wire.break_off(f"the server answered the message with {reply}")
            return Outcome("in_doubt", f"sent whole, then {wire.broken}")
        if self._has_chunked and reply.code in NO_BDAT:
            self._memory.has_bdat = False
            wire.break_off(f"the server refused BDAT: {reply}")
            return Outcome("deferred", str(reply))
        if self._has_chunked:
            # What a server does after a failed BDAT is not settled (RFC 3030, section 2).
            self._must_reset = True
        return Outcome("deferred" if reply.kind == 4 else "failed", str(reply))

    def _refused(self, wire: Wire, reply: Reply) -> Outcome:
        """What a reply before the message means, and how the connection goes on."""
        self._must_reset = True
        return refused_by(wire, reply)
