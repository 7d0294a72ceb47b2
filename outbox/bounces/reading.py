"""Any message, read for what it reports."""

import re
from email.message import Message
from hashlib import sha256

from outbox.bounces import arf, dsn
from outbox.bounces.guessing import guess
from outbox.bounces.originals import enclosed_messages, find_original
from outbox.bounces.report import Original, Report, ReportKind
from outbox.bounces.taming import header, headers, parse, parts, tame

# Where the address stands that a message was delivered to, in the order of how near it is to the envelope's.
_SENT_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To")
MOST_SENT_TO = 20
KEYED_BYTES = 16 * 1024

_OUT_OF_OFFICE = re.compile(
    r"out of (?:the )?office|auto(?:matic)?[ -]?(?:reply|response)|vacation|abwesen|absence", re.IGNORECASE
)
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S{1,250})", re.IGNORECASE | re.MULTILINE)
_IS_PROGRAM = re.compile(r"mailer-daemon|postmaster|mail delivery|mmdf|<>", re.IGNORECASE)
_AUTO_PRECEDENCE = {"auto_reply", "auto-reply", "bulk", "junk", "list"}


def read_reports(data: bytes) -> tuple[Report, ...]:
    """What a message reports: one or more reports, of kind ``none`` where it reports no failure.

    Nothing that may stand in it makes it raise, or takes long: its first half megabyte is looked at.
    """
    try:
        return _read(data)
    except Exception:  # what no parser can read is no report; the mailbox must not stop at it
        return (Report(ReportKind.NONE),)


def _read(data: bytes) -> tuple[Report, ...]:
    tamed = tame(data)
    outer = parse(tamed)
    message = _unwrapped(outer)
    sent_to = _sent_to(outer)
    # Complaints first: they too are multipart/report, and enclose what looks like anything.
    if (found := arf.read_arf(message)) is not None:
        original = find_original(message, more=arf.about_original(message))
    elif (found := dsn.read_dsn(message)) is not None:
        original = find_original(message, more=dsn.about_original(message))
        found = found or guess(tamed, message) or [Report(ReportKind.NONE, is_automatic=True)]
    elif not _answers_itself(message) and (found := guess(tamed, message)):
        original = find_original(message)
    else:
        found, original = [Report(ReportKind.NONE, is_automatic=_is_automatic(message))], Original()
    return tuple(report.among(original, sent_to) for report in found)


def _unwrapped(message: Message) -> Message:
    """The report in a message to which a gateway added its disclaimer, and so enclosed it whole.

    Only of a program's message: a report that a person forwards is none.
    """
    if _is_from_program(message) and not dsn.read_dsn(message):
        for enclosed in enclosed_messages(message):
            if dsn.read_dsn(enclosed) is not None:
                return enclosed
    return message


def _is_from_program(message: Message) -> bool:
    return bool(_IS_PROGRAM.search(header(message, "From") + " " + header(message, "Return-Path")))


def _sent_to(message: Message) -> tuple[str, ...]:
    values = [value for name in _SENT_TO for value in headers(message, name)]
    found = dict.fromkeys(address for value in values for address in dsn.find_addresses(value))
    return tuple(found)[:MOST_SENT_TO]


def _answers_itself(message: Message) -> bool:
    """Whether a reader's program answered (RFC 3834), or says that the mail was read (RFC 8098).

    Programs that deliver call theirs an automatic answer too.
    """
    if any(part.get_content_type() == "message/disposition-notification" for part in parts(message)):
        # Dovecot tells of a full mailbox in one.
        return "rejected" not in header(message, "Auto-Submitted").lower()
    if header(message, "Precedence").lower() in {"auto_reply", "auto-reply"}:
        return True
    if any(headers(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Vacation")):
        return True
    if _is_from_program(message):
        return False
    return bool(_OUT_OF_OFFICE.search(header(message, "Subject")))


def _is_automatic(message: Message) -> bool:
    says = header(message, "Auto-Submitted").lower() or "no"
    return (
        not says.startswith("no")
        or _answers_itself(message)
        or header(message, "Precedence").lower() in _AUTO_PRECEDENCE
    )


def message_key(data: bytes) -> str:
    """What tells a message from every other: its Message-ID and how its text begins.

    Headers grow on the way, and a long text may be cut off at different places.
    """
    head, _, body = tame(data).partition(b"\n\n")
    found = _MESSAGE_ID.search(head)
    # A mailbox in one file quotes lines that begin like its own.
    text = body.replace(b"\n>From ", b"\nFrom ").strip()
    return sha256((found[1] if found else b"") + b"\0" + text[:KEYED_BYTES]).hexdigest()
