"""What a refusal means: by its codes (RFC 5321, RFC 3463) first, then by its words."""

import re

from outbox.bounces.report import ReportKind

# Of a refusal's words so many are looked at.
MOST_TEXT = 1000

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -]|$)")
_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# About the sender, or the message: nothing that the reader did.
_ABOUT_US = _words(
    r"\bspam",
    r"black ?list|block ?list|deny ?list|\brbl\b|dnsbl|spamhaus|\bblocked\b|\bbanned\b",
    r"\bpolic(?:y|ies)\b|reputation|\bSPF\b|\bDKIM\b|\bDMARC\b|unauthenticated|authentication",
    r"(?:access|permission|relay(?:ing)?(?: access)?|sending) (?:is )?denied|relay not permitted",
    r"not (?:permitted|allowed|authori[sz]ed)|prohibited|rate limit|too many (?:messages|connections)",
    r"sender(?:'s)? (?:address|domain|verif|rejected|unknown|denied|invalid|not)|verification failed",
    r"\bip\b|\b[he][eh]lo\b|reverse (?:dns|lookup)|\bptr\b|\brdns\b|\bmail from\b|host ?name",
    r"\bvirus|malware|content (?:rejected|filter)|unsolicited|\bbulk\b|likely suspicious",
    r"(?:message|mail|header)[ -]size|(?:message|mail) (?:is )?too (?:big|large|long)|maximum size",
)
_FULL = _words(
    r"quota|(?:mail ?box|inbox|account|storage|disk)\b.{0,30}\bfull\b|\bfull mail ?box",
    r"insufficient (?:system |disk )?(?:storage|space)|space not enough|out of (?:disk )?(?:storage|space)",
    r"exceed\w* (?:its |the )?(?:storage|disk)",
)
_MAY_PASS = _words(
    r"temporar|try again|tr(?:y|ied) for|time[ds]?[ -]?out|expired|retry|\bretries\b|deferred",
    r"connection (?:was )?(?:refused|lost|reset|closed)|unreachable|no answer|can(?:no|')t connect",
    r"maximum delivery attempts|undeliver\w+ for \d|too busy|resources|not accepting",
    r"(?:host|domain)(?: name| or domain name)? not found|name service error|unrout\w+ address|loop",
)
_NOBODY = _words(
    r"unknown (?:or (?:illegal|invalid) )?(?:local )?(?:user|recipient|address|mailbox|account|alias)",
    r"(?:user|recipient|mail ?box|account|address|addressee|alias)\b.{0,40}?\b(?:is |was |has been )?"
    r"(?:unknown|not (?:known|found|exist|recogni[sz]ed)|n't exist|not valid|invalid|not listed|no longer|"
    r"disabled|deleted|closed|terminated|suspended|inactive|deactivated|discontinued|unavailable)",
    r"\bno (?:such|valid|known) (?:local )?(?:user|recipient|person|mail ?box|account|address|alias|name)",
    r"\bno (?:mail ?box|user|account|recipient)s?\b.{0,20}?\b(?:here|by|with|named|called|in)\b",
    r"(?:invalid|illegal|bad destination|non-?existent|inactive|disabled)\b.{0,20}?"
    r"(?:user|recipient|mail ?box|account|address)",
    r"(?:not a|does ?n.t have an?|no) (?:known |valid |registered )?(?:user|recipient|mail ?box|\S+ account)",
    r"not (?:our|a) customer|address error",
)
# Exchange Online says "Recipient address rejected: Access denied" where its directory has no such recipient.
_NOT_IN_DIRECTORY = "AS(201806281)"

# Subjects and details of RFC 3463 that say what they mean. None as detail: any other.
_BY_SUBJECT: dict[tuple[int, int | None], ReportKind] = {
    (1, 7): ReportKind.POLICY,  # the sender's address
    (1, 8): ReportKind.POLICY,
    (1, None): ReportKind.HARD,
    (2, 2): ReportKind.SOFT,
    (2, 3): ReportKind.POLICY,  # the message is too long for them
    (3, 4): ReportKind.POLICY,  # or for their server
    (6, None): ReportKind.POLICY,
    (7, None): ReportKind.POLICY,
}


def verdict(code: int | None, enhanced: str | None, text: str) -> ReportKind:
    """What a refusal means: ``hard``, ``soft`` or ``policy``.

    ``code`` is the SMTP reply's, ``enhanced`` the status code, each None where there is none; ``text`` what
    was said. A server's own code in the text stands above a status that says only "other" (5.0.0). When
    unsure it is ``policy`` for a bare reply, for it may be us, and ``soft`` where a status or a reporter
    calls it a failure: never ``hard``.
    """
    text = " ".join(text[:MOST_TEXT].split())
    status = _parsed(enhanced)
    said = _parsed(text)
    if said is not None and said[0] != 2 and (status is None or status[1:] == (0, 0)):
        status = said
    if (status[0] if status else (code or 500) // 100) == 4:
        return ReportKind.SOFT
    if status is not None:
        known = _by_subject(*status[1:], text)
        if known is not None:
            return known
    if code == 556:  # RFC 7504: the domain takes no mail
        return ReportKind.HARD
    # 5.5.x is a quarrel about the protocol; 552 is what a full mailbox gets (RFC 5321, section 4.2.3).
    is_about_us = code != 552 if status is None else status[1] == 5
    return by_words(text) or (ReportKind.POLICY if is_about_us else ReportKind.SOFT)


def _by_subject(subject: int, detail: int, text: str) -> ReportKind | None:
    known = _BY_SUBJECT.get((subject, detail)) or _BY_SUBJECT.get((subject, None))
    if (subject, detail) == (1, 0) and by_words(text) is ReportKind.POLICY:
        return ReportKind.POLICY  # "other address status": also of the sender's address
    return known


def by_words(text: str) -> ReportKind | None:
    """What the words of a refusal mean; None where they say nothing known. Addresses in it are no words."""
    if _NOT_IN_DIRECTORY in text:
        return ReportKind.HARD
    text = _ADDRESS.sub(" ", text[:MOST_TEXT])
    for words, kind in (
        (_FULL, ReportKind.SOFT),
        (_ABOUT_US, ReportKind.POLICY),
        (_MAY_PASS, ReportKind.SOFT),
        (_NOBODY, ReportKind.HARD),
    ):
        if words.search(text):
            return kind
    return None


def find_status(text: str) -> str | None:
    """The first enhanced status code in a text, of a failure; None when there is none."""
    for found in _STATUS.finditer(text[:MOST_TEXT]):
        if found[1] != "2":
            return found[0]
    return None


def find_code(text: str) -> int | None:
    """The first SMTP reply code of a failure in a text; None when there is none."""
    found = _REPLY.search(text[:MOST_TEXT])
    return int(found[1]) if found else None


def _parsed(text: str | None) -> tuple[int, int, int] | None:
    found = find_status(text or "")
    if found is None:
        return None
    one, two, three = found.split(".")
    return int(one), int(two), int(three)
