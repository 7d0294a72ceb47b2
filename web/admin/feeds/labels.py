"""``/admin/feeds/label/{slug}``: a label, and its rename, merge and deletion, each told before it is done."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from feeds.catalogue import Catalogue
from feeds.configured import configured_feed
from feeds.readership import Readers
from posts.blog import get_blog
from posts.curation import LabelError, delete_label, merge_labels, rename_label
from posts.foreseeing import Change, Kind, Outlook, foresee, plan
from posts.lookup import find_label, is_deleted_label, load_labels
from posts.matching import MOST_COUNTED
from posts.model import Label
from posts.rules import HasLabel
from posts.shown import ShownPosts
from web.admin.feeds.form import sentence
from web.admin.feeds.outlook import find_namers
from web.admin.frame import Done, Frame, Shown, Visit

_LONGEST_NAME = 1000


@dataclass(frozen=True, slots=True)
class LabelPages:
    """A label's page, and one that tells what would be done to it."""

    frame: Frame
    catalogue: Catalogue

    def routes(self) -> list[Route]:
        """Their addresses."""
        where = "/feeds/label/{slug}"
        return [
            self.frame.route(where, self.show),
            *(self.frame.route(f"{where}/{kind}", self.ask, self.act) for kind in Kind),
        ]

    def show(self, visit: Visit) -> Shown | Done | Response:
        """The label, with ways to change it; an old address leads to the present one."""
        with self.frame.database.read() as connection:
            found = find_label(connection, visit.path("slug"))
            if found is None:
                return self.frame.missing.nothing(visit.request)
            if found.slug != visit.path("slug"):
                return Done(_path(found))
            return self._shown(connection, visit, found)

    def _shown(
        self,
        connection: Connection,
        visit: Visit,
        found: Label,
        *,
        wrong: dict[str, str] | None = None,
        typed: str = "",
    ) -> Shown:
        links = self.frame.pages.links(visit.request)
        hiding = configured_feed(connection, found.slug)
        readers = self.catalogue.readers(connection, now=visit.now).get(found.feed_uri, Readers())
        context = {
            "label": found,
            "rule": str(HasLabel(found.name)),
            "formats": links.feeds_at(found.slug) if found.is_met and hiding is None else [],
            "page": links.label(found.slug) if found.is_met else None,
            "hiding": hiding.slug if hiding is not None else None,
            "readers": readers,
            "wrong": wrong or {},
            "typed": typed,
        }
        return Shown("feeds_label.html", context, 422 if wrong else 200)

    def ask(self, visit: Visit) -> Shown | Done | Response:
        """What would happen."""
        return self._ask(visit, _kind(visit), visit.query("to")[:_LONGEST_NAME])

    def _ask(self, visit: Visit, kind: Kind, to: str, *, is_stale: bool = False) -> Shown | Done | Response:
        with self.frame.database.read() as connection:
            found = find_label(connection, visit.path("slug"), counted=False)
            if found is None:
                return self.frame.missing.nothing(visit.request)
            try:
                change = plan(connection, kind, found.name, to)
            except LabelError as error:
                wrong = {kind.value: sentence(error, found.name)}
                counted = find_label(connection, found.slug) or found
                return self._shown(connection, visit, counted, wrong=wrong, typed=to)
            posts = ShownPosts(connection)
            told = foresee(connection, change, posts)
            slugs = tuple(dict.fromkeys((*told.addresses, found.slug)))
            hiding = configured_feed(connection, change.slug) if change.slug else None
            readers = self.catalogue.readers(connection, now=visit.now).get(found.feed_uri, Readers())
            context: dict[str, Any] = {
                "kind": kind.value,
                "change": change,
                "told": told,
                "namers": find_namers(connection, change, slugs=slugs, posts=posts),
                "readers": readers,
                "hiding": hiding.slug if hiding is not None and change.slug != found.slug else None,
                "to": to,
                "seal": _seal(change, told),
                "most": MOST_COUNTED,
                "is_stale": is_stale,
                "is_same": kind is Kind.RENAME and change.name == found.name,
            }
        return Shown("feeds_change.html", context, 409 if is_stale else 200)

    def act(self, visit: Visit) -> Shown | Done | Response:
        """Do it, if it is what was told."""
        kind, to, slug = _kind(visit), visit.one("to")[:_LONGEST_NAME], visit.path("slug")
        try:
            with self.frame.database.write() as connection:
                # Nothing changes between what is foreseen here and what is done.
                get_blog(connection, lock=True)
                done = _done_already(connection, kind, slug, to)
                if done is not None:
                    return done
                found = load_labels(connection, [slug]).by_slug.get(slug)
                if found is None:
                    return self.frame.missing.nothing(visit.request)
                change = plan(connection, kind, found.name, to)
                is_named_so = kind is Kind.RENAME and change.name == found.name
                if is_named_so or _seal(change, foresee(connection, change)) == visit.one("seal"):
                    return _do(connection, visit, change)
        except LabelError:
            # The page says why.
            return self._ask(visit, kind, to)
        return self._ask(visit, kind, to, is_stale=True)


def _do(connection: Connection, visit: Visit, change: Change) -> Done:
    label, now = change.label, visit.now
    match change.kind:
        case Kind.RENAME:
            left = rename_label(connection, label.name, change.name, now=now)
            visit.record(connection, "label.rename", label.name, name=left.name, slug=left.slug)
            return Done(_path(left), f"{label.name} is now {left.name}.")
        case Kind.MERGE:
            left = merge_labels(connection, label.name, change.name, now=now)
            visit.record(connection, "label.merge", label.name, into=left.name)
            return Done(_path(left), f"{label.name} is merged into {left.name}.")
        case Kind.DELETE:
            delete_label(connection, label.name, now=now)
            visit.record(connection, "label.delete", label.name)
            return Done("/feeds", f"{label.name} is deleted; its posts stay.")


def _done_already(connection: Connection, kind: Kind, slug: str, to: str) -> Done | None:
    """Where a form that was sent twice leads."""
    index = load_labels(connection, [slug, to])
    if slug in index.by_slug:
        return None
    if kind is Kind.DELETE:
        return Done("/feeds", "The label is deleted.") if is_deleted_label(connection, slug) else None
    left = index.old_slugs.get(slug)
    meant = index.named(to)
    is_done = left is not None and meant is not None and left.id == meant.id
    return Done(_path(left), f"It is {left.name} now.") if is_done and left is not None else None


def _kind(visit: Visit) -> Kind:
    return Kind(visit.request.url.path.rstrip("/").rpartition("/")[2])


def _path(found: Label) -> str:
    return f"/feeds/label/{quote(found.slug)}"


def _seal(change: Change, told: Outlook) -> str:
    """A short text that differs where something else would be done or be seen; not for one post more."""
    into = change.into.id if change.into else None
    what = (change.kind.value, change.label.id, change.label.name, into, change.name, change.slug)
    return sha256(repr((what, told.moves, told.blocked_by)).encode()).hexdigest()[:16]
