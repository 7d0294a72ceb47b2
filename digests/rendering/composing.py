"""An edition's subject, text and HTML from its templates, cut so that no mail program clips it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import css_inline
from jinja2 import Environment
from markupsafe import Markup

from digests.model import Digest, Edition
from digests.rendering.content import PostView, legible, more_address, one_line, views
from digests.rendering.grouping import Group, grouped
from digests.rendering.mailhtml import mail_html
from digests.rendering.window import in_words
from outbox.marks import mark
from posts.model import Post
from templates import to_text
from templates.environment import segment
from templates.filling import TemplateFault, fill, has_file
from templates.languages import Language, language

# Gmail clips HTML over 102 KB, unsubscribe link and all; some is left for what a reader's tokens add.
HTML_LIMIT = 98_000
# No subject is longer, in characters, whatever its template makes of it.
SUBJECT = 250
# What an inbox shows of a mail beside its subject, in characters.
PREHEADER = 140

# Stands for a mark until the HTML parser, which takes no NUL, is through. No post holds a noncharacter.
_FENCE = "\ufffe"
_FENCED = re.compile(f"{_FENCE}([A-Z_]+){_FENCE}")
_ENGLISH = Markup(' lang="en" dir="ltr"')


class RenderingError(ValueError):
    """An edition that cannot be rendered: it has no posts, or its template is absent or fails.

    Where a template is to blame, the one line names its file and line.
    """


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
    """A digest's subject and its parts, with the marks of ``outbox`` where a reader's tokens go in.

    ``html`` is None where a mail is text alone. ``shown`` is how many of the edition's posts stand in it; the
    others are behind a link.
    """

    subject: str
    text: str
    html: str | None
    shown: int


@dataclass(frozen=True, slots=True)
class _Draft:
    context: dict[str, Any]
    text: str
    html: str | None
    shown: int

    @property
    def size(self) -> int:
        """Bytes of the larger part."""
        return max(len(self.text.encode()), len((self.html or "").encode()))


def compose(
    environment: Environment, *, digest: Digest, edition: Edition, posts: Sequence[Post], publisher: Publisher
) -> Content:
    """Render an edition's subject, text and HTML, each part under ``HTML_LIMIT`` bytes.

    Posts are whole or excerpts, as the edition says. What is too long whole comes as excerpts with a note,
    and if that is too long, as fewer posts with a link to the rest. A mail is text alone where the edition's
    form says so, or its template has no HTML. Raises ``RenderingError``.
    """
    if not posts:
        raise RenderingError(
            f"edition {edition.id} of digest {digest.slug} has no posts: there is nothing to send"
        )
    spoken = language(edition.language or digest.language)
    base = base_context(digest, edition, posts, publisher, spoken)
    wanted = posts[: edition.options.max_posts]

    def draft(whole: bool, *, few: int | None = None) -> _Draft:
        site, zone = publisher.site_url, digest.timezone
        dated = edition.options.grouping != "day"
        seen = views(wanted, site_url=site, timezone=zone, spoken=spoken, whole=whole, dated=dated)
        shown = list(seen)[:few]
        groups = grouped(wanted, shown, edition=edition, timezone=zone, site_url=site, spoken=spoken)
        cut = edition.content == "full" and not whole
        context = base | shown_context(base, shown, groups) | {"cut": cut}
        return _drawn(environment, edition, context, len(shown))

    try:
        made = draft(edition.content == "full")
        if made.size > HTML_LIMIT and edition.content == "full":
            made = draft(whole=False)
        while made.size > HTML_LIMIT and made.shown > 1:
            made = draft(whole=False, few=min(made.shown * HTML_LIMIT // made.size, made.shown - 1) or 1)
    except TemplateFault as error:
        raise RenderingError(str(error)) from error
    html = None if made.html is None else _marked(made.html)
    return Content(made.context["subject"], _marked(made.text), html, made.shown)


def _drawn(environment: Environment, edition: Edition, context: dict[str, Any], shown: int) -> _Draft:
    folder = f"email/{edition.template}"
    context["subject"] = one_line(fill(environment, f"{folder}/subject.txt", context), SUBJECT)
    if not context["subject"]:
        raise TemplateFault(f"{folder}/subject.txt: the subject is empty")
    text = _filled(environment, f"{folder}/body.txt", context)
    if edition.form == "text" or not has_file(environment, f"{folder}/body.html"):
        return _Draft(context, text, None, shown)
    html = _inliner().inline(_filled(environment, f"{folder}/body.html", context))
    return _Draft(context, text, html, shown)


def _filled(environment: Environment, name: str, context: dict[str, Any]) -> str:
    """A part without what no message may hold, whatever its template wrote; the fences stay."""
    return _FENCE.join(map(legible, fill(environment, name, context).split(_FENCE)))


@cache
def _inliner() -> css_inline.CSSInliner:
    # The sheet that is marked to be kept holds the @media rules, which nothing inline can say.
    return css_inline.CSSInliner(load_remote_stylesheets=False, minify_css=True)


def shown_context(base: dict[str, Any], shown: Sequence[PostView], groups: Sequence[Group]) -> dict[str, Any]:
    """What the templates know of the posts in the mail."""
    return {
        "posts": shown,
        "groups": groups,
        "more": base["total"] - len(shown),
        "preheader": one_line(base["introduction_text"], PREHEADER) or _preheader(shown),
    }


def _preheader(shown: Sequence[PostView]) -> str:
    """What an inbox shows after the subject: the one post's beginning, or what else there is."""
    if len(shown) == 1:
        return one_line(shown[0].excerpt, PREHEADER)
    return one_line(" · ".join(post.title for post in shown[1:8]), PREHEADER)


def base_context(
    digest: Digest, edition: Edition, posts: Sequence[Post], publisher: Publisher, spoken: Language
) -> dict[str, Any]:
    """What the templates know, but for the posts and what follows from how many are shown."""
    site = publisher.site_url
    introduction = legible(edition.options.introduction or "")
    return spoken.functions() | {
        "title": one_line(digest.title, 200) or digest.slug,
        "slug": digest.slug,
        "language": spoken.tag,
        "direction": spoken.direction,
        "comma": spoken.comma,
        # Where there is no catalogue, the templates' own words are English: a screen reader must know.
        "english": "" if spoken.is_spoken else _ENGLISH,
        "window": in_words(edition.window_start, edition.window_end, digest.timezone, spoken),
        "window_end": edition.window_end,
        "created_at": edition.created_at,
        "timezone": digest.timezone,
        "folded": edition.folded,
        "introduction": mail_html(introduction),
        "introduction_text": to_text(introduction),
        "total": len(posts),
        "more_url": more_address(edition, posts, site),
        "site_url": site,
        "site_title": one_line(publisher.site_title, 200),
        "postal_address": legible(publisher.postal_address or "").strip(),
        "view_url": f"{site}/digests/{segment(digest.slug)}/{edition.id}",
        "unsubscribe_url": f"{site}/unsubscribe/{_fence('UNSUBSCRIBE')}",
        "preferences_url": f"{site}/preferences/{_fence('PREFERENCES')}",
        "stop_url": f"{site}/stop/{_fence('STOP')}",
    }


def _fence(name: str) -> str:
    return f"{_FENCE}{name}{_FENCE}"


def _marked(rendered: str) -> str:
    return _FENCED.sub(lambda found: mark(found[1]), rendered)
