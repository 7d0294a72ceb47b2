"""Posts changed by hand, one or many: first what will happen, in numbers, then, on a button, that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from posts.finding import AT_ONCE, find_ids, found_posts
from posts.labels import clean_name
from posts.overriding import OverrideError, hide, relabel, show
from web.admin.frame import Done, Frame, Shown, Visit
from web.admin.posts.asked import Asked, asked_by
from web.admin.posts.foreseen import Deed, foresee
from web.admin.posts.pages import TABS

TITLES_SHOWN = 10
_MOST_TICKED = 500
# What a post is called after it, in the audit log.
_ACTIONS = {
    Deed.ADD: "post.label",
    Deed.REMOVE: "post.unlabel",
    Deed.HIDE: "post.hide",
    Deed.SHOW: "post.show",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done, to which posts: to these, or to all that were asked for."""

    deed: Deed
    label: str
    ids: tuple[int, ...]
    asked: Asked
    is_all: bool

    @property
    def back(self) -> str:
        """Where one came from, below ``/admin``."""
        return f"/posts{self.asked.query()}"


class _Unclear(ValueError):
    """A form that says not what is to be done, or to what; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class ChangingPages:
    """``/admin/posts/change``."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The address."""
        return [self.frame.route("/posts/change", self.show, self.act)]

    def show(self, visit: Visit) -> Shown | Response:
        """What would happen."""
        try:
            change = _read(visit)
        except _Unclear as error:
            return self.frame.refuse(visit.request, 422, str(error), visit.login)
        return self._told(visit, change)

    def act(self, visit: Visit) -> Shown | Done | Response:
        """Do it, if it is still what was told."""
        try:
            change = _read(visit)
        except _Unclear as error:
            return self.frame.refuse(visit.request, 422, str(error), visit.login)
        with self.frame.database.write() as connection:
            ids = _meant(connection, change)
            if visit.one("number") != str(len(ids)):
                connection.rollback()
                return self._told(visit, change, was=visit.one("number"))
            try:
                number = _do(connection, change, ids, visit)
            except OverrideError as error:
                connection.rollback()
                return self.frame.refuse(visit.request, 422, f"{error}.", visit.login)
            if number:
                self._record(visit, connection, change, ids, number)
        where = f"/posts/{ids[0]}" if not change.is_all and len(ids) == 1 else change.back
        return Done(where, _said(change, number))

    def _told(self, visit: Visit, change: Change, *, was: str | None = None) -> Shown:
        with self.frame.database.read() as connection:
            ids = _meant(connection, change)
            foreseen = foresee(connection, ids, change.deed, change.label, now=visit.now)
            titles = found_posts(connection, ids[:TITLES_SHOWN])
        context: dict[str, Any] = {
            "change": change,
            "foreseen": foreseen,
            "titles": titles,
            "was": was,
            "is_capped": change.is_all and len(ids) == AT_ONCE,
            "tabs_": TABS,
        }
        return Shown("posts_change.html", context, 200 if was is None else 409)

    def _record(
        self, visit: Visit, connection: Connection, change: Change, ids: Sequence[int], number: int
    ) -> None:
        subject = f"{number} posts" if len(ids) > 1 else f"post {ids[0]}"
        detail: dict[str, Any] = {"posts": list(ids[:100])}
        if change.label:
            detail["label"] = change.label
        if change.is_all:
            detail["asked"] = {key: value for key, value in change.asked.typed.items() if value}
        visit.record(connection, _ACTIONS[change.deed], subject, **detail)


def _read(visit: Visit) -> Change:
    """What a request asks for; raises ``_Unclear``."""
    is_post = visit.request.method == "POST"
    one = visit.one if is_post else visit.query
    many = visit.many("id") if is_post else visit.request.query_params.getlist("id")
    try:
        deed = Deed(one("do"))
    except ValueError:
        raise _Unclear("Choose what is to be done: nothing was chosen.") from None
    label = clean_name(one("label")) if deed in {Deed.ADD, Deed.REMOVE} else ""
    if deed in {Deed.ADD, Deed.REMOVE} and not label:
        raise _Unclear("Say which label: its name is missing.")
    asked, is_all = asked_by(visit), one("which") == "all"
    if asked.wrong:
        raise _Unclear(". ".join(asked.wrong.values()))
    ids = [int(text) for text in many[:_MOST_TICKED] if text.isascii() and text.isdigit() and len(text) < 19]
    if not is_all and not ids:
        raise _Unclear("Tick the posts that are meant: none was ticked.")
    return Change(deed, label, tuple(dict.fromkeys(ids)), asked, is_all)


def _meant(connection: Connection, change: Change) -> list[int]:
    """The posts that are meant and are there."""
    if change.is_all:
        return find_ids(connection, change.asked.wanted)
    return [found.id for found in found_posts(connection, change.ids)]


def _do(connection: Connection, change: Change, ids: Sequence[int], visit: Visit) -> int:
    match change.deed:
        case Deed.HIDE:
            return hide(connection, ids, now=visit.now)
        case Deed.SHOW:
            return show(connection, ids, now=visit.now)
        case Deed.ADD:
            return relabel(connection, ids, add=[change.label], now=visit.now)
        case Deed.REMOVE:
            return relabel(connection, ids, remove=[change.label], now=visit.now)


def _said(change: Change, number: int) -> str:
    posts = "1 post" if number == 1 else f"{number:,} posts"
    if not number:
        return "Nothing had to be changed."
    return {
        Deed.HIDE: f"{posts} hidden.",
        Deed.SHOW: f"{posts} hidden no more.",
        Deed.ADD: f"{posts} given the label {change.label}.",
        Deed.REMOVE: f"{posts} without the label {change.label} now.",
    }[change.deed]
