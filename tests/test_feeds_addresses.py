"""Rules in addresses: one canonical form for each meaning, which reads back to itself."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.addresses import (
    EVERYTHING,
    MAX_BYTES,
    NOTHING,
    AddressError,
    Part,
    Sum,
    address,
    as_rule,
    canonical,
    in_words,
    names_in,
    read,
    renamed,
    written,
)
from posts.rules import All, matches, parse

LABELS = "abcde"
parts = st.builds(Part, st.booleans(), st.sampled_from(LABELS))
sums = st.frozensets(st.frozensets(parts, max_size=4), max_size=6)
wide_sums = st.frozensets(
    st.frozensets(st.builds(Part, st.booleans(), st.sampled_from("abcdefgh")), min_size=1, max_size=8),
    max_size=12,
)


def truth(terms: Sum, labels: str = LABELS) -> list[bool]:
    """What the sum says of a post with each set of labels, reckoned from its meaning alone."""
    return [
        any(all((part.name in there) != part.is_negated for part in term) for term in terms)
        for there in (
            {name for name, has in zip(labels, row, strict=True) if has}
            for row in product([False, True], repeat=len(labels))
        )
    ]


def said(text: str) -> str:
    terms = read(text)
    assert terms is not None
    return written(canonical(terms))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b+a", "a+b"),
        ("b,a", "a,b"),
        ("a,a+b", "a"),
        ("a+b,a+-b", "a"),
        ("a,-a", "all"),
        ("a,-a+b", "a,b"),
        ("-b+a", "a+-b"),
        ("-b,a", "a,-b"),
        ("a+all", "a"),
        ("a,ALL", "all"),
        ("all+-a", "-a"),
        ("a,-all", "a"),
        # What both agree on is said as well: else there would be no one way to say it.
        ("a+b,-a+c", "a+b,b+c,c+-a"),
        ("a+-b,b+-c,c+-a", "a+-b,a+-c,b+-a,b+-c,c+-a,c+-b"),
        ("a+a,a", "a"),
        (" a + b ", "a+b"),
    ],
)
def test_one_meaning_has_one_form(text: str, expected: str) -> None:
    assert said(text) == expected
    assert said(f"{expected},{expected}") == expected


@pytest.mark.parametrize("text", ["a+-a", "-all", "all+-all", "a+b+-a,b+-b"])
def test_what_can_hold_no_post_is_nothing(text: str) -> None:
    terms = read(text)
    assert terms is not None
    assert canonical(terms) == NOTHING


@pytest.mark.parametrize(
    "text", ["", "a", "a-b", "C++", "+", ",", "-", "a,", "+a", "a,,b", "a+-", "\u200b,a", " "]
)
def test_what_is_no_rule_is_none(text: str) -> None:
    assert read(text) is None


@given(sums, sums)
def test_two_sums_are_one_if_and_only_if_they_mean_the_same(one: Sum, other: Sum) -> None:
    assert (canonical(one) == canonical(other)) == (truth(one) == truth(other))


@given(wide_sums)
def test_the_canonical_form_means_the_same(terms: Sum) -> None:
    assert truth(canonical(terms), "abcdefgh") == truth(terms, "abcdefgh")


@given(sums)
def test_every_term_is_prime_and_every_prime_is_there(terms: Sum) -> None:
    table = truth(terms)
    found = canonical(terms)

    def implies(term: frozenset[Part]) -> bool:
        return all(there or not held for held, there in zip(truth(frozenset({term})), table, strict=True))

    cubes = (
        frozenset(
            Part(negated, name) for name, negated in zip(LABELS, row, strict=True) if negated is not None
        )
        for row in product([None, False, True], repeat=len(LABELS))
    )
    implicants = {cube for cube in cubes if implies(cube)}
    assert found == {cube for cube in implicants if not any(cube - {part} in implicants for part in cube)}


@given(sums)
def test_what_is_written_reads_back(terms: Sum) -> None:
    found = canonical(terms)
    if found != NOTHING:
        text = written(found)
        assert (read(text) or frozenset({frozenset({Part(False, text)})})) == found
        assert said(f"{text},{text}") == text


@given(sums)
def test_the_order_in_which_it_is_written_does_not_matter(terms: Sum) -> None:
    backwards = ",".join("+".join(reversed([str(part) for part in term])) or "all" for term in terms)
    if backwards:
        assert said(f"{backwards},{backwards}") == written(canonical(terms))


@given(sums)
def test_the_rule_is_what_the_address_says(terms: Sum) -> None:
    found = canonical(terms)
    if found == NOTHING:
        return
    names = {name: f"The {name}" for name in LABELS}
    rule = as_rule(found, names)
    assert parse(str(rule)) == rule
    rows = product([False, True], repeat=len(LABELS))
    under = [
        matches(rule, {f"the {name}" for name, has in zip(LABELS, row, strict=True) if has}) for row in rows
    ]
    assert under == truth(terms)


@given(sums, st.permutations(LABELS))
def test_other_names_change_nothing_but_the_names(terms: Sum, names: list[str]) -> None:
    there, back = dict(zip(LABELS, names, strict=True)), dict(zip(names, LABELS, strict=True))
    assert renamed(canonical(renamed(terms, there)), back) == canonical(terms)


def test_two_names_of_one_label_become_one() -> None:
    terms = read("new,old+x,-y")
    assert terms is not None
    assert names_in(terms) == ["new", "old", "x", "y"]
    assert written(canonical(renamed(terms, {"new": "n", "old": "n", "x": "x", "y": "y"}))) == "n,-y"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iran+iraq+-sports", "Iran and Iraq, not Sports"),
        ("iran,iraq", "Iran or Iraq"),
        ("iran+iraq,sports", "Iran and Iraq or Sports"),
        ("iran+-iraq,sports", "Iran, not Iraq; or Sports"),
        ("-iran+-iraq", "not Iran, not Iraq"),
        ("-iran", "not Iran"),
    ],
)
def test_a_rule_in_words(text: str, words: str) -> None:
    terms = read(text)
    assert terms is not None
    names = {name: name.title() for name in names_in(terms)}
    assert in_words(canonical(terms), names) == words


def test_everything_as_a_rule() -> None:
    assert written(EVERYTHING) == "all"
    assert as_rule(EVERYTHING, {}) == All()


def test_more_than_eight_labels_are_too_much_for_an_address() -> None:
    assert said("+".join("hgfedcba")) == "a+b+c+d+e+f+g+h"
    with pytest.raises(AddressError, match="9 labels in an address: at most 8") as refused:
        said("+".join("abcdefghi"))
    assert "\n" not in str(refused.value)


def test_more_than_sixteen_terms_are_too_much_for_an_address() -> None:
    sixteen = read(",".join("+".join(term) for term in product("ab", "cd", "ef", "gh")))
    three_of_six = read(",".join("+".join(term) for term in combinations("abcdef", 3)))
    assert sixteen is not None
    assert three_of_six is not None
    assert address(canonical(sixteen)) == written(sixteen)
    with pytest.raises(AddressError, match="20 parts with an or between, in an address: at most 16"):
        address(canonical(three_of_six))


def test_an_address_is_no_longer_than_a_thousand_bytes() -> None:
    assert read("é" * 1000 + "-") is None  # a name, and no rule
    assert said("a," + "b" * (MAX_BYTES - 2))
    with pytest.raises(AddressError, match="more than 1000 bytes"):
        read("a," + "é" * (MAX_BYTES // 2))
    # It reads well and is longer only when all that is meant is said.
    long = {name: name * 100 for name in "abcdef"}
    terms = read("a+-b,b+-c,c+-a")
    assert terms is not None
    assert len(written(renamed(terms, {**long})).encode()) < MAX_BYTES
    with pytest.raises(AddressError, match="more than 1000 bytes"):
        address(renamed(canonical(terms), long))
