"""How to reach a mailbox: ``imaps://user:password@host:port/FOLDER?option=value`` as settings."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from outbox.bounces.mail import MailboxError
from outbox.outcome import printable

# Scheme: the port when none is given.
_PORTS = {"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995}
_SWITCHES = {"yes": True, "no": False}
_OPTIONS = {"delete", "verify", "cafile", "clear_login", "timeout"}


class MailboxUrlError(ValueError):
    """An address that is no mailbox's; one line says what is wrong, without the password."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a mailbox is, and how to log in there.

    TLS from the first byte (imaps, pop3s), else STARTTLS whenever the server offers it; a login is never sent
    in clear except to this machine, or when ``clear_login`` is True. Certificates are verified unless
    ``verify`` is False. ``delete``: what was dealt with is deleted; IMAP keeps it if not told so.
    """

    scheme: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    folder: str = "INBOX"
    delete: bool = False
    verify: bool = True
    cafile: str | None = None
    clear_login: bool = False
    timeout: float = 30

    @classmethod
    def parse(cls, url: str) -> Self:
        """Settings from ``imap://``, ``imaps://``, ``pop3://`` or ``pop3s://user:password@host[:port][/FOLDER]``.

        Options: ``delete=yes|no``, ``verify=yes|no``, ``cafile=FILE``, ``clear_login=yes|no``,
        ``timeout=SECONDS``. What holds ``@ : / ? # & + %`` or a space is percent-encoded. Raises
        ``MailboxUrlError``.
        """
        parts = _split(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := sorted(set(options) - _OPTIONS):
            raise MailboxUrlError(f"mailbox: {unknown[0]!r} is no option: {', '.join(sorted(_OPTIONS))} are")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        folder = unquote(parts.path.strip("/")) or "INBOX"
        if not user or not password:
            raise MailboxUrlError("mailbox: user and password are missing: imaps://user:password@host/FOLDER")
        if not f"{user}{password}{folder}".isascii() or not f"{user}{password}{folder}".isprintable():
            raise MailboxUrlError("mailbox: user, password and folder have to be printable ASCII")
        is_pop = parts.scheme.startswith("pop3")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port or _PORTS[parts.scheme],
            user=user,
            password=password,
            folder=folder,
            delete=_switch(options, "delete", default=is_pop),
            verify=_switch(options, "verify", default=True),
            cafile=options.get("cafile"),
            clear_login=_switch(options, "clear_login", default=False),
            timeout=_seconds(options.get("timeout", "30")),
        )

    @property
    def is_implicit(self) -> bool:
        """Whether TLS begins with the first byte."""
        return self.scheme.endswith("s")

    @property
    def may_be_clear(self) -> bool:
        """Whether a login may be sent without TLS."""
        if self.clear_login or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def tls(self) -> ssl.SSLContext:
        """The context of its connections."""
        context = ssl.create_default_context(cafile=self.cafile)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @contextmanager
    def explained(self, protocol_error: type[Exception]) -> Iterator[None]:
        """Turn what a server does wrong, also by its library's ``protocol_error``, into ``MailboxError``."""
        try:
            yield
        except MailboxError:
            raise
        except (OSError, EOFError, ValueError, LookupError, protocol_error) as error:
            raise MailboxError(f"{self}: {self._why(error)}") from error

    def _why(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not good ({error.verify_message}): mend it, or give cafile=FILE"
        if isinstance(error, TimeoutError):
            return f"no answer within {self.timeout:g} s: is it up?"
        said = getattr(error, "strerror", None) or str(error).replace(self.password, "…")
        hint = ": is it running, and the port right?" if isinstance(error, OSError) else ""
        return (printable(said) or "it hung up") + hint

    def __str__(self) -> str:
        """The server for messages to people, never the login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _split(url: str) -> SplitResult:
    # Looked for first: urlsplit drops some of them silently.
    if any(character <= " " or character == "\x7f" for character in url):
        raise MailboxUrlError("mailbox: white space or a control character stands in the address")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise MailboxUrlError("mailbox: the host or the port of the address is none") from error
    if not valid or parts.fragment:
        raise MailboxUrlError("mailbox: not of the form imaps://user:password@host/FOLDER or pop3s://…")
    return parts


def _switch(options: dict[str, str], name: str, *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if value not in _SWITCHES:
        raise MailboxUrlError(f"mailbox: {name} is yes or no")
    return _SWITCHES[value]


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise MailboxUrlError("mailbox: timeout is a number of seconds, 600 at most")
    return seconds
