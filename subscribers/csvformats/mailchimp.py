"""Mailchimp's audience export: three files, of those subscribed, unsubscribed and cleaned."""

from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import Cells, CsvFormat, listed
from subscribers.csvrows import Row, Status


def _read(cells: Cells) -> Row:
    """A line of any of the three: times are UTC, CONFIRM_… is when and from where they agreed.

    Those of the last two files have no LAST_CHANGED; a publisher's own column may be called UNSUB_TIME.
    """
    status, since = Status.SUBSCRIBED, ""
    if _ended(cells, "clean_time"):
        status, since = Status.BOUNCED, cells.get("clean_time")
    elif _ended(cells, "unsub_time"):
        status, since = Status.UNSUBSCRIBED, cells.get("unsub_time")
    confirmed = bool(cells.get("confirm_time"))
    return Row(
        cells.line,
        cells.email,
        status=status,
        why="cleaned" if status is Status.BOUNCED else "",
        since=read_date(since),
        agreed_at=read_date(cells.get("confirm_time", "optin_time")),
        agreed_from=cells.get("confirm_ip" if confirmed else "optin_ip") or None,
        timezone=cells.get("timezone") or None,
        language=cells.get("language") or None,
        guessed=True,
        form="text" if cells.get("email_type").casefold() == "text" else None,
        tags=listed(cells.get("tags")),
        source=MAILCHIMP.title,
    )


def _ended(cells: Cells, column: str) -> bool:
    return bool(cells.get(column)) or (cells.has(column) and not cells.has("last_changed"))


MAILCHIMP = CsvFormat("mailchimp", "Mailchimp", (frozenset({"member_rating", "optin_time"}),), _read)
