"""The way to sign up, as it stands on pages of posts."""

from typing import TYPE_CHECKING, Optional

from sqlalchemy import Connection
from starlette.responses import Response

from web.links import Links
from web.pages import Pages
from web.security import SCRIPTED

if TYPE_CHECKING:
    from web.readers.signupform import SignupForm

Ways = tuple[Optional["SignupForm"], str | None]


def way_to_sign_up(connection: Connection, pages: Pages, links: Links, label: str | None) -> Ways:
    """The form for a label (or for anything), and a link to where one signs up; either may be None."""
    if not pages.has_signup:
        return None, pages.signup(links, label)
    from web.readers.signupform import signup_way  # noqa: PLC0415 # others need no digests

    return signup_way(connection, pages, links, label)


def with_form(answer: Response, form: object | None) -> Response:
    """The answer, with leave for the script that helps with the form."""
    if form is not None:
        answer.headers.update(SCRIPTED)
    return answer


def what_is_offered(connection: Connection, pages: Pages) -> str:
    """What changes whenever links to where readers sign up may, on pages that are files."""
    if not pages.has_signup:
        return ""
    from digests.store import list_digests  # noqa: PLC0415 # others need no digests

    return repr(sorted((its.slug, its.rule) for its in list_digests(connection)))
