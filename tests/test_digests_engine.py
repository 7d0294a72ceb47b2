"""Planning and rendering come to an end in time: what is left is left whole, for the next tick."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from database import Database
from digests.engine import Engine
from digests.model import edition
from digests.planning.editions import Planner, PlanReport
from digests.rendering.composing import RenderingError
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from tests.digests_newsroom import HOUR, MONDAY, Newsroom
from tests.test_main_leaving import FRIDAY, publish

NOW = datetime.fromisoformat("2026-12-07T08:00:00Z")


@pytest.fixture
def wiring(command: Any, blog: Path) -> Wiring:
    """Three readers, each of whom gets an edition of their own, which is not rendered yet."""
    command("digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00")
    for language in ("en", "de", "fr"):
        name = f"{language}@example.org"
        command("subscribers", "add", name, "--digest", "weekly", "--confirmed", "--language", language)
    command("tick", "--now", "2026-12-03T08:00:00Z")
    publish(command, blog, 1, FRIDAY)
    made = Wiring(load_settings(blog / "labelcast.toml"))
    made.engine.plan(NOW)
    assert _unrendered(made) == 3
    return made


def _unrendered(wiring: Wiring) -> int:
    with wiring.database.read() as connection:
        return len(connection.execute(select(edition.c.id).where(edition.c.message.is_(None))).all())


def test_rendering_leaves_the_rest_to_the_next_tick_when_it_was_enough(wiring: Wiring) -> None:
    engine: Engine = wiring.engine
    assert engine.render(NOW, enough=lambda: True) == 1
    assert engine.render(NOW, stopping=lambda: True) == 1
    assert (_unrendered(wiring), engine.has_unrendered(NOW)) == (1, True)
    assert engine.render(NOW) == 1
    assert not engine.has_unrendered(NOW)


def test_what_cannot_be_rendered_keeps_no_other_from_its_turn(wiring: Wiring) -> None:
    with wiring.database.write() as connection:
        first = connection.execute(select(edition.c.id).order_by(edition.c.id).limit(1)).scalar_one()
        connection.execute(update(edition).where(edition.c.id == first).values(template="missing"))
    with pytest.raises(RenderingError):
        wiring.engine.render(NOW, enough=lambda: True)
    assert _unrendered(wiring) == 1


def test_planning_that_is_stopped_goes_on_at_the_next_start(database: Database) -> None:
    newsroom = Newsroom(database)
    digest = newsroom.digest()
    readers = [newsroom.reader(digest) for _ in range(5)]
    newsroom.publish("new", MONDAY - HOUR)
    newsroom.plan(MONDAY - HOUR)
    planner = Planner(database, mail_domain="example.org", batch=2, breath=0)
    answers = iter([False, True])
    now = MONDAY + timedelta(seconds=1)
    assert planner.plan(now, stopping=lambda: next(answers)) == PlanReport(1, 2, decided=2)
    assert planner.plan(now) == PlanReport(0, 3, decided=3)
    assert newsroom.mail() == {reader: [["new"]] for reader in readers}
