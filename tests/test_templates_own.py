"""Templates of a publisher's own: found before those shipped, told of by file and line, kept in bounds."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound

from digests.rendering.composing import Content, RenderingError, base_context, compose, shown_context
from digests.rendering.content import LabelLink, PostView
from digests.rendering.grouping import Group
from digests.rendering.mailhtml import Picture
from templates import environment
from templates.filling import TemplateFault, check, email_templates, fill, has_file
from templates.languages import language
from templates.own import LONGEST, STEPS
from tests.conftest import Command
from tests.mails import DIGEST, EDITION, POSTS, PUBLISHER, SHIPPED

Compose = Callable[..., Content]
SAMPLE = base_context(DIGEST, EDITION, POSTS, PUBLISHER, language("en")) | {"cut": False}
SAMPLE |= shown_context(SAMPLE, [], [])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


@pytest.fixture
def composed(own: Path) -> Compose:
    """Writes files into the folder, then composes an edition with them."""

    def run(files: dict[str, str] | None = None, **edition: str) -> Content:
        for name, text in (files or {}).items():
            (own / "email" / name).parent.mkdir(parents=True, exist_ok=True)
            (own / "email" / name).write_text(text, encoding="utf-8")
        made = environment(own)
        its = replace(EDITION, **edition)  # type: ignore[arg-type]  # the test says which fields
        return compose(made, digest=DIGEST, edition=its, posts=POSTS, publisher=PUBLISHER)

    return run


@pytest.mark.parametrize("template", SHIPPED)
def test_a_folder_that_is_empty_changes_nothing(composed: Compose, template: str) -> None:
    edition = replace(EDITION, template=template)
    shipped = compose(environment(), digest=DIGEST, edition=edition, posts=POSTS, publisher=PUBLISHER)
    assert composed(template=template) == shipped


def test_where_the_folder_is_missing_nothing_is_mailed_in_another_design(
    composed: Compose, own: Path
) -> None:
    own.rmdir()
    with pytest.raises(RenderingError, match=f"^{own}: there is no such folder; mail.templates names it$"):
        composed()


def test_a_file_stands_for_the_one_shipped_and_the_others_stay(composed: Compose) -> None:
    content = composed({"digest/body.txt": "{{ title }} has {{ total }}\n", "footer.txt": "no footer"})
    assert content.text == "The town this week has 3"
    assert "<h1" in (content.html or "")
    assert content.subject == "The town this week: The bridge stays open, and 2 more"


def test_a_template_may_change_one_block_of_the_shipped_one(composed: Compose) -> None:
    mine = '{% extends "shipped/email/digest/body.html" %}{% block masthead %}<h1>Mine</h1>{% endblock %}'
    content = composed({"digest/body.html": mine})
    assert ">Mine</h1>" in (content.html or "")
    assert "The bridge stays open" in (content.html or "")
    assert "Unsubscribe" in (content.html or "")


def test_a_template_of_another_name_is_one_more_and_needs_no_html(composed: Compose, own: Path) -> None:
    body = "{% for post in posts %}{{ post.title }}\n{% endfor %}"
    files = {"gazette/subject.txt": "{{ title|upper }}", "gazette/body.txt": body}
    content = composed(files, template="gazette")
    assert (content.subject, content.html) == ("THE TOWN THIS WEEK", None)
    assert content.text.splitlines() == [post.title for post in POSTS]
    assert email_templates(environment(own)) == ("compact", "digest", "gazette", "plain", "text")


def test_own_styles_are_put_inline_too(composed: Compose) -> None:
    content = composed({"inlined.css": "h1 { color: #123456; }"})
    assert re.search(r'<h1 [^>]*style="color: ?#123456', content.html or "")


def test_a_change_and_a_new_file_are_seen_at_once(own: Path) -> None:
    made = environment(own)
    assert fill(made, "email/digest/body.txt", SAMPLE).startswith("The town this week")
    file = own / "email" / "digest" / "body.txt"
    file.parent.mkdir(parents=True)
    for words in ("First", "Second"):
        file.write_text(words, encoding="utf-8")
        assert fill(made, "email/digest/body.txt", SAMPLE) == words
    file.unlink()
    assert fill(made, "email/digest/body.txt", SAMPLE).startswith("The town this week")


def test_pages_are_never_taken_from_the_folder(own: Path) -> None:
    (own / "page").mkdir(parents=True)
    (own / "page" / "labels.html").write_text("mine", encoding="utf-8")
    (own / "page" / "more.html").write_text("mine", encoding="utf-8")
    made = environment(own)
    assert str(own) not in (made.get_template("page/labels.html").filename or "")
    with pytest.raises(TemplateNotFound):
        made.get_template("page/more.html")


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("\n\n{{ titel }}", 3, "'titel' is undefined; did you mean 'title'?"),
        ("{{ qqq }}", 1, "'qqq' is undefined"),
        ("{% if titel %}{% endif %}", 1, "'titel' is undefined; did you mean 'title'?"),
        ("\n{{ posts[0].titel }}", 2, "'post' has no 'titel'; did you mean 'title'?"),
        (
            "{% for p in posts %}\n{{ p.lables|length }}{% endfor %}",
            2,
            "'post' has no 'lables'; did you mean",
        ),
        ("{{ posts[99].title }}", 1, "list object has no element 99"),
        ("{% for post in posts %}", 1, "Unexpected end of template"),
        ("a\n{{ title|wraped }}", 2, "No filter named 'wraped'."),
        ("{{ 1 + title }}", 1, "unsupported operand type(s) for +: 'int' and 'str'"),
        ("{{ 1 / 0 }}", 1, "division by zero"),
        ("{{ title|date }}", 1, "'The town this week' is no date"),
        (
            "\n{% include 'email/nothing.txt' %}",
            2,
            "there is no template email/nothing.txt; there are compact,",
        ),
        ("{% include 'email/digest/body.txt' %}", 1, "this calls itself without end"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", 1, "this calls itself without end"),
        ("{{ gettext('%(who)s') }}", 1, "no value is given for 'who'"),
        ("\n{{ posts[0].published|date('nonsense') }}", 2, "'nonsense' is no form of a date: full, long,"),
    ],
)
def test_a_fault_is_told_with_its_file_and_line(
    composed: Compose, own: Path, source: str, line: int, said: str
) -> None:
    with pytest.raises(RenderingError) as caught:
        composed({"digest/body.txt": source})
    told = str(caught.value)
    assert told.startswith(f"{own / 'email/digest/body.txt'}, line {line}: ")
    assert said in told
    assert "\n" not in told


def test_a_fault_in_what_a_template_takes_in_is_told_where_it_is(composed: Compose, own: Path) -> None:
    with pytest.raises(RenderingError, match=f"^{own}/email/footer.txt, line 2: 'adress' is undefined; did"):
        composed({"footer.txt": "Write to\n{{ adress }}"})
    with pytest.raises(RenderingError, match=f"^{own}/email/inlined.css, line 1: "):
        composed({"footer.txt": "", "inlined.css": "{% colour %}"})


def test_a_file_that_is_no_utf_8_is_told_by_name(composed: Compose, own: Path) -> None:
    composed({"digest/body.txt": ""})
    (own / "email" / "digest" / "body.txt").write_bytes(b"Gr\xfc\xdfe")
    with pytest.raises(RenderingError, match=r"^/.*/email/digest/body\.txt: this file is not UTF-8"):
        composed()


@pytest.mark.parametrize(
    "source", ["{% if 1 %}" * 150 + "{% endif %}" * 150, "{{ " + "(" * 900 + "1" + ")" * 900]
)
def test_a_template_nested_deeper_than_python_can_is_told_by_name(
    composed: Compose, own: Path, source: str
) -> None:
    with pytest.raises(RenderingError, match=r"^.*digest/body\.txt: this is nested too deeply$"):
        composed({"digest/body.txt": source})
    with pytest.raises(TemplateFault, match="nested too deeply"):
        check(environment(own), "email/digest/body.txt")


def test_what_is_imported_without_the_mails_names_says_what_to_do(composed: Compose, own: Path) -> None:
    files = {"digest/body.txt": "{% import 'email/mine.txt' as mine %}{{ mine.a() }}"}
    with pytest.raises(RenderingError, match=f"^{own}/email/mine.txt, line 1: 'title' is undefined here"):
        composed(files | {"mine.txt": "{% macro a() %}{{ title }}{% endmacro %}"})


def test_a_translation_in_jinjas_own_words_takes_values(composed: Compose) -> None:
    source = "{% trans %}{{ title }}{% endtrans %} {% trans n=total %}one{% pluralize %}{{ n }}{% endtrans %}"
    assert composed({"digest/body.txt": source}).text == "The town this week 3"


def test_the_mark_that_windows_begins_a_file_with_is_no_text(composed: Compose) -> None:
    content = composed({"digest/body.txt": "\ufeffHello", "digest/subject.txt": "\ufeffNews"})
    assert (content.subject, content.text) == ("News", "Hello")


@pytest.mark.parametrize("made", ["a folder", "a link to nothing", "a link to itself"])
def test_what_stands_in_a_files_place_is_not_passed_over(composed: Compose, own: Path, made: str) -> None:
    file = own / "email" / "digest" / "body.txt"
    file.parent.mkdir(parents=True)
    if made == "a folder":
        file.mkdir()
    else:
        file.symlink_to("body.txt" if made == "a link to itself" else own / "nothing")
    with pytest.raises(RenderingError, match=f"^{file}: this is no file, or a link that leads to none$"):
        composed()


def test_a_file_that_the_system_does_not_give_is_told_by_name(composed: Compose, own: Path) -> None:
    name = "email/" + "x" * 5000  # longer than any system takes
    with pytest.raises(TemplateFault, match=f"^{own}/email/x+: [A-Z][a-z ]+$"):
        has_file(environment(own), name)
    with pytest.raises(RenderingError, match=f"body.txt, line 2: {own}/email/x+: [A-Z][a-z ]+$"):
        composed({"digest/body.txt": "\n{% include '" + name + "' %}"})


@pytest.mark.parametrize("linked", ["email/digest/body.txt", "email/digest", "email"])
def test_a_link_out_of_the_folder_is_refused_and_one_within_is_followed(
    composed: Compose, own: Path, tmp_path: Path, linked: str
) -> None:
    for folder in (tmp_path / "outside", own / "current"):
        (folder / "email" / "digest").mkdir(parents=True)
        (folder / "email" / "digest" / "body.txt").write_text("words", encoding="utf-8")
    link = own / linked
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(own / "current" / linked)
    assert composed().text == "words"
    link.unlink()
    link.symlink_to(tmp_path / "outside" / linked)
    with pytest.raises(RenderingError, match=f"body.txt: this leads out of {own}: put the file"):
        composed()


def test_no_subject_is_empty_too_long_or_on_two_lines(composed: Compose) -> None:
    with pytest.raises(RenderingError, match=r"^email/digest/subject\.txt: the subject is empty$"):
        composed({"digest/subject.txt": "{# nothing #}\n"})
    assert composed({"digest/subject.txt": "A\r\nBcc: b@example.org"}).subject == "A Bcc: b@example.org"
    assert len(composed({"digest/subject.txt": "{{ 'word ' * 9000 }}"}).subject) <= 250


def test_characters_that_no_message_may_hold_do_not_reach_one(composed: Compose) -> None:
    odd = "{{ 'a\\ud800\\x00b' }} {{ unsubscribe_url }}"
    content = composed({"digest/body.txt": odd, "digest/body.html": odd})
    for part in (content.text, content.html or ""):
        assert "ab https://news.example.org/unsubscribe/\x00UNSUBSCRIBE\x00" in part


@pytest.mark.parametrize(
    "source",
    [
        "{{ title.__class__ }}",
        "{{ title.__class__.__mro__[1].__subclasses__() }}",
        "{{ posts[0].__init__.__globals__ }}",
        "{{ gettext.__globals__ }}",
        "{{ gettext.__closure__ }}",
        "{{ ''['__class__'] }}",
        "{{ title|attr('__class__') }}",
        "{{ '{0.__class__}'.format(title) }}",
        "{{ self.__class__ }}",
        "{{ cycler.__init__ }}",
        "{{ posts.append(1) }}",
        "{{ posts.clear() }}",
        "{% set posts[0].title = 'x' %}",
    ],
)
def test_a_template_reaches_nothing_but_what_it_is_handed(composed: Compose, source: str) -> None:
    with pytest.raises(RenderingError, match=r"unsafe|not safely|has no|expected token|__class__"):
        composed({"digest/body.txt": source})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", f"{STEPS:,} steps"),
        ("{% for a in range(1000000000) %}{% endfor %}", "Range too big"),
        (
            "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
            f"{STEPS:,} steps",
        ),
        ("{% for a in [1] recursive %}{{ loop([1]) }}{{ loop([1]) }}{% endfor %}", "without end"),
        ("{{ lipsum(n=1000000) }}", "'lipsum' is undefined"),
        ("{{ 'x' * 1000000000 }}", f"{LONGEST} characters"),
        ("{{ 1000000000 * [1] }}", f"{LONGEST} characters"),
        ("{{ 9 ** (9 ** 9) }}", "a power of 387420489 is too high"),
    ],
)
def test_a_template_that_never_ends_or_fills_the_memory_is_stopped(
    composed: Compose, source: str, said: str
) -> None:
    with pytest.raises(RenderingError, match=said):
        composed({"digest/body.txt": source})


def test_each_rendering_has_the_same_bounds(own: Path) -> None:
    (own / "email").mkdir(parents=True)
    loop = "{% for a in range(" + str(STEPS * 3 // 4) + ") %}{% endfor %}done"
    (own / "email" / "long.txt").write_text(loop, encoding="utf-8")
    made = environment(own)
    assert [fill(made, "email/long.txt", {}) for _ in range(2)] == ["done", "done"]


def test_a_loop_in_the_sandbox_knows_its_length_and_its_turns(own: Path) -> None:
    (own / "email").mkdir(parents=True)
    inner = "{{ loop.index }}/{{ loop.length }}{{ '.' if loop.last }}"
    source = "{% for a in things %}" + inner + "{% else %}none{% endfor %}"
    (own / "email" / "loop.txt").write_text(source, encoding="utf-8")
    made = environment(own)
    assert fill(made, "email/loop.txt", {"things": [1, 2]}) == "1/22/2."
    assert fill(made, "email/loop.txt", {"things": []}) == "none"
    with pytest.raises(TemplateFault, match="'things' is undefined"):
        fill(made, "email/loop.txt", {})


def test_the_documentation_tells_every_name_that_a_template_knows(checkout: Path) -> None:
    told = (checkout / "docs" / "how-to-digests.md").read_text(encoding="utf-8")
    section = told.split("## Templates of your own")[1].split("## Languages")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    known: set[str] = set()
    spoken = language("en")
    base = base_context(DIGEST, EDITION, POSTS, PUBLISHER, spoken)
    known |= base.keys() | shown_context(base, [], []).keys() | {"cut", "subject"}
    for kind in (PostView, Group, LabelLink, Picture):
        known |= {field.name for field in fields(kind)}
    # What the shipped templates are translated with, and join names with.
    assert known - named <= {"gettext", "ngettext", "comma"}
    assert set(re.findall(r"`(email/[a-z./]+[a-z])`", section)) <= set(environment().list_templates())


def test_the_documentations_example_is_a_template(checkout: Path, composed: Compose) -> None:
    told = (checkout / "docs" / "how-to-digests.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```jinja\n(.*?)```", told, re.DOTALL)
    content = composed({"digest/body.html": example})
    assert "The bridge stays open" in (content.html or "")
    assert "View in browser" not in (content.html or "")


def test_the_setting_names_the_folder_and_a_fault_is_one_line_of_a_command(
    blog: Path, command: Command
) -> None:
    settings = blog / "labelcast.toml"
    settings.write_text(settings.read_text().replace('templates = ""', 'templates = "mine"'))
    (blog / "one.jsonl").write_text(
        '{"id": "tag:x,2026:1", "title": "One", "html": "<p>x</p>", "published": "2026-11-01T00:00:00Z"}\n'
    )
    assert command("import", "one.jsonl").code == 0
    added = command("digests", "add", "town", "--rule", "all", "--cadence", "weekly", "--timezone", "UTC")
    assert added.code == 0, added.err
    (blog / "mine/email/digest").mkdir(parents=True)
    subject = blog / "mine/email/digest/subject.txt"
    subject.write_text("Mine: {{ title }}")
    seen = command("digests", "preview", "town", "--format", "eml")
    assert seen.code == 0, seen.err
    assert b"\nSubject: Mine: " in seen.out.replace(b"\r", b"")
    subject.write_text("Mine: {{ titel }}")
    failed = command("digests", "preview", "town", "--format", "eml")
    assert failed.code == 1
    assert f"{subject}, line 1: 'titel' is undefined; did you mean 'title'?" in failed.err
    assert len(failed.err.strip().splitlines()) == 1
