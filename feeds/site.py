"""What all feeds of a site have in common."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class FeedSite:
    """The site as its feeds show it.

    ``url`` is where it stands, with or without a slash at its end. ``author`` may be empty: the title then
    stands in, for a feed must have one (RFC 4287 §4.1.1). ``language`` is a BCP 47 tag or None. ``entries``
    is how many posts a feed holds unless it says otherwise. Raises ``ValueError`` on a ``content`` that is
    not offered.
    """

    url: str
    title: str
    author: str = ""
    language: str | None = None
    entries: int = 25
    content: str = "full"

    def __post_init__(self) -> None:
        if self.content != "full":
            raise ValueError(f"feeds.content: {self.content!r} is not offered; use 'full'")

    @property
    def author_name(self) -> str:
        """Whom a feed names as its author: never empty."""
        return self.author.strip() or self.title.strip() or self.url

    @property
    def home_url(self) -> str:
        """The front page, with a slash at its end."""
        return self.url.rstrip("/") + "/"

    def label_url(self, slug: str) -> str:
        """The address of a label's or a configured feed's page, percent-encoded."""
        return f"{self.home_url}labels/{quote(slug, safe='')}"

    def feed_url(self, slug: str, suffix: str) -> str:
        """The one canonical address of a feed in one format, percent-encoded."""
        return f"{self.home_url}feeds/{quote(slug, safe='')}.{suffix}"
