"""How the pages of ``benchmarks.pagelist`` are asked for: as whom, and which page comes after one."""

import json
import os
import re
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin

from benchmarks.pagelist import Asked
from labelcast.wiring import Wiring
from web.accounts.accounts import find_account, make_account
from web.accounts.sessions import begin_session
from web.accounts.tokens import TokenScope, add_token, find_named, revoke_token
from web.admin.frame import COOKIE
from web.model import Role

__all__ = ["log_in", "next_page", "sent_for"]

_NEXT = re.compile(r'href="([^"]*[?&;](?:before|after|cursor)=[^"]*)"')


def log_in(wiring: Wiring) -> dict[str, str]:
    """What a publisher's browser and a program send."""
    work = wiring.administration(lambda: None)
    with wiring.database.write() as connection:
        if find_account(connection, "bench") is None:
            make_account(connection, "bench", "a long password of a bench", Role.OWNER, now=work.now())
        # One of its own: another run of the same database must not lose its.
        token = f"bench {os.getpid()}"
        if find_named(connection, token) is not None:
            revoke_token(connection, token)
        account = find_account(connection, "bench")
        assert account is not None
        cookie = begin_session(connection, account.id, now=work.now(), idle=timedelta(hours=9))
        _, secret = add_token(connection, token, list(TokenScope), now=work.now(), life=timedelta(days=1))
    return {
        "Cookie": f"{COOKIE}={cookie}",
        "Authorization": f"Bearer {secret}",
        "Accept-Encoding": "identity",
    }


def sent_for(asked: Asked, headers: dict[str, str]) -> dict[str, str]:
    """What is sent to ask for a page: of ``headers`` (``log_in``) no more than it is for."""
    is_mine = asked.path.startswith(("/admin", "/api")) and not asked.is_stranger
    return headers if is_mine else {"Accept-Encoding": "identity"}


def next_page(asked: Asked, body: bytes) -> Asked | None:
    """The page after it, where it leads to one."""
    if asked.path.startswith("/api/"):
        try:
            then = json.loads(body).get("next")
        except (ValueError, AttributeError):
            return None
        link = None if not then else f"{asked.path}{'&' if '?' in asked.path else '?'}cursor={then}"
    else:
        found = _NEXT.search(body.decode(errors="replace"))
        link = None if found is None else unescape(found[1])
    if link is None:
        return None
    return Asked(f"{asked.name}, the next page", urljoin(asked.path, link), is_page=asked.is_page)
