"""Hundreds of ways to inject a script, wherever a text may stand, shown by a browser that no policy helps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from starlette.testclient import TestClient

from database import open_database, upgrade
from posts.lookup import labels
from tests.besieged import NOW, SITE, TEMPLATES, Besieged
from tests.injections import CANARY, INJECTIONS, RUN
from web.admin.frame import COOKIE, CSRF_FIELD

KINDS = tuple(INJECTIONS.values())
FIELDS = {
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To"),
    *("Content-Transfer-Encoding", "Content-Language", "Auto-Submitted", "Precedence", "Archived-At"),
    *(
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "List-Archive",
        "List-Help",
        "List-Post",
        "Feedback-ID",
    ),
}
FILLED = (
    "email digest timezone at label name next title rule slug subtitle to introduction cadence language"
    " template url reader password day"
)
# What a page may hold that was not asked for by us: looked for in what the browser made of it.
LOOK = """() => {
  const bad = [];
  if (window.__ran) bad.push("it ran");
  const acts = new Set(["href", "src", "action", "formaction", "data", "poster", "xlink:href", "background"]);
  const good = new Set(["http:", "https:", "mailto:", "tel:", "xmpp:", "irc:", "ircs:", "ftp:", "sms:",
    "geo:", "magnet:", "news:", "nntp:", "webcal:", "sip:", "sips:", "ssh:", "callto:", "cid:", "about:"]);
  const told = (e, a) => bad.push(e.tagName + " " + a.name + "=" + a.value.slice(0, 80));
  for (const e of document.querySelectorAll("*")) {
    for (const a of e.attributes) {
      if (/^on|srcdoc|^x-|^hx-|^v-|^@/i.test(a.name)) told(e, a);
      if (!acts.has(a.name)) continue;
      let its = "";
      try { its = new URL(a.value, document.baseURI).protocol; } catch { continue; }
      if (a.value === "data:," && e.rel === "icon") continue;
      const isPicture = e.tagName === "IMG" && /^data:image\\/(png|gif|jpeg|webp)/.test(a.value);
      if (!good.has(its) && !isPicture) told(e, a);
    }
  }
  const css = [...document.querySelectorAll("style")].map(e => e.textContent).join("");
  if (/canary|pictures\\.example|@import/.test(css)) bad.push("style: " + css.slice(0, 200));
  for (const e of document.querySelectorAll(
    "base[href], object, embed, applet, frameset, portal, meta[http-equiv=refresh]," +
    "meta[http-equiv=set-cookie], script:not([src]):not([type='application/ld+json'])"
  )) bad.push(e.outerHTML.slice(0, 120));
  for (const e of document.forms)
    if (new URL(e.getAttribute("action") || "", document.baseURI).host !== location.host)
      bad.push(e.outerHTML);
  for (const e of document.querySelectorAll("script[type='application/ld+json']")) JSON.parse(e.textContent);
  return bad;
}"""


@dataclass(frozen=True)
class Said:
    """A page that is not the application's."""

    content: str
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/html; charset=utf-8"})


@dataclass
class Stage:
    """A browser that shows the site, whose answers come from the application itself."""

    site: Besieged
    page: Any
    somebody: TestClient
    owner: TestClient
    faults: list[str] = field(default_factory=list)
    posted: dict[str, Any] = field(default_factory=dict)
    shown: int = 0

    def answer(self, route: Any) -> None:
        """Answer what the browser asks; what it asks of others is a fault, but for pictures of posts."""
        request = route.request
        url, kind = urlsplit(request.url), request.resource_type
        if request.url in self.posted:
            self._pass(route, self.posted[request.url])
        elif kind in {"stylesheet", "script"} and request.url.startswith(f"{SITE}/"):
            # They are the same everywhere.
            self.posted[request.url] = self.somebody.get(request.url)
            self._pass(route, self.posted[request.url])
        elif request.url.startswith(f"{SITE}/"):
            client = self.owner if url.path.startswith("/admin") else self.somebody
            self._pass(route, client.get(request.url))
        elif CANARY not in request.url and url.scheme in {"http", "https"} and kind in {"image", "media"}:
            # It cannot be had, and what is to be done then is not done.
            route.abort()
        else:
            self.faults.append(f"{self.page.url} asks for {kind} {request.url[:200]}")
            route.abort()

    @staticmethod
    def _pass(route: Any, answer: Any) -> None:
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        route.fulfill(status=answer.status_code, headers=headers, body=answer.content)

    def see(self, url: str) -> None:
        """Show a page, and look at what is there."""
        url = url if ":" in url[:8] else SITE + url
        try:
            self.page.goto(url)
        except Exception as error:
            self.faults.append(f"{url[:200]}: {error}")
            return
        self.shown += 1
        if self.page.url.partition("?")[0].partition("#")[0] != url.partition("?")[0].partition("#")[0]:
            self.faults.append(f"{url[:200]} led to {self.page.url[:200]}")
        self.look(url)

    def look(self, what: str) -> None:
        """What is on the page now."""
        self.faults += [f"{what[:200]}: {bad}" for bad in self.page.evaluate(LOOK)]

    def see_answer(self, answer: Any, name: str) -> None:
        """Show what a form was answered with."""
        url = f"{SITE}/admin/answer/{name}"
        self.posted[url] = answer
        self.see(url)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """Every kind is a post's title, label, author, text, address and picture, and much else."""
    folder = tmp_path_factory.mktemp("injected")
    database = open_database(f"sqlite:///{folder / 'labelcast.db'}")
    upgrade(database)
    made = Besieged(database, folder, words=lambda: cycle(KINDS), posts=len(KINDS), bulk=60)
    client = made.client()
    for number, text in enumerate(KINDS):
        agent = "".join(one for one in text if " " <= one < "\x7f")
        client.get("/feeds/all.atom", headers={"user-agent": f"Reader{number}/1 {agent}"})
    made.wiring.readership.flush(NOW)
    yield made
    made.close()
    database.dispose()


