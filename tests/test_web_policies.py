"""What every page tells browsers not to do, and that no page of ours does it."""

import re
from pathlib import Path
from typing import Any

from lxml import html

from tests.besieged import Besieged, addresses


def test_every_page_has_a_policy_that_lets_no_script_of_others_run(besieged: Besieged) -> None:
    site = besieged
    owner, program = site.client(is_in=True), site.client()
    program.headers["authorization"] = f"Bearer {site.secret}"
    pages = 0
    paths = [path for _, path in addresses(site, acting=False)]
    for path in [
        *paths,
        *site.links(),
        "/labels/nope",
        "/unsubscribe/x",
        "/admin/nope",
        f"/digests/digest/{site.edition}",
    ]:
        answer = (program if path.startswith("/api") else owner).get(path)
        policy = answer.headers["content-security-policy"]
        said = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert said["default-src"] == "'none'", path
        assert "unsafe-eval" not in policy, path
        assert "unsafe-inline" not in said.get("script-src", ""), path
        assert said.get("script-src", "'self'") == "'self'", path
        assert said["base-uri"] == "'none'", path
        assert "frame-ancestors" in said, path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("text/html") or not answer.text.strip():
            continue
        pages += 1
        page: Any = html.fromstring(answer.text)
        scripts = page.xpath("//script[not(@type='application/ld+json')]")
        assert all(one.get("src") and not (one.text or "").strip() for one in scripts), path
        # Where there is none of ours, none may run.
        assert bool(scripts) or "script-src" not in said or path.startswith(("/admin", "/subscribe")), path
        assert not page.xpath("//@*[starts-with(name(), 'on')]"), path
        if "unsafe-inline" in said.get("style-src", ""):
            # A mail, as it was sent: in a sandbox.
            assert "sandbox" in said, path
            assert "script-src" not in said, path
        else:
            assert not page.xpath("//style | //*[@style][not(ancestor-or-self::*[@class='body'])]"), path
    assert pages > 60


def test_no_template_of_a_page_has_a_script_or_a_style_within(checkout: Path) -> None:
    looked = 0
    for file in sorted((checkout / "templates" / "page").rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        if file.name != "edition_bar.html":
            # That one stands around a mail, in its sandbox.
            assert "<style" not in text, file
        # But for the frame to be copied, which is text.
        plain = re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)
        assert not re.search(r"\sstyle\s*=", plain), file
        code = re.sub(r"\{[{%].*?[%}]\}", "", plain, flags=re.DOTALL)
        assert not re.search(r"<[^>]*\son[a-z]+\s*=", code), file
        assert not re.search(r"javascript:", text), file
        for tag, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
            assert "src=" in tag or "application/ld+json" in tag, file
            assert not body.strip() or "application/ld+json" in tag, file
        looked += 1
    assert looked > 50
    for file in sorted((checkout / "templates" / "page").rglob("*.js")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(
            r"\beval\(|new Function|document\.write|setTimeout\(['\"]|insertAdjacentHTML", text
        )
