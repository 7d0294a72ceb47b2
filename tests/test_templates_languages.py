"""The languages of mails: every word has its translation, and dates, numbers and plurals are their own."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from jinja2 import DictLoader
from lxml import html as lxml_html

import templates
from digests.model import Options
from digests.rendering.composing import compose
from templates import environment
from templates.languages import CATALOGUE, LOCALES, catalogues, language
from tests.mails import DIGEST, EDITION, ENVIRONMENT, POSTS, PUBLISHER, SHIPPED, SHORT, make_post

ROOMS = Path(templates.__file__).parent.parent
TRANSLATED = [name for name in catalogues() if name != "en"]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@pytest.fixture(scope="module")
def messages() -> set[str | tuple[str, ...]]:
    """Every message in the templates and in the code, as it is looked up."""
    with (LOCALES / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file, "babel.cfg")  # type: ignore[no-untyped-call]  # Babel's
    rooms = {ROOMS / "digests", ROOMS / "templates"}
    found = extract_from_dir(
        ROOMS,
        methods,
        options,
        directory_filter=lambda path: any(Path(path).is_relative_to(room) for room in rooms),
    )
    return {message[2] for message in found}


def catalogue(name: str) -> Catalog:
    with (LOCALES / name / CATALOGUE).open("rb") as file:
        return read_po(file, locale=name, abort_invalid=True)


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def test_the_languages_are_those_that_are_told_of() -> None:
    assert catalogues() == ("en", "de", "es", "fa", "fr")


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_message_is_translated_none_is_fuzzy_and_none_is_left_over(
    name: str, messages: set[str | tuple[str, ...]]
) -> None:
    known = catalogue(name)
    entries = {message.id: message for message in known if message.id}
    assert "Unsubscribe" in messages
    assert {tuple(one) if isinstance(one, list) else one for one in entries} == messages
    for message in entries.values():
        assert not message.fuzzy, message.id
        assert all(text.strip() for text in texts(message)), message.id
        assert len(texts(message)) == (known.num_plurals if message.pluralizable else 1), message.id
    assert not known.obsolete


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_translation_keeps_the_places_for_values_and_the_languages_own_marks(name: str) -> None:
    for message in catalogue(name):
        one = message.id if isinstance(message.id, str) else message.id[-1]
        for text in texts(message) if one else []:
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(one))
            assert "%" not in PLACEHOLDER.sub("", text)
            assert not re.search("[\"'“]" if name != "de" else "[\"']", text), (
                "typewriter's or English quotes"
            )
            if name == "fr":
                assert not re.search("[^\xa0\u202f][:;!?»]|«[^\xa0\u202f]", text), (
                    "a space that does not break"
                )


@pytest.mark.parametrize(
    ("tag", "spoken", "day", "span", "number"),
    [
        ("en", "en", "November 9, 2026", "November 2 – 9, 2026", "1,204"),
        ("en-GB", "en", "9 November 2026", "2–9 November 2026", "1,204"),
        ("de", "de", "9. November 2026", "2.–9. November 2026", "1.204"),
        ("de-DE", "de", "9. November 2026", "2.–9. November 2026", "1.204"),
        ("es", "es", "9 de noviembre de 2026", "2–9 de noviembre de 2026", "1.204"),
        ("fr", "fr", "9 novembre 2026", "2–9 novembre 2026", "1\u202f204"),
        ("fa", "fa", "۹ نوامبر ۲۰۲۶", "۲ تا ۹ نوامبر ۲۰۲۶", "۱٬۲۰۴"),
        ("fa-IR", "fa", "۹ نوامبر ۲۰۲۶", "۲ تا ۹ نوامبر ۲۰۲۶", "۱٬۲۰۴"),
        # No words of these: dates are English as the words are.
        ("pt-BR", "en", "November 9, 2026", "November 2 – 9, 2026", "1,204"),
        ("tlh", "en", "November 9, 2026", "November 2 – 9, 2026", "1,204"),
        ("../de", "en", "November 9, 2026", "November 2 – 9, 2026", "1,204"),
        ("de-x-private", "de", "9. November 2026", "2.–9. November 2026", "1.204"),
    ],
)
def test_dates_and_numbers_are_the_languages_own(
    tag: str, spoken: str, day: str, span: str, number: str
) -> None:
    its = language(tag)
    assert its.catalogue == spoken
    assert its.is_spoken == tag.startswith(spoken)
    assert its.date(datetime(2026, 11, 9, 12, tzinfo=UTC)) == day
    assert its.span(date(2026, 11, 2), date(2026, 11, 9)).replace("\u2009", " ") == span
    assert its.number(1204) == number


def test_in_french_the_first_day_of_a_month_is_an_ordinal() -> None:
    its = language("fr")
    first, tenth, eleventh = (date(2026, 3, day) for day in (1, 10, 11))
    assert its.date(first, form="full") == "dimanche 1er mars 2026"
    assert its.date(eleventh) == "11 mars 2026"
    assert its.date(first, form="short") == "01/03/2026"
    assert its.span(first, tenth) == "1er–10 mars 2026"
    assert its.span(date(2026, 2, 11), first).replace("\u2009", " ") == "11 février – 1er mars 2026"


@pytest.mark.parametrize("tag", catalogues())
def test_a_span_names_what_differs_and_one_day_once(tag: str) -> None:
    its = language(tag)
    assert its.span(date(2026, 11, 9), date(2026, 11, 9)) == its.date(date(2026, 11, 9))
    years = its.span(date(2026, 12, 28), date(2027, 1, 4))
    assert its.date(date(2027, 1, 4)) in years
    assert its.date(date(2026, 12, 28)) in years
    months = its.span(date(2026, 10, 28), date(2026, 11, 4))
    assert len(re.findall("2026|۲۰۲۶", months)) == 1


@pytest.mark.parametrize("tag", [*catalogues(), "pt-BR"])
@pytest.mark.parametrize("template", SHIPPED)
def test_a_mail_speaks_its_readers_language_and_no_other(tag: str, template: str) -> None:
    options = Options(max_posts=2, grouping="label")
    edition = replace(EDITION, template=template, language=tag, folded=True, options=options)
    content = compose(ENVIRONMENT, digest=DIGEST, edition=edition, posts=POSTS, publisher=PUBLISHER)
    english = ("Unsubscribe", "View in browser", "was late", "You get this mail", "more post", "Stop all")
    for body in filter(None, (content.text, content.html)):
        for words in english:
            assert (words in body) == (tag in {"en", "pt-BR"}), words
        assert language(tag).gettext("Unsubscribe") in body
    assert content.subject.endswith(
        {"de": "und 2 weitere", "es": "y 2 más", "fr": "et 2 autres", "fa": "و ۲ نوشتهٔ دیگر"}.get(
            tag, "and 2 more"
        )
    )


def test_english_words_in_another_languages_mail_are_marked_as_english() -> None:
    edition = replace(EDITION, language="pt-BR", folded=True)
    content = compose(ENVIRONMENT, digest=DIGEST, edition=edition, posts=POSTS, publisher=PUBLISHER)
    page = lxml_html.fromstring((content.html or "").replace("\x00", ""))
    assert page.get("lang") == "pt-BR"
    for element in page.iter("p", "td", "a"):
        if re.match(r"Unsubscribe|The mail that was due|You get this|Read on", element.text or ""):
            marked = element.xpath("string(ancestor-or-self::*[@lang][1]/@lang)")
            assert marked == "en", element.text


@pytest.mark.parametrize(("tag", "direction"), [("en", "ltr"), ("fa", "rtl"), ("ar", "rtl"), ("de", "ltr")])
def test_a_mail_runs_in_its_languages_direction(tag: str, direction: str) -> None:
    edition = replace(EDITION, language=tag)
    content = compose(ENVIRONMENT, digest=DIGEST, edition=edition, posts=POSTS, publisher=PUBLISHER)
    page = lxml_html.fromstring((content.html or "").replace("\x00", ""))
    assert (page.get("lang"), page.get("dir")) == (tag, direction)
    assert (direction == "rtl") == ("letter-spacing" not in (content.html or "")), "it tears joined letters"


def test_a_post_in_another_language_than_its_mail_is_marked() -> None:
    posts = [make_post(1, "Zahlen", SHORT, language="de"), make_post(2, "Figures", SHORT, language="en")]
    content = compose(ENVIRONMENT, digest=DIGEST, edition=EDITION, posts=posts, publisher=PUBLISHER)
    page = lxml_html.fromstring((content.html or "").replace("\x00", ""))
    marked = [cell.get("lang") for cell in page.iter("td") if "post" in (cell.get("class") or "").split()]
    assert marked == ["de", None]


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("en", ["0 posts", "1 post", "2 posts"]),
        ("de", ["0 Beiträge", "1 Beitrag", "2 Beiträge"]),
        ("es", ["0 entradas", "1 entrada", "2 entradas"]),
        ("fr", ["0 article", "1 article", "2 articles"]),
        ("fa", ["۰ نوشته", "۱ نوشته", "۲ نوشته"]),
    ],
)
def test_plurals_are_the_languages_own(tag: str, said: list[str]) -> None:
    template = ENVIRONMENT.from_string('{{ ngettext("%(num)s post", "%(num)s posts", n) }}')
    assert [template.render(language(tag).functions(), n=n) for n in range(3)] == said


def test_values_are_escaped_in_html_and_not_in_text() -> None:
    said = '{{ gettext("%(title)s: %(post)s", title="<b>", post="100 %") }}'
    made = environment().overlay(loader=DictLoader({"a.html": said, "a.txt": said}))
    assert made.get_template("a.html").render(language("de").functions()) == "&lt;b&gt;: 100 %"
    assert made.get_template("a.txt").render(language("de").functions()) == "<b>: 100 %"