@pytest.fixture(scope="module")
def stage(site: Besieged, browser: Any) -> Iterator[Stage]:
    """Without the policy that would stop a script: whatever runs is seen."""
    context = browser.new_context(bypass_csp=True, service_workers="block")
    context.add_cookies([{"name": COOKIE, "value": site.session, "url": f"{SITE}/admin", "secure": True}])
    page = context.new_page()
    made = Stage(site, page, site.client(), site.client(is_in=True))
    for client in (made.somebody, made.owner):
        client.follow_redirects = True
    context.route("**/*", made.answer)

    def said(dialog: Any) -> None:
        made.faults.append(f"{page.url}: a dialog, {dialog.message}")
        dialog.dismiss()

    page.on("dialog", said)
    context.on("page", lambda other: made.faults.append(f"{page.url} opened {other.url}"))
    yield made
    context.close()


def held(stage: Stage) -> None:
    """Nothing ran, and nothing stands where it could."""
    faults, stage.faults = stage.faults, []
    assert not faults, "\n".join(faults[:50])


def test_there_are_many_kinds() -> None:
    assert len(INJECTIONS) > 300
    assert len(set(KINDS)) == len(KINDS)


def test_what_stands_on_the_way_can_be_seen(stage: Stage) -> None:
    # Else nothing below would mean anything.
    for name, said in (
        ("script", f"<script>{RUN}</script>"),
        ("image", f"<img src=//{CANARY}/>"),
        ("dialog", "<script>alert(1)</script>"),
        ("link", "<a href=' javascript:x'>a</a>"),
        ("handler", "<p onclick=x>"),
    ):
        stage.see_answer(Said(said), f"hole/{name}")
        assert stage.faults, name
        stage.faults.clear()


def test_no_text_of_a_post_runs_on_a_page_for_all(stage: Stage) -> None:
    address = "/labels/all-of-it"
    pages = 0
    while address:
        stage.see(address)
        pages += 1
        address = stage.page.evaluate("document.querySelector('a[rel=next]')?.href || ''")
    assert pages >= len(KINDS) // 11
    slugs = [quote(one, safe="") for one in _slugs(stage.site)]
    for path in ("/", "/digests", "/feeds.opml", *(f"/labels/{slug}" for slug in slugs[::30])):
        stage.see(path)
    for number in range(1, 351, 25):
        stage.see(f"/posts/{number}")
    held(stage)


def test_no_feed_runs_in_a_browser(stage: Stage) -> None:
    for path in ("/feeds/all.atom", "/feeds/all.rss", "/feeds/feed-7.atom", "/digests/digest.atom"):
        stage.see(path)
    for number in range(1, 10, 3):
        stage.see(f"/feeds/all-of-it/archive/{number}.atom")
    held(stage)


