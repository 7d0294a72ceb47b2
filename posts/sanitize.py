"""A post as a source tells it made fit to store: safe, whole, legal in XML, with an id, a title and dates."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from posts.attached import clean_enclosures, clean_language, clean_picture
from posts.cleaning import counted, legal, plain, shortened
from posts.labels import clean_name, label_key
from posts.links import http_url
from posts.markup import Markup, text_of
from posts.model import Enclosure, PostState, SkippedPost, SourcePost

CLEANING = 1
"""Raise it when cleaning gets better: stored posts are cleaned anew when their source is next imported."""

TITLE_LENGTH = 60
MAX_NAME = 200
MAX_NAMES = 200
MAX_URI = 1000
MAX_AHEAD = timedelta(hours=24)

# An absolute IRI without what RFC 3987 §2.2 forbids in one.
_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20"<>\\^`{|}\x7f-\x9f\ud800-\udfff\ufffe\uffff]+')


@dataclass(frozen=True, slots=True)
class CleanPost:
    """A post fit to store. Times are in UTC; ``state`` is what the source says, so never ``SCHEDULED``.

    ``is_dated`` and ``is_edited`` tell whether the source itself gave ``published`` and ``updated``; else
    they are the present and ``published``. ``source_hash`` is over what the source said, not the outcome.
    ``has_all_labels`` and ``is_day_only`` are as in ``SourcePost``.
    """

    uri: str
    url: str | None
    title: str
    html: str
    published: datetime
    updated: datetime
    labels: tuple[str, ...]
    authors: tuple[str, ...]
    state: PostState
    source_hash: str
    is_dated: bool
    is_edited: bool
    where: str
    notes: tuple[str, ...]
    has_all_labels: bool = True
    is_day_only: bool = False
    enclosures: tuple[Enclosure, ...] = ()
    picture: str | None = None
    language: str | None = None


class Sanitizer:
    """Cleans one post after another; not to be shared between threads."""

    def __init__(self) -> None:
        self._markup = Markup()
        # A blog has few labels and many posts.
        self._label = lru_cache(4096)(_label)

    def clean(self, source: SourcePost, *, now: datetime) -> CleanPost | SkippedPost:
        """The post cleaned, with a note of each thing that was done; or why it cannot be stored.

        ``now`` (aware) stands in for a date the source does not give.
        """
        notes = [" ".join(legal(note).split()) for note in source.notes]
        url = _url(source.url, notes)
        uri = _uri(source.uri, url, notes)
        if uri is None:
            named = shortened(" ".join(legal(source.title or "").split()), TITLE_LENGTH)
            return SkippedPost(named, "it has neither an id nor an http(s) link", source.where)
        try:
            published = _utc(source.published, "published", notes)
            updated = _utc(source.updated, "updated", notes)
        except OverflowError:
            return SkippedPost(uri, "its date is beyond the years 1 to 9999", source.where)
        # An id that is a URL is most often the post's own: better than nothing to hang links on.
        base = url or http_url(uri)
        html = self._markup.clean(source.html, base=base, notes=notes)
        if published is None:
            notes.append("no date: taken for published when it was first stored")
        shown = published or now.astimezone(UTC)
        return CleanPost(
            uri=uri,
            url=url,
            title=_title(source.title or "", html, shown, notes),
            html=html,
            published=shown,
            updated=_updated(updated, shown, now, notes),
            labels=self._labels(source.labels, notes),
            authors=_authors(source.authors, notes),
            state=PostState.LIVE if source.state is PostState.SCHEDULED else source.state,
            source_hash=source_hash(source),
            is_dated=published is not None,
            is_edited=updated is not None,
            where=source.where,
            enclosures=clean_enclosures(source.enclosures, base=base, notes=notes),
            picture=clean_picture(source.picture, html, base=base, notes=notes),
            language=clean_language(source.language, notes),
            notes=tuple(dict.fromkeys(notes)),
            has_all_labels=source.has_all_labels,
            is_day_only=source.is_day_only,
        )

    def _labels(self, names: Iterable[str], notes: list[str]) -> tuple[str, ...]:
        """Names as the post writes them; of those that differ in case or white space only, the first."""
        kept: dict[str, str] = {}
        for name in names:
            cleaned, key, said = self._label(name)
            notes.extend(said)
            if cleaned:
                kept.setdefault(key, cleaned)
        return _few(list(kept.values()), "label", notes)


def clean_post(source: SourcePost, *, now: datetime) -> CleanPost | SkippedPost:
    """Clean one post; for many, one ``Sanitizer`` is faster."""
    return Sanitizer().clean(source, now=now)


def permanent_id(uri: str | None, url: str | None) -> str | None:
    """The id that a post is stored under whose source tells this id and this link; None if there is none."""
    return _uri(uri, _url(url, []), [])


def source_hash(source: SourcePost) -> str:
    """SHA-256 of what the source said of a post, before cleaning, and of the version of the cleaning.

    So the same import again changes nothing, whenever it happens and whatever it had to make up; and a
    better cleaning reaches stored posts. The order of labels means nothing, and notes and place don't count.
    """
    said: tuple[object, ...] = (
        CLEANING,
        source.uri,
        source.url,
        source.title,
        source.html,
        source.published and _instant(source.published),
        source.updated and _instant(source.updated),
        sorted(set(source.labels)),
        source.authors,
        source.state.value,
    )
    attached = ([one.as_json() for one in source.enclosures], source.picture, source.language)
    if any(attached):
        # Only where there is any: a post without is the same to versions that did not know of them.
        said = (*said, *attached)
    return hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()


def _instant(moment: datetime) -> str:
    try:
        return moment.astimezone(UTC).isoformat() if moment.tzinfo else moment.isoformat()
    except OverflowError:
        return moment.isoformat()


def _utc(moment: datetime | None, of: str, notes: list[str]) -> datetime | None:
    """An instant in UTC; raises ``OverflowError`` where UTC has no such year."""
    if moment is not None and moment.tzinfo is None:
        notes.append(f"the date it was {of} names no timezone: taken as UTC")
        return moment.replace(tzinfo=UTC)
    return moment and moment.astimezone(UTC)


def _updated(updated: datetime | None, published: datetime, now: datetime, notes: list[str]) -> datetime:
    if updated is None:
        return published
    if updated > max(published, now + MAX_AHEAD):
        # Readers ignore what is dated so far ahead, and would hide the whole feed behind it.
        notes.append(f"updated {updated:%Y-%m-%d} lies ahead: taken as published")
        return published
    return max(updated, published)


def _url(url: str | None, notes: list[str]) -> str | None:
    if url is None or not url.strip():
        return None
    found = http_url(url)
    if found is None:
        notes.append(f"its link is no http(s) URL: {shortened(legal(url.strip()), TITLE_LENGTH)}")
    return found


def _uri(uri: str | None, url: str | None, notes: list[str]) -> str | None:
    """The permanent id (RFC 4287 §4.2.6): the source's own, its link, or one that always grows from them."""
    said = (uri or "").strip()
    if not said:
        return _fitting(url) if url else None
    if _IRI.fullmatch(said) and len(said.encode()) <= MAX_URI:
        return said
    # Numbers and words are unique in their blog only: the host of the link tells blogs apart. Not the link
    # itself, for that may be edited.
    host = urlsplit(url).netloc.lower() if url else ""
    name = said.encode("utf-8", "backslashreplace").decode()
    notes.append(
        f"its id is no absolute IRI of at most {MAX_URI} bytes: {shortened(legal(said), TITLE_LENGTH)}"
    )
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'{host}#{name}')}"


