"""Posts, editions and a publisher to render mails of, for every test that looks at mails."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from digests.model import Digest, Edition, Options
from digests.rendering.message import Publisher
from posts.model import Post, PostState
from templates import environment

ENVIRONMENT = environment()
SHIPPED = ("compact", "digest", "plain", "text")
TOKENS = {
    "TO": b"reader@example.net",
    "MESSAGE_ID": b"<7.1@news.example.org>",
    "UNSUBSCRIBE": b"Unsubscribe-token",
    "PREFERENCES": b"Preferences-token",
    "STOP": b"Stop-token",
}
LONG = (
    "<h2>What happened</h2>"
    + (
        "<p>The committee met on Tuesday evening and heard from nine residents who had asked for the "
        'bridge to be kept open. <a href="https://news.example.org/m">The minutes</a> fill forty pages. '
        "Nobody asked for it to be closed.</p>"
    )
    * 6
)
SHORT = (
    '<p>The library opens an hour earlier from Monday on. <a href="https://library.example/hours">All '
    "hours</a> are on its page.</p><ul><li>Monday to Friday from 8:00</li><li>Saturday from 9:00</li></ul>"
)
PICTURE = (
    '<p><img src="https://news.example.org/bridge.jpg" alt="The bridge at dawn"'
    ' width="1600" height="900"></p>'
)
RICH = (
    "<p>Three figures from the yearly report:</p><h1>Figures</h1>"
    "<table><thead><tr>" + "".join(f"<th>Quarter number {n}</th>" for n in range(1, 9)) + "</tr></thead>"
    "<tbody><tr>" + "<td>1,234,567</td>" * 8 + "</tr></tbody></table>"
    '<p><img src="https://news.example.org/bridge.jpg" alt="The bridge at dawn" width="1600" height="900">'
    "</p>"
    '<img src="https://counter.example/p.gif" width="1" height="1">'
    "<blockquote><p>It is a fine bridge.</p></blockquote>"
    "<pre><code>total = sum(crossing.cars for crossing in crossings if crossing.day == today and open)\n"
    "</code></pre><ol start='3'><li>Third</li><li>Fourth</li></ol>"
    '<p>Watch it: <iframe src="https://video.example/embed/1"></iframe></p>'
    "<p>" + "https://very.long.example/" + "path" * 40 + "</p>"
)


def make_post(
    number: int, title: str, html: str, *, labels: tuple[str, ...] = ("Town",), **more: object
) -> Post:
    published = datetime(2026, 11, 9, 12, tzinfo=UTC) - timedelta(days=number)
    post = Post(
        id=number,
        uri=f"tag:news.example.org,2026:{number}",
        url=f"https://news.example.org/2026/11/{number}",
        title=title,
        html=html,
        published=published,
        updated=published,
        first_stored=published,
        visible_at=published,
        state=PostState.LIVE,
        revision=1,
        authors=("Ada Moreau",),
        labels=labels,
        label_slugs=tuple(label.lower() for label in labels),
    )
    return replace(post, **more)  # type: ignore[arg-type]  # the test says which fields


DIGEST = Digest(
    id=1,
    slug="town",
    title="The town this week",
    rule="town or roads",
    template="digest",
    language="en",
    cadence="weekly",
    cadences=("weekly",),
    minute=480,
    weekday=0,
    monthday=1,
    timezone="America/Regina",
    max_age=timedelta(days=30),
    max_lateness=timedelta(hours=6),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
EDITION = Edition(
    id=7,
    digest_id=1,
    window_start=datetime(2026, 11, 2, 14, tzinfo=UTC),
    window_end=datetime(2026, 11, 9, 14, tzinfo=UTC),
    labels=(),
    language="en",
    template="digest",
    folded=False,
    created_at=datetime(2026, 11, 9, 14, 0, 3, tzinfo=UTC),
)
PUBLISHER = Publisher(
    site_url="https://news.example.org",
    site_title="The Valley News",
    sender="The Valley News <digest@news.example.org>",
    reply_to="Ada Moreau <ada@news.example.org>",
    postal_address="The Valley News\n12 Mill Lane\nAshford",
    timezone="Europe/London",
)
POSTS = [
    make_post(1, "The bridge stays open", LONG, labels=("Roads", "Town")),
    make_post(2, "Library: new hours", SHORT),
    make_post(3, "A note without a page", "<p>Nothing <em>more</em> to say.</p>", url=None, authors=()),
]
GREETING = "<p>Dear readers, the <em>river</em> has gone down.</p>"
GOLDEN = {
    "weekly": (
        replace(EDITION, content="summary", options=Options(introduction=GREETING)),
        [replace(POSTS[0], html=LONG + PICTURE, picture="https://news.example.org/bridge.jpg"), *POSTS[1:]],
    ),
    "compact": (
        replace(EDITION, template="compact", language="de", options=Options(max_posts=2, grouping="label")),
        POSTS,
    ),
    "plain": (replace(EDITION, template="plain"), POSTS[1:]),
    "alone": (
        EDITION,
        [make_post(4, "Zahlen & Fakten: “<b>Brücke</b>” 政治", RICH, labels=("C++", "Düsseldorf"))],
    ),
    "late": (
        replace(EDITION, folded=True, language="fa", window_start=datetime(2026, 10, 26, 14, tzinfo=UTC)),
        [make_post(5, "پل باز می‌ماند", "<p>این <a href='https://news.example.org/fa'>پیوند</a> است.</p>")],
    ),
}
