"""Every page that there is, by the application's own routes, of the things of ``benchmarks.publication``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import func, select
from starlette.routing import Route

from benchmarks.blog import label_name
from benchmarks.filling import slug_of
from benchmarks.publication import QUESTION, TOKEN
from digests.model import edition
from labelcast.wiring import Wiring
from posts.model import label, post
from subscribers.model import address_change
from subscribers.tokens import dated
from web.model import job

__all__ = ["Asked", "asked_pages"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A page and its address. ``is_page``: a person reads it in a browser, so it is not to be large.

    ``is_stranger``: it is for who is not logged in.
    """

    name: str
    path: str
    is_page: bool = True
    status: int = 200
    is_stranger: bool = False


# What is no page by GET, and why: it is not asked for.
NO_PAGES = {
    "/admin": "leads on to /admin/",
    "/api": "leads on to /api/docs",
    "/admin/logout": "a button's",
    "/admin/digests/{slug}/introduction": "a button's",
    "/admin/digests/{slug}/resume": "a button's",
    "/admin/digests/{slug}/test": "a button's",
    "/admin/readers/{number:int}/data": "a button's",
    "/admin/account/password": "a button's",
    "/admin/account/sessions": "a button's",
}


def asked_pages(wiring: Wiring) -> list[Asked]:
    """All of them; says which routes are not among them."""
    with wiring.database.read() as connection:
        labels = connection.execute(select(func.count()).select_from(label)).scalar_one()
        editions = connection.execute(
            select(edition.c.id)
            .where(edition.c.digest_id == 1, edition.c.labels == "")
            .order_by(edition.c.id)
        ).scalars()
        middle = list(editions)[-3]
        some = connection.execute(
            select(post.c.id).where(post.c.state == "live").order_by(post.c.id.desc())
        ).scalars()
        live = next(iter(some))
        change = connection.execute(select(address_change.c.id)).scalars().first() or 0
        imports = {row.kind: row.id for row in connection.execute(select(job.c.kind, job.c.id))}
    found = [
        *_public(labels, middle, live),
        *_readers(wiring, change),
        *_admin(labels, middle, live, imports),
        *_programs(middle, live),
    ]
    _tell_missing(wiring, found)
    return found


def _public(labels: int, edition_id: int, post_id: int) -> Iterator[Asked]:
    seldom, hot = slug_of(labels - 1), slug_of(0)
    words = "water+school"
    for name, path in {
        "front page": "/",
        "labels": "/labels",
        "labels, further on": f"/labels?after={quote(label_name(labels // 2))}",
        "labels by a part": "/labels?q=12",
        "authors": "/authors",
        "configured feeds": "/feeds",
        "all posts": "/labels/all",
        "most used label": f"/labels/{hot}",
        "label nobody chose": f"/labels/{seldom}",
        "month of a label": f"/labels/{hot}/2020-03",
        "year of a label": f"/labels/{hot}/2020",
        "rule of labels": f"/labels/{hot}+{slug_of(1)}",
        "rule of labels, or and not": f"/labels/{hot},{slug_of(1)},-{slug_of(2)}",
        "configured feed's page": "/labels/feed-0",
        "author": "/authors/author-1",
        "month of an author": "/authors/author-1/2020-03",
        "post": f"/posts/{post_id}",
        "search": f"/search?q={words}",
        "search, a frequent word": "/search?q=water",
        "search, nothing found": "/search?q=zyzzyva",
        "search, a month": "/search?q=water&month=2020-03",
        "search in a label": f"/labels/{hot}?q=water",
        "search by an author": "/authors/author-1?q=water",
        "digests": "/digests",
        "big digest": "/digests/digest-0",
        "small digest": "/digests/digest-9",
        "edition": f"/digests/digest-0/{edition_id}",
        "sign up": "/subscribe",
        "sign up for a label": f"/subscribe?label={seldom}&label={hot}",
        "sign up, embedded": "/subscribe/embed",
        "sign up, embedded, by a part": "/subscribe/embed?more=12,laebl+0012",
        "sign up, in a frame": "/subscribe/frame",
        "new links": "/subscribe/links",
    }.items():
        yield Asked(name, path)
    yield Asked("a label that is none", f"/labels/{slug_of(1)}x", status=404)
    yield Asked("labels that are none", "/labels/laebl-0012+lable99+nothing-alike", status=404)
    yield Asked("an address that is none", "/nothing/here", status=404)
    for name, path in {
        "feed of all posts": "/feeds/all.atom",
        "feed of a label": f"/feeds/{hot}.rss",
        "feed of a rule": f"/feeds/{hot},{slug_of(1)}.json",
        "archive document": "/feeds/all/archive/1.atom",
        "Blogger's feed": "/feeds/posts/default",
        "OPML of all feeds": "/feeds.opml",
        "feed of a digest": "/digests/digest-0.atom",
        "message of a digest": "/admin/digests/digest-0/preview/message.eml",
        "script of the publisher's pages": "/admin/script.js",
        "metrics": "/metrics",
        "health": "/healthz",
        "readiness": "/readyz",
        "style": "/style.css",
        "script": "/script.js",
    }.items():
        yield Asked(name, path, is_page=False)


