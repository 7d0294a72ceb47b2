"""Tokens, for owners: what lets programs in at /api, what each may do, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from web.accounts.tokens import (
    LONGEST_LIFE,
    TokenError,
    TokenScope,
    add_token,
    find_named,
    list_tokens,
    revoke_token,
)
from web.admin.frame import Done, Frame, Shown, Visit
from web.model import Role


@dataclass(frozen=True, slots=True)
class TokensPages:
    """``/admin/tokens``."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The addresses, all for owners."""
        route = self.frame.route
        return [
            route("/tokens", self.list, self.add, sees=Role.OWNER, needs=Role.OWNER),
            route("/tokens/{name}/revoke", self.ask, self.revoke, sees=Role.OWNER, needs=Role.OWNER),
        ]

    def list(self, visit: Visit) -> Shown:
        """All tokens, and a form for another one."""
        return self._all(visit)

    def _all(
        self, visit: Visit, status: int = 200, *, wrong: str = "", secret: str = "", name: str = ""
    ) -> Shown:
        with self.frame.database.read() as connection:
            tokens = list_tokens(connection)
        told: Mapping[str, Any] = {
            "tokens": [(one, sorted(one.scopes), one.is_expired(visit.now)) for one in tokens],
            "scopes": [str(scope) for scope in TokenScope],
            "longest": LONGEST_LIFE.days,
            "chosen": visit.many("scope"),
            "values": {key: visit.one(key) for key in ("name", "days")} if wrong else {},
        }
        return Shown("tokens.html", {**told, "wrong": wrong, "secret": secret, "made": name}, status)

    def add(self, visit: Visit) -> Shown:
        """Make a token; the answer shows it, this once."""
        name, days = visit.one("name"), visit.one("days")
        try:
            with self.frame.database.write() as connection:
                made, secret = add_token(
                    connection, name, visit.many("scope"), now=visit.now, life=_life(days)
                )
                visit.record(connection, "token.add", made.name, scopes=sorted(made.scopes))
        except TokenError as error:
            return self._all(visit, 422, wrong=f"Not made: {error}.")
        return self._all(visit, secret=secret, name=made.name)

    def ask(self, visit: Visit) -> Shown | Response:
        """What comes of revoking a token."""
        with self.frame.database.read() as connection:
            token = find_named(connection, visit.path("name"))
        if token is None:
            return self.frame.missing.nothing(visit.request)
        return Shown("revoke_token.html", {"token": token, "scopes": sorted(token.scopes)})

    def revoke(self, visit: Visit) -> Done:
        """Take a token away."""
        try:
            with self.frame.database.write() as connection:
                gone = revoke_token(connection, visit.path("name"))
                visit.record(connection, "token.revoke", gone.name)
        except TokenError:
            return Done("/tokens", "There is no such token any more.")
        return Done("/tokens", f"{gone.name} lets nobody in any more.")


def _life(days: str) -> timedelta | None:
    if not days:
        return None
    if not (days.isascii() and days.isdigit()) or not 0 < int(days[:9]) <= LONGEST_LIFE.days:
        raise TokenError(
            f"it can be good for 1 to {LONGEST_LIFE.days} days, or for ever if you write nothing"
        )
    return timedelta(days=int(days))
