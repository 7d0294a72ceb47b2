"""Who asks: the token of a request, what it may, how often, and what it does to the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from fastapi.routing import APIRoute
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Connection
from starlette.requests import Request

from database import Database
from web.accounts.audit import record
from web.accounts.tokens import AccessToken, TokenScope, find_named, find_token
from web.accounts.uses import TokenUses
from web.api.problems import Problem, wrong
from web.api.work import ApiWork

# So that a program that runs wild leaves something for others, and nobody tries many tokens.
PER_TOKEN, BAD_PER_NETWORK = "1200/minute", "30/minute"


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a token may ask, and how often a network may come with tokens that are none."""

    per_token: RateLimitItem = field(default_factory=lambda: parse(PER_TOKEN))
    bad_per_network: RateLimitItem = field(default_factory=lambda: parse(BAD_PER_NETWORK))
    limiter: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))

    def check(self, token: AccessToken, now: datetime) -> None:
        """Count a request of a token; raises ``Problem`` (429) when there were too many."""
        self._hit(self.per_token, f"token:{token.id}", now, "this token asks too often")

    def count_bad(self, host: str, now: datetime) -> None:
        """Count a token that is none; raises ``Problem`` (429) when a network sent too many."""
        said = "too many requests with a wrong token"
        self._hit(self.bad_per_network, f"network:{network_of(host)}", now, said)

    def _hit(self, limit: RateLimitItem, key: str, now: datetime, said: str) -> None:
        if self.limiter.hit(limit, key):
            return
        seconds = max(1, int(self.limiter.get_window_stats(limit, key).reset_time - now.timestamp()) + 1)
        # The limiter counts by the machine's own clock.
        seconds = min(seconds, limit.get_expiry())
        raise Problem(429, f"{said}: wait {seconds} seconds", headers={"Retry-After": str(seconds)})


def network_of(host: str) -> str:
    """The network of an address: what one customer has is counted together."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    return str(ip_network((address, 24 if address.version == 4 else 64), strict=False))


@dataclass(frozen=True, slots=True)
class Api:
    """What the API stands on."""

    database: Database
    work: ApiWork
    now: Callable[[], datetime]
    uses: TokenUses
    rates: Rates = field(default_factory=Rates)

    def admit(self, secret: str, host: str) -> AccessToken:
        """The token that a program shows; raises ``Problem`` (401, 429)."""
        now = self.now()
        with self.database.read() as connection:
            token = find_token(connection, secret, now=now) if secret else None
        if token is None:
            if secret:
                self.rates.count_bad(host, now)
            raise refused(bool(secret))
        self.welcome(token, now)
        return token

    def require_sender(self, secret: str, name: str, host: str) -> None:
        """Before anything is read of a message: a token of this secret, or name; raises ``Problem``."""
        now = self.now()
        with self.database.read() as connection:
            found = find_token(connection, secret, now=now) if secret else find_named(connection, name)
        if found is None:
            if secret or name:
                self.rates.count_bad(host, now)
            raise refused(bool(secret or name))

    def welcome(self, token: AccessToken, now: datetime) -> None:
        """Count a request of a token that is one; raises ``Problem`` (429)."""
        self.rates.check(token, now)
        self.uses.note(token, now)


def refused(is_wrong: bool) -> Problem:
    """The answer to a request without a token that is one (RFC 6750 §3)."""
    said = (
        "this token is none, was revoked, or has expired"
        if is_wrong
        else "a token is needed: Authorization: Bearer lc_…; `labelcast tokens add` makes one"
    )
    how = 'Bearer realm="labelcast"' + (', error="invalid_token"' if is_wrong else "")
    return Problem(401, said, headers={"WWW-Authenticate": how})


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that asks, with what it may; ``body_hash`` is SHA-256 of what it sent."""

    api: Api
    token: AccessToken
    request: Request
    body_hash: str

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.api.now()

    @property
    def work(self) -> ApiWork:
        """What is done for it on the floor above."""
        return self.api.work

    @property
    def actor(self) -> str:
        """Its name in the audit log."""
        return f"token:{self.token.name}"

    def require_still(self, connection: Connection) -> None:
        """What it sent may have taken its time: go on if its token is one still; raises ``Problem`` (401)."""
        known = find_named(connection, self.token.name)
        is_same = known is not None and (known.id, known.created_at) == (self.token.id, self.token.created_at)
        if not is_same or self.token.is_expired(self.now):
            raise refused(is_wrong=True)

    def record(self, connection: Connection, action: str, subject: str, **detail: Any) -> None:
        """Keep in the audit log what it did; see ``audit.record``."""
        record(connection, actor=self.actor, action=action, subject=subject, now=self.now, detail=detail)


@dataclass(frozen=True, slots=True)
class Need:
    """A dependency: the caller, if its token has this scope; raises ``Problem`` (403)."""

    scope: TokenScope

    def __call__(self, request: Request) -> Caller:
        """The caller of a request that was let in, and asks by parameters that there are."""
        caller: Caller = request.scope["labelcast.caller"]
        if not caller.token.may(self.scope):
            how = f'Bearer realm="labelcast", error="insufficient_scope", scope="{self.scope}"'
            raise Problem(
                403,
                f"the token {caller.token.name} may not do this: it needs the scope {self.scope}",
                headers={"WWW-Authenticate": how},
            )
        _require_known(request)
        return Caller(caller.api, caller.token, request, caller.body_hash)


def _require_known(request: Request) -> None:
    """A slip in a parameter's name must not ask for something else; raises ``Problem`` (422)."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = {field.alias for field in route.dependant.query_params}
    for name in request.query_params:
        if name not in known:
            there = f"; there are {', '.join(sorted(known))}" if known else ""
            raise wrong(f"?{name[:80]}", f"is no parameter of this address{there}")


def bearer(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The token in a request's Authorization header (RFC 6750 §2.1); empty where there is none."""
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1:
        return ""
    scheme, _, secret = found[0].decode("latin-1").strip().partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
