"""Addresses as headers and envelopes need them: quoted names, punycode domains, SMTPUTF8 where it must be."""

import re

import idna

from outbox.headers import HeaderError, encode_text

# RFC 5321, section 4.5.3.1: a path is at most 256 octets with its angle brackets.
MAX_ADDRESS = 254

_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>]")
_ATOM_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\- ]*")
_DOMAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[A-Za-z0-9.:-]+\]")
# RFC 5321, section 4.1.2: a dot-string, or anything in quotes; what is not ASCII by RFC 6531.
_LOCAL = re.compile(r'[^\s"(),:;<>@\[\\\]]+|"(?:[^"\\]|\\.)*"')


def ascii_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA 2008, punycode); the local part is left as it is.

    Raises ``HeaderError`` for what is no address: no or two ``@``, control characters (CR, LF), angle
    brackets, white space outside quotes, a domain that is none, over 254 octets.
    """
    local, at, domain = address.rpartition("@")
    if not at or _UNSAFE.search(address) or not _LOCAL.fullmatch(local):
        raise HeaderError(f"{address!r} is no email address")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise HeaderError(f"{address!r} has no valid domain: {error}") from error
    whole = f"{local}@{domain}"
    if not _DOMAIN.fullmatch(domain) or len(whole.encode(errors="replace")) > MAX_ADDRESS:
        raise HeaderError(f"{address!r} has no valid domain, or is too long")
    return whole


def needs_smtputf8(address: str) -> bool:
    """Whether only a server with SMTPUTF8 (RFC 6531) can take this address: its local part is not ASCII.

    A domain that is not ASCII does not count: it goes as punycode.
    """
    return not address.rpartition("@")[0].isascii()


def format_address(name: str, address: str) -> str:
    """``Name <address>`` for a header such as From or Reply-To; the bare address when the name is empty.

    The name is quoted or encoded (RFC 2047) as it needs, the domain goes to punycode. Raises ``HeaderError``
    for what is no address, and for control characters in the name.
    """
    ascii_one = ascii_address(address)
    phrase = format_phrase(name)
    return f"{phrase} <{ascii_one}>" if phrase else ascii_one


def format_phrase(text: str) -> str:
    """A name as it may stand before ``<…>`` (RFC 5322, ``phrase``): as it is, in quotes, or encoded words."""
    text = " ".join(text.split(" ")).strip()
    if any(character < " " or character == "\x7f" for character in text):
        raise HeaderError(f"a control character stands in the name {text!r}")
    encoded = encode_text(text, start=12)
    if encoded != text or _ATOM_WORDS.fullmatch(text):
        return encoded
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def recipient_value(address: str) -> bytes:
    """The value of a ``TO`` mark: the address alone, UTF-8 where it needs SMTPUTF8 (RFC 6532)."""
    return ascii_address(address).encode()
