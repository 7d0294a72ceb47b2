"""Names that look alike are those that difflib finds, though it is asked about few of them."""

from difflib import SequenceMatcher, get_close_matches
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts import alike
from posts.alike import LIKE, most_alike

# Few letters, so that names are like each other in many ways.
NAMES = st.text("abc 0é", max_size=12)


@given(NAMES, st.lists(NAMES, unique=True, max_size=40), st.integers(1, 5))
def test_the_same_names_are_found_as_difflib_finds_and_in_the_same_order(
    name: str, others: list[str], limit: int
) -> None:
    assert most_alike(name, others, limit=limit) == get_close_matches(name, others, n=limit, cutoff=LIKE)


@given(NAMES, st.lists(NAMES, unique=True, max_size=40), st.integers(1, 10))
def test_what_is_found_of_a_few_is_as_alike_as_it_must_be(name: str, others: list[str], most: int) -> None:
    found = most_alike(name, others, limit=3, most=most)
    alike = [SequenceMatcher(None, other, name).ratio() for other in found]
    assert alike == sorted(alike, reverse=True)
    assert all(one >= LIKE for one in alike)
    assert name not in others or found[:1] == [name]


def test_of_thousands_of_names_difflib_is_asked_about_few(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    class Counting(SequenceMatcher[str]):
        def ratio(self) -> float:
            nonlocal asked
            asked += 1
            return super().ratio()

    monkeypatch.setattr(alike, "SequenceMatcher", Counting)
    names: Any = [f"label {number:04}" for number in range(3_000)]
    Random(1).shuffle(names)
    for name in ("laebl 0012", "label nope", "0012 label", "lable99", "nothing of that", "l"):
        asked = 0
        found = most_alike(name, names, limit=3)
        assert asked <= alike.MOST_COMPARED
        if asked < alike.MOST_COMPARED:
            assert found == get_close_matches(name, names, n=3, cutoff=LIKE)
    assert most_alike("laebl 0012", names, limit=1) == ["label 0012"]
