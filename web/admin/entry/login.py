"""Logging in and out.

A form from another site is refused before it comes here (``SameOrigin``), so nobody is logged in to an
account that is not theirs; a login makes a new session, so none that was planted is taken over.
"""

import re
from asyncio import sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

import structlog
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from database import DatabaseUnavailable
from web.accounts.accounts import Account, check_password, find_account, has_accounts, known_key
from web.accounts.attempts import Attempts, mark, network_of, read_mark
from web.accounts.audit import record
from web.accounts.sessions import begin_session, end_session
from web.admin.frame import COOKIE, Done, Frame, Shown, Visit
from web.forms import Form, TooLarge, read_body, read_form
from web.model import Role
from web.security import PRIVATE

log = structlog.get_logger("web")

KNOWN = "labelcast_known"
_KNOWN_SECONDS = 365 * 24 * 3600
_LONGEST_NEXT = 2000
_CHARACTERS = r"A-Za-z0-9._~!$&'()*+,;=:@%/-"
_NEXT = re.compile(rf"/[{_CHARACTERS}]*(?:\?[{_CHARACTERS}?]*)?")
_WRONG = "The name or the password is wrong."


@dataclass(frozen=True, slots=True)
class LoginPages:
    """``/admin/login`` and ``/admin/logout``; ``pause`` lets somebody who guesses wait."""

    frame: Frame
    attempts: Attempts = field(default_factory=Attempts)
    pause: Callable[[float], Awaitable[None]] = sleep

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/admin", _enter_by_the_front, methods=["GET"]),
            Route("/admin/login", self._answer, methods=["GET", "POST"]),
            self.frame.route("/logout", None, self.leave, needs=Role.VIEWER),
        ]

    def leave(self, visit: Visit) -> Response:
        """End the session, here and in the browser."""
        with self.frame.database.write() as connection:
            end_session(connection, visit.login.token)
        answer = self.frame.go(visit.request, Done("/login"))
        answer.delete_cookie(COOKIE, path=self.frame.cookie_path(), httponly=True, samesite="lax")
        return answer

    async def _answer(self, request: Request) -> Response:
        try:
            if request.method != "POST":
                return await run_in_threadpool(self._show, request)
            body = await read_body(request)
            form = read_form(request.headers.get("content-type", ""), body)
            answer, pause = await run_in_threadpool(self._enter, request, form)
        except TooLarge:
            words = "This is more than such a form ever sends."
            return await run_in_threadpool(self.frame.refuse, request, 413, words)
        except DatabaseUnavailable as error:
            return self.frame.missing.unavailable(request, error)
        if pause:
            await self.pause(pause)
        return answer

    def _show(self, request: Request) -> Response:
        to = checked_next(request.query_params.get("next", ""))
        if self.frame.login(request) is not None:
            return self.frame.go(request, Done(to))
        return self._form(request, to)

    def _form(
        self, request: Request, to: str, *, name: str = "", wrong: str = "", status: int = 200
    ) -> Response:
        with self.frame.database.read() as connection:
            is_first = not has_accounts(connection)
        told = {"next": to, "name": name, "wrong": wrong, "is_first": is_first}
        return self.frame.render(request, None, Shown("login.html", told, status))

    def _enter(self, request: Request, form: Form) -> tuple[Response, float]:
        """The answer to a name and a password, and how long it is to wait."""
        name, password, to = (next(iter(form.get(key, ())), "") for key in ("name", "password", "next"))
        network = network_of(request.client.host if request.client else "")
        with self.frame.database.read() as connection:
            key = known_key(connection, name)
        known = read_mark(key, request.cookies.get(KNOWN, ""))
        admitted = self.attempts.admit(network, name, known)
        to = checked_next(to)
        if admitted.refused:
            return self._refuse(request, to, name, admitted.refused), 0
        try:
            with self.frame.database.read() as connection:
                found = check_password(connection, name, password)
        finally:
            self.attempts.done()
        if found is None or (answer := self._begin(request, found.name, key, to)) is None:
            # Not the name: people type passwords there.
            log.warning("login refused", network=network)
            return self._form(request, to, name=name, wrong=_WRONG, status=422), admitted.pause
        return answer, 0

    def _refuse(self, request: Request, to: str, name: str, seconds: int) -> Response:
        minutes = -(-seconds // 60)
        words = f"There were too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        answer = self._form(request, to, name=name, wrong=words, status=429)
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _begin(self, request: Request, name: str, key: bytes | None, to: str) -> Response | None:
        """A new session; None if the account was taken away meanwhile, or has another password."""
        now, answer = self.frame.now(), self.frame.go(request, Done(to))
        with self.frame.database.write() as connection:
            account = find_account(connection, name)
            if account is None or known_key(connection, name) != key:
                return None
            let_in(self.frame, connection, request, account, answer)
            actor = f"account:{account.name}"
            record(connection, actor=actor, action="account.login", subject=account.name, now=now)
        return answer


def let_in(
    frame: Frame, connection: Connection, request: Request, account: Account, answer: Response
) -> None:
    """Give the browser that gets ``answer`` a session of an account, instead of any that it had."""
    end_session(connection, request.cookies.get(COOKIE, ""))
    token = begin_session(connection, account.id, now=frame.now(), idle=frame.idle)
    frame.set_cookie(answer, COOKIE, token)
    key = known_key(connection, account.name)
    if key is not None and read_mark(key, request.cookies.get(KNOWN, "")) is None:
        frame.set_cookie(answer, KNOWN, mark(key), seconds=_KNOWN_SECONDS)


def checked_next(asked: str) -> str:
    """Where a login leads on to: ``asked`` if it is one of these pages, else the first of them."""
    path = asked.partition("?")[0]
    meant = unquote(unquote(unquote(path)))
    if len(asked) > _LONGEST_NEXT or not _NEXT.fullmatch(asked) or not meant.isprintable():
        return "/"
    if "//" in meant or "\\" in meant or {".", ".."} & set(meant.split("/")):
        return "/"
    return "/" if path in {"/login", "/logout"} else asked


async def _enter_by_the_front(_request: Request) -> Response:
    return RedirectResponse("./admin/", 303, PRIVATE)
