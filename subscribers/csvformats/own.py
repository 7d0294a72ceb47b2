"""Our own export, which says all that a reader chose; and any other list with a column of addresses."""

from dataclasses import replace

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import EMAIL_HEADINGS, Cells, CsvFormat
from subscribers.csvrows import BadRow, Row, Status

# What our own export calls a subscription that waits for its reader to agree.
ASKED = "asked"

_YES = ("", "subscribed", "active", "enabled", "confirmed", "yes", "true", "1")
_STATUSES = {
    **dict.fromkeys(_YES, Status.SUBSCRIBED),
    **dict.fromkeys(("pending", "unconfirmed", "unverified", "unactivated"), Status.PENDING),
    **dict.fromkeys(
        ("unsubscribed", "ended", "disabled", "inactive", "blocked", "blocklisted", "removed", "no", "false"),
        Status.UNSUBSCRIBED,
    ),
    **dict.fromkeys(("bounced", "cleaned", "undeliverable"), Status.BOUNCED),
    **dict.fromkeys(("complained", "spam", "complaint"), Status.COMPLAINED),
}
# Columns of other services' lists by which somebody is not subscribed: where they hold something, and where
# they say no.
_GONE = (
    *("unsubscribed", "unsubscribed_at", "unsubscribed_on", "unsubscribed_date", "unsubscribe_date"),
    *("opt_out", "optout", "opted_out", "opt_out_date", "opted_out_at", "do_not_email", "do_not_mail"),
    *("blocklisted", "blacklisted", "blocked", "suppressed", "deleted", "deleted_at", "removed"),
    *("bounced", "bounced_at", "cleaned", "complained", "complained_at"),
)
_THERE = ("subscribed", "is_subscribed", "opt_in", "opted_in", "active", "is_active", "enabled")
_NO = ("0", "false", "f", "no", "n")
_STATES = {
    "confirmed": Status.SUBSCRIBED,
    "pending": Status.PENDING,
    "suppressed": Status.SUPPRESSED,
}


def _read_own(cells: Cells) -> Row | BadRow:
    """A line of our own export: a subscription, or a reader who has none."""
    state = cells.get("state")
    status = _STATES.get(state)
    if status is None:
        return BadRow(cells.line, f"{cells.email}: state {state[:40]!r} is none of a reader's")
    if status is Status.SUBSCRIBED and cells.get("subscription") == ASKED:
        status = Status.PENDING
    return _chosen(cells, status, LABELCAST.title)


def _read_plain(cells: Cells) -> Row | BadRow:
    """A line of any list: a column ``status`` is heeded, and a word there that is not known is no yes.

    So is one that says that they left, or bounced, or are not subscribed.
    """
    word = cells.get("status")
    status = _STATUSES.get(word.casefold())
    if status is None:
        return BadRow(
            cells.line, f"{cells.email}: status {word[:40]!r} does not say that they are subscribed"
        )
    if status in {Status.SUBSCRIBED, Status.PENDING} and (column := _gone(cells)):
        said = f"{column.replace('_', ' ')}: {cells.get(column)}"
        return replace(_chosen(cells, Status.UNSUBSCRIBED, None), why=said)
    return _chosen(cells, status, None)


def _gone(cells: Cells) -> str | None:
    """The column that says that somebody is not subscribed."""
    for name in _GONE:
        if cells.get(name).casefold() not in {"", "null", "none", "never", "-", *_NO}:
            return name
    return next((name for name in _THERE if cells.get(name).casefold() in _NO), None)


def _chosen(cells: Cells, status: Status, source: str | None) -> Row:
    labels = cells.get("labels", "label").split(";")
    return Row(
        cells.line,
        cells.email,
        labels=tuple(filter(None, (name.strip() for name in labels))),
        cadence=cells.get("cadence") or None,
        timezone=cells.get("timezone") or None,
        status=status,
        why=cells.get("reason") or "",
        since=read_date(cells.get("since")),
        ended=cells.get("subscription") == "ended",
        agreed_at=read_date(cells.get("agreed_at")),
        agreed_from=cells.get("agreed_from") or None,
        source=source,
        at=cells.get("at") or None,
        hour=cells.get("hour") or None,
        weekday=cells.get("weekday") or None,
        monthday=cells.get("monthday") or None,
        content=cells.get("content") or None,
        form=cells.get("form") or None,
        language=cells.get("language") or None,
        digest=cells.get("digest") or None,
        digest_language=cells.get("digest_language") or None,
        paused_until=read_date(cells.get("paused_until")),
    )


LABELCAST = CsvFormat(
    "labelcast", "Labelcast", (frozenset({"email", "state", "digest", "subscription"}),), _read_own
)
PLAIN = CsvFormat("plain", "plain", tuple(frozenset({name}) for name in EMAIL_HEADINGS), _read_plain)
