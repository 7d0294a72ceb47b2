"""From an address to a server that is ready for mail: greeting, EHLO, TLS and login."""

import asyncio
import socket
import ssl
from dataclasses import dataclass

from outbox.accesstokens import AccessTokens
from outbox.login import LoginRefused, log_in
from outbox.outcome import TransportError, printable
from outbox.replies import Reply
from outbox.smtpurl import SmtpSettings
from outbox.wire import Answer, Wire


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection and what the server offers: extension keywords with their parameters, upper case."""

    wire: Wire
    extensions: dict[str, str]

    @property
    def max_size(self) -> int | None:
        """The largest message the server says it takes, in octets (RFC 1870); None when it says none."""
        announced = self.extensions.get("SIZE", "")
        return int(announced) or None if announced.isdecimal() else None


async def open_session(settings: SmtpSettings, tokens: AccessTokens | None = None) -> Session:
    """Connect and get ready to send; ``tokens`` are those of all connections to that server.

    Raises ``TransportError``, leaving nothing open.
    """
    tokens = tokens or AccessTokens(settings)
    context = await _tls_context(settings)
    try:
        wire = await _connect(settings, context if settings.tls == "implicit" else None)
    except TimeoutError as error:
        raise _error(settings, f"no connection within {settings.timeouts.connect:g} s") from error
    except OSError as error:
        raise _error(settings, _reason(error)) from error
    try:
        return await _agree(settings, wire, context, tokens)
    except BaseException as error:
        wire.break_off("the session could not be opened")
        if isinstance(error, OSError) and not isinstance(error, TransportError):
            raise _error(settings, _reason(error)) from error
        raise


async def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.tls == "never" or (settings.tls == "offered" and settings.is_loopback):
        return None
    try:
        # Reading the system's certificates takes tens of milliseconds.
        context = await asyncio.to_thread(ssl.create_default_context, cafile=settings.cafile)
    except OSError as error:
        raise _error(settings, f"no certificates in cafile={settings.cafile} ({_reason(error)})") from error
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _connect(settings: SmtpSettings, context: ssl.SSLContext | None) -> Wire:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(settings.timeouts.connect):
        _, wire = await loop.create_connection(
            lambda: Wire(loop, greeting=settings.timeouts.greeting), settings.host, settings.port, ssl=context
        )
    return wire


async def _agree(
    settings: SmtpSettings, wire: Wire, context: ssl.SSLContext | None, tokens: AccessTokens
) -> Session:
    greeting = await _answer(settings, wire, wire.greeting)
    if greeting.code != 220:
        raise _error(settings, f"the server takes no mail now: {greeting}")
    extensions = await _hello(settings, wire)
    is_secure = settings.tls == "implicit"
    if not is_secure and context is not None:
        is_secure = await _secure(settings, wire, context, offered="STARTTLS" in extensions)
        if is_secure:
            # RFC 3207, section 4.2: what was said before TLS is forgotten.
            extensions = await _hello(settings, wire)
    if settings.user is not None:
        if not (is_secure or settings.is_loopback or settings.clear_login):
            raise _error(
                settings, "no TLS, and the password is not sent in clear: use smtps:// or smtp+starttls://"
            )
        await _login(settings, wire, extensions.get("AUTH", ""), tokens)
    return Session(wire, extensions)


async def _hello(settings: SmtpSettings, wire: Wire) -> dict[str, str]:
    """Say EHLO, or HELO to a server that knows no EHLO; what it offers."""
    name = (settings.helo or _own_name(wire)).encode("ascii")
    reply = await _ask(settings, wire, b"EHLO %b\r\n" % name)
    if reply.kind == 5:
        reply = await _ask(settings, wire, b"HELO %b\r\n" % name)
        if reply.kind == 2:
            return {}
    if reply.kind != 2:
        raise _error(settings, f"the server refused EHLO: {reply}")
    offers = [line.decode("ascii", "replace").upper() for line in reply.lines[1:]]
    # AUTH=LOGIN is an old way to write AUTH LOGIN.
    words = [offer.replace("AUTH=", "AUTH ", 1).partition(" ") for offer in offers]
    extensions: dict[str, str] = {}
    for keyword, _, parameters in words:
        extensions[keyword] = f"{extensions.get(keyword, '')} {parameters}".strip()
    return extensions


def _own_name(wire: Wire) -> str:
    """This machine's name if it is a full one, else an address literal (RFC 5321, section 4.1.3)."""
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii() and name.isprintable() and " " not in name:
        return name
    address = wire.local_address.partition("%")[0] or "127.0.0.1"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _secure(settings: SmtpSettings, wire: Wire, context: ssl.SSLContext, *, offered: bool) -> bool:
    if not offered:
        if settings.tls == "required":
            raise _error(settings, "the server offers no STARTTLS, which is required")
        return False
    reply = await _ask(settings, wire, b"STARTTLS\r\n", what="STARTTLS")
    if reply.code != 220:
        raise _error(settings, f"the server refused STARTTLS: {reply}")
    await wire.start_tls(context, settings.host, settings.timeouts.connect)
    return True


async def _login(settings: SmtpSettings, wire: Wire, offered: str, tokens: AccessTokens) -> None:
    async def ask(line: bytes) -> Reply:
        return await _ask(settings, wire, line, what="AUTH")

    try:
        await log_in(settings, offered, tokens, ask)
    except LoginRefused as error:
        raise _error(settings, str(error)) from error


async def _ask(settings: SmtpSettings, wire: Wire, command: bytes, *, what: str = "") -> Reply:
    return await _answer(settings, wire, wire.ask(command, settings.timeouts.command, what=what))


async def _answer(settings: SmtpSettings, wire: Wire, answer: Answer) -> Reply:
    reply = await answer
    if reply is None:
        raise _error(settings, wire.broken or "the connection was lost")
    return reply


def _error(settings: SmtpSettings, reason: str) -> TransportError:
    return TransportError(f"{settings}: {reason}")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}): name its authority with ?cafile=FILE"
        )
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or printable(str(error))})"
    if isinstance(error, socket.gaierror):
        return f"no such host ({error.strerror})"
    return printable(error.strerror or str(error) or type(error).__name__)
