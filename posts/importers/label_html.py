"""A label page saved as HTML, of Blogger's own templates: with links, ids, labels and exact times."""

import re
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from urllib.parse import unquote

from lxml import etree, html

from posts.importers.date_headings import parse_date_heading
from posts.importers.dates import NoDate, midday, parse_any
from posts.importers.errors import ImporterError, one_line
from posts.importers.ids import derived_id
from posts.importers.label_text import label_of
from posts.importers.markup import inner_html
from posts.importers.tree import find, find_texts, flat_text
from posts.links import http_url
from posts.model import SkippedPost, SourcePost

_BLOG_ID = re.compile(r"""blogI[dD]["']?\s*[=:]\s*["']?(\d{5,20})""")
_POST_ID = re.compile(r"\d{5,20}")
_LABEL_URL = re.compile(r"/search/label/([^/?#\"']+)")


def _classed(*names: str) -> str:
    """An XPath condition: the element has one of these classes."""
    return " or ".join(f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')" for name in names)


_BODIES = etree.XPath(f"//*[{_classed('post-body')}]")
_BODY = etree.XPath(f"(.//*[{_classed('post-body')}])[1]")
_SNIPPET = etree.XPath(f".//*[{_classed('post-snippet', 'snippet-container')}]")
_TITLE = etree.XPath(f"(.//*[{_classed('post-title')}])[1]")
_LINKS = etree.XPath(
    f"(.//*[{_classed('post-title')}]//a | .//*[{_classed('post-title')}]/ancestor::a"
    f" | .//a[{_classed('timestamp-link')}] | .//a[@title='permanent link'])/@href"
)
_TIMES = etree.XPath(
    ".//abbr[@title and contains(@class, 'published')]/@title | .//time/@datetime"
    " | .//*[@itemprop='datePublished']/@title | .//*[@itemprop='datePublished']/@content"
)
_UPDATED = etree.XPath(".//*[@itemprop='dateModified']/@title | .//*[@itemprop='dateModified']/@content")
_AUTHORS = etree.XPath(f".//*[{_classed('post-author')}]//*[{_classed('fn')}]")
_LABELS = etree.XPath(f".//*[{_classed('post-labels')}]//a[@rel='tag' or contains(@href, '/search/label/')]")
_IDS = etree.XPath(
    ".//meta[@itemprop='postId']/@content | .//a[@name]/@name | .//*[contains(@id, 'post-body-')]/@id"
)
_BLOG_IDS = etree.XPath(
    "//meta[@itemprop='blogId']/@content[string-length() > 4 and not(translate(., '0123456789', ''))]"
)
_JUMP = etree.XPath(f".//*[{_classed('jump-link')}]")
_STATUS = etree.XPath(
    f"//*[{_classed('status-msg-body', 'status-msg-wrap', 'search-label', 'search-query')}]"
)
_CANONICAL = etree.XPath("//link[@rel='canonical']/@href | //meta[@property='og:url']/@content")


def read_html(text: str, *, name: str, timezone: tzinfo) -> Iterator[SourcePost | SkippedPost]:
    """The posts of a page, in its order; raises ``ImporterError`` when it holds none."""
    # Blogger's pages are nested far less deep than the parser's own limit of 256.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        page = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ImporterError(f"{name}: cannot be read as HTML: {error}") from error
    found = _posts(page)
    if not found:
        raise ImporterError(
            f"{name}: holds no posts in the markup of Blogger's templates (class “post-body”)"
        )
    label, blog, headings = _page_label(page), _blog_id(page, text), _headings(page, found)
    above = None
    for number, element in enumerate(found, start=1):
        item = _post(
            element,
            headings.get(element),
            label=label,
            blog=blog,
            where=f"post {number}",
            timezone=timezone,
            above=above,
        )
        above = item.published if isinstance(item, SourcePost) else above
        yield item


def _headings(page: etree._Element, found: list[etree._Element]) -> dict[etree._Element, str]:
    """The date heading that each post stands under."""
    headings: dict[etree._Element, str] = {}
    looked_for, current = set(found), None
    for element in page.iter():
        if "date-header" in (element.get("class") or "").split():
            current = flat_text(element)
        elif current is not None and element in looked_for:
            headings[element] = current
    return headings


def _posts(page: etree._Element) -> list[etree._Element]:
    """The elements that hold a post each: the outermost of class "post" around each post's body."""
    found: dict[etree._Element, None] = {}
    for body in find(_BODIES, page):
        outer = [
            element for element in body.iterancestors() if "post" in (element.get("class") or "").split()
        ]
        if outer:
            found[outer[-1]] = None
    return list(found)


def _page_label(page: etree._Element) -> str | None:
    for status in find(_STATUS, page):
        if label := label_of(flat_text(status)):
            return label
    for address in find_texts(_CANONICAL, page):
        if found := _LABEL_URL.search(address):
            return unquote(found[1].replace("+", " ")) or None
    return None


def _blog_id(page: etree._Element, text: str) -> str | None:
    for written in find_texts(_BLOG_IDS, page):
        return written
    found = _BLOG_ID.search(text)
    return found[1] if found else None


def _post(
    element: etree._Element,
    heading: str | None,
    *,
    label: str | None,
    blog: str | None,
    where: str,
    timezone: tzinfo,
    above: datetime | None,
) -> SourcePost | SkippedPost:
    body = find(_BODY, element)[0]
    url = next(filter(None, map(http_url, find_texts(_LINKS, element))), None)
    title = " ".join(flat_text(heading) for heading in find(_TITLE, element))
    if find(_SNIPPET, element) or "snippet" in (body.get("class") or ""):
        reason = "the page holds only a teaser of it; import the blog's feed or export instead"
        return SkippedPost(id=url or one_line(title), reason=reason, where=where)
    try:
        published, day = _published(element, heading, timezone, above)
        updated = next(map(parse_any, find_texts(_UPDATED, element)), None)
    except NoDate as error:
        return SkippedPost(id=url or one_line(title), reason=str(error), where=where)
    own = find(_LABELS, element)
    names = {name.casefold(): name for name in (*([label] if label else []), *map(flat_text, own)) if name}
    jump = "the page holds only its beginning (it goes on behind a “read more” link)"
    return SourcePost(
        uri=_id(element, blog) or (None if url else derived_id("label page", str(day or published), title)),
        url=url,
        title=title or None,
        html=inner_html(_without_clearing(body)),
        published=published,
        updated=updated,
        labels=tuple(names.values()),
        authors=tuple(dict.fromkeys(filter(None, map(flat_text, find(_AUTHORS, element))))),
        where=where,
        notes=(jump,) if find(_JUMP, element) else (),
        has_all_labels=bool(own),
        is_day_only=day is not None,
    )


def _id(element: etree._Element, blog: str | None) -> str | None:
    """The id that Blogger's feeds and exports give the post, where the page tells both its parts."""
    for written in find_texts(_IDS, element):
        if blog and (found := _POST_ID.search(written)):
            return f"tag:blogger.com,1999:blog-{blog}.post-{found[0]}"
    return None


def _published(
    element: etree._Element, heading: str | None, timezone: tzinfo, above: datetime | None
) -> tuple[datetime | None, date | None]:
    """When it was published; and the day alone where the page tells no time."""
    for written in find_texts(_TIMES, element):
        return parse_any(written), None
    if heading is None:
        return None, None
    if found := parse_date_heading(heading):
        return midday(found.day, timezone, above=above), found.day
    raise NoDate(f"{one_line(heading)!r} is no date heading that is known")


def _without_clearing(body: etree._Element) -> etree._Element:
    """A post's body without the empty elements that Blogger ends it with to clear its floats."""
    while (
        len(body) and "clear" in body[-1].get("style", "") and not flat_text(body[-1]) and not len(body[-1])
    ):
        body.remove(body[-1])
    return body
