"""What an aggregator says of its readers in its User-Agent: it polls once for all of them."""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_READERS = 100_000_000
_LONGEST = 1000
_LONGEST_PRODUCT = 40

# "114 subscribers", "2 readers"; and "Subscriber Count: 12".
_COUNTS = (
    re.compile(r"(?<![\w.:/-])(\d{1,12}) {1,3}(?:active )?(?:subscribers?|readers?)\b", re.IGNORECASE),
    re.compile(r"\bsubscribers?(?:[ _-]count)? ?[:=] ?(\d{1,12})\b", re.IGNORECASE),
)
_FEED_ID = re.compile(r"\bfeed-?id[:=]\s*([\w-]{1,64})", re.IGNORECASE)
# "Mozilla/5.0 (compatible; inoreader.com; …": the program is what comes after "compatible".
_PRODUCT = re.compile(r"(?:Mozilla/[\d.]+ \(compatible; *)?([^\W\d_](?:[^\W\d]|[ .-](?=[^\W\d]))*)")


@dataclass(frozen=True, slots=True)
class Report:
    """That an aggregator polls for so many readers; ``feed_id`` is what it calls the feed, or empty."""

    agent: str
    readers: int
    feed_id: str = ""


@lru_cache(maxsize=1024)
def read_report(user_agent: str) -> Report | None:
    """What a User-Agent says of readers; None when it says nothing, as a person's own feed reader.

    ``agent`` is the product's name, without version and numbers.
    """
    text = user_agent[:_LONGEST]
    found = next((match for pattern in _COUNTS if (match := pattern.search(text))), None)
    product = _PRODUCT.match(text.strip())
    if found is None or product is None:
        return None
    feed_id = _FEED_ID.search(text)
    name = re.sub(r"[ -](?:feed(?:-?id)?|v)$", "", product[1][:_LONGEST_PRODUCT].strip(), flags=re.IGNORECASE)
    return Report(name, min(int(found[1]), MAX_READERS), feed_id[1] if feed_id else "")
