"""What every page of the publisher's has: a login, a role, a form that is its session's, and the layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from database import Database, DatabaseUnavailable
from web.accounts.accounts import Account
from web.accounts.audit import record
from web.accounts.sessions import Login, find_session, touch
from web.admin.jobs import Job, Jobs
from web.admin.uploads import Incoming, TooLarge, Upload, receive
from web.admin.work import AdminWork
from web.forms import Form
from web.missing import Missing
from web.model import Role
from web.pages import HTML, Pages
from web.security import PRIVATE, policy

COOKIE, SAID = "labelcast_session", "labelcast_said"
CSRF_FIELD = "csrf"
# A little script of ours helps; previews of mail stand in frames without any.
ADMIN_PAGE = PRIVATE | {
    "Content-Security-Policy": policy(
        script_src="'self'", connect_src="'self'", frame_src="'self'", img_src="'self' https: http: data:"
    )
}
# Percent-encoded it is to fit into a cookie, whatever it is written in.
_LONGEST_SAID = 300
# What a database takes as a whole number.
_MOST_NUMBER = (1 << 63) - 1
_NOT_DONE = "You were not logged in any more, so nothing was done. Log in, and do it again."


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: its template below ``page/admin/``, and what that is handed."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Done:
    """Something was done: the page to go on to (``/feeds/mek``, below ``/admin``), and what it says there."""

    to: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by somebody who may make it.

    ``form`` holds a POST's fields and ``files`` what was uploaded, which is gone when the request ends.
    """

    request: Request
    login: Login
    frame: "Frame"
    form: Form = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        """Who it is."""
        return self.login.account

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.frame.now()

    def path(self, name: str) -> str:
        """A parameter of the address."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """The first value of a parameter behind the question mark, stripped; empty where there is none."""
        return self.request.query_params.get(name, "").strip()

    def one(self, name: str) -> str:
        """The first value of a form's field, stripped; empty where there is none."""
        return next(iter(self.form.get(name, ())), "").strip()

    def many(self, name: str) -> tuple[str, ...]:
        """All values of a form's field."""
        return tuple(self.form.get(name, ()))

    def job(self, kind: str) -> Job | None:
        """The job of that kind that the address has the ``number`` of."""
        number = int(self.path("number"))
        if number > _MOST_NUMBER:
            return None
        with self.frame.database.read() as connection:
            found = self.frame.jobs.find(connection, number, now=self.now)
        return found if found is not None and found.kind == kind else None

    def record(self, connection: Connection, action: str, subject: str, **detail: Any) -> None:
        """Keep in the audit log what they did; see ``audit.record``."""
        actor = f"account:{self.account.name}"
        record(connection, actor=actor, action=action, subject=subject, now=self.now, detail=detail)


Handler = Callable[[Visit], Shown | Done | Response]


