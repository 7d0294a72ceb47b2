"""A post's HTML made fit for mail programs, which know less than browsers and load less."""

from dataclasses import dataclass

import nh3
from lxml import html
from markupsafe import Markup

from templates.markup import box_tables, inner_html, lower_headings, parse

# The width of a column of text in the mail, in CSS pixels: Outlook knows no max-width.
COLUMN = 534

_TAGS = {
    *("p", "br", "hr", "div", "span", "a", "img", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li"),
    *("dl", "dt", "dd", "blockquote", "pre", "code", "kbd", "samp", "var", "em", "strong", "b", "i", "u"),
    *("s", "del", "ins", "sub", "sup", "small", "mark", "q", "cite", "abbr", "time", "dfn", "wbr", "center"),
    *("bdi", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "figure", "figcaption"),
}
# No class, id or style: the mail's own rules would take hold of them, and ids of two posts would meet.
_ATTRIBUTES = {
    "*": {"lang", "dir", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "reversed", "type"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}
# A player or a frame cannot run in mail: a link to it can.
_PLAYERS = ("iframe", "video", "audio", "embed")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its address, its description (may be empty), its size in CSS pixels where it is known."""

    url: str
    alt: str
    width: int | None
    height: int | None


def mail_html(source: str) -> Markup:
    """A stored post's HTML for a mail: headings below the post's own, pictures no wider than the column.

    Frames and players become links, pictures without a description an empty ``alt``, invisible ones
    (counters of one pixel) go; a picture that is data in itself shows its description only, as mail
    programs would.
    """
    tree = parse(_link_players(source))
    for picture in list(tree.iter("img")):
        _fit(picture)
    box_tables(tree)
    lower_headings(tree, 3)
    return Markup(inner_html(tree))  # noqa: S704 - cleaned by nh3


def _link_players(source: str) -> str:
    if any(f"<{tag}" in source for tag in _PLAYERS):
        tree = parse(source)
        for player in list(tree.iter(*_PLAYERS)):
            _to_link(player)
        source = html.tostring(tree, encoding="unicode", method="html")
    return nh3.clean(source, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None)


def _to_link(player: html.HtmlElement) -> None:
    address = player.get("src") or next(iter(player.xpath("./source/@src")), "")
    if address:
        link = html.Element("a", href=address)
        link.text = player.get("title") or f"Play: {address}"
        link.tail = " "  # a player stood on a line of its own: its words must not meet the next
        player.addprevious(link)
    player.drop_tree()


def _fit(picture: html.HtmlElement) -> None:
    width, height = (_pixels(picture.attrib.pop(name, "")) for name in ("width", "height"))
    if not picture.get("src"):
        picture.tag = "span"
        picture.text = picture.attrib.pop("alt", "")
    elif (width is not None and width <= 1) or (height is not None and height <= 1):
        picture.drop_tree()
    else:
        picture.set("alt", picture.get("alt") or "")
        for name, pixels in zip(("width", "height"), fitted(width, height), strict=True):
            if pixels is not None:
                picture.set(name, str(pixels))


def fitted(width: int | None, height: int | None) -> tuple[int | None, int | None]:
    """A picture's size made to fit the column; a height without a width says nothing."""
    if width is None:
        return None, None
    if width <= COLUMN:
        return width, height
    return COLUMN, None if height is None else max(round(height * COLUMN / width), 1)


def _pixels(size: str) -> int | None:
    return int(size) if size.isascii() and size.isdigit() and len(size) < 6 else None


def lead_picture(address: str, source: str) -> Picture:
    """The picture at that address, with its size and description if it stands in the post's HTML too."""
    for found in parse(source).iter("img"):
        if (found.get("src") or "").strip() == address:
            sizes = fitted(_pixels(found.get("width", "")), _pixels(found.get("height", "")))
            return Picture(address, " ".join((found.get("alt") or "").split()), *sizes)
    return Picture(address, "", None, None)