def _readers(wiring: Wiring, change: int) -> Iterator[Asked]:
    sign, day = wiring.signer.sign, wiring.administration(lambda: None).now().date()
    for purpose in ("preferences", "unsubscribe", "stop", "resubscribe"):
        yield Asked(f"reader's {purpose}", f"/{purpose}/{sign(purpose, 1)}")
    for page in ("address", "data", "erase"):
        yield Asked(f"reader's {page}", f"/preferences/{sign('preferences', 1)}/{page}")
    for end in ("old", "new", "no"):
        token = sign(f"address-{end}", change)
        yield Asked(f"reader's change of address, {end}", f"/address-{end}/{token}")
    yield Asked("reader's question", f"/confirm/{sign('confirm', QUESTION)}")
    token = sign("data", dated(1, day))
    yield Asked("reader's data, by mail", f"/data/{token}")
    yield Asked("reader's data, the file", f"/data/{token}/labelcast.json", is_page=False)


def _admin(labels: int, edition_id: int, post_id: int, imports: Mapping[str, int]) -> Iterator[Asked]:
    hot, seldom, rule = slug_of(0), slug_of(labels - 1), quote(f'"{label_name(0)}" or "{label_name(1)}"')
    many = quote("not (" + " or ".join(f'"{label_name(n)}"' for n in range(100)) + ")")
    filters = {
        "overview": "/",
        "account": "/account",
        "accounts": "/accounts",
        "audit": "/audit",
        "doctor": "/doctor",
        "settings": "/settings",
        "tokens": "/tokens",
        "feeds": "/feeds",
        "feeds found": "/feeds?q=label-00",
        "new feed": "/feeds/new",
        "configured feed": "/feeds/configured/feed-0",
        "configured feed, deletion": "/feeds/configured/feed-0/delete",
        "private feed's keys": "/feeds/configured/feed-50/keys",
        "label, most used": f"/feeds/label/{hot}",
        "label, nobody chose": f"/feeds/label/{seldom}",
        "label, rename": f"/feeds/label/{hot}/rename?to=New",
        "label, merge": f"/feeds/label/{hot}/merge?to={quote(label_name(1))}",
        "label nobody chose, merge": f"/feeds/label/{seldom}/merge?to={quote(label_name(1))}",
        "label, delete": f"/feeds/label/{hot}/delete",
        "label nobody chose, delete": f"/feeds/label/{seldom}/delete",
        "completion": "/feeds/labels?q=label+00",
        "completion, a word": "/feeds/labels?q=9",
        "completion, nothing": "/feeds/labels?q=laebl+0012",
        "matches": f"/feeds/matches?rule={rule}",
        "matches, not": f"/feeds/matches?rule=not+({rule})",
        "matches, not 100 labels": f"/feeds/matches?rule={many}",
        "matches, names that are none": "/feeds/matches?rule=laebl+or+Lable99+or+%22Labl+0007%22",
        "posts": "/posts",
        "posts by words": "/posts?q=water",
        "posts by words and a rule": f"/posts?q=water&rule={rule}",
        "posts under a rule": f"/posts?rule={rule}",
        "posts of days": "/posts?since=2020-01-01&until=2020-02-01",
        "post": f"/posts/{post_id}",
        "post's text": f"/posts/{post_id}/text",
        "posts to change": f"/posts/change?do=add&label=New&which=all&rule={rule}",
        "all posts to hide": "/posts/change?do=hide&which=all",
        "import": "/import",
        "digests": "/digests",
        "new digest": "/digests/_new",
        "new digest, live": f"/digests/_live?rule={rule}&cadence=weekly&at=mon+08:00&timezone=UTC&slug=x",
        "big digest": "/digests/digest-0",
        "big digest, change": "/digests/digest-0/edit",
        "big digest, preview": "/digests/digest-0/preview",
        "big digest, send": "/digests/digest-0/send",
        "big digest, pause": "/digests/digest-0/pause",
        "big digest, remove": "/digests/digest-0/remove",
        "small digest": "/digests/digest-9",
        "deliveries": "/deliveries",
        "deliveries of a digest": "/deliveries?digest=digest-0",
        "edition": f"/deliveries/{edition_id}",
        "answers": "/deliveries/answers",
        "doubt": "/deliveries/doubt",
        "again": "/deliveries/again?state=failed",
        "charts of mail": "/deliveries/charts",
        "readers": "/readers",
        "readers by a beginning": "/readers?q=reader12",
        "readers by a domain": "/readers?q=@gmail.example",
        "readers by a part": "/readers?q=eader77",
        "reader by address": "/readers?q=reader77@d45.example",
        "readers of a digest": "/readers?digest=digest-0",
        "readers of a digest and state": "/readers?digest=digest-9&state=suppressed",
        "readers of a digest, by domain": "/readers?digest=digest-9&q=@d7.example",
        "charts of readers": "/readers/charts",
        "export": "/readers/export",
        "readers' import": "/readers/import",
        "reader": "/readers/2",
        "reader of many mails": "/readers/1",
        "reader's unsubscribing": "/readers/1/unsubscribe",
        "reader's erasure": "/readers/1/erase",
        "an account": "/accounts/bench",
        "an account's removal": "/accounts/bench/remove",
        "token's revocation": f"/tokens/{quote(TOKEN)}/revoke",
        "an import": f"/import/{imports['posts.import']}",
        "an import's state": f"/import/{imports['posts.import']}/state",
        "readers' import, one": f"/readers/import/{imports['readers.import']}",
        "readers' import, its state": f"/readers/import/{imports['readers.import']}/state",
        "audit of an action": "/audit?action=feed.change",
        "audit of an account": "/audit?actor=account:anna",
        "audit of a pair": "/audit?actor=account:anna&action=digest.change",
        "again, doubt": "/deliveries/again?state=in_doubt",
        "edition's standing": f"/deliveries/{edition_id}/standing",
        "edition again": f"/deliveries/{edition_id}/again?state=failed",
        "big digest, the mail": "/digests/digest-0/preview/mail",
    }
    for show in ("configured", "labels", "private"):
        filters[f"feeds, {show}"] = f"/feeds?show={show}"
    for order in ("posts", "readers", "changed"):
        filters[f"feeds by {order}"] = f"/feeds?sort={order}"
    for state in ("live", "private", "scheduled", "draft", "deleted", "hidden"):
        filters[f"posts, {state}"] = f"/posts?state={state}"
    for state in ("pending", "confirmed", "suppressed", "erased"):
        filters[f"readers, {state}"] = f"/readers?state={state}"
    for state in ("sent", "failed", "queued", "deferred", "skipped", "in_doubt", "sending"):
        filters[f"edition's {state}"] = f"/deliveries/{edition_id}?state={state}"
        filters[f"reader's {state}"] = f"/readers/1?state={state}"
    for name, path in filters.items():
        if name != "reader's sending":
            yield Asked(f"admin: {name}", f"/admin{path}")
    yield Asked("admin: login", "/admin/login", is_stranger=True)
    yield Asked(
        "admin: import's report", f"/admin/import/{imports['posts.import']}/report.json", is_page=False
    )


