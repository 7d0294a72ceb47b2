"""DKIM signatures (RFC 6376, RFC 8463): of any message, and at little cost of each reader's."""

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from outbox.canonical import (
    relaxed_body,
    relaxed_fields,
    relaxed_lines,
    relaxed_value,
    signed_fields,
    split_message,
)
from outbox.dkimkeys import DkimError, DkimKey, checked_domain, checked_selector, read_key
from outbox.marks import MARK_BYTES
from outbox.message import MessageTemplate
from outbox.quoted import quote_value

_FOLD_AT = 76
# Of a signature in base64, in a line.
_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Signer:
    """One key of a domain, under its selector. Any number of threads may sign with it at once."""

    domain: str
    selector: str
    key: DkimKey


def make_signers(*, domain: str, keys: Iterable[str], sender: str) -> tuple[Signer, ...]:
    """The signers that settings name: ``keys`` are ``SELECTOR=FILE``, ``sender`` is the address in From.

    Without a ``domain`` the sender's own signs. Raises ``DkimError`` for a key that cannot be read, a
    selector twice, and a domain that is neither the sender's nor a parent of it: no receiver would count its
    signature for the sender (DMARC, RFC 7489, section 3.1.1).
    """
    named = [key.partition("=") for key in keys]
    if not named:
        return ()
    theirs = checked_domain(sender.rpartition("@")[2])
    ours = checked_domain(domain) if domain else theirs
    if theirs != ours and not theirs.endswith(f".{ours}"):
        raise DkimError(f"dkim.domain: {ours} cannot sign for {theirs}, the domain in mail.from")
    selectors = [checked_selector(selector) for selector, _, _ in named]
    if len({selector.lower() for selector in selectors}) < len(selectors):
        raise DkimError("dkim.keys: a selector comes twice: each key needs its own")
    return tuple(Signer(ours, selector, read_key(Path(file))) for selector, _, file in named)


def sign(message: bytes, signers: Sequence[Signer], *, at: datetime) -> bytes:
    """The message (CRLF) with a DKIM-Signature of each signer before it; itself where there are none.

    ``at`` is the instant for ``t=``. A signature does not expire: a server may try for days.
    """
    if not signers:
        return message
    head, body = split_message(message)
    names, covered = signed_fields(relaxed_fields(head))
    frames = [_Frame(signer, names) for signer in signers]
    hashed = _base64(sha256(relaxed_body(body)).digest())
    return b"".join([*_signatures(frames, b"".join(covered), hashed, at), message])


class SignedTemplate:
    """A message's template with signers: what does not change from reader to reader is made canonical once.

    ``splice`` gives just the bytes that ``sign`` gives for the template's own ``splice``. It changes nothing
    in here: any number of threads may call it at once, and they run side by side while the keys are at work.
    """

    __slots__ = ("_begun", "_fields", "_frames", "_lines", "_rest", "_signers", "_tail_is_fixed", "template")

    def __init__(self, template: MessageTemplate, signers: Sequence[Signer]) -> None:
        self.template = template
        self._signers = tuple(signers)
        self._tail_is_fixed = False
        if not signers:
            return
        head, body = split_message(template.blob)
        names, covered = signed_fields(relaxed_fields(head))
        self._frames = [_Frame(signer, names) for signer in signers]
        self._fields = MARK_BYTES.split(b"".join(covered))
        first, *rest = _blocks(body)
        self._begun = sha256(first)
        self._rest = tuple(rest)
        self._lines = [MARK_BYTES.split(block) for block in rest[::2]]
        self._tail_is_fixed = _ends_visibly([first, *rest])

    def splice(self, values: Mapping[str, bytes], *, at: datetime) -> bytes:
        """One reader's message, signed; ``at`` is the instant for ``t=``.

        Raises what ``MessageTemplate.splice`` raises.
        """
        message = self.template.splice(values)
        if not self._tail_is_fixed:
            return sign(message, self._signers, at=at)
        hashed = self._begun.copy()
        rest = list(self._rest)
        rest[::2] = [relaxed_lines(_filled(line, values, quote_value)) for line in self._lines]
        hashed.update(b"".join(rest))
        fields = _filled(self._fields, values, relaxed_value)
        return b"".join([*_signatures(self._frames, fields, _base64(hashed.digest()), at), message])


