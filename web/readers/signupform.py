"""The form to sign up with: what it offers, what was typed into it, and what was wrong."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sqlalchemy import Connection

from digests.cadence import clock, zone_names
from digests.model import Digest
from digests.rhythm import WEEKDAYS, Cadence, describe_to_readers
from digests.store import find_digest, reader_rhythm
from posts.model import Label
from posts.rules import parse
from web.forms import Form
from web.links import Links
from web.readers.choices import Choices, zone_choices
from web.readers.offers import Offered, by_name, called_now, digests_with, known_labels, offered_of_each
from web.readers.sought import LONGEST_SOUGHT, Sought, seek

if TYPE_CHECKING:
    from web.pages import Pages

# The name of a field that no person sees.
TRAP = "website"
# Of labels in an address no more are looked at.
MOST_ASKED = 50
LONGEST = 320


@dataclass(frozen=True, slots=True)
class Offer:
    """A digest as the form offers it; ``labels`` are pairs of slug and name.

    ``has_others``: further labels may be asked for by name. ``found`` are those that may be meant there.
    """

    digest: Digest
    when: str
    labels: Sequence[tuple[str, str]]
    choices: Choices
    has_others: bool = False
    found: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class SignupForm:
    """What ``page/signup.html`` shows.

    ``action`` is where it is posted to, ``more`` the page with all choices, ``zones`` the timezones to choose
    from. ``chosen`` is the slug of a digest. ``wrong`` says of a field by its name what is wrong with it.
    ``is_whole``: it is the page with all choices. ``is_framed``: it stands in a page of another site.
    """

    action: str
    more: str
    offers: Sequence[Offer]
    chosen: str
    zones: Sequence[str]
    zone: str = ""
    email: str = ""
    about: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = False
    is_framed: bool = False
    weekdays: Sequence[str] = WEEKDAYS
    trap: str = TRAP

    @property
    def is_open(self) -> bool:
        """Whether what is folded away has to be seen: something is wrong there."""
        return bool(set(self.wrong) - {"email", "digest"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address such as ``/subscribe?label=bees&digest=weekly`` asks for."""

    labels: Sequence[Label] = ()
    digest: str = ""

    @classmethod
    def of(cls, connection: Connection, slugs: Sequence[str], digest: str) -> "Asked":
        """Its labels and digest, as far as they are there."""
        found = known_labels(connection, slugs[:MOST_ASKED]).values()
        is_there = bool(digest) and find_digest(connection, digest) is not None
        return cls(list(found), digest if is_there else "")

    @property
    def query(self) -> str:
        """The same, behind a ``?``; empty where nothing is asked for."""
        asked = [("label", label.slug) for label in self.labels]
        asked += [("digest", self.digest)] if self.digest else []
        return f"?{urlencode(asked)}" if asked else ""


def signup_form(
    connection: Connection,
    links: Links,
    asked: Asked,
    *,
    whole: bool = False,
    framed: bool = False,
    posted: Form | None = None,
    wrong: Mapping[str, str] | None = None,
    sought: Sought | None = None,
) -> SignupForm | None:
    """The form for what is asked for; None where no digest is offered that has it.

    ``sought`` are the labels that were asked for by name in what was ``posted``.
    """
    found = digests_with(connection, asked.labels)
    if any(its.slug == asked.digest for its in found):
        found = [its for its in found if its.slug == asked.digest]
    if not found:
        return None
    # What comes at every moment is nobody's choice who did not think about it.
    found.sort(key=lambda its: (its.cadence == Cadence.INSTANT, its.title.casefold(), its.slug))
    fields = posted or {}
    zones = {its.timezone for its in found}
    zone = typed(fields, "timezone")
    slugs = [its.slug for its in found]
    chosen = typed(fields, "digest")
    chosen = chosen if chosen in slugs else slugs[0]
    offers = offered_of_each(connection, found, listed_only=not whole)
    return SignupForm(
        action=f"{links.root}/subscribe{'/frame' if framed else ''}",
        more=f"{links.root}/subscribe{asked.query}",
        offers=[
            _offer(
                connection,
                its,
                offered,
                asked,
                posted=posted,
                sought=sought if its.slug == chosen else None,
                whole=whole,
            )
            for its, offered in zip(found, offers, strict=True)
        ],
        chosen=chosen,
        zones=zone_choices(zone_names() if whole else zones, zone),
        zone=zone,
        email=typed(fields, "email"),
        about=", ".join(label.name for label in asked.labels),
        wrong=wrong or {},
        is_whole=whole,
        is_framed=framed,
    )


def signup_way(
    connection: Connection, pages: "Pages", links: Links, label: str | None
) -> tuple[SignupForm | None, str | None]:
    """The form to sign up for a label (or anything), and a link to where that is done; either may be None.

    Where nothing but files answers, there is only the link.
    """
    if not pages.has_signup:
        return None, pages.signup(links, label)
    asked = Asked.of(connection, [label], "") if label else Asked()
    if links.is_static:
        there = bool(digests_with(connection, asked.labels))
        return None, f"{links.site.home_url}subscribe{asked.query}" if there else None
    form = signup_form(connection, links, asked)
    return form, form.more if form else None


def posted_choices(connection: Connection, form: Form, its: Digest) -> Choices:
    """What was chosen of a digest; a field that is not there is the digest's own.

    A form that was made long ago, in another site's pages, says what labels were called then.
    """

    def one(name: str, own: str) -> str:
        return typed(form, f"{name}-{its.slug}") or typed(form, name) or own

    chosen = called_now(connection, [*form.get(f"label-{its.slug}", ()), *form.get("label", ())])
    return _choices(its, chosen, one)


def sought_labels(connection: Connection, form: Form, its: Digest) -> Sought:
    """The labels of a digest that were asked for by name."""
    return seek(
        connection, next(iter(form.get(f"more-{its.slug}", ())), "")[:LONGEST_SOUGHT], parse(its.rule)
    )


def typed(form: Form, name: str) -> str:
    """The first value of a field, cut and without spaces around it."""
    return next(iter(form.get(name, ())), "")[:LONGEST].strip()


def _offer(
    connection: Connection,
    its: Digest,
    offered: Offered,
    asked: Asked,
    *,
    posted: Form | None,
    sought: Sought | None,
    whole: bool,
) -> Offer:
    if posted is None:
        choices = _choices(its, frozenset(label.slug for label in asked.labels), lambda _name, own: own)
    else:
        choices = posted_choices(connection, posted, its)
        if sought is not None and sought.named:
            choices = choices.with_labels(label.slug for label in sought.named)
    ticked = known_labels(connection, sorted(choices.labels)).values() if whole else ()
    shown = {label.slug: label.name for label in (*offered.labels, *asked.labels, *ticked)}
    found = sought.found if sought is not None else ()
    return Offer(
        its,
        describe_to_readers(reader_rhythm(its)),
        by_name({slug: name for slug, name in shown.items() if (slug, name) not in found}),
        choices,
        offered.has_others,
        found,
    )


def _choices(its: Digest, labels: Collection[str], one: Callable[[str, str], str]) -> Choices:
    return Choices(
        some=bool(labels),
        labels=frozenset(labels),
        cadence=one("cadence", its.cadence),
        weekday=one("weekday", str(its.weekday)),
        monthday=one("monthday", str(its.monthday)),
        at=one("at", clock(its.minute)),
        timezone=one("timezone", its.timezone),
        content=its.content,
        form="html",
        language="",
        paused_until="",
    )
