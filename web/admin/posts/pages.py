"""The publisher's posts: found by words, labels, state and date, and one of them with all that is stored."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from markupsafe import Markup
from sqlalchemy import Connection, Row, select
from starlette.responses import Response
from starlette.routing import Route

from digests.model import digest, edition, edition_post
from posts.finding import AT_ONCE, COUNTED_TO, Shelf, count_found, find_page, shelf_of
from posts.labels import label_key
from posts.lookup import load_labels
from posts.model import Post, post
from posts.overrides import NOTHING_SAID, Override, overrides_of
from posts.reading import get_posts
from posts.rules import HasLabel
from web.admin.frame import Frame, Shown, Visit
from web.admin.posts.asked import asked_by
from web.blog.cursors import read_cursor, write_cursor
from web.security import PRIVATE, policy

PAGE = 50
TABS = [("Posts", "/posts"), ("Import", "/import")]
# How a state looks; its word says what it is.
KINDS = {
    "live": "good",
    "scheduled": "wait",
    "private": "wait",
    "hidden": "bad",
    "deleted": "off",
    "draft": "off",
}
# What a post holds is shown in a document of its own: no script, no form, no link that takes the page away.
_TEXT = PRIVATE | {
    "Content-Security-Policy": policy(
        style_src="'self'",
        img_src="'self' https: http: data:",
        media_src="https: http:",
        frame_ancestors="'self'",
        form_action="'none'",
        sandbox="allow-popups allow-popups-to-escape-sandbox",
    )
}
_MAILED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PostsPages:
    """``/admin/posts`` and a page for each post."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            self.frame.route("/posts", self.list),
            self.frame.route("/posts/{number:int}", self.one),
            self.frame.route("/posts/{number:int}/text", self.text),
        ]

    def list(self, visit: Visit) -> Shown:
        """The posts that were asked for, newest first."""
        asked = asked_by(visit)
        context: dict[str, Any] = {"asked": asked, "tabs_": TABS, "shelves": list(Shelf), "kinds": KINDS}
        if asked.wrong:
            return Shown("posts.html", context | {"found": None}, 422)
        before, after = read_cursor(visit.query("before")), read_cursor(visit.query("after"))
        with self.frame.database.read() as connection:
            found = find_page(connection, asked.wanted, before=before, after=after, limit=PAGE)
            number = count_found(connection, asked.wanted)
        context |= {
            "found": found.posts,
            "number": number,
            "counted_to": COUNTED_TO,
            "at_once": AT_ONCE,
            "older": found.older and asked.query(before=write_cursor(found.older)),
            "newer": found.newer and asked.query(after=write_cursor(found.newer)),
        }
        return Shown("posts.html", context)

    def one(self, visit: Visit) -> Shown | Response:
        """All that is stored of one post."""
        number = int(visit.path("number"))
        with self.frame.database.read() as connection:
            found = _find(connection, number)
            if found is None:
                return self._none(visit)
            said = overrides_of(connection, [number]).get(number, NOTHING_SAID)
            further = connection.execute(
                select(post.c.was_withdrawn, post.c.withdrawn_at, post.c.edited_at).where(post.c.id == number)
            ).one()
            mailed = _mailed(connection, number)
            index = load_labels(connection, said.removed)
        meant = {key: index.named(key) for key in said.removed}
        removed = [one.name if one else key for key, one in meant.items()]
        shelf = shelf_of(found.state, is_hidden=said.is_hidden)
        return Shown(
            "post.html",
            {
                "post": found,
                "shelf": shelf,
                "kinds": KINDS,
                "tabs_": TABS,
                "said_of": said,
                "labels": [(name, f"?{urlencode({'rule': HasLabel(name)})}") for name in found.labels],
                "by_hand": by_hand(found, said),
                "removed": removed,
                "further": further,
                "mailed": mailed[:_MAILED_SHOWN],
                "has_more_mailed": len(mailed) > _MAILED_SHOWN,
                "source": web_address(found.url),
            },
        )

    def text(self, visit: Visit) -> Response:
        """A post's text as it is stored, in a document that can do nothing."""
        with self.frame.database.read() as connection:
            found = _find(connection, int(visit.path("number")))
        if found is None:
            return self._none(visit)
        links = self.frame.pages.links(visit.request)
        body = self.frame.pages.text(links, "admin/post_text.html", post=found, html=Markup(found.html))  # noqa: S704 - cleaned when it was stored
        sent = b"" if visit.request.method == "HEAD" else body
        headers = _TEXT | {"Content-Length": str(len(body))}
        return Response(sent, headers=headers, media_type="text/html; charset=utf-8")

    def _none(self, visit: Visit) -> Response:
        words = f"There is no post {visit.path('number')} here."
        return self.frame.refuse(visit.request, 404, words, visit.login)


def by_hand(found: Post, said: Override) -> set[str]:
    """Those of a post's labels that it has because a publisher said so."""
    keys = {label_key(name) for name in said.added}
    return {name for name in found.labels if label_key(name) in keys}


def web_address(url: str | None) -> str | None:
    """A post's address where a link may lead there; None for any other."""
    try:
        is_web = url is not None and urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return None
    return url if is_web else None


def _find(connection: Connection, number: int) -> Post | None:
    # Above that no database counts.
    found = get_posts(connection, [number]) if number < 1 << 63 else []
    return found[0] if found else None


def _mailed(connection: Connection, number: int) -> list[Row[Any]]:
    """The last editions that a post was mailed in."""
    query = (
        select(edition.c.id, digest.c.slug, edition.c.window_end, edition.c.rendered_at)
        .join(edition_post, edition_post.c.edition_id == edition.c.id)
        .join(digest, digest.c.id == edition.c.digest_id)
        .where(edition_post.c.post_id == number, edition.c.message.is_not(None), edition.c.reason.is_(None))
        .order_by(edition.c.id.desc())
        .limit(_MAILED_SHOWN + 1)
    )
    return list(connection.execute(query))
