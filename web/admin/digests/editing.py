"""``/admin/digests/_new`` and ``/admin/digests/{slug}/edit``: a digest is made and changed.

What changes when readers get it is told first, in numbers, and agreed to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from digests.cadence import MOMENT, Cadence, CadenceError, describe, previous_slot
from digests.following import following
from digests.model import Digest
from digests.offer import DigestError
from digests.planning.introducing import introduce
from digests.slots import Slot, coming
from digests.store import add_digest, find_digest, reader_rhythm, update_digest
from digests.zones import zone_names
from posts.rules import RuleError
from web.admin.digests.form import DigestForm, options, read, rhythm_of, sentence
from web.admin.digests.pages import elsewhere
from web.admin.feeds.matches import look
from web.admin.frame import Done, Frame, Shown, Visit
from web.model import Role


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to readers: of ``looked_at`` (``is_all``, or there are more) so many are ``moved``.

    ``before`` and ``after`` are the digest's rhythm in words; ``slot`` is the next and ``late`` the last,
    where that may still be sent. ``withdrawn`` are cadences that are offered no more, each with how many
    chose it.
    """

    looked_at: int
    is_all: bool
    moved: int
    before: str
    after: str
    slot: Slot | None
    late: Slot | None
    withdrawn: Sequence[tuple[str, int]]

    @property
    def agreement(self) -> str:
        """What is agreed to: the change, not how many it is for, which may be others a minute later."""
        gone = ", ".join(name for name, _ in self.withdrawn)
        return f"{self.before} > {self.after}, without {gone or 'none'}"


class _NotKept(Exception):
    """A form that was not kept: what is wrong by field, or what is to be agreed to first."""

    def __init__(self, wrong: Mapping[str, str], *, status: int = 422, effect: Effect | None = None) -> None:
        super().__init__()
        self.told = _Told(wrong, status, effect)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a form's page says besides what was typed."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    effect: Effect | None = None
    introduction: str | None = None


@dataclass(frozen=True, slots=True)
class DigestEditingPages:
    """The form of a digest, what it comes to while it is being filled in, and its introduction."""

    frame: Frame

    def routes(self) -> list[Route]:
        """Their addresses; no slug begins with an underscore."""
        return [
            self.frame.route("/digests/_new", self.begin, self.keep, sees=Role.EDITOR),
            self.frame.route("/digests/_live", self.live),
            self.frame.route("/digests/{slug}/edit", self.show, self.keep, sees=Role.EDITOR),
            self.frame.route("/digests/{slug}/introduction", None, self.introduce),
        ]

    def begin(self, visit: Visit) -> Shown:
        """The form of a new digest, with what is usual."""
        site = self.frame.pages.site
        form = DigestForm(
            timezone=self.frame.pages.timezone, language=site.language or "en", rule=visit.query("rule")
        )
        with self.frame.database.read() as connection:
            return self._page(connection, visit, replace(form, max_lateness=""))

    def show(self, visit: Visit) -> Shown | Response:
        """A digest as it is."""
        with self.frame.database.read() as connection:
            its = find_digest(connection, visit.path("slug"))
            if its is not None:
                return self._page(connection, visit, DigestForm.of(its))
        return self.frame.missing.nothing(visit.request)

    def live(self, visit: Visit) -> Shown:
        """What a form comes to: its next slots, and the posts under its rule."""
        asked = visit.request.query_params
        form = DigestForm.sent({name: asked.getlist(name) for name in asked})
        with self.frame.database.read() as connection:
            told = self._comes_to(connection, visit, form)
        return Shown("digest_live.html", told)

    def keep(self, visit: Visit) -> Shown | Done | Response:
        """Keep what was typed, or say why not; or only show what it comes to."""
        slug = visit.request.path_params.get("slug")
        form = DigestForm.sent(visit.form, slug)
        told = _Told()
        if visit.one("do") != "look":
            try:
                with self.frame.database.write() as connection:
                    return self._keep(connection, visit, form, slug)
            except LookupError:
                return self.frame.missing.nothing(visit.request)
            except _NotKept as error:
                told = error.told
        with self.frame.database.read() as connection:
            if slug is not None and find_digest(connection, slug) is None:
                return self.frame.missing.nothing(visit.request)
            return self._page(connection, visit, form, told)

    def introduce(self, visit: Visit) -> Shown | Done | Response:
        """Pin the publisher's words to each reader's next edition, or take them away."""
        slug, typed = visit.path("slug"), visit.one("introduction")
        try:
            with self.frame.database.write() as connection:
                its = find_digest(connection, slug)
                if its is None:
                    return self.frame.missing.nothing(visit.request)
                if typed != (its.introduction or ""):
                    introduce(connection, slug, typed or None, now=visit.now, base=self.frame.pages.site.url)
                    visit.record(connection, "digest.introduce", slug, characters=len(typed))
        except DigestError as error:
            told = _Told({"introduction": sentence(str(error))}, 422, introduction=typed)
            with self.frame.database.read() as connection:
                its = find_digest(connection, slug)
                form = DigestForm() if its is None else DigestForm.of(its)
                return self._page(connection, visit, form, told)
        words = "It stands in each reader's next edition." if typed else "There is no introduction."
        return Done(f"/digests/{slug}", words)

    def _keep(self, connection: Connection, visit: Visit, form: DigestForm, slug: str | None) -> Done:
        """Keep a form in one transaction; raises ``_NotKept``, and ``LookupError`` where it is gone."""
        old = find_digest(connection, form.slug, lock=True)
        there = None if old is None else DigestForm.of(old)
        if slug is not None and there is None:
            raise LookupError(slug)
        found = read(form, templates=self._templates(there), is_new=slug is None)
        if slug is None and there is not None:
            found.wrong["slug"] = f"There is a digest {form.slug} already: choose another address."
        if found.wrong:
            raise _NotKept(found.wrong)
        try:
            if old is None or there is None:
                return self._add(connection, visit, found.said)
            return self._change(connection, visit, old, found.said, form)
        except (DigestError, CadenceError, RuleError) as error:
            raise _NotKept({"": sentence(str(error))}) from error

    def _add(self, connection: Connection, visit: Visit, said: dict[str, Any]) -> Done:
        made = add_digest(connection, said.pop("slug"), now=visit.now, **said)
        visit.record(connection, "digest.add", made.slug, **_recorded(made))
        return Done(f"/digests/{made.slug}", f"The digest {made.title} is made.")

    def _change(
        self, connection: Connection, visit: Visit, old: Digest, said: dict[str, Any], form: DigestForm
    ) -> Done:
        to = f"/digests/{old.slug}"
        there = DigestForm.of(old)
        savepoint = connection.begin_nested()
        new = update_digest(connection, old.slug, **said)
        if DigestForm.of(new) == there:
            savepoint.rollback()
            return Done(to, f"The digest {old.title} is as you want it.")
        if visit.one("seal") != there.seal:
            savepoint.rollback()
            raise _NotKept({"": _changed_meanwhile(there, form)}, status=409)
        effect = _effect(connection, visit, old, new)
        if effect is not None and visit.one("agreed") != effect.agreement:
            savepoint.rollback()
            raise _NotKept({}, effect=effect)
        visit.record(connection, "digest.change", old.slug, **_recorded(new))
        return Done(to, f"The digest {new.title} is saved.")

    def _page(self, connection: Connection, visit: Visit, form: DigestForm, told: _Told = _Told()) -> Shown:
        slug = visit.request.path_params.get("slug")
        its = None if slug is None else find_digest(connection, slug)
        there = None if its is None else DigestForm.of(its)
        typed = told.introduction if told.introduction is not None else (its and its.introduction) or ""
        context: dict[str, Any] = {
            "form": form,
            "digest": its,
            "introduction": typed,
            "options": options(form, self._templates(None)),
            "zones": sorted(zone_names()),
            "seal": there.seal if there else "",
            "wrong": told.wrong,
            "effect": told.effect,
        }
        return Shown("digest_edit.html", context | self._comes_to(connection, visit, form), told.status)

    def _comes_to(self, connection: Connection, visit: Visit, form: DigestForm) -> dict[str, Any]:
        """What the fragment beside the form is handed."""
        told: dict[str, Any] = {"slots": None, "fault_when": None, "elsewhere": None}
        try:
            rhythm = rhythm_of(form)
            told["slots"] = coming(rhythm, visit.now)
            told["rhythm"] = describe(rhythm)
            told["is_instant"] = rhythm.cadence is Cadence.INSTANT
            told["elsewhere"] = elsewhere(rhythm.timezone, self.frame.pages.timezone)
        except ValueError as error:
            told["fault_when"] = sentence(str(error))
        return told | look(connection, form.rule)

    def _templates(self, there: DigestForm | None) -> Sequence[str]:
        """The templates there are, and that which a digest has already, though it be none now."""
        work = self.frame.work.digests
        known = work.templates() if work else ()
        return [*known, there.template] if there and known else known


