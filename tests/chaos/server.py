"""An SMTP server whose answers follow from a seed: refusals, silences, cuts before and after the dot.

What becomes of a message is decided by its recipient and by how often that one was tried, so that a trial of
the same seed meets the same answers whatever the order.
"""

import asyncio
import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

# Out of a thousand attempts. What is left is taken.
FAULTS = (
    ("rcpt-451", 50),
    ("dot-452", 15),
    ("rcpt-421", 6),
    ("mail-drop", 5),
    ("data-drop", 8),
    ("dot-drop", 8),
    ("dot-keep-drop", 8),
    ("dot-hang", 3),
    ("dot-keep-hang", 3),
)
# Out of a thousand readers: refused for good, at RCPT.
REFUSED = 20
SLOW_DOMAIN = "slow.example"
SLOW_SECONDS = 0.03


@dataclass
class Record:
    """What the server did: the messages it kept, by recipient, and how often it kept one and said nothing."""

    kept: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unacknowledged: int = 0
    connections: int = 0


class ChaosServer:
    """Listens on a free port of 127.0.0.1 in a thread of its own. ``is_calm``: from then on all is taken."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.record = Record()
        self.is_calm = False
        self.port = 0
        self._tried: Counter[str] = Counter()

    def is_refused(self, recipient: str) -> bool:
        """Whether a recipient is one of those who are refused for good."""
        return self._number(recipient, "for good") < REFUSED

    def fate(self, recipient: str) -> str:
        """What is to become of the next attempt; ``sent`` when nothing is."""
        self._tried[recipient] += 1
        if self.is_refused(recipient):
            return "rcpt-550"
        if self.is_calm:
            return "sent"
        number = self._number(recipient, str(self._tried[recipient]))
        for fault, share in FAULTS:
            if number < share:
                return fault
            number -= share
        return "sent"

    def keep(self, recipient: str, message: bytes, *, acknowledged: bool) -> None:
        """A message was taken whole."""
        head = message.partition(b"\r\n\r\n")[0]
        ids = [line for line in head.split(b"\r\n") if line.lower().startswith(b"message-id:")]
        self.record.kept[recipient].append(ids[0].partition(b":")[2].strip().decode())
        self.record.unacknowledged += not acknowledged

    def _number(self, recipient: str, salt: str) -> int:
        digest = hashlib.sha256(f"{self.seed} {recipient} {salt}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 1000


class _Conversation(asyncio.Protocol):
    """One connection: lines in, replies out; a slow domain's come late, all others after them in order."""

    def __init__(self, server: ChaosServer) -> None:
        self._server = server
        self._buffer = b""
        self._in_data = False
        self._recipient = ""
        self._fate = "sent"
        self._is_over = False
        self._late: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.record.connections += 1
        self._say("220 chaos.example ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._is_over and self._step():
            pass

    def _step(self) -> bool:
        if self._in_data:
            text, dot, rest = self._buffer.partition(b"\r\n.\r\n")
            if not dot:
                return False
            self._buffer, self._in_data = rest, False
            self._end(text + b"\r\n")
            return True
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        self._buffer = rest
        self._command(line.decode("ascii", "replace"))
        return True

    def _command(self, line: str) -> None:
        match line[:4].upper():
            case "EHLO":
                self._say("250-chaos.example\r\n250-PIPELINING\r\n250 8BITMIME")
            case "MAIL":
                self._recipient = ""
                self._say("250 2.1.0 Ok")
            case "RCPT":
                self._rcpt(line.partition("<")[2].partition(">")[0])
            case "DATA":
                self._data()
            case "QUIT":
                self._say("221 2.0.0 Bye")
            case _:
                self._say("250 2.0.0 Ok")

    def _rcpt(self, recipient: str) -> None:
        self._fate = self._server.fate(recipient)
        match self._fate:
            case "rcpt-550":
                self._say("550 5.1.1 no such user" if len(recipient) % 2 else "554 5.7.1 not wanted here")
            case "rcpt-451":
                self._say("451 4.7.1 come back later", recipient)
            case "rcpt-421":
                self._say("421 4.3.2 closing")
                self._close()
            case "mail-drop":
                self._close()
            case _:
                self._recipient = recipient
                self._say("250 2.1.5 Ok", recipient)

    def _data(self) -> None:
        if not self._recipient:
            self._say("503 5.5.1 no recipient")
        elif self._fate == "data-drop":
            self._close()
        else:
            self._in_data = True
            self._say("354 go on", self._recipient)

    def _end(self, message: bytes) -> None:
        recipient = self._recipient
        match self._fate:
            case "dot-452":
                self._say("452 4.2.2 mailbox full")
            case "dot-drop":
                self._close()
            case "dot-hang":
                self._is_over = True
            case "dot-keep-drop":
                self._server.keep(recipient, message, acknowledged=False)
                self._close()
            case "dot-keep-hang":
                self._server.keep(recipient, message, acknowledged=False)
                self._is_over = True
            case _:
                self._server.keep(recipient, message, acknowledged=True)
                self._say("250 2.0.0 Ok: queued", recipient)

    def _say(self, reply: str, recipient: str = "") -> None:
        """Now, or behind a reply that is late: never before it."""
        octets = f"{reply}\r\n".encode()
        is_slow = recipient.endswith(f"@{SLOW_DOMAIN}") and not self._server.is_calm
        if not is_slow and not self._late:
            self._write(octets)
            return
        self._late.append(octets)
        if is_slow:
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self._say_late)

    def _say_late(self) -> None:
        for octets in self._late:
            self._write(octets)
        self._late.clear()

    def _write(self, octets: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(octets)

    def _close(self) -> None:
        self._is_over = True
        self._say_late()
        self._transport.close()


@contextmanager
def chaos_server(seed: int) -> Iterator[ChaosServer]:
    """A server of this seed, until the end of the block."""
    server = ChaosServer(seed)
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(lambda: _Conversation(server), "127.0.0.1", 0))
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(listening.wait_closed())
        loop.close()
