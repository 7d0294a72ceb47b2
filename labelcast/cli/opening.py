"""What most commands begin with: the settings, the database as it should be, and the instant it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from labelcast.cli.errors import UsageProblem

if TYPE_CHECKING:
    from labelcast.wiring import Wiring

# Instants that a rehearsal may be at.
MIN_YEAR, MAX_YEAR = 1970, 9000


@dataclass(frozen=True, slots=True)
class Invocation:
    """What stood before the command."""

    config: Path | None = None


@contextmanager
def opened(context: typer.Context) -> Iterator["Wiring"]:
    """The wired application on a database that is there and up to date, closed afterwards.

    A command that enters a room which logs calls ``configure_logs`` before; the others need not wait for it.

    Raises ``SettingsError``, ``DatabaseUnavailable`` or ``SchemaOutdated``.
    """
    from database import require_current
    from labelcast.settings import load_settings
    from labelcast.wiring import Wiring

    wiring = Wiring(load_settings(context.obj.config))
    wiring.config = context.obj.config
    try:
        require_current(wiring.database)
        yield wiring
    finally:
        wiring.close()


def moment(text: str | None, *, timezone: str = "UTC", option: str = "--now") -> datetime:
    """The instant that ``text`` (ISO 8601) means, in UTC; now, when there is none.

    Without an offset it is meant in ``timezone``. Raises ``UsageProblem``.
    """
    if text is None:
        return datetime.now(UTC)
    try:
        meant = datetime.fromisoformat(text)
        at = (meant if meant.tzinfo else meant.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageProblem(f"{option}: {text!r} is no date: write one like 2026-11-23T14:00:00Z") from error
    # Windows and slots are reckoned from it, years back and months ahead.
    if not MIN_YEAR <= at.year <= MAX_YEAR:
        raise UsageProblem(f"{option}: {text!r} is not in the years {MIN_YEAR} to {MAX_YEAR}")
    return at