def _fitting(url: str) -> str:
    return url if len(url.encode()) <= MAX_URI else f"urn:uuid:{uuid5(NAMESPACE_URL, url)}"


def _title(title: str, html: str, published: datetime, notes: list[str]) -> str:
    said = plain(title, of="title", notes=notes)
    if said:
        return said
    words = shortened(text_of(html), TITLE_LENGTH)
    if words.strip("…"):
        notes.append("no title: taken from the text")
        return words
    notes.append("neither title nor text: its date is the title")
    return f"{published:%Y-%m-%d}" if published.year >= 1000 else published.date().isoformat()


def _label(name: str) -> tuple[str, str, tuple[str, ...]]:
    """A label's clean name, what makes it one with others, and notes."""
    notes: list[str] = []
    cleaned = clean_name(_name(name, "label", notes))
    return cleaned, label_key(cleaned), tuple(notes)


def _authors(names: Iterable[str], notes: list[str]) -> tuple[str, ...]:
    kept = dict.fromkeys(_name(name, "author", notes) for name in names)
    return _few([name for name in kept if name], "author", notes)


def _name(name: str, of: str, notes: list[str]) -> str:
    line = plain(name, of=of, notes=notes)
    if len(line) > MAX_NAME:
        notes.append(f"cut the {of} to {MAX_NAME} characters")
    return shortened(line, MAX_NAME)


def _few(names: Sequence[str], of: str, notes: list[str]) -> tuple[str, ...]:
    if len(names) > MAX_NAMES:
        notes.append(f"kept {MAX_NAMES} of {counted(len(names), of)}")
    return tuple(names[:MAX_NAMES])
