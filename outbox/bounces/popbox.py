"""A mailbox read over POP3 (RFC 1939): what was dealt with is deleted when the session ends."""

import poplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from outbox.bounces.mail import MOST_BYTES, Mail, MailboxError
from outbox.bounces.mailboxurl import MailServer

# Of a message that is longer than is looked at, so many lines.
_LINES = 5000
# The library takes a longer line for an attack and cannot go on: one such mail would stop a mailbox for good.
poplib._MAXLINE = 2 * MOST_BYTES  # type: ignore[attr-defined] # noqa: SLF001 - it has no door for this


@contextmanager
def pop_mailbox(url: str) -> Iterator[Iterator[Mail]]:
    """The messages of a mailbox. Raises ``MailboxUrlError`` or ``MailboxError``."""
    server = MailServer.parse(url)
    with server.explained(poplib.error_proto):
        connection = _connected(server)
    try:
        with server.explained(poplib.error_proto):
            _enter(server, connection)
        yield _messages(server, connection)
    finally:
        # Only now the server deletes. Where it fails all is read again, and known.
        with suppress(Exception):
            connection.quit()
        with suppress(Exception):
            connection.close()


def _connected(server: MailServer) -> poplib.POP3:
    if server.is_implicit:
        return poplib.POP3_SSL(server.host, server.port, timeout=server.timeout, context=server.tls())
    return poplib.POP3(server.host, server.port, timeout=server.timeout)


def _enter(server: MailServer, connection: poplib.POP3) -> None:
    if not server.is_implicit:
        if "STLS" in _capabilities(connection):
            connection.stls(server.tls())
        elif not server.may_be_clear:
            raise MailboxError(f"{server}: no TLS is offered, and a login is not sent in clear: use pop3s://")
    connection.user(server.user)
    connection.pass_(server.password)


def _capabilities(connection: poplib.POP3) -> set[str]:
    try:
        return set(connection.capa())
    except (poplib.error_proto, LookupError):  # it has no CAPA, or an empty line in it
        return set()


def _messages(server: MailServer, connection: poplib.POP3) -> Iterator[Mail]:
    with server.explained(poplib.error_proto):
        listed = [line.split() for line in connection.list()[1]]
        sizes = [(int(number), int(size)) for number, size, *_ in listed]
    for number, size in sizes:
        with server.explained(poplib.error_proto):
            is_long = size > MOST_BYTES
            lines = connection.top(number, _LINES)[1] if is_long else connection.retr(number)[1]
        yield Mail(b"\n".join(lines)[:MOST_BYTES] + b"\n", _settler(server, connection, number))


def _settler(server: MailServer, connection: poplib.POP3, number: int) -> Callable[[bool], None]:
    def settle(may_go: bool) -> None:
        if may_go and server.delete:
            with server.explained(poplib.error_proto):
                connection.dele(number)

    return settle
