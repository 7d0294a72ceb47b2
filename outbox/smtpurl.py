"""How to reach an SMTP server: ``smtp://user:password@host:port?option=value`` as settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from typing import Literal, Self, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from outbox.outcome import printable

_T = TypeVar("_T")

Tls = Literal["implicit", "required", "offered", "never"]

# Scheme: how TLS is used, and the port when none is given (without and with a login).
_SCHEMES: dict[str, tuple[Tls, int, int]] = {
    "smtp": ("offered", 25, 587),
    "smtp+starttls": ("required", 587, 587),
    "smtps": ("implicit", 465, 465),
}
_STARTTLS: dict[str, Tls] = {"require": "required", "auto": "offered", "never": "never"}
_SWITCHES = {"yes": True, "no": False}


class SmtpUrlError(ValueError):
    """A transport setting that is no SMTP address; one line says what is wrong, without the password."""


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

    @classmethod
    def parse(cls, url: str) -> Self:
        """Settings from ``smtp://``, ``smtp+starttls://`` or ``smtps://[user:password@]host[:port][?options]``.

        Options: ``starttls=require|auto|never``, ``verify=yes|no``, ``cafile=FILE``, ``clear_login=yes|no``,
        ``helo=NAME``, ``timeout=SECONDS`` (a cap for every wait). User and password are percent-encoded where
        they hold ``@ : / ? # %``. The port is 25, with a login 587; smtps 465. Raises ``SmtpUrlError``.
        """
        parts = _split(url)
        tls, port, login_port = _SCHEMES[parts.scheme]
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        if (user is None) != (password is None):
            raise SmtpUrlError(
                "transport: a login needs both a user and a password, smtp://user:password@host"
            )
        if any(character in "\0\r\n" for character in f"{user}{password}"):
            raise SmtpUrlError("transport: the user or the password holds a NUL or a line break")
        options = _options(parts.query)
        if "starttls" in options:
            tls = _chosen(options, "starttls", _STARTTLS)
            if parts.scheme != "smtp":
                raise SmtpUrlError(f"transport: starttls= has no place in {parts.scheme}://, only in smtp://")
        return cls(
            host=parts.hostname or "",
            port=parts.port or (login_port if user else port),
            tls=tls,
            user=user,
            password=password,
            verify=_chosen(options, "verify", _SWITCHES, default="yes"),
            cafile=options.get("cafile"),
            clear_login=_chosen(options, "clear_login", _SWITCHES, default="no"),
            helo=options.get("helo"),
            timeouts=_timeouts(options),
        )

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
    except ValueError as error:
        raise SmtpUrlError("transport: the host or the port of the SMTP address is none") from error
    if not valid or parts.path not in {"", "/"} or parts.fragment:
        raise SmtpUrlError("transport: not of the form smtp://host:port, smtp+starttls://… or smtps://…")
    return parts


def _options(query: str) -> dict[str, str]:
    known = {"starttls", "verify", "cafile", "clear_login", "helo", "timeout"}
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in known:
            names = ", ".join(sorted(known))
            raise SmtpUrlError(f"transport: {printable(name)!r} is no option of an SMTP address; use {names}")
        if (
            not value
            or not value.isprintable()
            or (name == "helo" and not (value.isascii() and " " not in value))
        ):
            raise SmtpUrlError(f"transport: option {name} has no usable value")
    return options


def _chosen(options: Mapping[str, str], name: str, choices: Mapping[str, _T], default: str = "") -> _T:
    value = options.get(name, default)
    if value not in choices:
        raise SmtpUrlError(f"transport: {name}={printable(value)} is not one of {', '.join(choices)}")
    return choices[value]


def _timeouts(options: Mapping[str, str]) -> Timeouts:
    if "timeout" not in options:
        return Timeouts()
    try:
        seconds = float(options["timeout"])
    except ValueError:
        seconds = -1
    if not 0 < seconds <= 3600:
        raise SmtpUrlError(f"transport: timeout={printable(options['timeout'])} is not 1 to 3600 seconds")
    return Timeouts().capped(seconds)
