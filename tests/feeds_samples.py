"""Posts, feeds and heads for the tests of formats: two posts by hand, any others by hypothesis."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from feeds.formats.format import Deleted, FeedHead, Format
from feeds.formats.frames import DeletedTexts, EntryTexts, FeedTexts, FileTexts
from feeds.formats.heads import links_of
from feeds.formats.summary import summary
from feeds.formats.uris import uri_of
from feeds.selection import FeedSpec
from feeds.site import FeedSite
from posts.batch import PostContent
from posts.model import Enclosure
from posts.rules import HasLabel

GOLDEN = Path(__file__).parent / "data" / "feeds"
# The specification's own words (https://jsonfeed.org/version/1.1), as far as a schema can say them.
JSON_FEED_SCHEMA = json.loads((GOLDEN / "jsonfeed-1.1.schema.json").read_bytes())
NAMES = {
    "a": "http://www.w3.org/2005/Atom",
    "at": "http://purl.org/atompub/tombstones/1.0",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fh": "http://purl.org/syndication/history/1.0",
    "media": "http://search.yahoo.com/mrss/",
    "opensearch": "http://a9.com/-/spec/opensearch/1.1/",
}
WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
AT = "https://blog.example/feeds/u.s.-politics"

SITE = FeedSite(url="https://blog.example/", title="Wörld & News", author="Ann O’Nym", language="en-GB")
SPEC = FeedSpec(
    slug="u.s.-politics",
    uri="urn:uuid:7e3f1c52-3f0a-5a53-9f4e-2f1c8f1f5a11",
    rule=HasLabel("U.S. politics"),
    title="Wörld & News: U.S. politics",
    subtitle=None,
    entries=25,
    alternate_url="https://blog.example/labels/u.s.-politics",
    language="en-GB",
)
POST = PostContent(
    id=1,
    revision=1,
    uri="tag:blog.example,2026:1",
    url="https://blog.example/a?b=1&c=“2”",
    title="Fish & <chips>",
    html='<p title="a &quot;b&quot;">One &amp; <em>two</em> 🐟</p>\r\n<pre>\ttab ]]&gt;</pre>',
    published=datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=timezone(timedelta(hours=-6))),
    updated=WHEN,
    authors=("Ann", "Bob <bob>"),
    labels=("C++", "Düsseldorf", "U.S. politics", "政治"),
    enclosures=(
        Enclosure("https://blog.example/a.mp3", "audio/mpeg", 1234),
        Enclosure("https://blog.example/b.pdf?c=1&d=2", "application/pdf", 0),
        Enclosure("https://blog.example/c.ogg", "audio/ogg", 99),
    ),
    picture="https://blog.example/p.png?w=1&h=2",
    language="de",
)
# All that a post need not have is missing here.
BARE = PostContent(
    id=2,
    revision=1,
    uri="urn:uuid:53d4ddd3-6c3c-4c77-9d0d-4d7a4f1f0001",
    url=None,
    title="",
    html="",
    published=WHEN - timedelta(days=9),
    updated=WHEN - timedelta(days=8),
)
LONG = replace(BARE, uri="tag:blog.example,2026:3", title="Long", html=f"<p>{'word after word, ' * 99}</p>")

# Whatever a head can say, each in a way that occurs.
HEADS: dict[str, dict[str, Any]] = {
    "subscription": {"prev_archive": f"{AT}/archive/7.atom", "current": f"{AT}.atom"},
    "archive": {
        "is_archive": True,
        "current": f"{AT}.atom?a=1&b=2",
        "prev_archive": f"{AT}/archive/1.atom",
        "next_archive": f"{AT}/archive/3.atom",
    },
    "complete": {"is_complete": True, "current": f"{AT}.atom"},
    "paged": {"next_page": f"{AT}.atom?n=2", "previous_page": f"{AT}.atom?n=0", "total": 77, "start": 26},
    "empty search": {"total": 0, "start": 1},
    "deleted": {"deleted": (Deleted("tag:x,2026:1&2", WHEN), Deleted("urn:y", WHEN - timedelta(hours=1)))},
}

# How long an example takes is the machine's affair.
untimed = settings(deadline=None)

# What XML 1.0 can hold; everything else is cut away before anybody sees it.
xml_text = st.text(
    st.one_of(
        st.sampled_from("\t\n\r&<>\"'{} ]\\\ufffd"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff", min_codepoint=0x20),
    )
)
any_text = st.text(st.characters(exclude_categories=[]))
moments = st.builds(
    lambda seconds, hours: (
        datetime(1900, 1, 2, tzinfo=timezone(timedelta(hours=hours))) + timedelta(seconds=seconds)
    ),
    st.floats(min_value=0, max_value=9e9),
    st.integers(min_value=-12, max_value=14),
)


def posts(text: st.SearchStrategy[str]) -> st.SearchStrategy[PostContent]:
    """Posts whose every text is of this kind."""
    some = text.filter(bool)
    return st.builds(
        PostContent,
        id=st.just(1),
        revision=st.just(1),
        uri=some,
        url=st.none() | some,
        title=text,
        html=text,
        published=moments,
        updated=moments,
        authors=st.lists(text, max_size=3, unique=True).map(tuple),
        labels=st.lists(text, max_size=4, unique=True).map(tuple),
        enclosures=st.lists(st.builds(Enclosure, some, some, st.integers(0, 2**53)), max_size=3).map(tuple),
        picture=st.none() | some,
        language=st.none() | some,
    )


def heads(text: st.SearchStrategy[str]) -> st.SearchStrategy[FeedHead]:
    """Heads whose every text is of this kind, of any shape."""
    some = text.filter(bool)
    link = st.none() | some
    return st.builds(
        FeedHead,
        spec=st.builds(
            lambda uri, title, subtitle, page, language: replace(
                SPEC, uri=uri, title=title, subtitle=subtitle, alternate_url=page, language=language
            ),
            some,
            some,
            link,
            some,
            link,
        ),
        site=st.builds(
            lambda author, hubs: replace(SITE, author=author, hubs=hubs),
            text,
            st.lists(some, max_size=2).map(tuple),
        ),
        updated=moments,
        self_url=some,
        is_archive=st.booleans(),
        is_complete=st.booleans(),
        current=link,
        prev_archive=link,
        next_archive=link,
        next_page=link,
        previous_page=link,
        total=st.none() | st.integers(0, 10**9),
        start=st.none() | st.integers(1, 10**9),
        deleted=st.lists(st.builds(Deleted, some, moments), max_size=2).map(tuple),
    )


def document(
    form: Format, *posts: PostContent, spec: FeedSpec = SPEC, site: FeedSite = SITE, **told: Any
) -> bytes:
    """A feed of these posts as one document; ``told`` is what else its head says."""
    head = FeedHead(spec, site, updated=WHEN, self_url=f"{AT}.{form.suffix}", **told)
    return b"".join(form.feed(head, [form.entry(post) for post in posts]))


def in_seconds(moment: datetime) -> datetime:
    """The moment in UTC and in whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0)


