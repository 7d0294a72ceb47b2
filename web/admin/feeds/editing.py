"""``/admin/feeds/new`` and ``/admin/feeds/configured/{slug}``: a feed is made, changed and taken away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from feeds.catalogue import Catalogue
from feeds.configured import MAX_ENTRIES, FeedError, add_feed, configured_feed, remove_feed
from feeds.keys import grants
from feeds.readership import Readers
from feeds.selection import find_feed
from posts.blog import get_blog
from posts.foreseeing import Moves, foresee_private_rule
from posts.lookup import is_deleted_label, load_labels
from posts.rules import RuleError, parse
from web.admin.feeds.form import FeedForm, sentence
from web.admin.feeds.matches import look
from web.admin.frame import Done, Frame, Shown, Visit

_MOST_COUNTED_KEYS = 1000


class _NotKept(Exception):
    """A form that was not kept: what is wrong by field, or what is to be agreed to first."""

    def __init__(self, wrong: Mapping[str, str], *, status: int = 422, moves: Moves | None = None) -> None:
        super().__init__()
        self.wrong = wrong
        self.status = status
        self.moves = moves


@dataclass(frozen=True, slots=True)
class _Told:
    """What a form's page says besides what was typed."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    moves: Moves | None = None


@dataclass(frozen=True, slots=True)
class FeedEditingPages:
    """The form of a configured feed, and the page that removes one."""

    frame: Frame
    catalogue: Catalogue

    def routes(self) -> list[Route]:
        """Their addresses."""
        where = "/feeds/configured/{slug}"
        return [
            self.frame.route("/feeds/new", self.begin, self.keep),
            self.frame.route(where, self.show, self.keep),
            self.frame.route(f"{where}/delete", self.ask, self.remove),
        ]

    def begin(self, visit: Visit) -> Shown:
        """An empty form, or one with what the address says."""
        typed = FeedForm(visit.query("slug"), visit.query("rule"), visit.query("title"))
        with self.frame.database.read() as connection:
            return self._page(connection, visit, typed)

    def show(self, visit: Visit) -> Shown | Response:
        """A feed as it is."""
        with self.frame.database.read() as connection:
            row = configured_feed(connection, visit.path("slug"))
            if row is not None:
                return self._page(connection, visit, FeedForm.of(row))
        return self.frame.missing.nothing(visit.request)

    def keep(self, visit: Visit) -> Shown | Done | Response:
        """Keep what was typed, or say why not; or only show what the rule matches."""
        slug = visit.request.path_params.get("slug")
        form = FeedForm.sent(visit, slug)
        told = _Told()
        if visit.one("do") != "look":
            try:
                with self.frame.database.write() as connection:
                    return self._keep(connection, visit, form, is_new=slug is None)
            except _NotKept as error:
                told = _Told(error.wrong, error.status, error.moves)
        with self.frame.database.read() as connection:
            if slug is not None and configured_feed(connection, slug) is None:
                return self.frame.missing.nothing(visit.request)
            return self._page(connection, visit, form, told)

    def _keep(self, connection: Connection, visit: Visit, form: FeedForm, *, is_new: bool) -> Done:
        """Keep a form in one transaction; raises ``_NotKept``."""
        if form.faults:
            raise _NotKept(form.faults)
        try:
            rule = parse(form.rule)
        except RuleError as error:
            raise _NotKept({"rule": f"The rule: {error.reason}."}) from error
        # Whoever else saves waits here, and then sees what this one did.
        get_blog(connection, lock=True)
        slug = form.address
        row = configured_feed(connection, slug)
        there = None if row is None else FeedForm.of(row)
        to = f"/feeds/configured/{quote(slug)}"
        if there is not None and FeedForm(**_kept(form, slug, str(rule))) == there:
            # Sent twice, or nothing was changed.
            return Done(to, f"The feed {slug} is as you want it.")
        _require_unchanged(there, visit.one("seal"), is_new=is_new, slug=slug)
        moves = foresee_private_rule(connection, slug, rule if form.private else None)
        if moves and visit.one("agreed") != _agreement(moves):
            raise _NotKept({}, moves=moves)
        try:
            options = form.options()
            add_feed(connection, slug=slug, rule=rule, now=visit.now, replace=not is_new, **options)
        except FeedError as error:
            raise _NotKept({error.about: sentence(error, slug)}) from error
        done = "add" if is_new else "change"
        visit.record(connection, f"feed.{done}", slug, rule=str(rule), private=form.private, title=form.title)
        return Done(to, f"The feed {slug} is {'made' if is_new else 'saved'}.")

    def _page(self, connection: Connection, visit: Visit, form: FeedForm, told: _Told = _Told()) -> Shown:
        slug = visit.request.path_params.get("slug")
        row = None if slug is None else configured_feed(connection, slug)
        there = None if row is None else FeedForm.of(row)
        spec = None if slug is None else find_feed(connection, self.frame.pages.site, slug)
        links = self.frame.pages.links(visit.request)
        context: dict[str, Any] = {
            "form": form,
            "slug": slug,
            "there": there,
            "spec": spec,
            "formats": links.feeds(spec) if spec else [],
            "page": links.page(spec) if spec else None,
            "readers": self._readers(connection, visit, spec.uri) if spec else Readers(),
            "wrong": told.wrong,
            "moves": told.moves,
            "agreement": _agreement(told.moves) if told.moves else "",
            "seal": there.seal if there else "",
            "is_stale": told.status == 409,
            "most": MAX_ENTRIES,
            "usual": self.frame.pages.site,
            **look(connection, form.rule, private=form.private),
        }
        return Shown("feeds_edit.html", context, 422 if told.moves else told.status)

    def _readers(self, connection: Connection, visit: Visit, uri: str) -> Readers:
        return self.catalogue.readers(connection, now=visit.now).get(uri, Readers())

    def ask(self, visit: Visit) -> Shown | Response:
        """What taking a feed away would do."""
        slug = visit.path("slug")
        with self.frame.database.read() as connection:
            row = configured_feed(connection, slug)
            if row is None:
                return self.frame.missing.nothing(visit.request)
            label = load_labels(connection, [slug]).met().addressed(slug)
            moves = foresee_private_rule(connection, slug, None)
            context: dict[str, Any] = {
                "there": FeedForm.of(row),
                "seal": FeedForm.of(row).seal,
                "readers": self._readers(connection, visit, row.uri),
                "keys": len(grants(connection, slug, limit=_MOST_COUNTED_KEYS)) if row.is_private else 0,
                "most_keys": _MOST_COUNTED_KEYS,
                "moves": moves,
                "agreement": _agreement(moves),
                "label": label,
                "is_gone": is_deleted_label(connection, slug),
            }
        return Shown("feeds_delete.html", context)

    def remove(self, visit: Visit) -> Done:
        """Take a feed away, if it is as it was shown."""
        slug = visit.path("slug")
        with self.frame.database.write() as connection:
            get_blog(connection, lock=True)
            row = configured_feed(connection, slug)
            if row is None:
                return Done("/feeds", f"The feed {slug} is removed.")
            told = visit.one("seal"), visit.one("agreed")
            if told != (FeedForm.of(row).seal, _agreement(foresee_private_rule(connection, slug, None))):
                to = f"/feeds/configured/{quote(slug)}/delete"
                return Done(to, "Something changed meanwhile: look again. The feed is still there.")
            remove_feed(connection, slug, now=visit.now)
            visit.record(connection, "feed.delete", slug, rule=row.rule, private=row.is_private)
        return Done("/feeds", f"The feed {slug} is removed.")


def _kept(form: FeedForm, slug: str, rule: str) -> dict[str, Any]:
    """A form as it would be read back once it is kept."""
    entries = str(int(form.entries)) if form.entries else ""
    return {name: getattr(form, name) for name in FeedForm.__dataclass_fields__} | {
        "slug": slug,
        "rule": rule,
        "entries": entries,
    }


def _require_unchanged(there: FeedForm | None, seal: str, *, is_new: bool, slug: str) -> None:
    """Tell who comes later that somebody else was there; raises ``_NotKept``."""
    if is_new:
        if there is not None:
            raise _NotKept({"slug": f"There is a feed {slug} already: choose another address."})
    elif there is not None and there.seal != seal:
        raise _NotKept({"": "Somebody else changed this feed since you opened it."}, status=409)
    elif there is None:
        raise _NotKept({"": "Somebody took this feed away."}, status=409)


def _agreement(moves: Moves) -> str:
    """What the form bears once its reader was told of just this."""
    return f"{moves.hidden}-{moves.shown}"
