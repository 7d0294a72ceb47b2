"""Full-text search: an index of every post's title and text, and what a reader types as a condition on posts.

The index holds words as ``posts.wording`` makes them, so that both databases find the same: on SQLite FTS5,
whose tokenizer only parts at the blanks; on PostgreSQL a ``tsvector`` to find words by, and the words in
their order beside it, by which phrases are told. Every post is in it, whatever its state: who asks says
which of them are to be found.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    column,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    table,
    true,
)

from posts.markup import text_of
from posts.model import post
from posts.revisions import batched
from posts.together import among, written
from posts.wording import is_letter_alone, words_of

MAX_QUERY = 200
"""Characters of a query."""
MAX_TERMS = 20
MAX_WORDS = 200_000
"""Characters of a post's words that are searched; more would not fit PostgreSQL's tsvector (1 MB)."""
# Where words are in more posts than these, a walk from the newest on soon fills a page.
_FEW = 500

Term = tuple[str, ...]
"""Words that follow each other."""
Condition = Callable[[ColumnElement[int]], ColumnElement[bool]]
"""What is to hold of the post whose id a column holds."""

_TERM = re.compile(r'(?P<minus>-*)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'))

_INDEX = table("post_search", column("rowid"), column("post_search"), column("post_id"))
_WORDS: ColumnElement[str] = column("words")
_DOCUMENT: ColumnElement[object] = column("document")
_ADD_SQLITE = "INSERT OR REPLACE INTO post_search (rowid, title, body) VALUES (?, ?, ?)"
_ADD_POSTGRESQL = """
    INSERT INTO post_search (post_id, words, document)
    VALUES (%(id)s, %(words)s, array_to_tsvector(string_to_array(%(lexemes)s, ' ')))
    ON CONFLICT (post_id) DO UPDATE SET words = excluded.words, document = excluded.document"""
_MISSING_SQLITE = "SELECT id FROM post WHERE id NOT IN (SELECT rowid FROM post_search) ORDER BY id"
_MISSING_POSTGRESQL = "SELECT id FROM post WHERE id NOT IN (SELECT post_id FROM post_search) ORDER BY id"


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a text must hold, all of it, and what it must not, none of it."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...]

    def __str__(self) -> str:
        """The canonical form."""
        parts = sorted(map(_printed, self.wanted)) + sorted(f"-{_printed(term)}" for term in self.unwanted)
        return " ".join(parts)


def canonical_query(text: str) -> str:
    """One form for all that a reader may type and that means the same; empty when nothing is asked.

    Words stand without case and accents, phrases in double quotes, what must not be there with a ``-``
    before it; each once, in the order of the alphabet. At most ``MAX_QUERY`` characters and ``MAX_TERMS``
    terms: what goes beyond is left out. Any text is a query.
    """
    return str(read_query(text))


def read_query(text: str) -> TextQuery:
    """What a reader asks for by this text."""
    wanted: dict[Term, None] = {}
    unwanted: dict[Term, None] = {}
    room = MAX_QUERY
    for is_wanted, term in _terms(text[: 5 * MAX_QUERY].translate(_QUOTES)):
        kept = wanted if is_wanted else unwanted
        cut = _fitting(term, room - (not is_wanted))
        if not cut or len(wanted) + len(unwanted) == MAX_TERMS:
            break
        if cut not in kept:
            kept[cut] = None
            room -= len(_printed(cut)) + 1 + (not is_wanted)
    return TextQuery(
        tuple(term for term in wanted if not any(_holds(other, term) for other in wanted)),
        tuple(term for term in unwanted if not any(_holds(term, other) for other in unwanted)),
    )


def _terms(text: str) -> Iterator[tuple[bool, Term]]:
    """Each word and phrase of a query, and whether it is wanted; ``e-mail`` is a phrase of two words."""
    for found in _TERM.finditer(text):
        term = tuple(words_of(found["phrase"] or found["word"] or "").split())
        if term:
            yield not found["minus"], term


def _fitting(term: Term, room: int) -> Term:
    while term and len(_printed(term)) > room:
        term = term[:-1]
    return term


def _printed(term: Term) -> str:
    if len(term) == 1:
        return term[0]
    # What is written without blanks is read back letter by letter.
    return "".join(term) if all(map(is_letter_alone, term)) else f'"{" ".join(term)}"'


def _holds(phrase: Term, part: Term) -> bool:
    """Whether a longer phrase says all that another does."""
    return len(phrase) > len(part) and f" {' '.join(part)} " in f" {' '.join(phrase)} "


def has_words(connection: Connection, query: str) -> Condition:
    """A query as a condition on a column that holds a post's id; ask anew in each transaction.

    PostgreSQL does not know how seldom a seldom word is, and would walk all posts for it: there it is looked
    up first, and where it is in few posts these are the condition.
    """
    asked = read_query(query)
    few = _few(connection, asked.wanted) if connection.dialect.name == "postgresql" else None

    def condition(post_id: ColumnElement[int]) -> ColumnElement[bool]:
        conditions = []
        if few is not None:
            conditions.append(among(connection, post_id, written(connection, few)) if few else false())
        if few is None or any(len(term) > 1 for term in asked.wanted):
            conditions += [_found(connection, asked.wanted, post_id, every=True)] if asked.wanted else []
        if asked.unwanted:
            conditions.append(~_found(connection, asked.unwanted, post_id, every=False))
        return and_(true(), *conditions)

    return condition


def _few(connection: Connection, terms: Iterable[Term]) -> list[int] | None:
    """The posts that hold every word of these terms; None where there are more than ``_FEW``."""
    # What was planned for any word is slow for some: from here on each is planned for.
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    words = tuple(dict.fromkeys(word for term in terms for word in term))
    if not words:
        return None
    query = select(_INDEX.c.post_id).where(_holds_words(words)).limit(_FEW + 1)
    found = list(connection.execute(query).scalars())
    return found if len(found) <= _FEW else None


def _found(
    connection: Connection, terms: Iterable[Term], post_id: ColumnElement[int], *, every: bool
) -> ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        # Words hold no quotes, so that each term is a string of FTS5's syntax.
        asked = (" AND " if every else " OR ").join(f'"{" ".join(term)}"' for term in terms)
        return post_id.in_(_matching(asked))
    conditions = [_holds_term(term) for term in terms]
    together = and_(*conditions) if every else or_(*conditions)
    return exists().where(_INDEX.c.post_id == post_id, together)


def _matching(asked: str) -> Select[int]:
    return select(_INDEX.c.rowid).where(_INDEX.c.post_search.op("MATCH")(asked))


def _holds_term(term: Term) -> ColumnElement[bool]:
    found = _holds_words(term)
    if len(term) == 1:
        return found
    return and_(found, func.strpos(_WORDS, f" {' '.join(term)} ") > 0)


def _holds_words(words: Iterable[str]) -> ColumnElement[bool]:
    from sqlalchemy.dialects.postgresql import TSQUERY  # noqa: PLC0415 # not where SQLite is the database

    lexemes = " & ".join(f"'{word}'" for word in dict.fromkeys(words))
    found: ColumnElement[bool] = _DOCUMENT.op("@@")(literal(lexemes, TSQUERY))
    return found


def index_texts(connection: Connection, texts: Mapping[int, tuple[str, str]]) -> None:
    """Make these posts found by what they now say: a post's id to its title and HTML."""
    if not texts:
        return
    rows = []
    for post_id, (title, html) in texts.items():
        rows.append((post_id, words_of(title), _cut(words_of(text_of(html)))))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_ADD_SQLITE, rows)
        return
    connection.exec_driver_sql(
        _ADD_POSTGRESQL,
        [
            # The bar keeps a phrase from beginning in the title and ending in the text.
            {"id": post_id, "words": f" {title} | {body} ", "lexemes": _lexemes(f"{title} {body}")}
            for post_id, title, body in rows
        ],
    )


def _cut(words: str) -> str:
    return words if len(words) <= MAX_WORDS else words[: words.rindex(" ", 0, MAX_WORDS)]


def _lexemes(words: str) -> str:
    return " ".join(sorted(set(words.split())))


def index_missing(connection: Connection) -> None:
    """Make those posts found that are not in the index at all: the ones stored before there was one."""
    missing = _MISSING_SQLITE if connection.dialect.name == "sqlite" else _MISSING_POSTGRESQL
    for some in batched(connection.exec_driver_sql(missing).scalars().all()):
        rows = connection.execute(select(post.c.id, post.c.title, post.c.html).where(post.c.id.in_(some)))
        index_texts(connection, {row.id: (row.title, row.html) for row in rows})