def as_html(text: str) -> str:
    """Plain text as HTML."""
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = text.replace(character, written)
    return text.replace("\ufffd", "&#xFFFD;")


def told_of_entry(post: PostContent, *, updated: datetime, with_body: bool, with_summary: bool) -> EntryTexts:
    """What feedgen must be told to write this post's entry."""
    title = post.title if post.title.strip() else post.uri
    body = post.html.replace("\ufffd", "&#xFFFD;") if post.html.strip() else as_html(title)
    return EntryTexts(
        id=post.uri,
        title=title,
        published=in_seconds(post.published),
        updated=updated,
        body=body if with_body else None,
        summary=as_html(summary(post.html) or title) if with_summary else None,
        url=uri_of(post.url) if post.url else None,
        authors=_named(post.authors),
        labels=_named(post.labels),
        files=[
            FileTexts(uri_of(file.url), file.media_type, str(file.length) if file.length else None)
            for file in post.enclosures
        ],
        picture=uri_of(post.picture) if post.picture else None,
        language=post.language,
    )


def told_of_feed(head: FeedHead, *, entries: int) -> FeedTexts:
    """What feedgen must be told to write this head."""
    is_page = head.total is not None or head.start is not None
    return FeedTexts(
        id=head.spec.uri,
        title=head.spec.title,
        subtitle=head.spec.subtitle,
        updated=in_seconds(head.updated),
        author=head.site.author_name,
        self_url=head.self_url,
        page_url=head.spec.alternate_url,
        language=head.spec.language,
        links=links_of(head),
        is_archive=head.is_archive,
        is_complete=head.is_complete,
        total=None if head.total is None else str(head.total),
        start=None if head.start is None else str(head.start),
        per_page=str(entries) if is_page else None,
        deleted=[DeletedTexts(one.uri, in_seconds(one.when).isoformat()) for one in head.deleted],
    )


def _named(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.strip()]
