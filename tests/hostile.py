"""A blog of an attacker's, for tests: names, texts and addresses made to break out of wherever they stand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from posts.model import Enclosure, SourcePost

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SITE = "https://blog.example"
SCRIPT = "<script>alert(1)</script>"
NAMES_OF_LABELS = [
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\boot.ini",
        "a/b",
        ".",
        "..",
        "...",
        "/",
        "\\",
        "~",
        "$HOME",
    ),
    *("CON", "nul", "LPT1.txt", "a:b", "%2e%2e", "%2e%2e%2fetc", "%00", "a%b", "?", "#", "&", "+", ",", "-"),
    *("a?b=c", "a#b", "a+b", "a,b", "-a", "--help", "-rf", "*", "|", ";rm -rf ~", "`id`", "$(id)", "{{7*7}}"),
    *(
        "a\x00b",
        "\x07\x1b[31m",
        "a\nb",
        "a\r\nSet-Cookie: x=1",
        "\u202egnp.exe",
        "\u200b",
        "\ufeffx",
        "\ud800x",
    ),
    *("🤷🏽‍♀️", "e\u0301", "é", "K", "ﬁ", "ß", "İ", "日本語", "ا" * 200, "x" * 500, "🤷" * 500),
    *(SCRIPT, "]]>", "<!--", "-->", "--", "<![CDATA[", "&lt;b&gt;", "&amp;amp;", '"', "'", '"><img src=x>'),
    *("all", "index", "archive", "authors", "feeds.opml", "all.atom", ".htaccess", ".labelcast-feeds.json"),
]
BODIES = [
    f"<p>a</p>{SCRIPT}<p>b</p>",
    "<img src=x onerror=alert(1)><svg onload=alert(1)><svg><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>a</a><a href=' java\nscript:x'>b</a><a href='&#106;avascript:x'>c</a>",
    "<iframe src='javascript:alert(1)'></iframe><object data='data:text/html,x'></object><embed src=x>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form action='javascript:x'><button formaction='javascript:x'>a</button><input onfocus=x></form>",
    "<style>@import 'javascript:x'; p { background: url(javascript:x) }</style><p style='x:expression(x)'>",
    "<base href='https://evil.example/'><meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "]]>&lt;script&gt;alert(1)&lt;/script&gt; &#0; &#x1F; &nosuch; \x00\x0b\ufffe\ud800 </content></entry>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript><template><script>x</script>",
    "<a href='vbscript:x'>a</a><a href='data:text/html,<script>alert(1)</script>'>b</a><img src='file:///etc'>",
    "</article></main></body></html><script>alert(1)</script>",
    "<p>" * 2000 + "deep",
]
URLS = [
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "https://[::1",
    "https://a/\r\nX: y",
    "//b",
]

HEADERS = ["", "\x7f", ",,,", '"', '"' * 5000, "é" * 100, ";q=", "*;q=2", "../..", "W/", "Thu, 99 Foo 0000"]


def hostile_posts() -> Iterator[SourcePost]:
    """Each name as a label, a title and an author; each body; each URL wherever one may stand."""
    for number, name in enumerate(NAMES_OF_LABELS):
        url = URLS[number % len(URLS)]
        moment = NOW - timedelta(hours=number)
        yield SourcePost(
            uri=f"tag:blog.example,2026:{number}" if number % 3 else f"{name}{number}",
            url=url if number % 2 else f"{SITE}/{name}/{number}",
            title=name,
            html=BODIES[number % len(BODIES)],
            published=moment,
            updated=moment,
            labels=(name, "News"),
            authors=(name,),
            enclosures=(Enclosure(url, "text/html\r\nX: y", 1), Enclosure(f"{SITE}/{name}", name, -1)),
            picture=url,
            language=name,
        )
