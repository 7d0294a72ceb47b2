"""What a client says that it has, by its headers."""

from datetime import UTC, datetime

import pytest

from web.responding import client_has, tags_in, wants_difference

WHEN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ([], []),
        (['"a"'], ['"a"']),
        (['W/"a", "b,c"'], ['"a"', '"b,c"']),
        (['"a"', "*"], ['"a"', "*"]),
        (["nothing"], []),
    ],
)
def test_entity_tags_are_read_with_their_quotes(values: list[str], tags: list[str]) -> None:
    assert tags_in(values) == tags


@pytest.mark.parametrize("values", [['"a", ' * 1_000_000], ['"a"'] * 1_000_000])
def test_of_tags_without_end_only_the_first_are_read(values: list[str]) -> None:
    found = tags_in(values)
    assert 1000 < len(found) < 10_000
    assert client_has(values, None, '"a"', WHEN)
    assert not client_has([*values, '"z"'], None, '"z"', WHEN)


@pytest.mark.parametrize(
    ("a_im", "wants"),
    [("feed", True), ("gzip, Feed;q=0.5", True), ("feed;q=0", False), ("x," * 1_000_000 + "feed", False)],
)
def test_a_difference_is_sent_only_to_who_asks_for_it(a_im: str, wants: bool) -> None:
    assert wants_difference(a_im, "newsboat/2.21") is wants
    assert not wants_difference(a_im, "feedparser/6.0.10 +https://github.com/kurtmckee/feedparser/")
