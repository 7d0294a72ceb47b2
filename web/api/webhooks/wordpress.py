"""WordPress' webhooks, of the common senders.

WordPress.com (and the plugin HookPress) send a form with the fields that were chosen and
``hook=publish_post``; the plugin WP Webhooks sends JSON with the row under ``post``, its terms under
``taxonomies`` and its link under ``post_permalink``; others send a post as WordPress' REST API shows it.

Its id is its ``guid``, as in WordPress' own feeds and exports, so that an import knows it again.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from posts.model import PostState
from web.api.webhooks.told import NotUnderstood, Told, ignored, moment, named, names_of, text

_MOST_FIELDS = 200
_DELETING = ("delete_post", "deleted_post", "trash_post", "trashed_post", "post_delete", "post_trash")
# Terms that are labels; others, such as a theme's formats, are not.
_LABELS = ("category", "post_tag")
# WordPress calls a post that has no category so.
_NO_CATEGORY = "uncategorized"


def read(content_type: str, body: bytes) -> Told:
    """What an event tells of a post. Raises ``NotUnderstood``."""
    values = _values(content_type, body)
    row, terms = values, values.get("taxonomies")
    if isinstance(inner := values.get("post"), dict):
        row = {**inner, **{name: values[name] for name in ("post_permalink", "post_id") if name in values}}
    hook = text(values, "hook", "action", "trigger", "event") or ""
    kind = text(row, "post_type", "type") or "post"
    if kind != "post":
        return ignored(f"it is of a {kind[:40]}, no post")
    uri, url = _guid(row), _link(row)
    if hook in _DELETING:
        return Told(uri, url, PostState.DELETED)
    state = _state(text(row, "post_status", "status"), hook)
    if state is not PostState.LIVE:
        return Told(uri, url, state, why="" if state else "it does not tell that the post is published")
    if text(row, "post_password", "password"):
        # Who may read it has a password; here everybody would.
        return Told(uri, url, PostState.DRAFT)
    return Told(uri, url, state, _changes(row, terms))


def _values(content_type: str, body: bytes) -> Mapping[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise NotUnderstood("the body is no form in UTF-8") from error
        return {name: values[0] for name, values in fields.items()}
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("the body is neither a form nor JSON") from error
    if isinstance(values, list) and len(values) == 1:
        values = values[0]
    if not isinstance(values, dict):
        raise NotUnderstood("the body is no JSON object")
    return values


def _state(status: str | None, hook: str) -> PostState | None:
    """How a post stands; None where that is not told."""
    if status is None:
        return PostState.LIVE if hook.startswith("publish_") else None
    if status in {"publish", "future"}:
        return PostState.LIVE
    return PostState.DELETED if status == "trash" else PostState.DRAFT


def _changes(row: Mapping[str, Any], terms: object) -> dict[str, Any]:
    author = text(row, "author_name", "post_author_name")
    content = _rendered(row, "post_content", "content")
    return named(
        [
            ("title", _rendered(row, "post_title", "title")),
            ("html", content),
            ("published", moment(_utc(row, "post_date_gmt", "date_gmt"))),
            ("labels", _labels(row, terms)),
            ("authors", None if author is None else (author,)),
            ("picture", text(row, "post_thumbnail", "featured_media_url", "jetpack_featured_media_url")),
        ]
    )


def _labels(row: Mapping[str, Any], terms: object) -> tuple[str, ...] | None:
    """The names of a post's categories and tags; None where they are not told, or only as numbers."""
    if isinstance(terms, Mapping):
        some = [names_of(terms.get(kind)) for kind in _LABELS]
    elif isinstance(embedded := row.get("_embedded"), Mapping):
        groups = embedded.get("wp:term")
        some = [
            names_of([one for one in group if isinstance(one, Mapping) and one.get("taxonomy") in _LABELS])
            for group in (groups if isinstance(groups, list) else ())
            if isinstance(group, list)
        ]
    else:
        some = [names_of(row.get(name)) for name in ("categories", "tags")]
        if not any(some):
            return None
    found = [name for names in some for name in names or ()]
    if all(names is None for names in some):
        return None
    return tuple(dict.fromkeys(name for name in found if name.lower() != _NO_CATEGORY))


def _guid(row: Mapping[str, Any]) -> str | None:
    """A post's permanent id; its name for its own address if it has no other."""
    return _rendered(row, "guid")


def _link(row: Mapping[str, Any]) -> str | None:
    return text(row, "post_permalink", "post_url", "permalink", "link", "url")


def _rendered(row: Mapping[str, Any], *names: str) -> str | None:
    """A text, or what the REST API has rendered of it."""
    for name in names:
        value = row.get(name)
        if isinstance(value, Mapping):
            value = value.get("rendered", value.get("raw"))
        if isinstance(value, str):
            return value
    return None


def _utc(row: Mapping[str, Any], *names: str) -> str | None:
    """An instant that WordPress writes without its zone, which is UTC."""
    return text(row, *names)
