"""The kinds of values that settings take, each with its check, whose words end up in a one-line error."""

import json
import re
from email.utils import getaddresses
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

SHORTEST_SECRET = 16


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("holds a line break or another control character")
    return value.strip()


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{value!r} is no web address: write it like https://example.org")
    return value.rstrip("/")


def _signup(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.hostname if parts.scheme in {"http", "https"} else value.startswith("mailto:")):
        raise ValueError(f"{value!r} is no address: write https://example.org/in or mailto:news@example.org")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is no timezone: write one like America/Regina or UTC") from error
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", value):
        raise ValueError(f"{value!r} is no language tag: write one like en or pt-BR")
    return value


def _mailbox(value: str) -> str:
    found = getaddresses([value])
    if len(found) != 1 or not re.fullmatch(r"[^@\s]+@[^@\s]+", found[0][1]):
        raise ValueError(f"{value!r} is no address: write it like The News <news@example.org>")
    from outbox.addresses import ascii_address  # noqa: PLC0415 # few settings have an address
    from outbox.headers import HeaderError  # noqa: PLC0415 # the same

    try:
        ascii_address(found[0][1])
    except HeaderError as error:
        raise ValueError(str(error)) from error
    return value


def _optional_mailbox(value: str) -> str:
    return _mailbox(value) if value else ""


def _return_path(value: str) -> str:
    if value:
        from subscribers.returnpath import check_return_path  # noqa: PLC0415 # few commands send

        check_return_path(getaddresses([_mailbox(value)])[0][1])
    return value


def _bounce_mailbox(value: str) -> str:
    if "://" in value:
        from outbox.bounces.mailboxurl import MailboxUrlError, MailServer  # noqa: PLC0415 # few commands read it

        try:
            MailServer.parse(value)
        except MailboxUrlError as error:
            raise ValueError(str(error).removeprefix("mailbox: ")) from error
    return value


def _transport(value: str) -> str:
    if value.startswith("maildir:") and value != "maildir:":
        return value
    if value.startswith(("smtp:", "smtp+starttls:", "smtps:")):
        from outbox.smtpurl import SmtpSettings, SmtpUrlError  # noqa: PLC0415 # few commands send

        try:
            SmtpSettings.parse(value)
        except SmtpUrlError as error:
            raise ValueError(str(error).removeprefix("transport: ")) from error
        return value
    if value.startswith("sendmail:"):
        from outbox.sendmail import sendmail_command  # noqa: PLC0415 # few commands send
        from outbox.smtpoptions import SmtpUrlError  # noqa: PLC0415 # the same

        try:
            sendmail_command(value.removeprefix("sendmail:"))
        except SmtpUrlError as error:
            raise ValueError(str(error).removeprefix("transport: ")) from error
        return value
    # The value is not repeated: it may hold a password.
    raise ValueError("write maildir:FOLDER, smtp://user:password@host:port, smtps://… or sendmail:")


def _transports(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("name one way out at least: maildir:FOLDER, smtp://user:password@host:port")
    return tuple(_transport(_one_line(value)) for value in values)


_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
# One in some hours. What is slower has its next turn after the calendar ends.
_SLOWEST = 0.0001


def _rate(value: float) -> float:
    if 0 < value < _SLOWEST:
        raise ValueError(f"{value} is too slow: 0 for none, or {_SLOWEST} and more; see daily_cap")
    return value


def _quiet(value: str) -> str:
    if value and not re.fullmatch(f"{_CLOCK}-{_CLOCK}", value):
        raise ValueError(f"{value!r} are no hours: write them like 22:00-07:00")
    return value


def _dkim_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?=.+", value):
            raise ValueError(f"{value!r} is no key: write it like SELECTOR=FILE.pem")
    return values


def _several(value: object) -> object:
    """One string, a list, or (for the environment) a JSON list in a string."""
    if not isinstance(value, str):
        return value
    if not value.startswith("["):
        return (value,) if value else ()
    try:
        return tuple(json.loads(value))
    except ValueError as error:
        raise ValueError(f"{value!r} begins like a JSON list and is none") from error


def _secrets(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or any(len(value) < SHORTEST_SECRET for value in values):
        raise ValueError(
            f"each secret needs {SHORTEST_SECRET} characters or more; `labelcast init` writes one"
        )
    return values


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no network: write it like 10.0.0.0/8 or 192.0.2.7") from error
    return values


def _hubs(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
            raise ValueError(f"{value!r} is no hub's address: write it like https://hub.example.org/")
    return values


def _aliases(values: tuple[str, ...]) -> tuple[str, ...]:
    if values:
        from web.feeds.moved import MovedFeeds  # noqa: PLC0415 # feeds and pages, which few commands need

        MovedFeeds(values)
    return values


Line = Annotated[str, AfterValidator(_one_line)]
WebAddress = Annotated[Line, AfterValidator(_web_address)]
SignupAddress = Annotated[Line, AfterValidator(_signup)]
Several = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)]

Transports = Annotated[Several, AfterValidator(_transports)]
QuietHours = Annotated[Line, AfterValidator(_quiet)]
Rate = Annotated[float, Field(ge=0, le=1_000_000), AfterValidator(_rate)]
DkimKeys = Annotated[Several, AfterValidator(_dkim_keys)]
Mailbox = Annotated[Line, AfterValidator(_mailbox)]
OptionalMailbox = Annotated[Line, AfterValidator(_optional_mailbox)]
ReturnPath = Annotated[Line, AfterValidator(_return_path)]
BounceMailbox = Annotated[Line, AfterValidator(_bounce_mailbox)]
Language = Annotated[str, AfterValidator(_language)]
Zone = Annotated[str, AfterValidator(_zone)]
Networks = Annotated[Several, AfterValidator(_networks)]
Hubs = Annotated[Several, AfterValidator(_hubs)]
Aliases = Annotated[Several, AfterValidator(_aliases)]
Secrets = Annotated[Several, AfterValidator(_secrets)]
