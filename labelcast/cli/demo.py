"""``labelcast demo``: see it work, on a blog that comes along."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelcast.cli.output import answer_table, say

if TYPE_CHECKING:
    from labelcast.wiring import Wiring

TICK_SECONDS = 1.0
NEWS_SECONDS = 10.0
HOST = "127.0.0.1"


def command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A folder for it.")] = Path(
        "labelcast-demo"
    ),
    *,
    once: Annotated[bool, typer.Option("--once", help="Build it, print what was built, and exit.")] = False,
) -> None:
    """Make a sample blog with feeds and digests, and serve it.

    It is on port 8000, or the next that is free. A post is published some seconds after the start, and its
    digest goes out while you watch.
    """
    from labelcast.demo import build_demo, utc_now
    from labelcast.logs import configure_logs

    configure_logs()
    report = build_demo(folder.absolute(), now=utc_now())
    answer_table(("what", "how many", "where"), report.rows)
    if not once:
        _serve(folder.absolute())


def _serve(folder: Path) -> None:
    from labelcast.demo import free_port, make_account, outbox_folder, utc_now
    from labelcast.logs import configure_logs
    from labelcast.service import Service
    from labelcast.settings import FILE_NAME, load_settings
    from labelcast.wiring import Wiring

    configure_logs(running=True)
    port = free_port(HOST)
    settings = load_settings(folder / FILE_NAME)
    wiring = Wiring(
        settings.model_copy(
            update={
                "site_url": f"http://localhost:{port}",
                "scheduler": settings.scheduler.model_copy(update={"tick_seconds": TICK_SECONDS}),
            }
        )
    )
    wiring.config = folder / FILE_NAME
    scheduler = wiring.scheduler(sending_seconds=NEWS_SECONDS)
    app = wiring.app(trouble=scheduler.trouble, outbox=outbox_folder(wiring))
    say(f"\nhttp://localhost:{port}/           the labels, with their pages and feeds")
    say(f"http://localhost:{port}/outbox     the mail; a new one comes in {NEWS_SECONDS:.0f} seconds")
    say(f"http://localhost:{port}/subscribe  sign up: the mail that asks you to confirm is there at once")
    name, password = make_account(wiring, now=utc_now())
    say(f"http://localhost:{port}/admin      the publisher's pages; log in as {name} with {password}")
    say("stop with Ctrl-C\n")
    news = threading.Timer(NEWS_SECONDS, _publish, [wiring])
    news.daemon = True
    news.start()
    try:
        Service(scheduler, app, host=HOST, port=port).run()
    finally:
        news.cancel()
        wiring.close()


def _publish(wiring: "Wiring") -> None:
    from labelcast.demo import publish_news, utc_now

    say(f"just published: {publish_news(wiring, now=utc_now())}")
