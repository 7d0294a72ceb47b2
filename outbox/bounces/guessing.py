"""Reports that keep to no standard: who they are about, as flufl.bounce finds out, and what their text says.

It calls permanent what the text may not (5.2.2, 4.4.7, 5.7.1), so its word is weighed with the codes found
near the address.
"""

import logging
import re
from email.message import Message

from outbox.bounces.dsn import MOST_RECIPIENTS
from outbox.bounces.report import Report, ReportKind
from outbox.bounces.taming import header, parse, parts, text
from outbox.bounces.verdicts import MOST_TEXT, by_words, find_code, find_status, verdict

# Its expressions look at each line many times; reports of this kind are short.
MAX_BYTES = 48 * 1024
MAX_LINE = 400
# A program says why within so many characters of the address, mostly after it.
BEFORE, AFTER = 300, 600

_WARNED = re.compile(
    r"not (?:yet )?been delivered|delayed|warning|will (?:be retried|keep trying|continue)|still trying"
    r"|no action is required|advisory-only",
    re.IGNORECASE,
)
# Where the returned mail begins, what follows is its text and not the report's.
_RETURNED = re.compile(
    r"^[ >]*(?:-{2,}.{0,40}(?:original|returned|copy|header|undelivered)|received: |return-path: )",
    re.IGNORECASE | re.MULTILINE,
)


def guess(tamed: bytes, message: Message) -> list[Report]:
    """The reports in a message that is no notification by the standard; none where it seems to be no report.

    ``tamed`` is the message as bytes, ``message`` the same, parsed.
    """
    temporary, permanent = _failures(tamed)
    if not temporary and not permanent:
        return []
    said = "\n".join([header(message, "Subject"), *_texts(message)])
    found = _RETURNED.search(said)
    report = said[: found.start()] if found and found.start() > 100 else said
    is_warning = bool(_WARNED.search(report))
    named = frozenset(sorted(permanent | temporary)[:MOST_RECIPIENTS])
    return [
        _report(
            one, _near(one, report, named - {one}), report, is_warning=is_warning and one not in permanent
        )
        for one in sorted(named)
    ]


def _failures(tamed: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """The addresses that flufl.bounce calls temporary and permanent failures."""
    from flufl.bounce import all_failures  # noqa: PLC0415 # few messages come to this

    # It logs each detector that it asks, and a traceback for each message that is no MIME.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
    lines = (line[:MAX_LINE] for line in tamed[:MAX_BYTES].split(b"\n"))
    try:
        message = parse(b"\n".join(lines))
        _take_out_enclosed(message)
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors raise whatever a malformed message leads them to
        return frozenset(), frozenset()
    return _texts_of(temporary), _texts_of(permanent)


def _take_out_enclosed(message: Message) -> None:
    """Empty the messages in a message: a report that somebody forwards is none."""
    for part in parts(message):
        if part.get_content_type() == "message/rfc822":
            part.set_payload([Message()])


def _texts_of(addresses: frozenset[bytes]) -> frozenset[str]:
    read = (address.decode("utf-8", "replace").strip() for address in addresses)
    return frozenset(address for address in read if "@" in address and address.isprintable())


def _texts(message: Message) -> list[str]:
    return [text(part) for part in parts(message) if part.get_content_maintype() == "text"]


def _report(address: str, near: str, said: str, *, is_warning: bool) -> Report:
    status, code = find_status(near), find_code(near)
    if status is None and code is None:
        status, code = find_status(said), find_code(said)
    if is_warning:
        kind = ReportKind.NONE
    elif status is None and code is None:
        # The program calls it a failure: where its words do not say which, it counts, but does not end it.
        kind = by_words(near) or by_words(said) or ReportKind.SOFT
    else:
        kind = verdict(code, status, near)
    return Report.of(kind, (address,), status=status, said=near)


def _near(address: str, said: str, others: frozenset[str]) -> str:
    """What stands around the address where it is named last; what comes after another's is about that one."""
    place = said.rfind(address)
    if place < 0:
        return said[:MOST_TEXT]
    after = said[place : place + len(address) + AFTER]
    ends = [after.find(other, after.find("\n")) for other in others if "\n" in after]
    after = after[: min((end for end in ends if end > 0), default=len(after))]
    return after if find_status(after) or by_words(after) else said[max(0, place - BEFORE) : place] + after
