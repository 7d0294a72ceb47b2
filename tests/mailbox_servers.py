"""Mailboxes on servers, for tests: just enough of IMAP and of POP3, on loopback, in threads of their own.

Each keeps its messages in memory and may be told to hang up, or to fall silent, when it is asked for a
command by name.
"""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

USER, PASSWORD = "box", "p@ss/word"
IN_URL = "box:p%40ss%2Fword"


@dataclass
class Kept:
    """A message as the server keeps it."""

    data: bytes
    flags: set[str] = field(default_factory=set)


class _Server:
    """Listens on a free port; a thread for each connection."""

    def __init__(self) -> None:
        self.messages: dict[int, Kept] = {}
        self.said: list[str] = []
        self.hangs_up_at = ""
        self.falls_silent_at = ""
        self.is_silent = threading.Event()
        self._is_closing = threading.Event()
        self.capabilities = ""
        self.tls: ssl.SSLContext | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def put(self, *messages: bytes) -> None:
        """Deliver messages, CRLF line ends."""
        for message in messages:
            lines = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            self.messages[len(self.messages) + 1] = Kept(lines)

    def close(self) -> None:
        """Stop listening, and wait for the connections to end."""
        self._is_closing.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            secured = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with secured, secured.makefile("rwb", buffering=0) as stream:
                stream.write(self.greeting)
                for line in iter(stream.readline, b""):
                    said = line.decode().rstrip("\r\n")
                    self.said.append(said)
                    if self.hangs_up_at and self.hangs_up_at in said:
                        return
                    if self.falls_silent_at and self.falls_silent_at in said:
                        self.is_silent.set()
                        self._is_closing.wait(60)
                        return
                    answer = self.answer(said)
                    stream.write(answer)
                    if self.is_over(said):
                        return

    greeting = b""

    def answer(self, said: str) -> bytes:
        """What the server answers to a line."""
        raise NotImplementedError

    def is_over(self, said: str) -> bool:
        """Whether a line ends the connection."""
        raise NotImplementedError


class ImapServer(_Server):
    """IMAP4rev1 with one folder, Bounces; it tells its ``capabilities`` after the login, as many do."""

    greeting = b"* OK ready\r\n"

    @property
    def url(self) -> str:
        """The folder's address."""
        return f"imap://{IN_URL}@127.0.0.1:{self.port}/Bounces"

    def is_over(self, said: str) -> bool:
        """At LOGOUT."""
        return said.endswith("LOGOUT")

    def answer(self, said: str) -> bytes:
        """The untagged lines, and the tagged one."""
        tag, _, command = said.partition(" ")
        lines, kind = self._do(command)
        return lines + f"{tag} {kind} so it is\r\n".encode()

    def _do(self, command: str) -> tuple[bytes, str]:
        if command == "CAPABILITY":
            has_login = any("LOGIN" in said for said in self.said)
            told = self.capabilities if has_login else ""
            return f"* CAPABILITY IMAP4rev1 {told}\r\n".encode(), "OK"
        if command.startswith("LOGIN"):
            return b"", "OK" if command == f'LOGIN {USER} "{PASSWORD}"' else f"NO bad login: {command}"
        if command.startswith("SELECT"):
            return b"* 0 EXISTS\r\n", "OK [READ-WRITE]" if command == 'SELECT "Bounces"' else "NO such folder"
        if command.startswith("UID"):
            return self._do_by_uid(command.removeprefix("UID "))
        return (b"* BYE\r\n", "OK") if command == "LOGOUT" else (b"", "BAD what?")

    def _do_by_uid(self, command: str) -> tuple[bytes, str]:
        if command == "SEARCH UNSEEN UNDELETED":
            found = [n for n, kept in self.messages.items() if not kept.flags & {"\\Seen", "\\Deleted"}]
            return f"* SEARCH {' '.join(map(str, found))}\r\n".encode(), "OK"
        if fetched := re.fullmatch(r"FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
            data = self.messages[int(fetched[1])].data[: int(fetched[2])]
            head = f"* 1 FETCH (UID {fetched[1]} BODY[]<0> {{{len(data)}}}\r\n".encode()
            return head + data + b")\r\n", "OK"
        if stored := re.fullmatch(r"STORE (\d+) \+FLAGS\.SILENT \(([^)]*)\)", command):
            self.messages[int(stored[1])].flags.update(stored[2].split())
            return b"", "OK"
        if gone := re.fullmatch(r"EXPUNGE ([\d,]+)", command):
            for number in map(int, gone[1].split(",")):
                del self.messages[number]
            return b"", "OK"
        return b"", "BAD what?"


class PopServer(_Server):
    """POP3: what is deleted goes at QUIT, and comes back where the connection breaks before."""

    greeting = b"+OK ready\r\n"

    def __init__(self) -> None:
        super().__init__()
        self._deleted: set[int] = set()

    @property
    def url(self) -> str:
        """The mailbox's address."""
        return f"pop3://{IN_URL}@127.0.0.1:{self.port}"

    def is_over(self, said: str) -> bool:
        """At QUIT."""
        return said == "QUIT"

    def answer(self, said: str) -> bytes:
        """One line, or several to a dot."""
        command, _, argument = said.partition(" ")
        if command == "USER":
            self._deleted.clear()
            return b"+OK\r\n"
        if command == "PASS":
            return b"+OK\r\n" if argument == PASSWORD else b"-ERR bad password " + argument.encode() + b"\r\n"
        if command == "CAPA":
            return b"+OK\r\nUSER\r\n.\r\n"
        if command == "LIST":
            sizes = "".join(f"{n} {len(kept.data)}\r\n" for n, kept in self.messages.items())
            return f"+OK\r\n{sizes}.\r\n".encode()
        if command in {"RETR", "TOP"}:
            number, _, most = argument.partition(" ")
            lines = self.messages[int(number)].data.split(b"\r\n")[: int(most) if most else None]
            stuffed = b"\r\n".join(b"." + line if line[:1] == b"." else line for line in lines)
            return b"+OK\r\n" + stuffed.removesuffix(b"\r\n") + b"\r\n.\r\n"
        if command == "DELE":
            self._deleted.add(int(argument))
        if command == "QUIT":
            self.messages = {n: kept for n, kept in self.messages.items() if n not in self._deleted}
        return b"+OK\r\n" if command in {"DELE", "QUIT"} else b"-ERR what?\r\n"


@pytest.fixture
def imap_server() -> Iterator[ImapServer]:
    """An IMAP server with an empty folder."""
    server = ImapServer()
    yield server
    server.close()


@pytest.fixture
def pop_server() -> Iterator[PopServer]:
    """A POP3 server with an empty mailbox."""
    server = PopServer()
    yield server
    server.close()
