"""Several ways out: a share of the connections for each, and others in the place of those that fail."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from outbox.outcome import Outcome, TransportError

# How long a server that failed is left alone: this many seconds, then twice as many, to the longest.
FIRST_REST = 5.0
LONGEST_REST = 300.0
# Where all of them rest, each may still be tried, but not more often than this.
LEAST_REST = 1.0


class Connection(Protocol):
    """One way out: a connection to a server, or what has its shape, as a Maildir has."""

    @property
    def usable(self) -> bool:
        """Whether another message may be sent over it."""
        ...

    @property
    def broke(self) -> bool:
        """Whether it broke or never was open; one that is used up is no more usable, and did not break."""
        ...

    async def open(self) -> None:
        """Connect; raise ``TransportError`` (a ``ConnectionError``) when that cannot be."""
        ...

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        """Send one message: ask ``may_send`` before DATA, and ``fence`` before the message's first byte."""
        ...

    async def close(self) -> None:
        """Say goodbye."""
        ...


@dataclass(slots=True)
class Server:
    """One way out: its name for people, its share (0: a backup), and what makes a connection to it.

    What follows is how it fared, for ``Servers`` only: its credit in the choice, how often it failed in a
    row, when last, until when it rests, and why.
    """

    name: str
    weight: int
    make: Callable[[], Connection]
    credit: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    failed_at: float = field(default=0.0, init=False)
    rests_until: float = field(default=0.0, init=False)
    why: str = field(default="", init=False)


class Servers:
    """The servers of one process, shared by all its lanes; any thread may use it.

    ``clock`` is monotonic, in seconds. ``start`` moves the choice on by so many connections, so that
    processes that make only one each do not all make it to the same server.
    """

    def __init__(self, servers: Sequence[Server], *, clock: Callable[[], float], start: int = 0) -> None:
        self._servers = tuple(servers)
        self._clock = clock
        self._lock = Lock()
        total = sum(server.weight for server in servers)
        for _ in range(start % total if total else 0):
            self._share([server for server in servers if server.weight])

    def connection(self) -> "ServerConnection":
        """A connection, not open yet, to whichever server is chosen when it is opened."""
        return ServerConnection(self)

    def choose(self, tried: Sequence[Server]) -> Server | None:
        """The next server to open a connection to, none that was tried already; None when there is none.

        By weighted share (each in its turn, evenly mixed) among those that are well; else a backup; else
        whichever has rested the longest.
        """
        with self._lock:
            now = self._clock()
            left = [server for server in self._servers if server not in tried]
            well = [server for server in left if not server.failures or server.rests_until <= now]
            if regular := [server for server in well if server.weight]:
                return self._share(regular)
            if well:
                return well[0]
            gap = LEAST_REST if len(self._servers) > 1 else 0.0
            resting = [server for server in left if server.failed_at + gap <= now]
            return min(resting, key=lambda server: server.rests_until, default=None)

    def _share(self, among: Sequence[Server]) -> Server:
        """Smooth weighted round robin: who waited most for its share has it, and pays the others."""
        for server in among:
            server.credit += server.weight
        chosen = max(among, key=lambda server: server.credit)
        chosen.credit -= sum(server.weight for server in among)
        return chosen

    def failed(self, server: Server, why: str) -> None:
        """Leave a server alone for a while, longer each time."""
        with self._lock:
            server.failed_at = now = self._clock()
            if server.failures and now < server.rests_until:
                # Another lane saw the same failure, or it was tried for want of a better: no longer rest.
                server.why = why
                return
            server.rests_until = now + min(FIRST_REST * 2**server.failures, LONGEST_REST)
            server.failures = min(server.failures + 1, 30)
            server.why = why

    def works(self, server: Server) -> None:
        """A server that let us in and took a message is well again."""
        server.failures = 0

    def trouble(self) -> TransportError:
        """Why no connection can be had: each server with its reason, in one line."""
        said = "; ".join(server.why or f"{server.name}: not tried" for server in self._servers)
        return TransportError(said)


class ServerConnection:
    """A lane's connection to one of several servers; each time it is opened, to whichever is chosen then.

    A message goes over one connection only: what is deferred or in doubt stays so, and no other server is
    tried for it here. A server that breaks a connection before it dealt with one message counts as failed.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._server: Server | None = None
        self._connection: Connection | None = None
        self._has_worked = False

    @property
    def usable(self) -> bool:
        """Whether another message may be sent over it."""
        return self._connection is not None and self._connection.usable

    @property
    def broke(self) -> bool:
        """Whether it broke, or never was open."""
        return self._connection is None or self._connection.broke

    async def open(self) -> None:
        """Open a connection to a server, to the next one where one fails.

        Raises ``TransportError``, which names each server, when none of them can be reached.
        """
        self._connection = None
        tried: list[Server] = []
        while (server := self._servers.choose(tried)) is not None:
            connection = server.make()
            try:
                await connection.open()
            except TransportError as error:
                self._servers.failed(server, str(error))
                tried.append(server)
                continue
            self._server, self._connection, self._has_worked = server, connection, False
            return
        raise self._servers.trouble()

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool],
    ) -> Outcome:
        """Send one message over the connection that is open; see ``SmtpConnection.send``."""
        if self._connection is None or self._server is None:
            granted = await may_send()
            return (
                Outcome("deferred", "not sent: the connection is not open")
                if granted
                else Outcome("withheld", "the leave to send was taken back")
            )
        outcome = await self._connection.send(sender, recipient, data, may_send=may_send, fence=fence)
        if not self._connection.broke or outcome.kind in {"sent", "failed"}:
            if not self._has_worked and outcome.kind != "withheld":
                self._servers.works(self._server)
                self._has_worked = True
        elif not self._has_worked and outcome.kind != "withheld":
            self._servers.failed(self._server, f"{self._server.name}: {outcome.reply}")
        return outcome

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
