"""My account: another password, and where I am logged in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.routing import Route

from web.accounts.accounts import AccountError, check_password, set_password
from web.accounts.attempts import Attempts
from web.accounts.sessions import end_one, end_others, list_sessions, ref_of
from web.admin.entry.login import let_in
from web.admin.frame import Done, Frame, Shown, Visit
from web.model import Role


@dataclass(frozen=True, slots=True)
class AccountPages:
    """``/admin/account``."""

    frame: Frame
    attempts: Attempts = field(default_factory=Attempts)

    def routes(self) -> list[Route]:
        """The addresses: what is each one's own needs no role."""
        route = self.frame.route
        return [
            route("/account", self.show, needs=Role.VIEWER),
            route("/account/password", None, self.change, needs=Role.VIEWER),
            route("/account/sessions", None, self.end, needs=Role.VIEWER),
        ]

    def show(self, visit: Visit) -> Shown:
        """The form for another password, and the sessions."""
        return self._page(visit)

    def _page(self, visit: Visit, wrong: Mapping[str, str] | None = None, status: int = 200) -> Shown:
        with self.frame.database.read() as connection:
            sessions = list_sessions(connection, visit.account.id, now=visit.now)
        told = {"sessions": sessions, "mine": ref_of(visit.login.token), "wrong": wrong or {}}
        return Shown("account.html", told, status)

    def change(self, visit: Visit) -> Shown | Response:
        """Another password, for who knows the present one; all other sessions end."""
        old, new, again = (next(iter(visit.form.get(name, ())), "") for name in ("old", "new", "again"))
        if new != again:
            return self._page(visit, {"again": "This is not the same as the new password."}, 422)
        if unknown := self._wrong(visit, old):
            return self._page(visit, {"old": unknown}, 422)
        try:
            with self.frame.database.write() as connection:
                account = set_password(connection, visit.account.name, new, now=visit.now)
                visit.record(connection, "account.password", account.name)
                answer = self.frame.go(visit.request, Done("/account", "Your password is changed."))
                let_in(self.frame, connection, visit.request, account, answer)
        except AccountError as error:
            return self._page(visit, {"new": f"Not kept: {error}."}, 422)
        return answer

    def _wrong(self, visit: Visit, password: str) -> str:
        """Why a password is not taken for theirs; empty if it is."""
        # Who found a browser logged in may not guess on here.
        admitted = self.attempts.admit("", "", f"account {visit.account.id}")
        if admitted.refused:
            return "There were too many attempts. Try again in a quarter of an hour."
        try:
            with self.frame.database.read() as connection:
                is_theirs = check_password(connection, visit.account.name, password) is not None
        finally:
            self.attempts.done()
        return "" if is_theirs else "This is not your present password."

    def end(self, visit: Visit) -> Done:
        """End one of my sessions, or all but this."""
        ref = visit.one("session")
        with self.frame.database.write() as connection:
            if ref:
                ended = int(end_one(connection, visit.account.id, ref))
            else:
                ended = end_others(connection, visit.account.id, visit.login.token)
            if ended:
                visit.record(connection, "account.logout", visit.account.name, sessions=ended)
        said = "1 session is ended." if ended == 1 else f"{ended} sessions are ended."
        return Done("/account", said if ended else "There was none to end.")
