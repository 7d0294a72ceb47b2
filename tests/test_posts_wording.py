"""Words as search compares them: case, accents and scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts.wording import MAX_TOKEN, is_letter_alone, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        (" ... — ! ", ""),
        ("The U.S. budget, 2026", "the u s budget 2026"),
        ("snake_case e-mail a/b", "snake case e mail a b"),
        ("Café NAÏVE l'été l’été", "cafe naive l ete l ete"),
        ("Straße STRASSE Łódź Ærø œuvre İstanbul", "strasse strasse lodz aero oeuvre istanbul"),
        ("e\u0301te\u0301 été", "ete ete"),
        ("“quoted”—dash soft\u00adhyphen no\u00a0break", "quoted dash softhyphen no break"),
        ("Ёлка елка мой МОИ за\u0301мок Україна", "елка елка мой мои замок україна"),
        ("Ψάρι ΟΔΟΣ οδος", "ψαρι οδοσ οδοσ"),
        ("می\u200cخواهم كتابي ۱۲۳ ١٢٣ آب \u200fراست", "می خواهم کتابی 123 123 اب راست"),
        ("كِتَاب مدرسة مدرسه", "کتاب مدرسه مدرسه"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी में", "हिन्दी में"),
        ("日本語のﾃｷｽﾄ, ok", "日 本 語 の テ キ ス ト ok"),
        ("한국어 \u1112\u1161\u11ab", "한 국 어 한"),
        ("ไทย ๑๒", "ไ ท ย 12"),
        ("ＡＢＣ ① ½ ²", "abc 1 1 2 2"),
        ("a\ud800b\x00c\ufffe", "a b c"),
    ],
)
def test_words_are_those_that_readers_type(text: str, words: str) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_very_long_word_counts_as_several(letter: str) -> None:
    assert [len(word) for word in words_of(letter * 250).split()] == [MAX_TOKEN, MAX_TOKEN, 50]


@given(st.text())
def test_words_of_any_text_are_whole(text: str) -> None:
    words = words_of(text)
    assert words == " ".join(words.split())
    assert all(0 < len(word) <= MAX_TOKEN for word in words.split())
    assert not set(words) & set("\"'*^:()-_%\\|\x00")
    words.encode()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_words_are_their_own_words(text: str) -> None:
    words = words_of(text)
    assert words_of(words) == words


def test_letters_that_stand_alone_are_those_of_scripts_without_blanks() -> None:
    assert [is_letter_alone(word) for word in ("日", "한", "ไ", "a", "é", "日本", "")] == [
        *[True] * 3,
        *[False] * 4,
    ]
