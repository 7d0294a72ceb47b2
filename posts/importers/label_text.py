"""A label page saved as text.

Text holds no links and no ids. A post's id is made from its day and its title, so that the same page
gives the same ids for ever, and the pages of two labels give one post they share the same id.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, tzinfo
from unicodedata import normalize

from posts.importers.date_headings import KNOWN_FORMS, find_date_headings
from posts.importers.dates import at, midday
from posts.importers.errors import ImporterError, one_line
from posts.importers.ids import derived_id
from posts.importers.markup import paragraphs
from posts.model import SkippedPost, SourcePost

_HEADER = re.compile(r"Showing posts with (?:the )?label (?P<label>.+)", re.IGNORECASE)
_SHOW_ALL = re.compile(r"\.? ?Show all(?: posts)?\b.*", re.IGNORECASE)
_NAVIGATION = re.compile(
    r"(?=.*\b(?:Newer|Older) Posts\b)(?:Newer Posts)?\s*(?:Home)?\s*(?:Older Posts)?"
    r"|Subscribe to: Posts \(Atom\).*"
)
_POSTED = re.compile(
    r"Posted by (?P<author>.{1,100}?) at (?P<time>\d{1,2}[:.]\d{2}(?:\s?[AaPp]\.?[Mm]\.?)?)(?P<rest>\s.*)?"
)
_LABELS = re.compile(r"Labels: (?P<labels>.+)")
_FOOTER = re.compile(
    r"(?:\d+|No) comments?:?|Email This.*|BlogThis!.*|Share to .*|Links to this post"
    r"|Reactions:.*|Location: .*"
)
_QUOTES = {"“": "”", "‘": "’", '"': '"', "'": "'", "«": "»"}
# Longer lines are a post's text.
_LINE_CHARS = 400
_TITLE_CHARS = 250
_TEASER_CHARS = 400


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str

    @property
    def blank(self) -> bool:
        return not self.text.strip()


@dataclass(slots=True)
class _Block:
    """What stands under a date heading until the end of one post's footer."""

    day: date
    lines: list[_Line]
    is_first: bool
    author: str | None = None
    clock: time | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_text(text: str, *, name: str, timezone: tzinfo) -> Iterator[SourcePost | SkippedPost]:
    """The posts of one or more label pages, one below the other; raises ``ImporterError``."""
    lines = [_Line(number, line) for number, line in enumerate(text.splitlines(), start=1)]
    starts = [line for line in lines if is_header(line.text)]
    starts = starts or [line for line in lines if label_of(line.text)][:1]
    if not starts:
        raise ImporterError(f"{name}: is no label page: no line says “Showing posts with label …”")
    seen: dict[str, int] = {}
    found = False
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        page = lines[start.number : following.number - 1 if following else None]
        for item in _page(page, label=label_of(start.text), seen=seen, timezone=timezone):
            found = found or isinstance(item, SourcePost)
            yield item
    if not found:
        raise ImporterError(
            f"{name}: holds no date heading written as {KNOWN_FORMS}, so no post can be told from another"
        )


def label_of(text: str) -> str:
    """The label that "Showing posts with label X. Show all posts" names; empty when a line is no such."""
    found = _HEADER.fullmatch(" ".join(text.split())) if len(text) <= _LINE_CHARS else None
    label = _SHOW_ALL.sub("", found["label"]).strip() if found else ""
    if len(label) > 2 and _QUOTES.get(label[0]) == label[-1]:
        label = label[1:-1].strip()
    return label


def is_header(text: str) -> bool:
    """Whether a line is that line as Blogger's classic pages have it, with "Show all posts" at its end."""
    return bool(label_of(text)) and bool(_SHOW_ALL.search(text))


def _page(
    page: Sequence[_Line], *, label: str, seen: dict[str, int], timezone: tzinfo
) -> Iterator[SourcePost | SkippedPost]:
    headings = find_date_headings([line.text for line in page])
    stray = [line for line in page[: headings[0].line if headings else None] if not line.blank]
    if stray:
        reason = "text above the first date heading belongs to no post"
        yield SkippedPost(id=one_line(stray[0].text), reason=reason, where=f"line {stray[0].number}")
    if not headings:
        return
    ends = [*(heading.line for heading in headings[1:]), len(page)]
    blocks: list[_Block] = []
    for heading, end in zip(headings, ends, strict=True):
        lines = page[heading.line + 1 : end]
        blocks += _blocks(lines if end < len(page) else _without_navigation(lines), heading.day, label)
    published = None
    for block in _without_teasers(blocks):
        if block.clock is None:
            published = midday(block.day, timezone, above=published)
        else:
            published = at(block.day, block.clock, timezone)
        yield _post(block, label, seen, published)


