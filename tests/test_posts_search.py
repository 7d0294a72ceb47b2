"""Full-text search: queries in one form, found alike by both databases, whatever is typed."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from posts.model import PostState, post
from posts.search import (
    MAX_QUERY,
    MAX_TERMS,
    MAX_WORDS,
    canonical_query,
    has_words,
    index_missing,
    read_query,
)
from posts.wording import words_of
from tests.examples import often

StorePost = Callable[..., int]


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("", ""),
        (" \t ", ""),
        ('- -- "" “” … -\' %', ""),
        ("Budget", "budget"),
        ("water  BUDGET water", "budget water"),
        ("Café", "cafe"),
        ('"Supreme   Court" court', '"supreme court"'),
        ("“Supreme Court”", '"supreme court"'),
        ("«été»", "ete"),
        ("e-mail", '"e mail"'),
        ("-sports water", "water -sports"),
        ('--"open data" -data', "-data"),
        ('water "never closed', '"never closed" water'),
        ('a"b c"d', '"b c" a d'),
        ("a -a", "a -a"),
        ("日本 日", "日本"),
        ('"日本" 日本', "日本"),
        ("日本2026", '"日 本 2026"'),
        ("AND OR NOT NEAR(a b) title:b* ^c", '"near a" "title b" and c not or'),
    ],
)
def test_a_query_has_one_form(typed: str, canonical: str) -> None:
    assert canonical_query(typed) == canonical


def test_the_order_means_nothing() -> None:
    assert canonical_query('c -a "b d"') == canonical_query('"B D" -A C') == '"b d" c -a'


def test_a_query_is_limited() -> None:
    assert canonical_query(" ".join(f"w{number}" for number in range(100))).split() == sorted(
        f"w{number}" for number in range(MAX_TERMS)
    )
    assert len(canonical_query("x" * 1000)) <= MAX_QUERY
    assert len(canonical_query("a-" * 1000)) <= MAX_QUERY
    assert len(canonical_query("\ufdfa " * 1000)) <= MAX_QUERY


TYPED = st.text(
    alphabet=st.sampled_from(list("abAé日本한ไ \"“-*^:()'%\\\x00\ud800\u200c\ufdfa")), max_size=60
)


@given(st.one_of(TYPED, st.text(max_size=300)))
@example('"' * 7)
@example("x" * 99 + "-" + "y" * 99 + "-z")
def test_the_canonical_form_is_its_own_and_means_the_same(typed: str) -> None:
    canonical = canonical_query(typed)
    assert canonical_query(canonical) == canonical
    assert len(canonical) <= MAX_QUERY
    asked, again = read_query(typed), read_query(canonical)
    assert (set(asked.wanted), set(asked.unwanted)) == (set(again.wanted), set(again.unwanted))


def found(connection: Connection, query: str) -> str:
    """The uris of the posts with the words of a query: the same whether these count as few or as many."""
    answers = set()
    for few in (0, 1, 500):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("posts.search._FEW", few)
            query_of = select(post.c.uri).where(has_words(connection, query)(post.c.id))
        answers.add(" ".join(connection.execute(query_of.order_by(post.c.uri)).scalars()))
    (answer,) = answers
    return answer


@pytest.fixture
def library(connection: Connection, store_post: StorePost) -> Connection:
    """A few posts in several scripts."""
    texts = {
        "court": ("The Supreme Court", "<p>On water rights, and the <b>bud</b>get of 2026.</p>"),
        "budget": ("Budget cuts", "<p>The court</p><p>supreme in water</p><img alt='secret'>"),
        "cafe": ("Le café d'été", "<p>Crème brûlée &amp; croissants, <i>naïve</i></p>"),
        "russian": ("Выборы", "<p>Ёлка и мой дом; за&#x301;мок</p>"),
        "persian": ("انتخابات", "<p>می‌خواهم کتاب بخوانم</p>"),
        "japanese": ("日本の政治", "<p>東京都知事選挙</p>"),
        "thai": ("ข่าว", "<p>การเลือกตั้งในประเทศไทย</p>"),
        "korean": ("선거", "<p>대통령선거는 내년이다</p>"),
    }
    for uri, (title, html) in texts.items():
        store_post(connection, uri, title=title, html=html)
    return connection


@pytest.mark.parametrize(
    ("query", "uris"),
    [
        ("water", "budget court"),
        ("WATER supreme", "budget court"),
        ('"supreme court"', "court"),
        ('"court supreme"', "budget"),
        ("budget", "budget court"),
        ("bud", ""),
        ('"cuts the"', ""),
        ("secret", ""),
        ("water -cuts", "court"),
        ('water -"supreme court"', "budget"),
        ("-water -日 -ёлка", "cafe korean persian thai"),
        ('-"supreme court" -budget -выборы -انتخابات -日 -ไ', "cafe korean"),
        ("cafe", "cafe"),
        ("ÉTÉ creme", "cafe"),
        ("l'été", ""),
        ("d'été", "cafe"),
        ("выборы", "russian"),
        ("елка замок", "russian"),
        ("мои", ""),
        ("كتاب", "persian"),
        ("می‌خواهم", "persian"),
        ("می خواهم", "persian"),
        ("政治", "japanese"),
        ("治政", ""),
        ("東京 選挙", "japanese"),
        ("知事", "japanese"),
        ("เลือกตั้ง", "thai"),
        ("선거", "korean"),
        ("선거 대통령", "korean"),
        ("", "budget cafe court japanese korean persian russian thai"),
    ],
)
def test_both_databases_find_the_same(library: Connection, query: str, uris: str) -> None:
    assert found(library, query) == uris
    assert found(library, canonical_query(query)) == uris


def test_a_post_is_found_by_what_it_says_now(connection: Connection, store_post: StorePost) -> None:
    store_post(connection, "p", title="Old", html="<p>First words</p>")
    store_post(connection, "p", title="New", html="<p>Second words</p>")
    assert [found(connection, word) for word in ("old", "first", "new", "second", '"second words"')] == [
        "",
        "",
        *["p"] * 3,
    ]
    store_post(connection, "p", title="New", html="<p>Second words</p>", state=PostState.DRAFT)
    store_post(connection, "p", title="Third", html="<p>Second words</p>")
    assert (found(connection, "new"), found(connection, "third words")) == ("", "p")


def test_a_post_longer_than_the_index_takes_is_found_by_its_beginning(
    connection: Connection, store_post: StorePost
) -> None:
    words = " ".join(f"{number:09x}" for number in range(MAX_WORDS // 5))
    store_post(connection, "long", html=f"<p>begins {words} ends</p>")
    assert (found(connection, "begins 000000ff0"), found(connection, "ends")) == ("long", "")
    store_post(connection, "cjk", html="".join(map(chr, range(0x4E00, 0x9F00))) * 9)
    assert found(connection, "丁丂七") == "cjk"
    store_post(connection, "letters", html="é" * 500_000)
    assert found(connection, "e" * 100) == "letters"


def test_words_come_late_and_often_and_are_found_all_the_same(
    connection: Connection, store_post: StorePost
) -> None:
    # PostgreSQL keeps neither more than 255 places of a word nor any behind the 16,383rd.
    store_post(connection, "p", html="<p>" + "the old way " * 8_000 + "the end</p>")
    assert (found(connection, '"the end"'), found(connection, '"old end"')) == ("p", "")


def test_posts_stored_before_there_was_an_index_are_found_once_it_is_made(
    connection: Connection, store_post: StorePost
) -> None:
    store_post(connection, "p", title="Some words")
    store_post(connection, "q", title="More words")
    connection.exec_driver_sql("DELETE FROM post_search")
    assert found(connection, "words") == ""
    store_post(connection, "q", title="Other words")
    index_missing(connection)
    assert (found(connection, "words"), found(connection, "more")) == ("p q", "")
    index_missing(connection)
    assert found(connection, "words") == "p q"


WORDS = ["water", "Café", "cafe", "日本", "本", "naïve", "the", "мой", "کتاب", "a-b", "b"]
BODIES = st.lists(st.sampled_from([*WORDS, "<br>", ". "]), max_size=8).map(" ".join)
QUERIES = st.lists(
    st.one_of(
        st.sampled_from([*WORDS, *(f"-{word}" for word in WORDS)]),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(lambda some: f'"{" ".join(some)}"'),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(lambda some: f'-"{" ".join(some)}"'),
    ),
    max_size=4,
).map(" ".join)


def holds(words: Sequence[str], term: Sequence[str]) -> bool:
    """Whether the words stand in these, one behind the other."""
    return any(
        tuple(words[place : place + len(term)]) == tuple(term) for place in range(len(words) - len(term) + 1)
    )


@settings(
    max_examples=often(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bodies=st.lists(BODIES, min_size=1, max_size=5), query=st.one_of(QUERIES, TYPED, st.text(max_size=80)))
@example(bodies=["a"], query="'; DROP TABLE post; --")
@example(bodies=["a b"], query='a" OR rowid:* NEAR(b')
def test_any_text_finds_what_a_plain_reading_of_it_finds(
    connection: Connection, store_post: StorePost, bodies: list[str], query: str
) -> None:
    savepoint = connection.begin_nested()
    asked, expected = read_query(query), []
    for number, body in enumerate(bodies):
        store_post(connection, f"p{number}", title="Title", html=f"<p>{body}</p>")
        texts = [("title",), words_of(body.replace("<br>", " ")).split()]
        wanted = all(any(holds(text, term) for text in texts) for term in asked.wanted)
        unwanted = any(holds(text, term) for text in texts for term in asked.unwanted)
        if wanted and not unwanted:
            expected.append(f"p{number}")
    assert found(connection, query) == " ".join(expected)
    savepoint.rollback()


@pytest.fixture
def statements(sqlite_connection: Connection) -> Iterator[list[str]]:
    """What SQLite is asked."""
    seen: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(sqlite_connection, "before_cursor_execute", remember)
    yield seen
    event.remove(sqlite_connection, "before_cursor_execute", remember)


def test_what_did_not_change_is_not_indexed_again(
    sqlite_connection: Connection, store_post: StorePost, statements: list[str]
) -> None:
    store_post(sqlite_connection, "p", labels=["a"])
    assert sum("INTO post_search" in one for one in statements) == 1
    store_post(sqlite_connection, "p", labels=["b"])
    assert sum("INTO post_search" in one for one in statements) == 1