@dataclass(frozen=True, slots=True)
class Frame:
    """Serves the publisher's pages. ``idle`` is how long an account that does nothing stays logged in.

    ``jobs`` are what takes longer than a request; the application stops them when it ends.
    """

    database: Database
    pages: Pages
    missing: Missing
    work: AdminWork
    now: Callable[[], datetime]
    idle: timedelta
    jobs: Jobs

    def route(
        self,
        path: str,
        show: Handler | None,
        act: Handler | None = None,
        *,
        sees: Role = Role.VIEWER,
        needs: Role = Role.EDITOR,
    ) -> Route:
        """A page below ``/admin``: what a GET shows to who may see it, what a POST does for who may do it."""

        async def answer(request: Request) -> Response:
            handler, role = (act, needs) if request.method == "POST" else (show, sees)
            if handler is None:
                return await run_in_threadpool(self.missing.page, request, LookupError())
            try:
                # Before anything is read of what they send, which may be large.
                login = await run_in_threadpool(self._admit, request, role)
                if isinstance(login, Response):
                    return login
                async with receive(request) as incoming:
                    if request.method == "POST":
                        # That may have taken a while, in which they were logged out, or may less.
                        login = await run_in_threadpool(self._admit, request, role)
                    if isinstance(login, Response):
                        return login
                    return await run_in_threadpool(self._answer, request, login, handler, incoming)
            except TooLarge as error:
                return await run_in_threadpool(self.refuse, request, 413, str(error))
            except DatabaseUnavailable as error:
                return self.missing.unavailable(request, error)

        methods = ["GET", "POST"] if act else ["GET"]
        return Route(f"/admin{path}", answer, methods=methods)

    def render(self, request: Request, login: Login | None, shown: Shown) -> Response:
        """A page as an answer; what the last request had to say stands on it, once."""
        links, here = self.pages.links(request), below(request)
        said = unquote(request.cookies.get(SAID, ""))[:_LONGEST_SAID]
        body = self.pages.text(
            links,
            f"admin/{shown.template}",
            admin=f"{links.root}/admin",
            account=login.account if login else None,
            csrf=login.csrf if login else "",
            may_edit=login is not None and login.account.may(Role.EDITOR),
            may_own=login is not None and login.account.may(Role.OWNER),
            said=said,
            here=here,
            area=f"/{here.split('/')[1]}",
            **shown.context,
        )
        sent = b"" if request.method == "HEAD" else body
        answer = Response(sent, shown.status, ADMIN_PAGE | {"Content-Length": str(len(body))}, HTML)
        if said and shown.status == 200:
            answer.delete_cookie(SAID, path=self.cookie_path(), httponly=True, samesite="lax")
        return answer

    def refuse(self, request: Request, status: int, words: str, login: Login | None = None) -> Response:
        """A page that says why something was not done."""
        return self.render(request, login, Shown("refused.html", {"words": words}, status))

    def go(self, request: Request, done: Done) -> Response:
        """Send a browser on, to a GET."""
        root = self.pages.links(request).root
        answer = RedirectResponse(f"{root}/admin{done.to}", 303, PRIVATE)
        if done.said:
            self.set_cookie(answer, SAID, quote(done.said[:_LONGEST_SAID]), seconds=60)
        return answer

    def set_cookie(self, answer: Response, name: str, value: str, *, seconds: float | None = None) -> None:
        """A cookie for these pages alone: no script reads it, no other site makes a browser send it."""
        answer.set_cookie(
            name,
            value,
            max_age=None if seconds is None else int(seconds),
            path=self.cookie_path(),
            secure=self.pages.site.url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )

    def cookie_path(self) -> str:
        """Where the pages are: below the site's own path, if it has one."""
        return f"{urlsplit(self.pages.site.url).path.rstrip('/')}/admin"

    def login(self, request: Request) -> Login | None:
        """Who is logged in where a request comes from; what acts keeps the session going."""
        token, now = request.cookies.get(COOKIE, ""), self.now()
        with self.database.read() as connection:
            login = find_session(connection, token, now=now)
        # Only what acts may write: a GET changes nothing.
        if login is not None and login.is_stale and request.method == "POST":
            with self.database.write() as connection:
                touch(connection, token, now=now, idle=self.idle)
        return login

    def _admit(self, request: Request, role: Role) -> Login | Response:
        """Whose request it is, if they may do what a role may; else what they are answered."""
        login = self.login(request)
        if login is None:
            return self._to_login(request)
        if login.account.may(role):
            return login
        words = f"Only {_a(role)} may do this, and you are {_a(login.account.role)}."
        return self.refuse(request, 403, words, login)

    def _answer(self, request: Request, login: Login, handler: Handler, incoming: Incoming) -> Response:
        if request.method == "POST" and not login.may_post(incoming.one(CSRF_FIELD)):
            words = "This form is older than your login: go back, load the page anew, and send it again."
            return self.refuse(request, 403, words, login)
        made = handler(Visit(request, login, self, incoming.form, incoming.files))
        if isinstance(made, Shown):
            return self.render(request, login, made)
        return self.go(request, made) if isinstance(made, Done) else made

    def _to_login(self, request: Request) -> Response:
        """Where nobody is logged in a page leads to the login and back; what acts was not done."""
        root, path = self.pages.links(request).root, below(request, is_raw=True)
        back = f"?next={quote(path, safe='/')}" if request.method != "POST" and path != "/" else ""
        answer = RedirectResponse(f"{root}/admin/login{back}", 303, PRIVATE)
        if request.method == "POST":
            self.set_cookie(answer, SAID, quote(_NOT_DONE), seconds=60)
        return answer


def below(request: Request, *, is_raw: bool = False) -> str:
    """Which of these pages was asked for: what stands behind ``/admin``, from a slash on.

    ``is_raw``: as it was written, with what stands behind the question mark.
    """
    scope = request.scope
    path = str(scope["path"])
    if is_raw:
        path = scope.get("raw_path", path.encode()).decode("latin-1")
        path += f"?{request.url.query}" if request.url.query else ""
    return path.removeprefix(scope.get("root_path", "")).removeprefix("/admin") or "/"


def _a(role: Role) -> str:
    return f"a {role}" if role is Role.VIEWER else f"an {role}"
