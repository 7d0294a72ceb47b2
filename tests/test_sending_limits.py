"""Limits over programs: two that send at once keep them together, and a third that starts later too."""

import pytest

from tests.smtp_faults import SmtpFaults
from tests.stations import PATIENCE, OpenStation


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_share_a_day_s_cap_and_a_restart_knows_it(
    kind: str,
    open_station: OpenStation,
    smtp_faults: SmtpFaults,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_url")
    monkeypatch.setenv("LABELCAST_MAIL__DAILY_CAP", "30")
    station = open_station(transport=smtp_faults.url, database_url=url, readers=100, connections=3)
    both = [station.begin("tick", "--now", "2099-03-02T14:00Z") for _ in range(2)]
    for process in both:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said.decode()
    assert len(smtp_faults.messages) == 30
    station.call("tick", "--now", "2099-03-02T20:00Z")
    assert station.states() == {"sent": 30, "queued": 70}
    said_next_day = station.call("tick", "--now", "2099-03-03T08:00Z")
    assert "30 sent, the rest is held back until 2099-03-04T00:00Z" in said_next_day
    assert station.states() == {"sent": 60, "queued": 40}
    assert len({one.recipients for one in smtp_faults.messages}) == 60
