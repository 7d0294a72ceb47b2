"""Tokens for the links in mail: short, signed, bound to a purpose, and good under any of the keys in use."""

import hmac
import re
from collections.abc import Sequence
from datetime import date
from hashlib import sha256

from itsdangerous import Signer, base64_decode

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBER = re.compile(r"0|[1-9a-z][0-9a-z]{0,12}")
_LONGEST = 60
_LARGEST = 2**63 - 1
# The last day of the calendar is number 3,652,059.
_DAY_BITS = 22


class TokenSigner:
    """Signs numbers and reads them back.

    ``keys`` are the secrets, newest first: the first one signs, all are good for reading, so that a new one
    does not kill the links in mail already sent. Tokens do not expire (RFC 8058 wants that of one-click
    links). Raises ``ValueError`` without a key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("a secret key is missing: `labelcast init` writes one as secret_key")
        self._keys = tuple(keys)
        self._signers: dict[str, tuple[Signer, ...]] = {}

    def sign(self, purpose: str, number: int) -> str:
        """A token for a number of 0 to 2^63 - 1: at most 60 characters, safe in a URL."""
        if not 0 <= number <= _LARGEST:
            raise ValueError(f"a token's number is 0 to 2^63 - 1, not {number}")
        return self._for(purpose)[0].sign(_written(number)).decode("ascii")

    def read(self, purpose: str, token: str) -> int | None:
        """The number in a token; None for whatever is wrong with it, so that nobody learns what."""
        text = token.partition(".")[0]
        if len(token) > _LONGEST or not token.isascii() or not _NUMBER.fullmatch(text):
            return None
        given = token.encode("ascii")
        # The whole token is compared: base64 has several spellings of one signature, we want one.
        good = [hmac.compare_digest(signer.sign(text), given) for signer in self._for(purpose)]
        number = int(text, 36)
        return number if any(good) and number <= _LARGEST else None

    def signatures(self, purpose: str, number: int) -> tuple[str, tuple[bytes, ...]]:
        """A number as it is written, and its 32 octets of signature under each key, newest first.

        For tokens that must be spelled otherwise than ``sign`` does.
        """
        if not 0 <= number <= _LARGEST:
            raise ValueError(f"a token's number is 0 to 2^63 - 1, not {number}")
        text = _written(number)
        return text, tuple(base64_decode(signer.get_signature(text)) for signer in self._for(purpose))

    def _for(self, purpose: str) -> tuple[Signer, ...]:
        """A signer for each key, kept: they are asked for with every message."""
        if purpose not in self._signers:
            self._signers[purpose] = tuple(_signer(key, f"labelcast.{purpose}") for key in self._keys)
        return self._signers[purpose]


def dated(number: int, day: date) -> int:
    """A number below 2^41 and a day as one number, for a token that is to be good for some days only."""
    return number << _DAY_BITS | day.toordinal()


def undated(number: int) -> tuple[int, date] | None:
    """The number and the day in one; None where there is no such day."""
    ordinal = number & ((1 << _DAY_BITS) - 1)
    if not 1 <= ordinal <= date.max.toordinal():
        return None
    return number >> _DAY_BITS, date.fromordinal(ordinal)


def _signer(key: str, salt: str) -> Signer:
    """A signer by a key that is derived here once, and not for each token: that would take half its time."""
    derived = Signer(key, salt=salt, key_derivation="hmac", digest_method=sha256).derive_key()
    return Signer(derived, salt=salt, key_derivation="none", digest_method=sha256)


def _written(number: int) -> str:
    """A number in base 36, which starts no line with a dot and no option with a hyphen."""
    digits = _DIGITS[number % 36]
    while number := number // 36:
        digits = _DIGITS[number % 36] + digits
    return digits
