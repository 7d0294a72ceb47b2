"""What a digest's templates are given: the edition's posts as a mail shows them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from markupsafe import Markup

from digests.mailhtml import mail_html
from digests.model import Edition
from posts.model import Post
from templates import excerpt, shorten, to_text
from templates.environment import day, segment
from templates.markup import prose

# A post of so many words is shown whole among others; a longer one begins, and its page goes on.
WHOLE_WORDS = 120
# How much of a longer one: words, characters; more of it when the mail holds no other.
EXCERPT = (60, 420)
LONE_EXCERPT = (200, 1400)
# However odd a post is, what it shows outside its own text stays short.
TITLE_LENGTH = 250
NAME_LENGTH = 80
LABELS_SHOWN = 8

_ILLEGIBLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class LabelLink:
    """A label under a post, and its page."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class PostView:
    """A post as a template shows it: whole (``html``, ``text``) or, where these are None, by its excerpt."""

    title: str
    url: str | None
    published: datetime
    author: str
    labels: tuple[LabelLink, ...]
    more_labels: int
    excerpt: str
    html: Markup | None
    text: str | None
    about: str


def legible(text: str) -> str:
    """``text`` without what no message may hold: control characters, noncharacters, half surrogates."""
    return _ILLEGIBLE.sub("", text)


def one_line(text: str, length: int) -> str:
    """``text`` fit for a title or a header: legible, on one line, not over ``length`` characters."""
    return shorten(legible(text), length)


def web_address(url: str | None) -> str | None:
    """``url`` when it is one to follow from a mail: http or https, with a host."""
    if not url:
        return None
    try:
        parts = urlsplit(legible(url))
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return parts.geturl().replace(" ", "%20")


def views(posts: Sequence[Post], *, site_url: str, timezone: str, whole: bool) -> Iterator[PostView]:
    """The posts as the templates show them, each whole or by its excerpt.

    With ``whole``, a post that is alone, short, or has no page to go on at, is shown whole.
    """
    extent = LONE_EXCERPT if len(posts) == 1 else EXCERPT
    for post in posts:
        is_whole = whole and (len(posts) == 1 or not web_address(post.url) or _is_short(post))
        yield _view(post, site_url=site_url, timezone=timezone, whole=is_whole, extent=extent)


def _is_short(post: Post) -> bool:
    return len(prose(post.html, enough=WHOLE_WORDS * 20).split()) <= WHOLE_WORDS and len(post.html) < 4_000


def _view(post: Post, *, site_url: str, timezone: str, whole: bool, extent: tuple[int, int]) -> PostView:
    html = legible(post.html)
    names = [one_line(name, NAME_LENGTH) for name in post.labels]
    labels = tuple(
        LabelLink(name, f"{site_url}/labels/{segment(slug)}")
        for name, slug in zip(names[:LABELS_SHOWN], post.label_slugs, strict=False)
    )
    author = one_line(", ".join(post.authors), NAME_LENGTH)
    about = [day(post.published, timezone), author, ", ".join(label.name for label in labels)]
    return PostView(
        title=one_line(post.title, TITLE_LENGTH) or "Untitled",
        url=web_address(post.url),
        published=post.published,
        author=author,
        labels=labels,
        more_labels=len(names) - len(labels),
        excerpt=excerpt(html, *extent),
        html=mail_html(html) if whole else None,
        text=to_text(html) if whole else None,
        about=" · ".join(filter(None, about)),
    )


def more_address(edition: Edition, posts: Sequence[Post], site_url: str) -> str:
    """Where an edition's posts stand on the web: the page of the label they share, else that of all posts."""
    shared = set.intersection(*(set(post.label_slugs) for post in posts)) if posts else set()
    for slug in (*edition.labels, *sorted(shared)):
        if slug in shared:
            return f"{site_url}/labels/{segment(slug)}"
    return f"{site_url}/labels/all"
