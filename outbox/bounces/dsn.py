"""Delivery status notifications (RFC 3464)."""

import re
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser

from outbox.bounces.report import Report, ReportKind
from outbox.bounces.taming import header, parts, text
from outbox.bounces.verdicts import find_code, find_status, verdict

# Of a notification so many recipients are read.
MOST_RECIPIENTS = 100

_ADDRESS = re.compile(r"[^\s<>;,\"]{1,64}@[^\s<>;,\"()]{1,255}")
# RFC 3464, section 2.3.3; some add a comment or say "failure", OpenSMTPD says "error".
_FAILED = ("fail", "error")
_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}


def read_dsn(message: Message) -> list[Report] | None:
    """The reports of a notification, one for each thing said of a recipient; None where it is none."""
    found: dict[Report, None] = {}
    is_dsn = False
    for part in parts(message):
        if part.get_content_type() in _STATUS_PARTS:
            is_dsn = True
            for block in _blocks(part):
                if len(found) < MOST_RECIPIENTS and (report := _report(block)) is not None:
                    found[report] = None
    return list(found) if is_dsn else None


def about_original(message: Message) -> str:
    """What the fields of a notification tell of the original, as lines of headers."""
    statuses = (part for part in parts(message) if part.get_content_type() in _STATUS_PARTS)
    firsts = [block for part in statuses for block in _blocks(part)[:1]]
    return "\n".join(f"Message-ID: {header(block, 'X-Original-Message-ID')}" for block in firsts)


def find_addresses(value: str) -> tuple[str, ...]:
    """The addresses in a field: ``rfc822; a@example.org`` and what programs write instead."""
    return tuple(_ADDRESS.findall(value))


def _blocks(part: Message) -> list[Message]:
    """The blocks of fields of a status part, also where it was encoded, which the RFC does not allow."""
    payload = part.get_payload()
    blocks = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    encoding = header(part, "Content-Transfer-Encoding").lower()
    if encoding in {"base64", "quoted-printable"} or not blocks:
        whole = Message()
        whole.set_payload("\n\n".join(_written(one) for one in blocks) if blocks else payload)
        whole["Content-Transfer-Encoding"] = encoding or "7bit"
        return list(_parsed(text(whole)))
    return blocks


def _written(block: Message) -> str:
    lines = [f"{name}: {value}" for name, value in block.raw_items()]
    rest = block.get_payload()
    return "\n".join([*lines, rest if isinstance(rest, str) else ""])


def _parsed(lines: str) -> Iterator[Message]:
    for block in lines.replace("\r\n", "\n").split("\n\n"):
        if block.strip():
            yield HeaderParser().parsestr(block.lstrip("\n"))


def _report(block: Message) -> Report | None:
    """What one recipient's block says; None for the block about the message, and for what names nobody."""
    named = [header(block, name) for name in ("Original-Recipient", "Final-Recipient")]
    recipients = tuple(dict.fromkeys(address for value in named for address in find_addresses(value)))
    action, status = header(block, "Action").lower(), header(block, "Status")
    said = header(block, "Diagnostic-Code")
    if not recipients and not any(named):
        return None
    told = said.partition(";")[2].strip() or said or status
    if not _is_failure(action, find_status(status) or find_status(said)):
        return Report.of(ReportKind.NONE, recipients, status=find_status(status), said=told)
    code = find_code(said) or find_code(status)
    enhanced = find_status(status)
    # The words beside a status say something too: "5.0.0 (recipient reached disk quota)".
    kind = verdict(code, enhanced, f"{status.replace(enhanced or '', '', 1)} {said}")
    return Report.of(kind, recipients, status=_telling(enhanced, said), said=told)


def _is_failure(action: str, status: str | None) -> bool:
    """Whether it failed; where the notification does not say, its status does."""
    return action.startswith(_FAILED) if action else (status or "").startswith("5")


def _telling(status: str | None, said: str) -> str | None:
    """The status that says more: the server's own in place of "other"."""
    found = find_status(said)
    return found if found and (status is None or status.endswith(".0.0")) else status
