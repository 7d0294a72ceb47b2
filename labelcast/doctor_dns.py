"""What the DNS says of a sender's domain: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489)."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from email.utils import parseaddr

import dns.exception
import dns.resolver

from outbox.dkim import Signer
from outbox.dkimkeys import is_of_key, record_name

DNS_SECONDS = 5.0

# Names that are nobody's (RFC 2606, RFC 6761, RFC 6762): asking for their records says nothing.
_NOBODYS = ("localhost", "test", "invalid", "example", "local")

# The texts under a name: None when there is no such name, an empty list when it has no texts.
Answers = Callable[[str], list[str] | None]


class Unreachable(OSError):
    """No resolver answers."""


def system_answers(name: str) -> list[str] | None:
    """Ask the system's resolver, for a few seconds at most. Raises ``Unreachable``."""
    try:
        return ask(dns.resolver.Resolver(), name)
    except dns.resolver.NoResolverConfiguration as error:
        raise Unreachable("no resolver is set up") from error


def ask(resolver: dns.resolver.Resolver, name: str) -> list[str] | None:
    """The TXT records under ``name``, by this resolver. Raises ``Unreachable``."""
    try:
        answer = resolver.resolve(name, "TXT", lifetime=DNS_SECONDS, search=False)
    except dns.resolver.NXDOMAIN:
        return None
    except dns.resolver.NoAnswer:
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise Unreachable(" ".join(str(error).split())) from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def mail_records(
    sender: str, answers: Answers, signers: Sequence[Signer] = ()
) -> Iterator[tuple[str, bool | None, str]]:
    """For SPF, DKIM and DMARC: its name, whether it is there (None: not checked), and a line.

    Each key of ours that signs must be there just as it is.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2].rstrip(".").lower()
    if not _is_somebodys(domain):
        yield "dns", None, f"{domain} is no domain in the DNS: set mail.from to an address of yours"
        return
    try:
        yield _spf(domain, answers(domain))
        for signer in signers:
            yield _own_key(signer, answers)
        if not signers:
            yield _dkim(domain, answers(f"_domainkey.{domain}"))
        yield _dmarc(domain, answers(f"_dmarc.{domain}"))
    except Unreachable as error:
        yield "dns", None, f"no answer from a resolver: {error}"


def _is_somebodys(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return "." in domain and domain.rpartition(".")[2] not in _NOBODYS
    return False


def _spf(domain: str, texts: list[str] | None) -> tuple[str, bool, str]:
    records = [text for text in texts or [] if text.lower().split(" ")[0] == "v=spf1"]
    if len(records) == 1:
        return "spf", True, f"{domain}: {records[0]}"
    if records:
        return "spf", False, f"{domain} has {len(records)} SPF records, which counts as none: keep one"
    return (
        "spf",
        False,
        f'{domain} has no SPF record: add a TXT record "v=spf1 … -all" that names your server',
    )


def _dkim(domain: str, texts: list[str] | None) -> tuple[str, bool, str]:
    # Keys stand at SELECTOR._domainkey; the name above them exists as soon as there is one (RFC 8020).
    if texts is not None:
        return "dkim", True, f"{domain} has keys under _domainkey"
    return (
        "dkim",
        False,
        f"{domain} has no DKIM key: let the server that sends your mail sign, or `labelcast dkim new`",
    )


def _own_key(signer: Signer, answers: Answers) -> tuple[str, bool, str]:
    name = record_name(signer.selector, signer.domain)
    texts = answers(name) or []
    if not texts:
        return "dkim", False, f"{name} has no record: publish what `labelcast dkim show` prints"
    if len(texts) > 1:
        return "dkim", False, f"{name} has {len(texts)} records, and receivers may read any: keep one"
    if not is_of_key(texts[0], signer.key):
        return "dkim", False, f"{name} has another key: publish what `labelcast dkim show` prints"
    return "dkim", True, f"{name} has the key that signs ({signer.key.kind}, {signer.key.bits} bits)"


def _dmarc(domain: str, texts: list[str] | None) -> tuple[str, bool, str]:
    records = [text for text in texts or [] if text.replace(" ", "").lower().startswith("v=dmarc1")]
    if len(records) == 1:
        return "dmarc", True, f"{domain}: {records[0]}"
    return (
        "dmarc",
        False,
        f'{domain} has no DMARC record: add TXT at _dmarc.{domain}, "v=DMARC1; p=none" to begin',
    )
