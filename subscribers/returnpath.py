"""Return paths: an envelope sender for each message, so that what comes back says whose it was.

``bounces@example.org`` becomes ``bounces+TOKEN@example.org`` (VERP, with subaddresses of RFC 5233). The token
is a delivery's number in base 36 and a signature of 100 bits in base 32: mail servers may lower-case a local
part, so neither needs its case.
"""

import hmac
import re
from base64 import b32encode

from subscribers.tokens import TokenSigner

PURPOSE = "bounce"
SIGNATURE = 20
# RFC 5321, section 4.5.3.1.1; a number takes 13 characters at most.
MOST_LOCAL = 64
MOST_NAME = MOST_LOCAL - len("+") - 13 - SIGNATURE

_TOKEN = re.compile(rf"(0|[1-9a-z][0-9a-z]{{0,12}})([a-z2-7]{{{SIGNATURE}}})")


class ReturnPaths:
    """Makes return paths under ``address``, and reads what came back to one.

    They do not expire: a report may come weeks late. Raises ``ValueError`` as ``check_return_path`` does.
    """

    def __init__(self, signer: TokenSigner, address: str) -> None:
        check_return_path(address)
        self._signer = signer
        self._name, _, self._domain = address.rpartition("@")

    def address(self, number: int) -> str:
        """The return path of a delivery; its local part has 64 octets at most."""
        return f"{self._name}+{write_token(self._signer, number)}@{self._domain}"


def check_return_path(address: str) -> None:
    """Raise ``ValueError`` when the part of an address before the @ leaves no room for a token, or is odd.

    A sender that is not ASCII would need SMTPUTF8 of each server on the way.
    """
    name = address.rpartition("@")[0]
    if not 0 < len(name) <= MOST_NAME or not name.isascii() or "+" in name:
        raise ValueError(
            f"{address!r}: before the @ a return path has 1 to {MOST_NAME} ASCII characters, and no +"
        )


def write_token(signer: TokenSigner, number: int) -> str:
    """A delivery's number with its signature under the newest key: letters of one case, and digits."""
    text, signatures = signer.signatures(PURPOSE, number)
    return text + _short(signatures[0])


def read_token(signer: TokenSigner, token: str) -> int | None:
    """The delivery that a token names, in any case; None for whatever is wrong with it."""
    found = _TOKEN.fullmatch(token.lower()) if token.isascii() else None
    if found is None:
        return None
    number = int(found[1], 36)
    if number >= 2**63:
        return None
    text, signatures = signer.signatures(PURPOSE, number)
    good = [hmac.compare_digest(_short(one), found[2]) for one in signatures]
    return number if any(good) and text == found[1] else None


def read_address(signer: TokenSigner, address: str) -> int | None:
    """The delivery whose return path this is; the signature proves it, whatever stands around the token.

    A server may have rewritten the name before the ``+``, or the domain, on the way to its mailbox.
    """
    name, plus, token = address.rpartition("@")[0].rpartition("+")
    return read_token(signer, token) if name and plus else None


def _short(signature: bytes) -> str:
    return b32encode(signature)[:SIGNATURE].decode("ascii").lower()