class _Frame:
    """A signer's DKIM-Signature field but for the instant, the body's hash and the signature.

    ``sent`` is what stands before, between and after the first two; ``canonical`` the same in relaxed form,
    where ``b=`` is empty and no CRLF follows (section 3.7).
    """

    __slots__ = ("canonical", "key", "sent")

    def __init__(self, signer: Signer, names: Sequence[bytes]) -> None:
        when, hashed = "\0" * 10, "\1" * 44
        *listed, last = [name.decode("ascii") for name in names]
        words = [f" v=1; a={signer.key.kind}-sha256; c=relaxed/relaxed;"]
        words += [f" d={signer.domain};", f" s={signer.selector};", f" t={when};", " h="]
        words += [*(f"{name}:" for name in listed), f"{last};", f" bh={hashed};"]
        lines = ["DKIM-Signature:"]
        for word in words:
            if len(lines[-1]) + len(word) <= _FOLD_AT:
                lines[-1] += word
            else:
                lines.append(f" {word.lstrip()}")
        field = "\r\n".join([*lines, " b="]).encode("ascii")
        self.key = signer.key
        self.sent = _parts(field)
        self.canonical = _parts(relaxed_fields(field + b"\r\n")[0][1].removesuffix(b"\r\n"))

    def signature(self, *, covered: bytes, when: bytes, hashed: bytes) -> bytes:
        """The whole field with its CRLF: ``covered`` are the canonical fields that it signs."""
        before, between, after = self.canonical
        signed = sha256(b"".join((covered, before, when, between, hashed, after)))
        value = _base64(self.key.sign(signed.digest()))
        before, between, after = self.sent
        lines = [value[start : start + _WIDTH] for start in range(0, len(value), _WIDTH)]
        return b"".join((before, when, between, hashed, after, b"\r\n ".join(lines), b"\r\n"))


def _parts(field: bytes) -> tuple[bytes, bytes, bytes]:
    before, _, rest = field.partition(b"\0" * 10)
    between, _, after = rest.partition(b"\1" * 44)
    return before, between, after


def _signatures(frames: Iterable[_Frame], covered: bytes, hashed: bytes, at: datetime) -> list[bytes]:
    when = b"%d" % at.timestamp()
    return [frame.signature(covered=covered, when=when, hashed=hashed) for frame in frames]


def _blocks(body: bytes) -> list[bytes]:
    """The body in turn: lines without marks in relaxed form, lines with marks as they are, …, without."""
    lines = [line + b"\r\n" for line in body.split(b"\r\n")[:-1]]
    blocks = [b""]
    for marked, block in groupby(lines, key=lambda line: b"\0" in line):
        if marked:
            blocks += [b"".join(block), b""]
        else:
            blocks[-1] = relaxed_lines(b"".join(block))
    if blocks[-1]:
        blocks[-1] = relaxed_body(blocks[-1])
    return blocks


def _ends_visibly(blocks: Sequence[bytes]) -> bool:
    """Whether no reader's value can make the body's last line an empty one, which would not count."""
    if blocks[-1] or len(blocks) == 1:
        return True
    last = blocks[-2].removesuffix(b"\r\n").rpartition(b"\r\n")[2]
    return bool(MARK_BYTES.sub(b"", last).strip(b" \t"))


def _filled(pieces: Sequence[bytes], values: Mapping[str, bytes], form: Callable[[bytes], bytes]) -> bytes:
    """The pieces between marks and their names, in turn, with a value in each mark's place."""
    filled = list(pieces)
    filled[1::2] = [form(values[name.decode("ascii")]) for name in pieces[1::2]]
    return b"".join(filled)


def _base64(octets: bytes) -> bytes:
    return b2a_base64(octets, newline=False)
