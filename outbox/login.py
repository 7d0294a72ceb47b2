"""Logging in (RFC 4954): AUTH by PLAIN, LOGIN or XOAUTH2."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable

from outbox.accesstokens import AccessTokens, TokenUnavailable
from outbox.outcome import printable
from outbox.replies import Reply
from outbox.smtpurl import Auth, SmtpSettings

Ask = Callable[[bytes], Awaitable[Reply]]

_MECHANISMS: dict[Auth, str] = {"plain": "PLAIN", "login": "LOGIN", "xoauth2": "XOAUTH2"}


class LoginRefused(Exception):
    """The server lets us not in; one line says why, without the password."""


async def log_in(settings: SmtpSettings, offered: str, tokens: AccessTokens, ask: Ask) -> None:
    """Log in as the settings say, by a mechanism that is offered (``PLAIN LOGIN …``, as after EHLO).

    ``ask`` sends a line and gives its reply. Raises ``LoginRefused``, and whatever ``ask`` raises.
    """
    user, password = settings.user or "", settings.password or ""
    match _mechanism(settings.auth, offered):
        case "plain":
            token = b64encode(b"\0%b\0%b" % (user.encode(), password.encode()))
            reply = await ask(b"AUTH PLAIN %b\r\n" % token)
        case "login":
            reply = await ask(b"AUTH LOGIN\r\n")
            for secret in (user, password):
                if reply.code == 334:
                    reply = await ask(b64encode(secret.encode()) + b"\r\n")
        case _:
            reply = await _by_token(user, tokens, ask)
    if reply.code != 235:
        raise LoginRefused(f"the login of {printable(user)} was refused: {reply}")


def _mechanism(wanted: Auth | None, offered: str) -> Auth:
    known = offered.upper().split()
    tried: tuple[Auth, ...] = ("plain", "login") if wanted is None else (wanted,)
    for auth in tried:
        if _MECHANISMS[auth] in known:
            return auth
    names = " or ".join(_MECHANISMS[auth] for auth in tried)
    raise LoginRefused(f"the server offers no login by {names} (it offers {offered or 'none'})")


async def _by_token(user: str, tokens: AccessTokens, ask: Ask) -> Reply:
    """XOAUTH2; a kept token that is refused is asked for anew, once."""
    token, is_fresh = await _token(tokens, None)
    reply = await _bear(user, token, ask)
    if reply.code == 535 and not is_fresh:
        another, _ = await _token(tokens, token)
        if another != token:
            reply = await _bear(user, another, ask)
    return reply


async def _token(tokens: AccessTokens, refused: str | None) -> tuple[str, bool]:
    try:
        # In a thread: it may run a command, or wait for another connection's.
        return await asyncio.to_thread(tokens.token, refused=refused)
    except TokenUnavailable as error:
        raise LoginRefused(str(error)) from error


async def _bear(user: str, token: str, ask: Ask) -> Reply:
    """Show the token; a server that says why it refuses is let finish (RFC 7628, section 3.2.3)."""
    text = f"user={user}\x01auth=Bearer {token}\x01\x01"
    reply = await ask(b"AUTH XOAUTH2 %b\r\n" % b64encode(text.encode()))
    return await ask(b"\r\n") if reply.code == 334 else reply
