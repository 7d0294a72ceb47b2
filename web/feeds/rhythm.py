"""How long an answer may be kept: by how often a feed's posts come."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from statistics import median

LEAST, UNKNOWN, MOST = 60, 300, 3600
# Of the time between two posts, so much may a reader be late.
_PART = 12
_NEWEST = 10

# As the formats write the time of an entry. In a text these cannot stand: XML's has no <, JSON's no bare ".
_IN_XML = re.compile(rb"<(?:published|pubDate)>([^<]+)<")
_IN_JSON = re.compile(rb'(?<!\\)"(?:date_published": ?|published":\{"\$t":)"([^"]+)"')


def max_age(body: bytes) -> int:
    """For how many seconds a feed may be kept, by its own bytes, so that it is the same on every machine.

    A twelfth of the median time between its newest posts, in whole minutes, from one minute to an hour.
    """
    moments = sorted(_moments(body), reverse=True)[: _NEWEST + 1]
    gaps = [(newer - older).total_seconds() for newer, older in pairwise(moments)]
    if not gaps:
        return UNKNOWN
    return int(min(max(median(gaps) / _PART // 60 * 60, LEAST), MOST))


def _moments(body: bytes) -> Iterator[datetime]:
    pattern = _IN_JSON if body.startswith(b"{") else _IN_XML
    for found in pattern.findall(body):
        try:
            yield _read(found.decode())
        except ValueError:
            continue


def _read(text: str) -> datetime:
    """A moment as Atom, JSON Feed and Blogger's JSON write it, or as RSS does."""
    moment = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
