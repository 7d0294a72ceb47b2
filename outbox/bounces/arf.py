"""Complaints: feedback reports (RFC 5965) of providers whose users press the spam button."""

from email.message import Message
from email.parser import HeaderParser

from outbox.bounces.dsn import find_addresses
from outbox.bounces.originals import enclosed_messages
from outbox.bounces.report import Report, ReportKind
from outbox.bounces.taming import header, headers, parts, text

# RFC 5965, section 7.3, and RFC 6430 and 6591: these two are no complaints.
_NO_COMPLAINT = {"not-spam", "auth-failure"}
_RECIPIENTS = ("Original-Rcpt-To", "Removal-Recipient")
# Outlook.com's programme (JMRP) sends no feedback report: the original, with this header, is all there is.
_JMRP = "X-HmXmrOriginalRecipient"


def read_arf(message: Message) -> list[Report] | None:
    """The complaint that a message is; None where it is none."""
    fields = _fields(message)
    if fields is None:
        return _jmrp(message)
    kind = header(fields, "Feedback-Type").lower() or "abuse"
    named = [value for name in _RECIPIENTS for value in headers(fields, name)]
    recipients = tuple(dict.fromkeys(address for value in named for address in find_addresses(value)))
    said = f"feedback type {kind}, from {header(fields, 'User-Agent') or 'a program without a name'}"
    no_complaint = kind in _NO_COMPLAINT
    return [Report.of(ReportKind.NONE if no_complaint else ReportKind.COMPLAINT, recipients, said=said)]


def about_original(message: Message) -> str:
    """What the fields of a feedback report tell of the original, as lines of headers."""
    fields = _fields(message)
    return "" if fields is None else f"Return-Path: {header(fields, 'Original-Mail-From')}"


def _fields(message: Message) -> Message | None:
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            payload = part.get_payload()
            if isinstance(payload, list) and payload and isinstance(payload[0], Message):
                return payload[0]
            return HeaderParser().parsestr(text(part).lstrip())
    return None


def _jmrp(message: Message) -> list[Report] | None:
    for original in enclosed_messages(message):
        if recipient := header(original, _JMRP):
            said = "Outlook.com: marked as junk"
            return [Report.of(ReportKind.COMPLAINT, find_addresses(recipient), said=said)]
    return None
