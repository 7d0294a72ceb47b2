"""How to reach an SMTP server: ``smtp://user:password@host:port?option=value`` as settings."""

from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from outbox.smtpoptions import Options, SmtpUrlError

__all__ = ["SmtpSettings", "SmtpUrlError", "Timeouts"]

Tls = Literal["implicit", "required", "offered", "never"]
Auth = Literal["plain", "login", "xoauth2"]

# Scheme: how TLS is used, and the port when none is given (without and with a login).
_SCHEMES: dict[str, tuple[Tls, int, int]] = {
    "smtp": ("offered", 25, 587),
    "smtp+starttls": ("required", 587, 587),
    "smtps": ("implicit", 465, 465),
}
_STARTTLS: dict[str, Tls] = {"require": "required", "auto": "offered", "never": "never"}
_AUTHS: dict[str, Auth] = {"plain": "plain", "login": "login", "xoauth2": "xoauth2"}

# Long enough that opening costs nothing, short enough that no server tires of us; Postfix reuses for 300 s.
MAX_MESSAGES = 500
MAX_AGE = 300.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds; those of RFC 5321, section 4.5.3.2, where it names one."""

    connect: float = 30
    greeting: float = 300
    command: float = 300
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    data_block: float = 180
    data_end: float = 600
    quit: float = 5

    def capped(self, seconds: float) -> Self:
        """The same, none longer than so many seconds."""
        return replace(self, **{each.name: min(getattr(self, each.name), seconds) for each in fields(self)})


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where and how to send.

    ``tls``: ``implicit`` from the first byte (smtps), ``required`` by STARTTLS, ``offered``: STARTTLS
    whenever the server offers it and is not on this machine, ``never``. Certificates are verified unless
    ``verify`` is False. A login is never sent in clear except to this machine, or when ``clear_login`` is
    True. ``helo`` is this machine's name for EHLO; None: its host name if that has a dot, else its address.
    ``auth`` is the one way to log in; None: PLAIN or LOGIN as offered. For XOAUTH2 the password is the access
    token, or ``token_command`` (no shell) prints it, or ``token_file`` holds it. ``weight`` is the server's
    share among several, 0 for a backup. A connection is given up after ``max_messages`` or ``max_age``
    seconds. ``chunking``: BDAT (RFC 3030) where it is offered.
    """

    host: str
    port: int
    tls: Tls = "offered"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool = True
    cafile: str | None = None
    clear_login: bool = False
    helo: str | None = None
    timeouts: Timeouts = Timeouts()
    auth: Auth | None = None
    token_command: tuple[str, ...] = field(default=(), repr=False)
    token_file: str | None = None
    weight: int = 1
    max_messages: int = MAX_MESSAGES
    max_age: float = MAX_AGE
    chunking: bool = True

    @classmethod
    def parse(cls, url: str) -> Self:
        """Settings from ``smtp://``, ``smtp+starttls://`` or ``smtps://[user:password@]host[:port][?options]``.

        Options: ``starttls=require|auto|never``, ``verify=yes|no``, ``cafile=FILE``, ``clear_login=yes|no``,
        ``helo=NAME``, ``timeout=SECONDS`` (a cap for every wait), ``auth=plain|login|xoauth2``,
        ``token_command=COMMAND``, ``token_file=FILE``, ``weight=N``, ``max_messages=N``, ``max_age=SECONDS``,
        ``chunking=yes|no``. User, password and values are percent-encoded where they hold ``@ : / ? # & + %``
        or a space. The port is 25, with a login 587; smtps 465. Raises ``SmtpUrlError``.
        """
        parts = _split(url)
        tls, port, login_port = _SCHEMES[parts.scheme]
        options = Options.parse(parts.query)
        if "starttls" in options.values:
            tls = options.one_of("starttls", _STARTTLS, tls)
            if parts.scheme != "smtp":
                raise SmtpUrlError(f"transport: starttls= has no place in {parts.scheme}://, only in smtp://")
        user = unquote(parts.username) if parts.username else None
        has_token = "token_command" in options.values or "token_file" in options.values
        settings = cls(
            host=parts.hostname or "",
            port=parts.port or (login_port if user else port),
            tls=tls,
            user=user,
            password=unquote(parts.password) if parts.password else None,
            verify=options.switch("verify", default=True),
            cafile=options.values.get("cafile"),
            clear_login=options.switch("clear_login", default=False),
            helo=options.values.get("helo"),
            auth=options.one_of("auth", _AUTHS, "xoauth2" if has_token else None),
            token_command=options.words("token_command"),
            token_file=options.values.get("token_file"),
            weight=options.whole("weight", 1, least=0, most=1000),
            max_messages=options.whole("max_messages", MAX_MESSAGES, least=1, most=1_000_000),
            max_age=options.seconds("max_age", MAX_AGE, most=86_400),
            chunking=options.switch("chunking", default=True),
            timeouts=Timeouts().capped(options.seconds("timeout", 3600, most=3600)),
        )
        _check_login(settings)
        return settings

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, as far as the name or address tells."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """The server for messages to people: scheme, host and port, never the login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = {"implicit": "smtps", "required": "smtp+starttls"}.get(self.tls, "smtp")
        return f"{scheme}://{host}:{self.port}"


def _split(url: str) -> SplitResult:
    # Looked for first: urlsplit drops some of them silently.
    if any(character <= " " or character == "\x7f" for character in url):
        raise SmtpUrlError("transport: white space or a control character stands in the SMTP address")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        # As it will be looked up: empty labels and those of more than 63 octets raise (UnicodeError).
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise SmtpUrlError("transport: the host or the port of the SMTP address is none") from error
    if not valid or parts.path not in {"", "/"} or parts.fragment:
        raise SmtpUrlError("transport: not of the form smtp://host:port, smtp+starttls://… or smtps://…")
    return parts


def _check_login(settings: SmtpSettings) -> None:
    """Raise ``SmtpUrlError`` where what is said of the login does not fit together."""
    user, password, auth = settings.user, settings.password, settings.auth
    tokens = [source for source in (settings.token_command, settings.token_file) if source]
    if any(character in "\0\r\n\x01" for character in f"{user}{password}"):
        raise SmtpUrlError("transport: the user or the password holds a NUL, a ^A or a line break")
    if tokens and (auth != "xoauth2" or len(tokens) > 1):
        raise SmtpUrlError("transport: token_command or token_file, one of them, is for auth=xoauth2 only")
    has_login = user is not None or password is not None or auth is not None
    if has_login and (user is None or (password is None and not tokens)):
        other = ", or a token_command or token_file" if auth == "xoauth2" else ""
        raise SmtpUrlError(
            f"transport: a login needs both a user and a password, smtp://user:password@host{other}"
        )
