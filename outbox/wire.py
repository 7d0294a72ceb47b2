"""One connection to a server: what is asked goes out, the replies come back in the order of the asking."""

import asyncio
from collections import deque
from ssl import SSLContext
from typing import cast

from outbox.replies import ProtocolError, Reply, ReplyReader

Answer = asyncio.Future[Reply | None]


class Wire(asyncio.Protocol):
    """Commands out, replies in.

    An answer is the server's reply, or None when the connection broke before it came; ``broken`` then says
    why. Nothing is raised, so an answer that nobody waits for any more does no harm. Each reply has its own
    time-out, counted from when it is the next to come: a server cannot stretch it by dribbling.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, greeting: float) -> None:
        self.broken: str | None = None
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader = ReplyReader()
        self._asked: deque[tuple[Answer, str, float]] = deque()
        self._corked: list[bytes] = []
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._greeting_seconds = greeting
        self.greeting: Answer = loop.create_future()

    @property
    def is_between(self) -> bool:
        """Whether nothing is asked and nothing has come that was not."""
        return not self._asked and self._reader.is_between

    @property
    def local_address(self) -> str:
        """This end's IP address, for EHLO; empty when it cannot be told."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        return str(name[0]) if name else ""

    def expect(self, what: str, seconds: float) -> Answer:
        """The answer to what was just written."""
        answer: Answer = self._loop.create_future()
        if self.broken is not None:
            answer.set_result(None)
            return answer
        self._asked.append((answer, what, seconds))
        if len(self._asked) == 1:
            self._watch(seconds)
        return answer

    def ask(self, command: bytes, seconds: float, *, what: str = "") -> Answer:
        """Send a command line and expect its reply; lines asked in one go travel together.

        ``what`` is what people are told it was, where that is not its first word.
        """
        if self.broken is None:
            if not self._corked:
                self._loop.call_soon(self.flush)
            self._corked.append(command)
        return self.expect(what or command[:4].decode("ascii").strip(), seconds)

    def flush(self) -> bool:
        """Send now what was asked; False if the end of it is surely still here: held back, or never to go.

        Over TLS nothing that is held back is known of: True then.
        """
        if self._transport is None or self.broken is not None:
            return False
        if self._corked:
            octets = b"".join(self._corked)
            self._corked.clear()
            self._transport.write(octets)
        # A transport that is closing right after a write failed in it, or closed before: nothing went out.
        return not (self._paused or self._transport.is_closing())

    async def drained(self, answer: Answer, seconds: float) -> bool:
        """Wait until what ``flush`` held back is with the operating system.

        False if the answer came, the connection broke or the time ran out before.
        """
        if not self._paused or self.broken is not None:
            return False
        self._drained = self._loop.create_future()
        await asyncio.wait((self._drained, answer), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        self._drained = None
        # Whatever happened to the connection since: it is known whether the last octet had left before.
        return not self._paused

    async def start_tls(self, context: SSLContext, host: str, seconds: float) -> None:
        """Go on in TLS. Raises ``OSError`` (``ssl.SSLError``) when it cannot be agreed on."""
        if self._transport is None or self.broken is not None:
            raise ConnectionError(self.broken or "it is not connected")
        if not self.is_between:
            # It would be read as if it had come over TLS.
            raise ConnectionError("the server said more than it was asked before TLS began")
        secured = await self._loop.start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
        )
        if secured is None:
            raise ConnectionError("the connection was lost while TLS began")
        secured.set_write_buffer_limits(high=0)
        self._transport = secured

    def break_off(self, why: str) -> None:
        """End the connection at once; what was not answered never will be."""
        if self.broken is None:
            self.broken = why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._corked.clear()
        while self._asked:
            answer, _, _ = self._asked.popleft()
            if not answer.done():
                answer.set_result(None)
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; be told (``pause_writing``) as soon as it holds anything back."""
        # Expected from here on: it may come before anybody can ask for it.
        self.greeting = self.expect("the greeting", self._greeting_seconds)
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end closed, or the network failed."""
        self.break_off(f"the connection was lost ({exc})" if exc else "the server closed the connection")

    def pause_writing(self) -> None:
        """Something is held back."""
        self._paused = True

    def resume_writing(self) -> None:
        """All is with the operating system."""
        self._paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Give each whole reply to whoever asked for it."""
        try:
            for reply in self._reader.feed(data):
                self._give(reply)
        except ProtocolError as error:
            self.break_off(str(error))

    def _give(self, reply: Reply) -> None:
        if not self._asked:
            self.break_off(f"the server said unasked: {reply}")
            return
        answer, _, _ = self._asked.popleft()
        if not answer.done():
            answer.set_result(reply)
        if reply.code == 421:
            self.break_off(f"the server is closing: {reply}")
        elif self._asked:
            self._watch(self._asked[0][2])

    # One timer for all time-outs: it is moved only when it would ring too late.

    def _watch(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        if self._timer is None or self._deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._asked:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
            return
        _, what, seconds = self._asked[0]
        self.break_off(f"no answer to {what} within {seconds:g} s")