def test_what_was_asked_for_is_said_again_as_text(stage: Stage) -> None:
    storable = [one.replace("\0", "").encode(errors="replace").decode() for one in KINDS]
    for number in range(len(storable) // 30 + 1):
        asked = " ".join(storable[30 * number :][:30])
        for path in (
            f"/search?q={quote(asked[:900])}",
            f"/labels/{quote(asked[:1500], safe='')}",
            f"/admin/feeds/new?rule={quote(asked[:900])}&title={quote(asked[:1500])}",
            f"/admin/posts?q={quote(asked[:1500])}",
            f"/subscribe?label={quote(asked[:900])}&digest={quote(asked[:90])}",
        )[number % 3 :: 3]:
            stage.see(path)
        form = {
            "email": asked,
            "digest": asked,
            "timezone": asked,
            "at": asked,
            "label": asked,
            "name": asked,
        }
        form |= {"next": asked, "title": asked, "rule": asked, "slug": asked, "subtitle": asked, "to": asked}
        form |= {"introduction": asked, "cadence": asked, "language": asked, "template": asked, "url": asked}
        mine = form | {CSRF_FIELD: stage.site.csrf}
        forms = ["/subscribe", "/subscribe/links", "/admin/login", "/admin/feeds/new", "/admin/digests/_new"]
        forms += ["/admin/digests/digest/edit", "/admin/feeds/configured/chosen", "/admin/accounts"]
        forms += ["/admin/tokens", "/admin/feeds/configured/private/keys", "/admin/import"]
        forms += ["/admin/digests/digest/pause", stage.site.link("preferences", 3)]
        forms += [stage.site.link("preferences", 3, "/address"), "/admin/feeds/label/label-1/rename"]
        for path in forms[number % 5 :: 5]:
            client = stage.owner if path.startswith("/admin") and "login" not in path else stage.somebody
            stage.see_answer(client.post(path, data=mine), f"{number}{path.replace('.', '')}")
    held(stage)


def test_nothing_of_it_runs_on_the_publishers_pages(stage: Stage) -> None:
    paths = [
        "/",
        "/posts",
        "/feeds",
        "/feeds?show=feeds",
        "/feeds/configured/private/keys",
        "/tokens",
        "/audit",
    ]
    paths += ["/feeds/configured/chosen", "/feeds/configured/feed-3", "/readers", "/readers/1", "/settings"]
    paths += ["/digests", "/deliveries", "/deliveries/answers", "/deliveries/doubt", "/import", "/import/1"]
    paths += ["/import/1/state", "/readers/import/2", "/readers/import", "/account", "/accounts", "/doctor"]
    pages = ("", "/edit", "/preview", "/preview/mail")
    paths += [f"/digests/{slug}{page}" for slug in TEMPLATES for page in pages]
    paths += ["/feeds/label/label-1/delete", "/feeds/label/label-1", "/tokens/0/revoke", "/readers/charts"]
    paths += [f"/posts/{number}{page}" for number in range(2, 351, 50) for page in ("", "/text")]
    for path in paths:
        stage.see(f"/admin{path}")
    held(stage)


def test_what_a_script_of_ours_puts_into_a_page_is_text_too(stage: Stage) -> None:
    stage.see("/admin/feeds/new")
    # As it does while somebody types, for every kind; and once by typing.
    asked = [f"/admin/feeds/matches?rule={quote(one.encode(errors='replace'))}" for one in KINDS[::3]]
    live = "/admin/digests/_live?rule=all&title="
    asked += [f"{live}{quote(one.encode(errors='replace'))}" for one in KINDS[1::9]]
    stage.page.evaluate(
        """async asked => { for (const one of asked) {
          const into = document.body.appendChild(document.createElement("div"));
          into.innerHTML = await (await fetch(one)).text(); } }""",
        asked,
    )
    stage.look("fragments")
    stage.see("/admin/feeds/new")
    with stage.page.expect_response("**/feeds/matches*"):
        stage.page.fill("[name=rule]", '"All of it"')
    stage.page.locator("[name=rule]").press_sequentially(" or <s")
    stage.page.wait_for_function("document.querySelector('#matches').textContent.length > 50")
    stage.look("typed")
    held(stage)


def test_no_mail_runs_in_a_browser(stage: Stage) -> None:
    parts = 0
    for edition in range(stage.site.edition, stage.site.edition + 5):
        for slug in (*TEMPLATES, "instant"):
            if stage.somebody.get(f"/digests/{slug}/{edition}").status_code == 200:
                stage.see(f"/digests/{slug}/{edition}")
    for number, mail in enumerate(stage.site.mails()):
        for part in message_from_bytes(mail, policy=default).walk():
            if part.get_content_type() == "text/html":
                stage.see_answer(Said(part.get_content()), f"mail/{number}")
                parts += 1
    assert parts > 8
    held(stage)


def test_no_mail_has_another_header_or_a_template_that_was_run(site: Besieged) -> None:
    for mail in site.mails():
        message = message_from_bytes(mail, policy=default)
        assert set(message.keys()) <= FIELDS
        assert not [name for name in FIELDS if len(message.get_all(name, [])) > 1]
        assert CANARY not in " ".join(str(message[name]) for name in ("To", "From", "Cc", "Bcc", "Reply-To"))
        for part in message.walk():
            if part.get_content_maintype() == "text":
                assert str(7 * 7191) not in part.get_content()


def _slugs(site: Besieged) -> list[str]:
    with site.database.read() as connection:
        return [one.slug for one in labels(connection)]