def _programs(edition_id: int, post_id: int) -> Iterator[Asked]:
    for path in (
        "/docs",
        "/openapi.json",
        "/posts",
        "/posts?html=true",
        f"/posts?label={quote(label_name(0))}",
        "/posts?words=water",
        "/posts?state=draft",
        f"/posts/{post_id}",
        f"/post?url=https://bench.example/posts/{post_id - 1}",
        "/labels",
        f"/labels/{slug_of(0)}",
        "/feeds",
        "/feeds/feed-0",
        "/digests",
        "/digests/digest-0",
        "/editions",
        "/editions?digest=digest-0",
        f"/editions/{edition_id}",
        "/deliveries",
        "/deliveries?state=failed",
        f"/deliveries?edition={edition_id}",
        "/subscribers",
        "/subscribers?state=suppressed",
        "/subscribers?digest=digest-9",
        "/subscribers?email=@d7.example",
        "/subscribers/2",
        "/subscribers/1/data",
        "/posts?html=true&limit=100",
        "/labels?limit=100",
        "/feeds?limit=100",
        "/digests?limit=100",
        "/editions?limit=100",
        "/deliveries?state=in_doubt&limit=100",
        f"/deliveries?edition={edition_id}&state=failed&limit=100",
        "/deliveries?state=sent&limit=100",
        "/deliveries?state=sending&limit=100",
        "/subscribers?limit=100",
        "/subscribers?email=reader12&limit=100",
        "/subscribers?email=@gmail.example&state=suppressed&limit=100",
    ):
        yield Asked(f"API: {path}", f"/api{path}", is_page=path == "/docs")


def _tell_missing(wiring: Wiring, found: list[Asked]) -> None:
    """Name the routes by GET that no page is of."""
    paths = [one.path.partition("?")[0] for one in found]
    for route in wiring.app().routes:
        if not isinstance(route, Route) or "GET" not in (route.methods or ()):
            continue
        if route.path not in NO_PAGES and not any(route.path_regex.match(path) for path in paths):
            print(f"not asked: {route.path}")