def _effect(connection: Connection, visit: Visit, old: Digest, new: Digest) -> Effect | None:
    """What a change does to readers; None where nobody gets it at another time or loses a choice."""
    before, after = describe(reader_rhythm(old)), describe(reader_rhythm(new))
    gone = [name for name in old.cadences if name not in new.cadences]
    if before == after and not gone:
        return None
    readers = following(connection, new)
    moved = readers.moved(old, new)
    withdrawn = [(name, readers.chose(name)) for name in gone]
    if not moved and not any(number for _, number in withdrawn):
        return None
    slot, late = _slots_around(new, visit.now)
    return Effect(readers.readers, readers.is_all, moved, before, after, slot, late, withdrawn)


def _slots_around(its: Digest, now: datetime) -> tuple[Slot | None, Slot | None]:
    """The next slot, and the last where it is not too late for that."""
    rhythm = reader_rhythm(its)
    if rhythm.cadence is Cadence.INSTANT:
        return None, None
    last = previous_slot(rhythm, now)
    late = coming(rhythm, last - MOMENT, count=1)[0] if now - last <= its.max_lateness else None
    return coming(rhythm, now, count=1)[0], late


def _changed_meanwhile(there: DigestForm, form: DigestForm) -> str:
    differing = there.differing(form)
    if not differing:
        return "Somebody changed this digest meanwhile, to just what you want."
    said = "; ".join(f"{name.replace('_', ' ')}: {_shown(getattr(there, name))}" for name in differing)
    return (
        "Somebody changed this digest since you opened it. What is kept now, where yours differs: "
        f"{said}. Keep yours all the same, or open the page anew to see theirs."
    )


def _shown(value: object) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text or "nothing"


def _recorded(its: Digest) -> dict[str, Any]:
    """What the audit log keeps of a change."""
    return {
        "title": its.title,
        "rule": its.rule,
        "when": describe(reader_rhythm(its)),
        "cadences": ",".join(its.cadences),
        "template": its.template,
    }
