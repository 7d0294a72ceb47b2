"""A small SMTP server for tests that can be told to misbehave, as the fixture ``smtp_faults``.

    def test_something(smtp_faults: SmtpFaults) -> None:
        smtp_faults.set_fault(r"^slow@", "rcpt", "451 4.2.1 come back later", times=1)
        smtp_faults.set_fault(r"^lost@", "dot", "keep-drop")
        ...  # send to smtp_faults.url
        assert smtp_faults.messages == [(("reader@example.net",), b"From: ...")]

It listens on a free port of 127.0.0.1 in a thread of its own, so that senders of any kind, also other
processes, can use it.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext
from typing import Literal, NamedTuple, cast

import pytest

Stage = Literal["connect", "ehlo", "starttls", "mail", "rcpt", "data", "dot"]

# BDAT (RFC 3030) is understood where ``extensions`` offers CHUNKING; ``data`` is then the stage of each BDAT
# before the last, ``dot`` that of the last.
EXTENSIONS = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 52428800")
USUAL = {
    "connect": "220 faults.example ESMTP",
    "starttls": "454 4.7.0 no TLS here",
    "mail": "250 2.1.0 Ok",
    "rcpt": "250 2.1.5 Ok",
    "data": "354 go on",
    "dot": "250 2.0.0 Ok: queued",
}


class Received(NamedTuple):
    """A message that was taken: its envelope's recipients, and its octets without dot-stuffing."""

    recipients: tuple[str, ...]
    data: bytes


@dataclass(slots=True)
class Fault:
    """One misbehaviour; ``left`` is how often it is still to happen, None for always."""

    pattern: re.Pattern[str]
    stage: Stage
    action: str
    left: int | None


