"""Mails as others judge them: SpamAssassin's rules, and what Gmail, Outlook and Apple Mail can show.

``data/caniemail.json`` tells what each feature of CSS and HTML does in those: caniemail.com's findings, for
the newest version tested of each (its ``source`` says from when and under which licence).
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from lxml import html as lxml_html

from digests.model import Options
from digests.rendering.message import render_edition
from templates.languages import catalogues
from tests.mails import DIGEST, EDITION, ENVIRONMENT, POSTS, PUBLISHER, SHIPPED, TOKENS

DATA = Path(__file__).parent / "data"
MAILS = sorted((DATA / "mails").glob("*.html"))
KNOWN = json.loads((DATA / "caniemail.json").read_text(encoding="utf-8"))

# Rules that say nothing of the mail itself.
NO_FAULTS = {
    "NO_RECEIVED": "no server has passed it on yet",
    "NO_RELAYS": "no server has passed it on yet",
    "HTML_MESSAGE": "it holds HTML: informational, worth no points",
    "MAILING_LIST_MULTI": "it has a mailing list's header fields: worth less than nothing, which is good",
}


def test_no_rule_of_spamassassin_finds_fault_with_any_mail(tmp_path: Path) -> None:
    program = shutil.which("spamassassin")
    if program is None:
        pytest.skip("spamassassin is missing: apt install spamassassin")
    names, mails = [], []
    for template in SHIPPED:
        for spoken in catalogues() if template == "digest" else ("en",):
            names.append(f"{template} {spoken}")
            mails.append(_sent(template, spoken))
    mailbox = b"".join(b"From digest@news.example.org Mon Nov  9 14:00:00 2026\n" + mail for mail in mails)
    done = subprocess.run(
        [program, "--local", "--test-mode", "--nocreate-prefs", "--mbox"],
        input=mailbox,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        timeout=120,
        check=True,
    )
    reports = re.split(r"^Content analysis details:", done.stdout.decode(), flags=re.MULTILINE)[1:]
    assert len(reports) == len(mails)
    for name, report in zip(names, reports, strict=True):
        fired = set(re.findall(r"^ *-?\d+\.\d+ ([A-Z][A-Z0-9_]+) ", report, re.MULTILINE))
        assert "MAILING_LIST_MULTI" in fired, f"{name}: the rules were not run: {report[:400]}"
        assert fired <= NO_FAULTS.keys(), f"{name}: {report[:1500]}"


def _sent(template: str, spoken: str) -> bytes:
    """A mail as it arrives, with a Message-ID of the length that ours have."""
    options = Options(introduction="<p>Dear readers, the river has gone down.</p>", max_posts=2)
    edition = replace(EDITION, template=template, language=spoken, options=options, folded=True)
    printed = render_edition(ENVIRONMENT, digest=DIGEST, edition=edition, posts=POSTS, publisher=PUBLISHER)
    identity = b"<0f8a1c5e7b3d4926a8f1c5e7b3d49260@news.example.org>"
    return printed.splice(TOKENS | {"MESSAGE_ID": identity}).replace(b"\r\n", b"\n")


# What some of the clients lack, and why a mail is whole without it all the same.
LACKING = {
    "css-at-media": "phones get less padding and smaller headlines; without, the column shrinks by itself",
    "css-at-media-prefers-color-scheme": "Gmail and Outlook darken mails by themselves",
    "css-border": "Outlook's double rule may be a single one",
    "css-color-scheme": "tells Apple Mail that there are dark colours of our own",
    "css-display": "block, on phones: without it a dot may hang at a line's end",
    "css-display-none": "Outlook hides the preheader by mso-hide",
    "css-font-size": "Outlook: relative units alone are partly known; ours are pixels",
    "css-font-weight": "Outlook: numbers are bold from 600 on, which all of ours are",
    "css-height": "pictures only, where the attribute says it too",
    "css-important": "stands in the kept sheet alone, which darkens and narrows",
    "css-letter-spacing": "the lines in capitals stand a little closer",
    "css-line-height": "Outlook: numbers without a unit are known",
    "css-margin": "no margin of ours is negative or auto",
    "css-max-height": "of the preheader, which is hidden already",
    "css-max-width": "Outlook has the conditional table of 600 pixels, and pictures their width attribute",
    "css-opacity": "of the preheader, which is hidden already",
    "css-overflow": "a wide table is cut off or widens the mail instead of scrolling",
    "css-overflow-wrap": "word-wrap, its older name, stands beside it",
    "css-padding": "Outlook: that of table cells is known, and no other carries the layout",
    "css-selector-attribute": "Outlook's own marks for its dark mode, which it puts there itself",
    "css-selector-class": "the kept sheet; who ignores it has the inlined styles",
    "css-selector-descendant": "the same",
    "css-selector-grouping": "the same",
    "css-selector-type": "the same",
    "css-table-layout": "keeps the column from being widened by a long word",
    "css-text-align": "start is taken for the side that dir gives anyway",
    "css-text-decoration": "none takes the line under headlines away; with it they are links all the same",
    "css-text-transform": "the paper's name stands as it is written",
    "css-white-space": "nowrap keeps a short link on one line",
    "css-width": "percentages of cells and pictures, with attributes beside them",
    "css-word-wrap": "a long word may widen the mail",
    "html-bdi": "a name of the other direction may meet its comma on the wrong side",
    "html-body": "its colour stands on the outer table too",
    "html-dir": "Outlook knows it on blocks, where ours are",
    "html-doctype": "is there for those who know it",
    "html-height": "of pictures, in pixels, which all know",
    "html-lists": "margins of lists differ a little",
    "html-meta-color-scheme": "as color-scheme",
    "html-style": "all that matters is inlined",
    "html-width": "of tables and pictures, in pixels or percent, which all know",
}

# What the findings have no page for.
UNLISTED = {
    *("css:-webkit-text-size-adjust", "css:-ms-text-size-adjust", "css:mso-hide"),  # for one program each
    *("css:color", "css:background-color"),
    # HTML of the nineties, which every program shows.
    *("a", "b", "body", "br", "em", "head", "html", "i", "meta", "p", "td", "th", "title", "tr", "tbody"),
    *("thead", "figure", "figcaption", "xml"),
    *("@alt", "@border", "@charset", "@class", "@colspan", "@content", "@href", "@id", "@name", "@src"),
    *("@start", "@xmlns:o", "@data-css-inline"),
}
_ELEMENTS = {"h1": "h1-h6", "h2": "h1-h6", "h3": "h1-h6", "ul": "lists", "ol": "lists", "li": "lists"}
_SHORTHANDS = ("border-radius", "border", "margin", "padding", "font", "overflow")
_UNITS = {"%": "percent", "px": "px", "em": "em", "rem": "rem", "vw": "vw"}


def features(page: str) -> Iterator[str]:
    """The features a mail uses, by the names of caniemail.com; where it has none, ``@attribute`` and such."""
    page = re.sub(r"<!--\[if.*?<!\[endif\]-->", "", page, flags=re.DOTALL)
    tree = lxml_html.document_fromstring(page)
    yield "html-doctype"
    for element in tree.iter(etree.Element):
        yield _listed("html", _ELEMENTS.get(element.tag, element.tag), element.tag)
        if element.get("name") == "color-scheme":
            yield "html-meta-color-scheme"
        for name, value in element.attrib.items():
            if name == "style":
                yield from _declared(str(value))
            else:
                yield _listed("html", str(name), f"@{name!s}")
    for sheet in tree.iter("style"):
        yield from _sheet(sheet.text or "")


def _sheet(text: str) -> Iterator[str]:
    for condition in re.findall(r"@media\s*\(([^)]*)\)", text):
        yield "css-at-media-prefers-color-scheme" if "prefers" in condition else "css-at-media"
    for selectors, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"@media[^{]*\{", "", text)):
        yield from _selected(selectors)
        yield from _declared(declarations)


def _selected(selectors: str) -> Iterator[str]:
    if "," in selectors:
        yield "css-selector-grouping"
    for selector in selectors.replace(":root", "html").split(","):
        if " " in selector.strip():
            yield "css-selector-descendant"
        yield "css-selector-class" if "." in selector else "css-selector-type"
        if "[" in selector:
            yield "css-selector-attribute"
        assert not re.search(r"[>~+#:*]", selector), f"no such selector has been looked up: {selector}"


def _declared(declarations: str) -> Iterator[str]:
    for declaration in filter(str.strip, declarations.split(";")):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "display" and value.startswith("none"):
            yield "css-display-none"
        elif name == "border-collapse" or f"css-{name}" in KNOWN["features"]:
            yield f"css-{name}"
        else:
            family = next((short for short in _SHORTHANDS if name.startswith(f"{short}-")), name)
            yield _listed("css", family, f"css:{name}")
        if "!important" in value:
            yield "css-important"
        yield from (f"css-unit-{_UNITS[unit]}" for unit in re.findall(r"\d(%|px|r?em|vw)", value))


def _listed(kind: str, name: str, other: str) -> str:
    return f"{kind}-{name}" if f"{kind}-{name}" in KNOWN["features"] else other


@pytest.fixture(scope="module")
def used() -> dict[str, str]:
    """Every feature used, with a mail that uses it."""
    return {name: mail.name for mail in MAILS for name in features(mail.read_text(encoding="utf-8"))}


def test_what_a_mail_uses_is_known_to_every_large_client_or_can_be_done_without(used: dict[str, str]) -> None:
    lacking = {
        name: [client for client, mark in zip(KNOWN["clients"], marks, strict=True) if mark != "y"]
        for name, marks in KNOWN["features"].items()
        if name in used and name not in LACKING
    }
    assert {name: clients for name, clients in lacking.items() if clients} == {}
    unknown = {name: mail for name, mail in used.items() if name not in KNOWN["features"]}
    assert unknown.keys() <= UNLISTED, "look them up, and tell why they may be used"


def test_every_exception_is_needed(used: dict[str, str]) -> None:
    needed = {name for name in used if set(KNOWN["features"].get(name, "y")) != {"y"}}
    assert LACKING.keys() - needed == set()


def test_the_clients_looked_at_are_those_of_most_readers() -> None:
    assert {client.split()[0] for client in KNOWN["clients"]} == {"gmail", "outlook", "apple-mail"}
    assert all(len(marks) == len(KNOWN["clients"]) for marks in KNOWN["features"].values())
