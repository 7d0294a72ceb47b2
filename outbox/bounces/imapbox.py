"""A mailbox read over IMAP (RFC 9051): what is not seen yet, each flagged once it was dealt with."""

import imaplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from outbox.bounces.mail import MOST_BYTES, Mail, MailboxError
from outbox.bounces.mailboxurl import MailServer
from outbox.outcome import printable


@contextmanager
def imap_mailbox(url: str) -> Iterator[Iterator[Mail]]:
    """The unseen messages of a folder. Raises ``MailboxUrlError`` or ``MailboxError``."""
    server = MailServer.parse(url)
    with server.explained(imaplib.IMAP4.error):
        connection = _connected(server)
    box = _Box(server, connection)
    try:
        with server.explained(imaplib.IMAP4.error):
            box.enter()
        yield box.unseen()
    finally:
        box.leave()


def _connected(server: MailServer) -> imaplib.IMAP4:
    if server.is_implicit:
        return imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.tls(), timeout=server.timeout)
    return imaplib.IMAP4(server.host, server.port, timeout=server.timeout)


class _Box:
    """A folder on a server, entered and left once."""

    def __init__(self, server: MailServer, connection: imaplib.IMAP4) -> None:
        self._server = server
        self._connection = connection
        self._gone: list[bytes] = []

    def enter(self) -> None:
        """Log in and select the folder."""
        server, connection = self._server, self._connection
        if not server.is_implicit:
            if "STARTTLS" in connection.capabilities:
                connection.starttls(server.tls())
            elif not server.may_be_clear:
                raise MailboxError(
                    f"{server}: no TLS is offered, and a login is not sent in clear: use imaps://"
                )
        connection.login(server.user, server.password)
        self._ok(connection.select(_quoted(server.folder)), f"the folder {server.folder}")

    def unseen(self) -> Iterator[Mail]:
        """The messages that nobody has seen, by their number."""
        with self._server.explained(imaplib.IMAP4.error):
            found = self._ok(self._connection.uid("SEARCH", "UNSEEN", "UNDELETED"), "the search")
        for number in (found[0] or b"").split() if found else ():
            with self._server.explained(imaplib.IMAP4.error):
                data = self._begin(number)
            if data is not None:
                yield Mail(data, self._settler(number))

    def leave(self) -> None:
        """Take out what may go, and log out; nothing is lost where that fails."""
        with suppress(Exception):
            # Without UIDPLUS (RFC 4315) others' deleted messages would go too: ours stay marked as such.
            if self._gone and self._has_uidplus():
                self._connection.uid("EXPUNGE", b",".join(self._gone).decode("ascii"))
        with suppress(Exception):
            self._connection.logout()
        # It closes nothing where the server has hung up.
        with suppress(Exception):
            self._connection.shutdown()

    def _has_uidplus(self) -> bool:
        """Asked anew: many servers tell all they can do only after the login."""
        told = self._ok(self._connection.capability(), "the capabilities")
        return any(b"UIDPLUS" in line.upper().split() for line in told if isinstance(line, bytes))

    def _begin(self, number: bytes) -> bytes | None:
        """A message's beginning, left unseen; None when it has gone meanwhile."""
        which = number.decode("ascii")
        parts = self._ok(
            self._connection.uid("FETCH", which, f"(BODY.PEEK[]<0.{MOST_BYTES}>)"), f"message {which}"
        )
        return next((part[1] for part in parts if isinstance(part, tuple)), None)

    def _settler(self, number: bytes) -> Callable[[bool], None]:
        def settle(may_go: bool) -> None:
            goes = may_go and self._server.delete
            flags = r"(\Seen \Deleted)" if goes else r"(\Seen)"
            with self._server.explained(imaplib.IMAP4.error):
                which = number.decode("ascii")
                self._ok(
                    self._connection.uid("STORE", which, "+FLAGS.SILENT", flags), f"the flags of {which}"
                )
            if goes:
                self._gone.append(number)

        return settle

    def _ok(self, answer: tuple[str, Sequence[Any]], what: str) -> Sequence[Any]:
        kind, said = answer
        if kind != "OK":
            first = said[0] if said else b""
            why = first.decode("utf-8", "replace") if isinstance(first, bytes) else "refused"
            raise MailboxError(f"{self._server}: {what}: {printable(why)}")
        return said


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
