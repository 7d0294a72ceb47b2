"""An edition's subject, text and HTML from its templates, cut so that no mail program clips it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import css_inline
from jinja2 import Environment, TemplateError, TemplateNotFound
from markupsafe import Markup

from digests.content import PostView, legible, more_address, one_line, views
from digests.model import Digest, Edition
from digests.window import in_words
from outbox.marks import mark
from posts.model import Post

# Gmail clips HTML over 102 KB, unsubscribe link and all; some is left for what a reader's tokens add.
HTML_LIMIT = 98_000

# Stands for a mark until the HTML parser, which takes no NUL, is through. No post holds a noncharacter.
_FENCE = "\ufffe"
_FENCED = re.compile(f"{_FENCE}([A-Z_]+){_FENCE}")
_ENGLISH = Markup(' lang="en" dir="ltr"')
_RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}


class RenderingError(ValueError):
    """An edition that cannot be rendered: it has no posts, or its template is absent or fails."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who sends: the site, and the addresses that its mail bears.

    ``site_url`` has no slash at its end; ``sender`` and ``reply_to`` are ``Name <address>``; ``timezone`` is
    the site's own (a digest has one of its own).
    """

    site_url: str
    site_title: str
    sender: str
    reply_to: str | None
    postal_address: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Content:
    """A digest's subject and two parts, with the marks of ``outbox`` where a reader's tokens go in.

    ``shown`` is how many of the edition's posts stand in it; the others are behind a link.
    """

    subject: str
    text: str
    html: str
    shown: int


def compose(
    environment: Environment, *, digest: Digest, edition: Edition, posts: Sequence[Post], publisher: Publisher
) -> Content:
    """Render an edition's subject, text and HTML; the HTML stays under ``HTML_LIMIT`` bytes.

    Short posts and a post that comes alone are shown whole, others by an excerpt. What is too long comes as
    excerpts only, and if that is too long, as fewer posts with a link to the rest. Raises ``RenderingError``.
    """
    if not posts:
        raise RenderingError(
            f"edition {edition.id} of digest {digest.slug} has no posts: there is nothing to send"
        )
    base = base_context(digest, edition, posts, publisher)
    try:
        shown = list(views(posts, site_url=publisher.site_url, timezone=digest.timezone, whole=True))
        html = _html(environment, edition.template, base, shown)
        if _size(html) > HTML_LIMIT:
            shown = list(views(posts, site_url=publisher.site_url, timezone=digest.timezone, whole=False))
            html = _html(environment, edition.template, base, shown)
        while _size(html) > HTML_LIMIT and len(shown) > 1:
            shown = shown[: min(len(shown) * HTML_LIMIT // _size(html), len(shown) - 1) or 1]
            html = _html(environment, edition.template, base, shown)
        context = base | shown_context(base, shown)
        subject = environment.get_template(f"email/{edition.template}/subject.txt").render(context)
        text = environment.get_template(f"email/{edition.template}/body.txt").render(context)
    except TemplateError as error:
        raise RenderingError(_describe(error, edition.template)) from error
    return Content(" ".join(subject.split()), _marked(text), _marked(html), len(shown))


def _html(environment: Environment, name: str, base: dict[str, Any], shown: Sequence[PostView]) -> str:
    page = environment.get_template(f"email/{name}/body.html").render(base | shown_context(base, shown))
    return _inliner().inline(page)


@cache
def _inliner() -> css_inline.CSSInliner:
    # The sheet that is marked to be kept holds the @media rules, which nothing inline can say.
    return css_inline.CSSInliner(load_remote_stylesheets=False, minify_css=True)


def _size(html: str) -> int:
    return len(html.encode())


def shown_context(base: dict[str, Any], shown: Sequence[PostView]) -> dict[str, Any]:
    """What the templates know of the posts in the mail."""
    return {"posts": shown, "more": base["total"] - len(shown), "preheader": _preheader(shown)}


def _preheader(shown: Sequence[PostView]) -> str:
    """What an inbox shows after the subject: the one post's beginning, or what else there is."""
    if len(shown) == 1:
        return one_line(shown[0].excerpt, 140)
    return one_line(" · ".join(post.title for post in shown[1:8]), 140)


def base_context(
    digest: Digest, edition: Edition, posts: Sequence[Post], publisher: Publisher
) -> dict[str, Any]:
    """What the templates know, but for the posts and what follows from how many are shown."""
    site = publisher.site_url
    language = edition.language or digest.language
    primary = language.partition("-")[0].lower()
    title = one_line(digest.title, 200) or digest.slug
    return {
        "title": title,
        "subject": f"{title}: {one_line(posts[0].title, 200)}",
        "language": language,
        "direction": "rtl" if primary in _RIGHT_TO_LEFT else "ltr",
        # The templates' own words are English, whatever the posts are in: a screen reader must know.
        "english": "" if primary == "en" else _ENGLISH,
        "window": in_words(edition.window_start, edition.window_end, digest.timezone),
        "timezone": digest.timezone,
        "folded": edition.folded,
        "total": len(posts),
        "more_url": more_address(edition, posts, site),
        "site_url": site,
        "site_title": one_line(publisher.site_title, 200),
        "postal_address": legible(publisher.postal_address or "").strip(),
        "unsubscribe_url": f"{site}/unsubscribe/{_fence('UNSUBSCRIBE')}",
        "preferences_url": f"{site}/preferences/{_fence('PREFERENCES')}",
    }


def _fence(name: str) -> str:
    return f"{_FENCE}{name}{_FENCE}"


def _marked(rendered: str) -> str:
    return _FENCED.sub(lambda found: mark(found[1]), rendered)


def _describe(error: TemplateError, name: str) -> str:
    if isinstance(error, TemplateNotFound):
        return f"the digest's template {name!r} has no file {error.name}: add it, or name another template"
    return f"the digest's template {name!r} fails: {' '.join(str(error).split())}"
