"""Clients that are logged in to the publisher's pages, for the tests of each of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lxml import html
from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.feeds_blog import FeedsBlog
from tests.web_client import web_app
from web.accounts.sessions import begin_session, csrf_of
from web.admin.frame import COOKIE, CSRF_FIELD
from web.admin.work import AdminWork
from web.app import Administration
from web.model import Role, account

IDLE = timedelta(hours=12)


@dataclass
class AdminClient:
    """Somebody with a role: ``get`` is a page's answer, ``post`` sends a form of the session's."""

    client: TestClient
    token: str

    @property
    def csrf(self) -> str:
        """What this session's forms bear."""
        return csrf_of(self.token)

    def get(self, path: str, **options: Any) -> Any:
        """GET a page below ``/admin``."""
        return self.client.get(f"/admin{path}", **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        """POST a form below ``/admin``."""
        return self.client.post(f"/admin{path}", data={CSRF_FIELD: self.csrf} | (data or {}), **options)

    def page(self, path: str) -> Any:
        """A page's elements, to be asked by XPath; it has to be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return html.fromstring(answer.text)


def admin_client(
    blog: FeedsBlog, role: Role = Role.OWNER, *, work: AdminWork | None = None, now: datetime | None = None
) -> AdminClient:
    """Somebody who is logged in with a role, without the time that a password takes."""
    client = admin_app_client(blog, work=work, now=now)
    return log_in(client, blog, role, now=now)


def admin_app(
    blog: FeedsBlog, *, work: AdminWork | None = None, now: datetime | None = None, is_local: bool = False
) -> Starlette:
    """The application with the publisher's pages; ``is_local``: its cookies go over plain http too."""
    administration = Administration(work or AdminWork(), lambda: now or blog.now, IDLE)
    its = replace(blog, site=replace(blog.site, url="http://localhost")) if is_local else blog
    return web_app(its, admin=administration)


def admin_app_client(
    blog: FeedsBlog, *, work: AdminWork | None = None, now: datetime | None = None
) -> TestClient:
    """Somebody who is not."""
    client = TestClient(admin_app(blog, work=work, now=now), follow_redirects=False)
    client.headers["accept-encoding"] = "identity"
    # By its own address: its cookies are for https only.
    client.base_url = blog.site.url
    return client


def log_in(client: TestClient, blog: FeedsBlog, role: Role, *, now: datetime | None = None) -> AdminClient:
    """Give a client a session of a new account with a role, whose name is the role's."""
    token = new_session(blog, role, now=now)
    client.cookies.set(COOKIE, token, path="/admin")
    return AdminClient(client, token)


def new_session(blog: FeedsBlog, role: Role, *, now: datetime | None = None) -> str:
    """What the cookie of a new account's session holds."""
    at = now or blog.now
    with blog.database.write() as connection:
        row = {"name": role.value, "password_hash": "none", "role": role, "created_at": at}
        number = connection.execute(insert(account).values(row).returning(account.c.id)).scalar_one()
        return begin_session(connection, number, now=at, idle=IDLE)
