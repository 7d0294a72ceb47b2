"""What stands around a past edition's mail: a bar with the way to the archive and to its neighbours.

A mail is a document of the publisher's own template: the bar takes no style from it, and gives it none.
All of this is pure.
"""

import re
from collections.abc import Sequence

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_END = re.compile(r"</body\s*>(?!.*</body)", re.IGNORECASE | re.DOTALL)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_START = re.compile(r"\s*(?:<!doctype[^>]*>\s*)?(?:<html\b[^>]*>)?", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^>]*>.*?</title\s*>", re.IGNORECASE | re.DOTALL)


def put_around(mail: str, *, title: str, head: str, above: str, below: str) -> str:
    """A mail's document with a title, something in its head, and a bar above and below what it shows.

    All of these are HTML. What is not where it should be is put where it will do: a mail may lack anything.
    """
    mail = _with_head_and_body(mail)
    if _TITLE.search(mail) is not None:
        mail = _TITLE.sub("", mail, count=1)
    mail = _HEAD.sub(lambda found: f"{found[0]}<title>{title}</title>{head}", mail, count=1)
    mail = _BODY.sub(lambda found: found[0] + above, mail, count=1)
    return _END.sub(lambda found: below + found[0], mail, count=1) if _END.search(mail) else mail + below


def _with_head_and_body(mail: str) -> str:
    """Where one of these is left out, a browser puts it there as well."""
    if _HEAD.search(mail) is None:
        start = _BODY.search(mail) or _START.match(mail)
        place = 0 if start is None else start.start() if start.re is _BODY else start.end()
        mail = f"{mail[:place]}<head></head>{mail[place:]}"
    if _BODY.search(mail) is None:
        mail = _HEAD_END.sub(lambda found: f"{found[0]}<body>", mail, count=1)
    return mail


def neighbours(numbers: Sequence[int], number: int) -> tuple[int | None, int | None]:
    """The newer and the older one of an edition in the archive, which lists the newest first."""
    if number not in numbers:
        return None, None
    place = numbers.index(number)
    newer = numbers[place - 1] if place else None
    return newer, numbers[place + 1] if place + 1 < len(numbers) else None


def page_of(
    numbers: Sequence[int], before: int | None, size: int
) -> tuple[int, int | None, int | None] | None:
    """Where the page behind the edition ``before`` begins, and the cursors of the newer and the older page.

    None for a cursor that is not in the archive; 0 as the newer page's cursor is the first page.
    """
    if before is None:
        begin = 0
    elif before in numbers:
        begin = numbers.index(before) + 1
    else:
        return None
    if begin and begin >= len(numbers):
        return None
    newer = None if not begin else numbers[begin - size - 1] if begin > size else 0
    older = numbers[begin + size - 1] if begin + size < len(numbers) else None
    return begin, newer, older
