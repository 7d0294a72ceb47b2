"""Labels' names, keys and slugs."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from posts.labels import MAX_SLUG_BYTES, clean_name, label_key, slugify

NAMES = st.text(max_size=60) | st.sampled_from(
    ["C", "c", "C++", "C#", "U.S. politics", "İ", "ß", "SS", "ﬁ", "ς"]
)
DEVICES = ["CON", "con.txt", "PRN", "aux", "NUL", "COM1", "lpt9", "COM¹", "(con)"]


def free(_slug: str) -> bool:
    return False


def among(slugs: set[str]) -> Callable[[str], bool]:
    folded = {slug.casefold() for slug in slugs}
    return lambda slug: slug.casefold() in folded


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("MEK", "mek"),
        ("C", "c"),
        ("C++", "c-plus-plus"),
        ("C#", "c-sharp"),
        ("U.S. politics", "u.s-politics"),
        ("U.S.", "u.s"),
        ("Düsseldorf", "düsseldorf"),
        ("Du\u0308sseldorf", "düsseldorf"),
        ("Stack & Tile", "stack-and-tile"),
        ("R&D", "r-and-d"),
        ("政治", "政治"),
        ("हिन्दी", "हिन्दी"),
        ("می‌خواهم", "می-خواهم"),
        ("go1.18", "go1.18"),
        ("#MeToo", "metoo"),
        ("Bob’s  Corner", "bobs-corner"),
        ("../../etc/passwd", "etc-passwd"),
        ("50 % off + more", "50-off-plus-more"),
        ("snake_case", "snake_case"),
        ("🎉", "party-popper"),
        ("?", "question-mark"),
        ("all", "label-all"),
        ("ALL", "label-all"),
        ("-", "hyphen-minus"),
        ("", "label"),
    ],
)
def test_a_slug_reads_as_the_name_does(name: str, slug: str) -> None:
    assert slugify(name, taken=free) == slug


@pytest.mark.parametrize("name", DEVICES)
def test_no_slug_is_a_device_of_windows(name: str) -> None:
    assert slugify(name, taken=free).startswith("label-")


def test_names_that_would_share_a_slug_are_numbered() -> None:
    slugs: set[str] = set()
    for name in ["C", "(C)", "[c]", "c-2"]:
        slugs.add(slugify(name, taken=among(slugs)))
    assert slugs == {"c", "c-2", "c-3", "c-2-2"}


def test_slugs_that_differ_in_case_only_are_numbered_too() -> None:
    assert slugify("Straße", taken=among({"strasse"})) == "straße-2"


def test_a_long_name_is_cut_between_characters_and_leaves_room_for_a_number() -> None:
    long = slugify("政" * 200, taken=free)
    assert long == "政" * 40
    assert slugify("政" * 200, taken=among({long})) == "政" * 39 + "-2"


@given(NAMES)
@example("a" * 119 + "é")
@example("\u0345a")
@example("ᎠᎡ")
def test_a_slug_is_safe_anywhere(name: str) -> None:
    slug = slugify(name, taken=free)
    assert slug
    assert len(slug.encode()) <= MAX_SLUG_BYTES
    assert slug == slug.lower()
    assert slug == unicodedata.normalize("NFC", slug)
    assert slug[0] not in "-._"
    assert slug[-1] not in "-._"
    assert not unicodedata.category(slug[0]).startswith("M")
    assert slug != "all"
    assert ".." not in slug
    assert all(unicodedata.category(char)[0] in "LMN" or char in "-._" for char in slug)


@given(st.lists(NAMES, max_size=12))
def test_distinct_labels_get_distinct_slugs(names: list[str]) -> None:
    slugs: set[str] = set()
    labels = {label_key(name): name for name in names if label_key(name)}
    for name in labels.values():
        slugs.add(slugify(name, taken=among(slugs)))
    assert len({slug.casefold() for slug in slugs}) == len(labels)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("  U.S. \t\n politics\u00a0", "U.S. politics"),
        ("a\x00b\x07c", "abc"),
        ("a\ud800b\ufffe\U0001ffff", "ab"),
        ("new\fline", "new line"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u202egnp.exe", "gnp.exe"),
        ("Du\u0308sseldorf", "Düsseldorf"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\u200d \u200c", ""),
        ("\x00", ""),
        ("   ", ""),
    ],
)
def test_a_name_is_cleaned(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_a_name_is_capped() -> None:
    assert len(clean_name("ab " * 5000)) <= 1000


@given(NAMES)
def test_cleaning_a_clean_name_changes_nothing(name: str) -> None:
    cleaned = clean_name(name)
    assert clean_name(cleaned) == cleaned
    assert label_key(cleaned) == label_key(name)
    cleaned.encode()


@given(NAMES)
@example("\u0345\u0301")
@example("ᾳ\u0301")
def test_the_key_of_a_key_is_itself(name: str) -> None:
    assert label_key(label_key(name)) == label_key(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MEK", "mek"),
        ("U.S.  Politics ", "u.s. politics"),
        ("Du\u0308SSELDORF", "düsseldorf"),
        ("Straße", "STRASSE"),
    ],
)
def test_names_that_differ_in_case_or_white_space_are_one_label(one: str, other: str) -> None:
    assert label_key(one) == label_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("C", "C++"), ("C", "C#"), ("therapist", "the rapist"), ("ı", "i")]
)
def test_other_names_are_other_labels(one: str, other: str) -> None:
    assert label_key(one) != label_key(other)