class SmtpFaults:
    """What the server was told to do, and what it got.

    ``url`` is where it listens. ``messages`` is what it took, in order; ``lines`` every command line of all
    connections; ``connections`` how many there were; ``hung`` how often it has hung, as it was told.
    ``extensions`` may be replaced (before connecting): what EHLO offers.
    """

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[Received] = []
        self.lines: list[str] = []
        self.connections = 0
        self.hung = 0
        self.extensions: tuple[str, ...] = EXTENSIONS
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._open: dict[asyncio.Transport, asyncio.AbstractEventLoop] = {}

    @property
    def url(self) -> str:
        """Its address as a transport setting."""
        return f"smtp://127.0.0.1:{self.port}"

    def set_fault(self, recipient: str, stage: Stage, action: str, times: int | None = None) -> None:
        """Misbehave at a stage of messages to recipients that the regular expression is found in.

        At ``mail`` it is looked for in the sender; at ``ehlo`` in EHLO or HELO; at ``connect`` and
        ``starttls`` use "".

        ``times``: so often, then no more. The newest fault that fits is the one that happens. Actions:

        ``"451 4.2.1 text"``  any reply; after a 421 the connection is closed
        ``"drop"``            close the connection, no reply; a message is not kept
        ``"keep-drop"``       at ``dot``: keep the message, then close the connection, no reply
        ``"hang"``            never say anything again
        ``"dribble"``         a reply that never ends, an octet every few milliseconds
        ``"garbage"``         octets that are no reply
        ``"endless"``         reply lines without end
        ``"huge"``            one line without end
        ``"stall"``           at ``data``: 354, then read nothing any more
        """
        with self._changed:
            self._faults.insert(0, Fault(re.compile(recipient), stage, action, times))

    def clear_faults(self) -> None:
        """Behave from now on."""
        with self._changed:
            self._faults.clear()

    def wait_for(self, condition: Callable[["SmtpFaults"], bool], *, seconds: float = 20) -> None:
        """Wait until the condition holds; it is asked anew whenever a line or a message came."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout=seconds), "it did not come to that"

    # What the server asks and tells.

    def action(self, stage: Stage, address: str) -> str | None:
        """What to do instead of the usual."""
        with self._changed:
            for fault in self._faults:
                if fault.stage == stage and fault.left != 0 and fault.pattern.search(address):
                    fault.left = None if fault.left is None else fault.left - 1
                    return fault.action
        return None

    def note(
        self,
        *,
        line: str | None = None,
        message: Received | None = None,
        connection: asyncio.Transport | None = None,
        hangs: bool = False,
    ) -> None:
        """A connection, a line or a message came, or it hangs from now on."""
        with self._changed:
            self.hung += hangs
            if connection is not None:
                self.connections += 1
                self._open[connection] = asyncio.get_running_loop()
            if line is not None:
                self.lines.append(line)
            if message is not None:
                self.messages.append(message)
            self._changed.notify_all()

    def forget(self, connection: asyncio.Transport) -> None:
        """The connection has ended."""
        with self._changed:
            self._open.pop(connection, None)

    def hang_up(self) -> int:
        """Close every connection, for no reason; how many there were."""
        with self._changed:
            for connection, loop in self._open.items():
                loop.call_soon_threadsafe(connection.abort)
            return len(self._open)


class _Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: SmtpFaults) -> None:
        self._server = server
        self._buffer = bytearray()
        self._scanned = 0
        self._has_sender = False
        self._recipients: list[str] = []
        self._in_data = False
        self._chunk = -1
        self._is_last = False
        self._text = b""
        self._silent = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.note(connection=self._transport)
        self._reply("connect", "")

    def connection_lost(self, exc: Exception | None) -> None:
        self._silent = True
        self._server.forget(self._transport)
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._silent and self._step():
            pass

    def _step(self) -> bool:
        """Deal with one line, chunk or message; False when it has not wholly come."""
        if self._chunk >= 0:
            if len(self._buffer) < self._chunk:
                return False
            self._text += self._buffer[: self._chunk]
            del self._buffer[: self._chunk]
            self._chunk = -1
            self._end_of_chunk()
            return True
        if self._in_data:
            is_empty = self._buffer.startswith(b".\r\n")
            end = -2 if is_empty else self._buffer.find(b"\r\n.\r\n", max(0, self._scanned - 4))
            if end == -1:
                self._scanned = len(self._buffer)
                return False
            text = bytes(self._buffer[: end + 2])
            del self._buffer[: end + 5]
            self._in_data, self._scanned = False, 0
            self._end_of_data(re.sub(rb"(?m)^\.", b"", text))
            return True
        line, newline, _ = self._buffer.partition(b"\r\n")
        if newline:
            del self._buffer[: len(line) + 2]
            self._command(line.decode())
        return bool(newline)

    def _command(self, line: str) -> None:
        self._server.note(line=line)
        verb = line[:4].upper()
        address = (re.findall(r"<([^>]*)>", line) or [""])[0]
        if verb in {"EHLO", "HELO"}:
            lines = ["faults.example", *(self._server.extensions if verb == "EHLO" else ())]
            usual = "\r\n".join(f"250{'-' if line != lines[-1] else ' '}{line}" for line in lines)
            self._reply("ehlo", verb, usual)
        elif verb == "MAIL":
            self._recipients, self._text = [], b""
            self._has_sender = self._reply("mail", address)
        elif verb == "RCPT" and self._has_sender:
            if self._reply("rcpt", address):
                self._recipients.append(address)
        elif verb == "DATA":
            usual = USUAL["data"] if self._recipients else "503 5.5.1 not now"
            self._in_data = self._reply("data", ",".join(self._recipients), usual)
        elif verb == "BDAT" and "CHUNKING" in self._server.extensions:
            _, size, *last = line.split()
            self._chunk, self._is_last = int(size), bool(last)
        elif verb == "RCPT":
            self._say("503 5.5.1 not now")
        elif verb == "STAR":
            self._reply("starttls", "")
        elif verb == "QUIT":
            self._say("221 2.0.0 Bye")
            self._transport.close()
        else:
            self._say("250 2.0.0 Ok" if verb in {"RSET", "NOOP"} else "502 5.5.2 what?")

    def _end_of_chunk(self) -> None:
        recipients = ",".join(self._recipients)
        if not recipients:
            self._say("503 5.5.1 not now")
        elif self._is_last:
            text, self._text = self._text, b""
            self._end_of_data(text)
        elif not self._reply("data", recipients, "250 2.0.0 Ok"):
            self._recipients, self._text = [], b""

    def _end_of_data(self, text: bytes) -> None:
        message = Received(tuple(self._recipients), text)
        self._recipients = []
        action = self._server.action("dot", ",".join(message.recipients))
        if action is None or action.startswith("2") or action == "keep-drop":
            self._server.note(message=message)
        self._act(action or USUAL["dot"])

    def _reply(self, stage: Stage, address: str, usual: str | None = None) -> bool:
        """Reply as usual or as told; whether that was a yes."""
        action = self._server.action(stage, address) or usual or USUAL[stage]
        self._act(action)
        return action[0] in "23"

    def _act(self, action: str) -> None:
        if action[0].isdigit():
            self._say(action)
            if action.startswith("421"):
                self._transport.close()
        elif action in {"drop", "keep-drop"}:
            self._transport.close()
        elif action == "garbage":
            self._transport.write(b"\x16\x03\x01 what\xff\r\n")
        elif action == "stall":
            self._say(USUAL["data"])
            self._transport.pause_reading()
        elif action in {"dribble", "endless", "huge"}:
            self._task = asyncio.create_task(self._go_on(action))
        elif action == "hang":
            self._server.note(hangs=True)
        self._silent = not action[0].isdigit() or action.startswith("421")

    async def _go_on(self, action: str) -> None:
        """Say something that never ends, until the other side goes."""
        self._transport.write(b"250-")
        octets = {"dribble": b"x", "endless": b"x\r\n250-" * 1000, "huge": b"x" * 8000}[action]
        while True:
            self._transport.write(octets)
            await asyncio.sleep(0.005)

    def _say(self, line: str) -> None:
        self._transport.write(line.encode() + b"\r\n")


Running = Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]


async def _serve(faults: SmtpFaults, running: Running, context: SSLContext | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: _Conversation(faults), "127.0.0.1", 0, ssl=context)
    faults.port = server.sockets[0].getsockname()[1]
    running.set_result((loop, stop))
    await stop.wait()
    server.close()
    while faults.hang_up():  # noqa: ASYNC110 - they end within a turn or two of the loop
        await asyncio.sleep(0)


@contextmanager
def serve_faults(context: SSLContext | None = None) -> Iterator[SmtpFaults]:
    """A running server that takes every message until it is told otherwise; with a context, one for TLS."""
    faults = SmtpFaults()
    running: Running = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(faults, running, context)))
    thread.start()
    loop, stop = running.result(10)
    try:
        yield faults
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def smtp_faults() -> Iterator[SmtpFaults]:
    """A running server that takes every message until it is told otherwise."""
    with serve_faults() as faults:
        yield faults
