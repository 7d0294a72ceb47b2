"""Accounts, for owners: who may log in, and may do what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from web.accounts.accounts import (
    SHORTEST_PASSWORD,
    Account,
    AccountError,
    find_account,
    list_accounts,
    make_account,
    remove_account,
    set_password,
    set_role,
)
from web.accounts.sessions import list_sessions
from web.admin.frame import Done, Frame, Shown, Visit
from web.model import Role

MEANINGS = {
    Role.VIEWER: "sees everything, changes nothing",
    Role.EDITOR: "changes feeds, digests, posts and readers, and sends",
    Role.OWNER: "all that, and decides who may log in",
}
_ROLES = [(role.value, f"{role.value}: {said}") for role, said in MEANINGS.items()]


@dataclass(frozen=True, slots=True)
class AccountsPages:
    """``/admin/accounts``."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The addresses, all for owners."""
        return [
            self._route("/accounts", self.list, self.add),
            self._route("/accounts/{name}", self.show, self.change),
            self._route("/accounts/{name}/remove", self.ask, self.remove),
        ]

    def _route(self, path: str, show: Any, act: Any) -> Route:
        return self.frame.route(path, show, act, sees=Role.OWNER, needs=Role.OWNER)

    def list(self, visit: Visit) -> Shown:
        """All accounts, and a form for another one."""
        del visit
        return self._all()

    def _all(self, values: Mapping[str, str] | None = None, wrong: str = "", status: int = 200) -> Shown:
        with self.frame.database.read() as connection:
            accounts = list_accounts(connection)
        told = {"accounts": accounts, "roles": _ROLES, "meanings": MEANINGS, "shortest": SHORTEST_PASSWORD}
        return Shown("accounts.html", told | {"values": values or {}, "wrong": wrong}, status)

    def add(self, visit: Visit) -> Shown | Done:
        """Make an account."""
        name, role = visit.one("name"), visit.one("role")
        password = next(iter(visit.form.get("password", ())), "")
        try:
            with self.frame.database.write() as connection:
                made = make_account(connection, name, password, _role(role), now=visit.now)
                visit.record(connection, "account.add", made.name, role=made.role.value)
        except AccountError as error:
            return self._all({"name": name, "role": role}, f"Not made: {error}.", 422)
        return Done("/accounts", f"{made.name} may log in.")

    def show(self, visit: Visit) -> Shown | Response:
        """One account: its role, and a form for another password."""
        return self._one(visit)

    def _one(
        self, visit: Visit, wrong: str = "", status: int = 200, template: str = "one_account"
    ) -> Shown | Response:
        with self.frame.database.read() as connection:
            known = find_account(connection, visit.path("name"))
            if known is None:
                return self.frame.missing.nothing(visit.request)
            sessions = len(list_sessions(connection, known.id, now=visit.now))
        told = {
            "shown": known,
            "sessions": sessions,
            "roles": _ROLES,
            "is_mine": known.id == visit.account.id,
            "shortest": SHORTEST_PASSWORD,
            "wrong": wrong,
        }
        return Shown(f"{template}.html", told, status)

    def change(self, visit: Visit) -> Shown | Done | Response:
        """Give somebody another role, or another password."""
        name = visit.path("name")
        try:
            with self.frame.database.write() as connection:
                said = self._change(visit, connection, name)
        except AccountError as error:
            return self._one(visit, f"Not done: {error}.", 422)
        return Done("/accounts", said)

    def _change(self, visit: Visit, connection: Connection, name: str) -> str:
        known = _somebody_else(visit, connection, name)
        if visit.one("do") == "password":
            password = next(iter(visit.form.get("password", ())), "")
            set_password(connection, known.name, password, now=visit.now)
            visit.record(connection, "account.password", known.name)
            return f"{known.name} has another password, and is logged out everywhere."
        role = _role(visit.one("role"))
        set_role(connection, known.name, role)
        visit.record(connection, "account.role", known.name, before=known.role.value, role=role.value)
        return f"{known.name} is now {role.value}."

    def ask(self, visit: Visit) -> Shown | Response:
        """What comes of removing an account."""
        return self._one(visit, template="remove_account")

    def remove(self, visit: Visit) -> Shown | Done | Response:
        """Take an account away."""
        try:
            with self.frame.database.write() as connection:
                known = _somebody_else(visit, connection, visit.path("name"))
                remove_account(connection, known.name)
                visit.record(connection, "account.remove", known.name, role=known.role.value)
        except AccountError as error:
            return self._one(visit, f"Not done: {error}.", 422)
        return Done("/accounts", f"{known.name} is removed.")


def _somebody_else(visit: Visit, connection: Connection, name: str) -> Account:
    known = find_account(connection, name)
    if known is None:
        raise AccountError("there is no such account")
    if known.id == visit.account.id:
        raise AccountError("this is your own account, and another owner may do that")
    return known


def _role(given: str) -> Role:
    try:
        return Role(given)
    except ValueError as error:
        raise AccountError("choose one of the roles") from error
