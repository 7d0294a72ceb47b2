"""Which posts a reader gets: by label, by what labels were once called, each post once, newest first."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digests.selection import choose, current_labels
from posts.store import News

START = datetime(2026, 3, 4, tzinfo=UTC)


def _news(number: int, *labels: str, hours: int = 0) -> News:
    published = START + timedelta(hours=hours)
    return News(id=number, published=published, visible_at=published, label_slugs=frozenset(labels))


def test_no_chosen_label_means_everything_newest_first() -> None:
    news = [_news(1, "iran", hours=1), _news(2, "mek", hours=3), _news(3, hours=2)]
    assert choose(news, ()) == (2, 3, 1)


def test_only_posts_under_a_chosen_label_come() -> None:
    news = [_news(1, "iran"), _news(2, "mek"), _news(3, "sports"), _news(4)]
    assert choose(news, ("iran", "mek")) == (2, 1)


def test_a_post_under_two_labels_comes_once() -> None:
    post = _news(7, "iran", "mek")
    assert choose([post, post], ("iran", "mek")) == (7,)


def test_posts_of_one_instant_come_in_the_order_of_their_numbers() -> None:
    assert choose([_news(2), _news(9), _news(4)], ()) == (9, 4, 2)


def test_a_renamed_or_merged_label_still_matches() -> None:
    news = [_news(1, "united-states"), _news(2, "us")]
    assert choose(news, ("us",), aliases={"us": "united-states"}) == (1,)
    assert choose(news, ("usa",), aliases={"usa": "us", "us": "united-states"}) == (1,)


def test_a_reader_whose_labels_are_all_gone_gets_nothing() -> None:
    assert choose([_news(1, "iran"), _news(2)], ("deleted",)) == ()


def test_a_ring_of_aliases_ends() -> None:
    assert current_labels(("a",), aliases={"a": "b", "b": "a"}) == ("b",)


def test_readers_who_mean_the_same_labels_share_them() -> None:
    aliases = {"usa": "us"}
    assert current_labels(("usa", "iran"), aliases=aliases) == ("iran", "us")
    assert current_labels(("us", "iran", "usa"), aliases=aliases) == ("iran", "us")


slugs = st.sampled_from("abcdef")
some_news = st.lists(
    st.builds(
        News,
        id=st.integers(1, 30),
        published=st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
        visible_at=st.just(START),
        label_slugs=st.frozensets(slugs),
    ),
    unique_by=lambda item: item.id,
)


@given(some_news, st.frozensets(slugs), st.dictionaries(slugs, slugs))
def test_a_reader_gets_each_wanted_post_once_and_no_other(
    news: list[News], labels: frozenset[str], aliases: dict[str, str]
) -> None:
    got = choose(news, labels, aliases=aliases)
    wanted = set(current_labels(labels, aliases=aliases))
    assert sorted(got) == sorted(item.id for item in news if not labels or item.label_slugs & wanted)
    published = {item.id: (item.published, item.id) for item in news}
    assert [published[number] for number in got] == sorted(
        (published[number] for number in got), reverse=True
    )
