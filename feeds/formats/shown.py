"""What an entry shows of a post, in Atom as in RSS."""

from collections.abc import Iterable

from feeds.formats.frames import EntryShape, marks
from feeds.formats.markup import attribute, escaped, html_escaped, html_of, legal
from feeds.formats.summary import summary
from feeds.formats.uris import uri_of
from feeds.site import Content
from posts.batch import PostContent


def title_of(post: PostContent) -> str:
    """The title; a post without one is called by its id, for Atom and RSS want one."""
    title = legal(post.title)
    return title if title.strip() else post.uri


def distinct(names: Iterable[str]) -> list[str]:
    """The names fit for XML, in their order, each once, without empty ones."""
    return list(dict.fromkeys(name for name in map(legal, names) if name.strip()))


def summary_in_html(post: PostContent) -> bytes:
    """A few plain words as HTML in XML, never empty: by its type, no reader can take them for markup."""
    return html_of(summary(post.html)) or html_of(title_of(post))


def body_in_html(post: PostContent) -> bytes:
    """The whole HTML in XML; where a post has none, its title, for a validator wants something there."""
    body = html_escaped(post.html)
    return html_of(title_of(post)) if not body or body.isspace() else body


def shape_of(post: PostContent, content: Content, *, authors: int, labels: int) -> EntryShape:
    """What tells the frame of a post's entry from others."""
    return EntryShape(
        content,
        authors,
        labels,
        tuple([file.length > 0 for file in post.enclosures]),
        bool(post.url),
        bool(post.picture),
        bool(post.language),
    )


def common_texts(post: PostContent) -> dict[str, bytes]:
    """The texts, by their marks, that are the same in Atom and in RSS."""
    texts = {"{id}": escaped(post.uri)}
    if post.picture:
        texts["{picture}"] = attribute(uri_of(post.picture))
    if post.language:
        texts["{language}"] = attribute(post.language)
    if files := post.enclosures:
        count = len(files)
        texts.update(zip(marks("file", count), (attribute(uri_of(file.url)) for file in files), strict=True))
        texts.update(zip(marks("type", count), (attribute(file.media_type) for file in files), strict=True))
        texts.update(zip(marks("length", count), (b"%d" % file.length for file in files), strict=True))
    return texts
