"""A digest's past editions as an Atom feed, by feedgen: each is an entry with a list of its posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from markupsafe import Markup

from digests.model import Digest
from digests.past import PastEdition
from feeds.formats.atom_frames import END, entry_by_feedgen, head_by_feedgen
from feeds.formats.frames import EntryTexts, FeedTexts
from feeds.formats.markup import legal
from feeds.formats.moments import told_apart, whole_seconds
from feeds.formats.uris import uri_of
from feeds.site import FeedSite
from posts.model import Post
from templates import excerpt
from templates.environment import day
from web.digests.digestlinks import digest_url, edition_url, feed_url
from web.links import post_url

MEDIA_TYPE = "application/atom+xml"
# Of each edition so many posts are named, each with so many words and characters.
POSTS = 20
EXCERPT = (40, 280)


@dataclass(frozen=True, slots=True)
class Issue:
    """An edition in the feed: ``posts`` are those of its ``total`` that are named, live ones only."""

    edition: PastEdition
    posts: Sequence[Post]
    total: int


def edition_title(its: Digest, one: PastEdition) -> str:
    """The subject of an edition's mail, or what stands for it."""
    return one.subject or f"{its.title}, {day(one.window_end, its.timezone)}"


def edition_feed(site: FeedSite, namespace: UUID, its: Digest, issues: Sequence[Issue]) -> bytes:
    """The feed's document, the newest edition first.

    Ids grow from the blog's ``namespace`` and are the same for good (RFC 4287 §4.2.6): the feed's by the
    digest's slug, an entry's by its edition's number.
    """
    changed = max((one.edition.rendered_at for one in issues), default=its.created_at)
    head = head_by_feedgen(
        FeedTexts(
            id=_urn(namespace, f"digest:{its.slug}"),
            title=legal(its.title),
            subtitle=None,
            updated=whole_seconds(changed),
            author=legal(site.author_name),
            self_url=uri_of(feed_url(site, its.slug)),
            page_url=uri_of(digest_url(site, its.slug)),
            language=its.language or None,
        )
    )
    end = END.rstrip()
    entries = [_entry(site, namespace, its, issue) for issue in issues]
    return b"".join([head.removesuffix(end), *entries, end, b"\n"])


def _entry(site: FeedSite, namespace: UUID, its: Digest, issue: Issue) -> bytes:
    one = issue.edition
    uri = _urn(namespace, f"edition:{one.id}")
    return entry_by_feedgen(
        EntryTexts(
            id=uri,
            title=legal(edition_title(its, one)),
            published=whole_seconds(one.rendered_at),
            updated=told_apart(one.rendered_at, uri),
            body=legal(_body(site, its, issue)),
            url=uri_of(edition_url(site, its.slug, one.id)),
            language=None if one.language == its.language else one.language,
        )
    )


def _body(site: FeedSite, its: Digest, issue: Issue) -> Markup:
    """The posts of an edition, each with a link and its beginning; and the way to all of it."""
    whole = edition_url(site, its.slug, issue.edition.id)
    items = [
        Markup('<li><a href="{}">{}</a><br>{}</li>').format(
            post.url or post_url(site, post.id), post.title or "Untitled", excerpt(post.html, *EXCERPT)
        )
        for post in issue.posts
    ]
    listed = Markup("<ul>{}</ul>").format(Markup("").join(items)) if items else ""
    more = issue.total - len(items)
    words = f"Read it as it was mailed, with {more} more" if more else "Read it as it was mailed"
    return Markup('{}<p><a href="{}">{}</a></p>').format(listed, whole, words)


def _urn(namespace: UUID, name: str) -> str:
    return f"urn:uuid:{uuid5(namespace, name)}"
