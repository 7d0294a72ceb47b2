"""Sending is killed, frozen, stopped and done by two at once: nobody is missed, what is doubled is known."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from email import message_from_bytes

import pytest

from tests.smtp_faults import Received, SmtpFaults
from tests.stations import PATIENCE, OpenStation, Station

READERS = 1000
KILLS = 10
CONNECTIONS = 5


def recipients(messages: list[Received]) -> Counter[str]:
    return Counter(one.recipients[0] for one in messages)


def message_ids(messages: list[Received]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in messages:
        found.setdefault(one.recipients[0], set()).add(message_from_bytes(one.data)["Message-ID"])
    return found


def wait_for_messages(server: SmtpFaults, count: int) -> None:
    server.wait_for(lambda it: len(it.messages) >= count, seconds=PATIENCE)


def freeze(process: subprocess.Popen[bytes], station: Station, server: SmtpFaults) -> None:
    """Stop a process in the middle of sending, but not inside a transaction.

    A process that is stopped while it holds SQLite's one write lock keeps everybody waiting until it goes on:
    that is SQLite's way, and nothing is sent meanwhile.
    """
    for count in range(20, 200, 2):
        wait_for_messages(server, count)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        if station.may_write():
            return
        process.send_signal(signal.SIGCONT)
    raise AssertionError("it was inside a transaction every time it was stopped")


def everybody(count: int) -> list[str]:
    return sorted(f"r{number}@example.org" for number in range(1, count + 1))


def test_killed_ten_times_in_the_middle_nobody_is_missed(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    """What came twice is at most one message per open connection per kill, under the same Message-ID."""
    station = open_station(transport=smtp_faults.url, readers=READERS, connections=CONNECTIONS)
    chance = random.Random(20260302)
    doubled_before = 0
    for _ in range(KILLS):
        until = len(smtp_faults.messages) + chance.randint(1, READERS // KILLS - 20)
        process = station.begin("tick")
        wait_for_messages(smtp_faults, until)
        process.kill()
        process.wait()
        assert station.states()["sending"] <= CONNECTIONS
        doubled = sum(times - 1 for times in recipients(smtp_faults.messages).values())
        assert doubled - doubled_before <= CONNECTIONS
        doubled_before = doubled
    station.call("tick")
    got = recipients(smtp_faults.messages)
    assert sorted(got) == everybody(READERS)
    assert station.states() == {"sent": READERS}
    assert sum(times - 1 for times in got.values()) <= KILLS * CONNECTIONS
    assert {len(ids) for ids in message_ids(smtp_faults.messages).values()} == {1}


def test_a_process_that_was_frozen_in_the_middle_sends_nothing_twice(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    """Another process sends the rest meanwhile; the frozen one holds what it had in hand, and no more."""
    station = open_station(transport=smtp_faults.url, readers=300, connections=CONNECTIONS)
    frozen = station.begin("tick")
    freeze(frozen, station, smtp_faults)
    station.call("tick")
    assert station.states()["sending"] <= CONNECTIONS
    assert station.states()["queued"] == 0
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(PATIENCE) == 0
    assert recipients(smtp_faults.messages) == dict.fromkeys(everybody(300), 1)
    assert station.states() == {"sent": 300}


def test_a_process_frozen_for_longer_than_its_lease_wakes_up_and_sends_nothing(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    """What it had in hand is in doubt by then, and was sent again by another, under the same Message-ID."""
    station = open_station(transport=smtp_faults.url, readers=300, connections=CONNECTIONS)
    frozen = station.begin_python("-m", "tests.short_leases", str(station.folder / "labelcast.toml"), "1")
    freeze(frozen, station, smtp_faults)
    deadline = time.monotonic() + PATIENCE
    while station.states() != {"sent": 300}:
        assert time.monotonic() < deadline, station.states()
        station.call("tick")
    doubts = sum(one["doubts"] for one in station.listed())
    taken = len(smtp_faults.messages)
    assert 300 <= taken <= 300 + doubts <= 300 + CONNECTIONS
    frozen.send_signal(signal.SIGCONT)
    said, _ = frozen.communicate(timeout=PATIENCE)
    assert frozen.returncode == 0, said.decode()
    assert len(smtp_faults.messages) == taken
    assert station.states() == {"sent": 300}
    assert {len(ids) for ids in message_ids(smtp_faults.messages).values()} == {1}


def test_told_to_stop_it_finishes_what_is_in_hand_and_leaves_the_rest(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    station = open_station(transport=smtp_faults.url, readers=READERS, connections=CONNECTIONS)
    process = station.begin("run", "--no-web")
    wait_for_messages(smtp_faults, 40)
    process.terminate()
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said.decode()
    taken = len(smtp_faults.messages)
    assert taken < READERS
    assert station.states() == {"sent": taken, "queued": READERS - taken}
    station.call("tick")
    assert recipients(smtp_faults.messages) == dict.fromkeys(everybody(READERS), 1)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_services_on_one_database_send_each_digest_once(
    kind: str,
    open_station: OpenStation,
    smtp_faults: SmtpFaults,
    request: pytest.FixtureRequest,
) -> None:
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_url")
    station = open_station(transport=smtp_faults.url, database_url=url, readers=200)
    services = [station.begin("run", "--no-web") for _ in range(2)]
    wait_for_messages(smtp_faults, 200)
    for service in services:
        service.terminate()
        said, _ = service.communicate(timeout=PATIENCE)
        assert service.returncode == 0, said.decode()
    assert recipients(smtp_faults.messages) == dict.fromkeys(everybody(200), 1)
    assert station.states() == {"sent": 200}
