"""A few of the trials by seed: whatever happens, nobody is missed, and what comes again is accounted for.

`./run chaos` runs a hundred of them, larger ones.
"""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.chaos.databases import Outage, Refusal, small_disk
from tests.chaos.server import chaos_server
from tests.chaos.trial import Size, Trial

SIZE = Size(readers=400, events=6)
DISK_MEGABYTES = 64


def _try(seed: int, folder: Path, url: str, outages: list[Outage]) -> None:
    print(f"seed {seed}")  # noqa: T201 - shown with a failure
    with chaos_server(seed) as server:
        verdict = Trial(seed, SIZE, folder, url, server, outages).run()
    assert verdict.faults == (), f"seed {seed}: {verdict}"
    assert verdict.states["sent"] > SIZE.readers


@pytest.mark.parametrize("seed", [4])
def test_on_sqlite_nobody_is_missed_whatever_happens(seed: int, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_MEGABYTES) as disk:
        _try(seed, tmp_path, f"sqlite:///{tmp_path / 'disk' / 'labelcast.db'}", [disk] if disk else [])


@pytest.mark.parametrize("seed", [7])
def test_on_postgresql_nobody_is_missed_whatever_happens(
    seed: int, tmp_path: Path, postgres_server: str, postgres_url: str
) -> None:
    name = make_url(postgres_url).database
    assert name is not None
    _try(seed, tmp_path, postgres_url, [Refusal(f"{postgres_server}/postgres", name)])
