"""An email address, as it is kept, compared and sent to."""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

# What of a wrong address an error repeats.
SHOWN = 80


class AddressError(ValueError):
    """What was given is no email address; one line repeats it and says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address to send to, and the key that tells whether two are one reader's.

    The domain of ``email`` is ASCII (punycode, RFC 5891). ``key`` is casefolded and stored under a unique
    index. ``needs_smtputf8`` when the part before the @ is not ASCII: only a server with SMTPUTF8 (RFC 6531)
    takes it.
    """

    email: str
    key: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 takes mail for it."""
        return not self.email.isascii()


def normalize(email: str) -> Address:
    """Read an address a person typed; spaces around it are dropped.

    No DNS is asked. Raises ``AddressError`` when it is none: with a line break or another control character
    (which could forge a header), a display name, a quoted or an IP-address part, or a domain that mail cannot
    reach (``localhost``, ``.local``, ``.invalid``).
    """
    if any(unicodedata.category(character) == "Cc" for character in email):
        raise AddressError(
            f"{email[:SHOWN]!r} is no email address: it holds a line break or control character"
        )
    try:
        # `test_environment` lets `.test` through (RFC 2606), for rehearsals; `strict` keeps the part before
        # the @ to 64 octets (RFC 5321, section 4.5.3.1.1).
        valid = validate_email(email.strip(), check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        reason = " ".join(str(error).split())
        raise AddressError(f"{email[:SHOWN]!r} is no email address: {reason}") from error
    email = f"{valid.local_part}@{valid.ascii_domain.lower()}"
    return Address(email=email, key=address_key(email))


def address_key(email: str) -> str:
    """The key of an address that was normalised before."""
    local_part, _, domain = email.rpartition("@")
    return f"{unicodedata.normalize('NFC', local_part.casefold())}@{domain}"
