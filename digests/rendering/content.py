"""What a digest's templates are given: the edition's posts as a mail shows them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from markupsafe import Markup

from digests.model import Edition
from digests.rendering.mailhtml import Picture, lead_picture, mail_html
from posts.model import Post
from templates import excerpt, shorten, to_text
from templates.environment import segment
from templates.languages import Language

# How much of a post an excerpt shows: words, characters; more of it when the mail holds no other.
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
    """A post as a template shows it: whole (``html``, ``text``) or, where these are None, by its excerpt.

    ``picture`` is one that stands for it and that ``html`` does not show; ``language`` its own, where it is
    another than the mail's; ``about`` its date, author and labels on one line. ``dated`` is not where it
    stands under its day, which need not be told again.
    """

    title: str
    url: str | None
    published: datetime
    author: str
    labels: tuple[LabelLink, ...]
    more_labels: int
    excerpt: str
    html: Markup | None
    text: str | None
    picture: Picture | None
    language: str | None
    about: str
    dated: bool = True


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


def views(
    posts: Sequence[Post],
    *,
    site_url: str,
    timezone: str,
    spoken: Language,
    whole: bool,
    dated: bool = True,
) -> Iterator[PostView]:
    """The posts as the templates show them, each whole or by its excerpt."""
    extent = LONE_EXCERPT if len(posts) == 1 else EXCERPT
    for post in posts:
        html = legible(post.html)
        names = [one_line(name, NAME_LENGTH) for name in post.labels]
        labels = tuple(
            LabelLink(name, label_address(site_url, slug))
            for name, slug in zip(names[:LABELS_SHOWN], post.label_slugs, strict=False)
        )
        author = one_line(spoken.comma.join(name for name in post.authors if name.strip()), NAME_LENGTH)
        shown = mail_html(html) if whole else None
        about = [spoken.date(post.published, timezone=timezone) if dated else "", author]
        about.append(spoken.comma.join(label.name for label in labels))
        yield PostView(
            title=one_line(post.title, TITLE_LENGTH) or spoken.gettext("Untitled"),
            url=web_address(post.url),
            published=post.published,
            author=author,
            labels=labels,
            more_labels=len(names) - len(labels),
            excerpt=excerpt(html, *extent),
            html=shown,
            text=to_text(html) if whole else None,
            picture=_picture(post, html, shown),
            language=post.language if post.language and post.language != spoken.tag else None,
            about=" · ".join(filter(None, about)),
            dated=dated,
        )


def _picture(post: Post, html: str, shown: Markup | None) -> Picture | None:
    """The picture that stands for a post, unless pictures are shown with its text anyway."""
    address = web_address(post.picture)
    return None if address is None or (shown and "<img" in shown) else lead_picture(address, html)


def label_address(site_url: str, slug: str) -> str:
    """The address of a label's page."""
    return f"{site_url}/labels/{segment(slug)}"


def more_address(edition: Edition, posts: Sequence[Post], site_url: str) -> str:
    """Where an edition's posts stand on the web: the page of the label they share, else that of all posts."""
    shared = set.intersection(*(set(post.label_slugs) for post in posts)) if posts else set()
    for slug in (*edition.labels, *sorted(shared)):
        if slug in shared:
            return label_address(site_url, slug)
    return label_address(site_url, "all")
