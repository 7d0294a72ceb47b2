"""Keys for DKIM: made, read from PEM files, and as the DNS has them (RFC 6376, section 3.6; RFC 8463)."""

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import idna
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

Kind = Literal["rsa", "ed25519"]
RSA_BITS = 2048
# Verifiers take no shorter ones (RFC 8301, section 3.2).
LEAST_RSA_BITS = 1024
# The DNS has texts as strings of at most so many octets.
_STRING = 255

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_NAME = 200
_LONGEST_SELECTOR = 63


class DkimError(ValueError):
    """A key, selector or domain that cannot be used; the one line never tells what is in a key."""


class DkimWriteError(DkimError):
    """A new key that cannot be stored, or would be in another's place."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key and what it is. ``repr`` tells nothing of it."""

    private: RSAPrivateKey | Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"DkimKey({self.kind}, {self.bits} bits)"

    @property
    def kind(self) -> Kind:
        """As ``k=`` has it."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def bits(self) -> int:
        """Its length; 256 for every Ed25519 key."""
        return self.private.key_size if isinstance(self.private, RSAPrivateKey) else 256

    @property
    def is_weak(self) -> bool:
        """Whether big receivers think little of it: RSA under 2048 bits."""
        return self.bits < RSA_BITS and self.kind == "rsa"

    @property
    def record(self) -> str:
        """The text for the DNS: ``v=DKIM1; k=rsa; p=…``."""
        public = self.private.public_key()
        if self.kind == "rsa":
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={self.kind}; p={b64encode(octets).decode('ascii')}"

    def sign(self, hashed: bytes) -> bytes:
        """The signature of a SHA-256 hash: ``rsa-sha256``, or ``ed25519-sha256`` (RFC 8463, section 3).

        Others run meanwhile: it lets go of Python's lock. Any number of threads may call it at once.
        """
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(hashed, PKCS1v15(), Prehashed(SHA256()))
        return self.private.sign(hashed)

    def pem(self) -> bytes:
        """The private key, PKCS #8, not encrypted: for a file that only its owner may read."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_key(kind: Kind) -> DkimKey:
    """A new key: RSA of 2048 bits, or Ed25519."""
    if kind == "rsa":
        return DkimKey(generate_private_key(public_exponent=65537, key_size=RSA_BITS))
    return DkimKey(Ed25519PrivateKey.generate())


def read_key(file: Path) -> DkimKey:
    """The private key in a PEM file, PKCS #8 or as OpenSSL wrote RSA keys before. Raises ``DkimError``."""
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise DkimError(f"{file}: the DKIM key cannot be read: {error.strerror}") from error
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError:
        raise DkimError(f"{file}: the DKIM key has a password: store it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        # What the library says may show what stands in the file.
        raise DkimError(f"{file}: this is no private key in PEM: `labelcast dkim new` makes one") from None
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise DkimError(f"{file}: DKIM knows RSA and Ed25519 keys only: `labelcast dkim new` makes them")
    key = DkimKey(private)
    if key.kind == "rsa" and key.bits < LEAST_RSA_BITS:
        raise DkimError(f"{file}: an RSA key of {key.bits} bits is worth nothing: use one of {RSA_BITS}")
    return key


def write_keys(keys: Mapping[Path, DkimKey]) -> None:
    """Write new keys into new files that only their owner may read: all of them, or none.

    Raises ``DkimWriteError``, also where a file is there: none is ever written over.
    """
    made: list[Path] = []
    try:
        for file, key in keys.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            made.append(file)
            with os.fdopen(opened, "wb") as stream:
                stream.write(key.pem())
    except OSError as error:
        for written in made:
            written.unlink(missing_ok=True)
        if isinstance(error, FileExistsError) and file.exists():
            raise DkimWriteError(
                f"{file}: is there already, and no key is written over: choose another selector"
            ) from None
        raise DkimWriteError(f"{file}: the key cannot be written: {error.strerror}") from error


def checked_domain(domain: str) -> str:
    """A domain as ``d=`` has it: ASCII (punycode), small letters. Raises ``DkimError`` for what is none."""
    name = domain.strip().rstrip(".")
    try:
        name = name if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        name = ""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise DkimError(f"{domain!r} is no domain that can sign mail: write one like example.org")
    return name.lower()


def checked_selector(selector: str) -> str:
    """A selector (section 3.1): labels as in a domain. Raises ``DkimError`` for what is none."""
    if not _NAME.fullmatch(selector) or len(selector) > _LONGEST_SELECTOR:
        raise DkimError(f"{selector!r} is no selector: use letters, digits and hyphens, like mail2026")
    return selector


def record_name(selector: str, domain: str) -> str:
    """Where the DNS has the record (section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def zone_line(selector: str, domain: str, record: str) -> str:
    """The record as a line of a zone file (RFC 1035, section 5.1), in strings of at most 255 octets."""
    strings = [record[start : start + _STRING] for start in range(0, len(record), _STRING)]
    quoted = " ".join(f'"{string}"' for string in strings)
    return f"{record_name(selector, domain)}. IN TXT {quoted}"


def is_of_key(record: str, key: DkimKey) -> bool:
    """Whether a text that the DNS has is a key's record (section 3.6.1), whatever else stands in it."""
    theirs, ours = _tags(record), _tags(key.record)
    usual = {"v": "DKIM1", "k": "rsa", "p": ""}
    return all(theirs.get(tag, value) == ours[tag] for tag, value in usual.items())


def _tags(record: str) -> dict[str, str]:
    tags = [tag.partition("=") for tag in record.split(";")]
    return {name.strip(): "".join(value.split()) for name, _, value in tags}
