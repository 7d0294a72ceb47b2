"""Ghost's webhooks: post.published, post.published.edited, post.unpublished, post.deleted and the others.

The payload is ``{"post": {"current": {…}, "previous": {…}}}`` and does not name its event: what became of
the post is told by what it is now. The header ``X-Ghost-Signature: sha256=HEX, t=MILLISECONDS`` signs the
body with the time behind it.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from posts.model import PostState
from web.api.webhooks.told import NotUnderstood, Told, ignored, moment, named, names_of, text

_SIGNATURE = re.compile(r"\s*sha256=([0-9a-f]{64})\s*,\s*t=([0-9]{1,15})\s*")
# How old a signed message may be, or how far ahead that clock.
_FRESH = timedelta(minutes=10)
# What is behind it is for members; Ghost's own feed ends there too.
_MEMBERS_ONLY = "<!--members-only-->"
# Ghost's names for its own use begin so.
_INTERNAL = "#"


def is_signed(header: str, body: bytes, secrets: Sequence[str], *, now: datetime) -> bool:
    """Whether a message was signed with one of these secrets, not long ago."""
    found = _SIGNATURE.fullmatch(header)
    if found is None:
        return False
    signature, at = found[1], found[2]
    if abs(int(at) / 1000 - now.timestamp()) > _FRESH.total_seconds():
        return False
    right = (hmac.new(one.encode(), body + at.encode(), sha256).hexdigest() for one in secrets)
    return any(hmac.compare_digest(signature, one) for one in right)


def read(body: bytes) -> Told:
    """What an event tells of a post. Raises ``NotUnderstood``."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("the body is no JSON") from error
    about = payload.get("post") if isinstance(payload, dict) else None
    if not isinstance(about, dict):
        if isinstance(payload, dict) and {"page", "tag", "member", "site"} & payload.keys():
            return ignored("it is of no post")
        raise NotUnderstood('the body has no "post": is it a webhook of Ghost?')
    current, previous = _object(about.get("current")), _object(about.get("previous"))
    if not current:
        return Told(text(previous, "id"), _url(previous), PostState.DELETED)
    number = text(current, "id")
    if number is None:
        raise NotUnderstood('the post has no "id"')
    status = text(current, "status")
    if status is None:
        raise NotUnderstood('the post has no "status"')
    if status == "published":
        return Told(number, _url(current), PostState.LIVE, _changes(current))
    # A draft's link is a preview for its authors: nobody is led there. What was sent by mail only is no post.
    return Told(number, None, PostState.DRAFT)


def _changes(current: Mapping[str, Any]) -> dict[str, Any]:
    """What a published post tells."""
    tags = names_of(current.get("tags"))
    authors = names_of(current.get("authors"))
    if authors is None and isinstance(author := current.get("primary_author"), dict):
        authors = names_of([author])
    return named(
        [
            ("title", text(current, "title")),
            ("html", _public_html(current)),
            ("published", moment(text(current, "published_at"))),
            ("labels", None if tags is None else tuple(tag for tag in tags if tag[:1] != _INTERNAL)),
            ("authors", authors),
            ("picture", text(current, "feature_image")),
            ("language", text(current, "locale")),
        ]
    )


def _public_html(current: Mapping[str, Any]) -> str | None:
    """What everybody may read of a post: of one for members its beginning."""
    html = current.get("html")
    html = html if isinstance(html, str) else None
    if text(current, "visibility") in {None, "public"}:
        return html
    before, mark, _ = (html or "").partition(_MEMBERS_ONLY)
    return before if mark else text(current, "custom_excerpt") or ""


def _url(values: Mapping[str, Any]) -> str | None:
    """A post's link; Ghost links what is nowhere to a page that says so, or to a preview."""
    url = text(values, "url")
    return None if url is None or re.search(r"/(404|p/[0-9a-f-]{36})/?$", url) else url


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
