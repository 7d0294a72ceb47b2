"""The API over a test's database, with a clock of its own and tokens: for the tests of each resource."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from database import Database
from feeds.build import FeedBuilder
from feeds.site import FeedSite
from labelcast.webwork.api import api_page, api_work
from posts.blog import create_blog
from tests.web_client import ENVIRONMENT
from web.accounts.tokens import TokenScope, add_token
from web.accounts.uses import TokenUses
from web.api.access import Api, Rates
from web.api.app import create_api
from web.app import create_app
from web.model import audit_entry

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
SITE = FeedSite(url="https://blog.example", title="The Blog", author="Ann", language="en")
SECRETS = ("a secret that is long enough", "the one before it, long enough too")
EVERY = tuple(map(str, TokenScope))


@dataclass
class ApiBlog:
    """A blog with an API; its clock stands until it is moved."""

    database: Database
    now: datetime = START
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        """Begin the blog."""
        with self.database.write() as connection:
            create_blog(connection, site_url=SITE.url, now=self.now)
        self.uses = TokenUses(self.database)
        self.secret = self.token("cms", EVERY)
        self.client = TestClient(self.app(), follow_redirects=False, raise_server_exceptions=False)
        self.client.headers["accept-encoding"] = "identity"

    def app(self) -> Starlette:
        """The whole application."""
        api = Api(self.database, api_work(SITE, SECRETS), lambda: self.now, self.uses, self.rates)
        return create_app(
            database=self.database,
            builder=FeedBuilder(self.database, SITE),
            environment=ENVIRONMENT,
            site=SITE,
            api=lambda pages: create_api(api, api_page(pages)),
        )

    def token(self, name: str, scopes: Sequence[str], *, life: timedelta | None = None) -> str:
        """A new token."""
        with self.database.write() as connection:
            return add_token(connection, name, scopes, now=self.now, life=life)[1]

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> Any:
        """Ask the API; ``path`` stands below ``/api``. Underscores in names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        secret = self.secret if token is None else token
        if secret:
            named["authorization"] = f"Bearer {secret}"
        sent: dict[str, Any] = {}
        if isinstance(body, bytes):
            sent["content"] = body
        elif body is not None:
            sent["json"] = body
        return self.client.request(method, f"/api{path}", headers=named, **sent)

    def get(self, path: str) -> Any:
        """The document at a path; there has to be one."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Do something that has to succeed; the document that is answered."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def wrong(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Do something that must not succeed: the status, and the problem's one line."""
        answer = self.ask(method, path, body, **headers)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code >= 400
        assert "\n" not in problem["detail"]
        return answer.status_code, problem["detail"]

    def audited(self) -> list[tuple[str, str, str]]:
        """What the audit log holds: by whom, what, and of what."""
        query = select(audit_entry.c.actor, audit_entry.c.action, audit_entry.c.subject)
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(audit_entry.c.id))]
