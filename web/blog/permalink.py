"""``/posts/{id}``: the page of a post of its own."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from posts.authors import author_slugs
from posts.model import Post, PostState
from posts.reading import get_posts
from posts.withdrawals import is_withdrawn
from web.blog.entries import bylines, labelled, page_html
from web.blog.structured import as_json_ld, blog, posting
from web.links import post_url
from web.missing import Missing
from web.pages import Pages

_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class PostPages:
    """Serves a page for each live post.

    A post that readers once had is gone (410); one that they never had is as if it were not there (404).
    """

    database: Database
    pages: Pages
    missing: Missing

    def routes(self) -> list[Route]:
        """The addresses."""
        return [Route("/posts/{id}", self.post)]

    def post(self, request: Request) -> Response:
        """A post whole, with where it came from."""
        if _ID.fullmatch(request.path_params["id"]) is None:
            return self.missing.nothing(request)
        post_id = int(request.path_params["id"])
        with self.database.read() as connection:
            found = get_posts(connection, [post_id])
            if not found or found[0].state is not PostState.LIVE:
                return self.missing.post(request, is_gone=is_withdrawn(connection, post_id))
            return self._shown(request, connection, found[0])

    def _shown(self, request: Request, connection: Connection, post: Post) -> Response:
        site, links = self.pages.site, self.pages.links(request)
        slugs = author_slugs(connection, post.authors)
        url = post.url or post_url(site, post.id)
        facts = posting(post, site, url=url, author_slugs=slugs) | {"isPartOf": blog(site)}
        return self.pages.render(
            request,
            "post.html",
            post=post,
            html=page_html(post.html, top=2),
            canonical=url,
            host=urlsplit(post.url).hostname if post.url else None,
            bylines=bylines(post, links, slugs),
            labels=labelled(post, links),
            structured=as_json_ld(facts),
        )
