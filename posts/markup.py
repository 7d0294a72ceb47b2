"""The HTML of posts made safe, whole and bounded: nh3 with what lies before and behind it."""

import html as entities
import re
from collections import Counter

import nh3

from posts.cleaning import counted, legal, legible
from posts.links import LINK_SCHEMES, Links, http_url
from posts.tangles import MAX_HTML, bounded, is_too_deep, paragraphs


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# All of them known to the W3C's feed validator as harmless; no room for scripts, frames, forms, drawings.
_TAGS = _words("""
    a abbr acronym address article aside audio b bdi big blockquote br caption center cite code col colgroup
    data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins
    kbd li main mark nav ol p picture pre q rp rt ruby s samp section small source span strike strong sub
    summary sup table tbody td tfoot th thead time tr tt u ul var video wbr
""")
_GONE_WITH_CONTENT = _words("script style svg math template title select option textarea")
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"title", "lang", "dir", "style"},
    "a": {"href", "hreflang"},
    "audio": {"src", "controls"},
    "blockquote": {"cite"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"cite", "datetime"},
    "details": {"open"},
    "div": {"align"},
    "img": {"alt", "align", "height", "sizes", "src", "srcset", "width"},
    "ins": {"cite", "datetime"},
    "li": {"value"},
    "ol": {"reversed", "start", "type"},
    "p": {"align"},
    "q": {"cite"},
    "source": {"media", "sizes", "src", "srcset", "type"},
    "td": {"align", "colspan", "rowspan", "valign"},
    "th": {"align", "colspan", "rowspan", "scope", "valign"},
    "time": {"datetime"},
    "tr": {"align", "valign"},
    "video": {"controls", "height", "poster", "src", "width"},
}
# With scripts gone, nothing but these would play them.
_ALWAYS = {"audio": {"controls": ""}, "video": {"controls": ""}}

_REMOVED = {
    "script": "script",
    "style": "style sheet",
    "object": "embedded object",
    "applet": "embedded object",
    "form": "form",
    "svg": "drawing",
    "math": "formula",
}
# Looked for in lower case and in UTF-8, since that is fast.
_DANGEROUS = tuple(f"<{tag}".encode() for tag in _REMOVED)
_DANGERS = re.compile(rf"<({'|'.join(_REMOVED)})\b".encode())
_SCRIPT_LINK = re.compile(rb"javascript\s*:")
_HANDLER = re.compile(rb"on[a-z]+\s*=")
_TAG_WITH_HANDLER = re.compile(rb"<[a-z][^<>]*?[\s/\"']on[a-z]+\s*=")

_FRAME = re.compile(r"<(?:iframe|embed)\b([^<>]*)>", re.IGNORECASE)
_FRAME_END = re.compile(r"</(?:iframe|embed)\s*>", re.IGNORECASE)
_SRC = re.compile(r"""\ssrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_TITLE = re.compile(r"""\stitle\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_YOUTUBE = re.compile(r"https?://(?:www\.)?youtube(?:-nocookie)?\.com/(?:embed|v)/([\w-]{11})\b")
_VIMEO = re.compile(r"https?://player\.vimeo\.com/video/(\d+)")

_PRE = re.compile(r"(<pre(?: [^>]*)?>)\n")
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]"
    r"|header|hr|li|main|nav|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)\b[^>]*>"
)
_TAG = re.compile(r"<[^>]*>")


class Markup:
    """Cleans the HTML of one post after another; not to be shared between threads."""

    def __init__(self) -> None:
        self._links = Links()
        self._cleaner = nh3.Cleaner(
            tags=_TAGS,
            clean_content_tags=_GONE_WITH_CONTENT,
            attributes=_ATTRIBUTES,
            set_tag_attribute_values=_ALWAYS,
            attribute_filter=self._links.judge,
            url_schemes={*LINK_SCHEMES, "data"},
            link_rel=None,
        )

    def clean(self, html: str, *, base: str | None, notes: list[str]) -> str:
        """Safe HTML that says the same: every URL absolute, every element closed, all of it legal in XML.

        ``base`` is what relative URLs hang on. At most ``MAX_HTML`` characters.
        """
        given = _framed_as_links(
            _told(bounded(legible(html, of="text", notes=notes), notes), notes), base, notes
        )
        self._links.start(base)
        cleaned = self._wash(given)
        notes.extend(self._links.notes())
        if is_too_deep(cleaned):
            notes.append("kept the text alone: its markup is nested too deep")
            cleaned = self._wash(paragraphs(cleaned))
        return self._capped(cleaned, notes)

    def _wash(self, html: str) -> str:
        # Character references may stand for what XML cannot hold, and for lone carriage returns.
        washed = legal(self._cleaner.clean(html)).replace("\r\n", "\n").replace("\r", "\n")
        # A parser drops the first line break in <pre>, and the serialiser does not know it.
        return _PRE.sub(r"\1\n\n", washed) if "<pre" in washed else washed

    def _capped(self, html: str, notes: list[str]) -> str:
        """Escaping and closing make HTML longer: cut it until what was closed fits."""
        room = MAX_HTML
        while len(html) > MAX_HTML:
            room = room * 9 // 10
            html = self._wash(bounded(html, notes, room=room))
        return html


def text_of(html: str) -> str:
    """The text of cleaned HTML on one line."""
    return " ".join(entities.unescape(_TAG.sub("", _BLOCK.sub(" ", html))).split())


def _told(html: str, notes: list[str]) -> str:
    """Note the dangers that nh3 is about to remove; the HTML is returned as it is."""
    lower = html.encode().lower()
    found: Counter[str] = Counter()
    if any(tag in lower for tag in _DANGEROUS):
        found.update(_REMOVED[tag.decode()] for tag in _DANGERS.findall(lower))
    found["javascript: link"] = len(_SCRIPT_LINK.findall(lower))
    if _HANDLER.search(lower):
        found["event handler"] = len(_TAG_WITH_HANDLER.findall(lower))
    notes.extend(f"removed {counted(number, what)}" for what, number in found.items() if number)
    return html


def _framed_as_links(html: str, base: str | None, notes: list[str]) -> str:
    """Each frame and plug-in replaced by a link to what it shows, since feeds and mails can show none."""
    if not _FRAME.search(html):
        return html
    links = [_frame_link(frame[1], base) for frame in _FRAME.finditer(html)]
    shown = len(links) - links.count("")
    if shown:
        notes.append(f"replaced {counted(shown, 'frame')} by {'a link' if shown == 1 else 'links'}")
    if shown < len(links):
        notes.append(f"removed {counted(len(links) - shown, 'frame')} that show no web page")
    following = iter(links)
    return _FRAME_END.sub("", _FRAME.sub(lambda _: next(following), html))


def _frame_link(attributes: str, base: str | None) -> str:
    """A link to what a frame with these attributes shows; empty when that is no web page."""
    url = http_url(_value(_SRC, attributes), base=base)
    if url is None:
        return ""
    seen = _watchable(url)
    text = _value(_TITLE, attributes).strip() or re.sub(r"^https?://(?:www\.)?", "", seen)
    return f'<a href="{entities.escape(seen)}">{entities.escape(text)}</a>'


def _value(attribute: re.Pattern[str], attributes: str) -> str:
    found = attribute.search(attributes)
    return entities.unescape(next(filter(None, found.groups()), "")) if found else ""


def _watchable(url: str) -> str:
    """The page of a video whose player this is; any other URL as it is."""
    if video := _YOUTUBE.match(url):
        return f"https://www.youtube.com/watch?v={video[1]}"
    if video := _VIMEO.match(url):
        return f"https://vimeo.com/{video[1]}"
    return url