def _without_navigation(lines: Sequence[_Line]) -> Sequence[_Line]:
    """The page's last lines up to "Newer Posts Home Older Posts", below which stands what is no post."""
    for place, line in enumerate(lines):
        if len(line.text) <= _LINE_CHARS and _NAVIGATION.fullmatch(" ".join(line.text.split())):
            return lines[:place]
    return lines


def _blocks(lines: Sequence[_Line], day: date, label: str) -> Iterator[_Block]:
    """The posts under one heading. Only footers part them: text tells no second title from a line."""
    block = _Block(day, [], is_first=True)
    ended = False
    for line in lines:
        if _is_footer(line.text.strip(), block, label, ended=ended):
            ended = True
        elif ended and not line.blank:
            yield block
            block, ended = _Block(day, [line], is_first=False), False
        elif not ended:
            block.lines.append(line)
    if any(not line.blank for line in block.lines):
        yield block


def _is_footer(text: str, block: _Block, label: str, *, ended: bool) -> bool:
    """Whether a line is of a post's footer; what it says of the post goes into the block."""
    if len(text) > _LINE_CHARS:
        return False
    if posted := _POSTED.fullmatch(text):
        block.author, block.clock = posted["author"].strip(), _clock(posted["time"])
        return True
    if labels := _LABELS.fullmatch(text):
        names = tuple(name.strip() for name in labels["labels"].split(",") if name.strip())
        if ended or label.casefold() in {name.casefold() for name in names}:
            block.labels = names
            return True
    return ended and bool(_FOOTER.fullmatch(text))


def _clock(text: str) -> time | None:
    flat = text.replace(".", ":", 1).replace(".", "").replace(" ", "").replace("\u202f", "").upper()
    try:
        form = "%I:%M%p" if flat.endswith("M") else "%H:%M"
        return datetime.strptime(flat, form).time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        return None


def _without_teasers(blocks: list[_Block]) -> list[_Block]:
    """The posts without what the page shows below them of others: a title, and a line ending in " ..."."""
    notes: list[str] = []
    while blocks and (title := _teaser(blocks[-1])) is not None:
        lines = blocks[-1].lines
        notes.append(f"the teaser “{one_line(lines[title].text)}” below it is no post and was left out")
        del lines[title:]
        if _last_filled(lines, len(lines)) is None:
            blocks.pop()
    if blocks and notes:
        # A page shows a few; of more than ten the first tell enough.
        blocks[-1].notes = tuple(reversed(notes[-10:]))
    return blocks


def _teaser(block: _Block) -> int | None:
    """Where the title of the teaser stands that a block ends with; None when it ends with none."""
    text = _last_filled(block.lines, len(block.lines))
    title = _last_filled(block.lines, text) if text is not None else None
    if text is None or title is None or not _is_teaser(block.lines[text].text):
        return None
    is_its_own = block.is_first and _last_filled(block.lines, title) is None
    stands_apart = title == 0 or block.lines[title - 1].blank
    fits = len(block.lines[title].text) <= _TITLE_CHARS
    return title if stands_apart and fits and not is_its_own else None


def _last_filled(lines: Sequence[_Line], end: int) -> int | None:
    """The last line before ``end`` that holds anything."""
    return next((place for place in range(end - 1, -1, -1) if not lines[place].blank), None)


def _is_teaser(text: str) -> bool:
    return text.rstrip().endswith((" ...", " …", "\xa0...")) and len(text) <= _TEASER_CHARS


def _post(block: _Block, label: str, seen: dict[str, int], published: datetime) -> SourcePost:
    filled = [place for place, line in enumerate(block.lines) if not line.blank]
    start = filled[0] if filled else 0
    title = " ".join(block.lines[start].text.split()) if filled else ""
    body = block.lines[start + 1 :]
    if len(title) > _TITLE_CHARS:
        # No title is so long: the post has none, and this is its text.
        title, body = "", block.lines[start:]
    names = {name.casefold(): name for name in (label, *block.labels)}
    post = SourcePost(
        uri=None,
        url=None,
        title=title or None,
        html=paragraphs("\n".join("" if line.blank else line.text for line in body)),
        published=published,
        updated=None,
        labels=tuple(names.values()),
        authors=(block.author,) if block.author else (),
        where=f"line {block.lines[start].number}" if block.lines else "",
        notes=block.notes,
        has_all_labels=bool(block.labels),
        is_day_only=block.clock is None,
    )
    return replace(post, uri=_id(block.day, title or post.html, seen))


def _id(day: date, title: str, seen: dict[str, int]) -> str:
    key = " ".join(normalize("NFC", title).split())
    uri = derived_id("label page", day.isoformat(), key)
    seen[uri] = seen.get(uri, 0) + 1
    return uri if seen[uri] == 1 else derived_id("label page", day.isoformat(), key, str(seen[uri]))
