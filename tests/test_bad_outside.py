"""What goes wrong outside: tokens that are none, a silent mail server, a database gone, a full disk."""

import resource
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from sqlalchemy import Engine, event, make_url
from starlette.testclient import TestClient

from database import Database, DatabaseUnavailable
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from subscribers.tokens import TokenSigner
from tests.badly import GOOD, lines, one_line, unchanged
from tests.conftest import Command
from tests.smtp_faults import SmtpFaults, Stage
from tests.stations import PATIENCE, OpenStation, Station

READERS = 30


def test_a_bad_token_gets_one_same_answer_and_changes_nothing(standing: Database, tmp_path: Path) -> None:
    wiring = Wiring(load_settings(tmp_path / "labelcast.toml"))
    good = wiring.signer.sign("unsubscribe", 1)
    bad = {
        "forged": TokenSigner(["another secret, as long as it is"]).sign("unsubscribe", 1),
        "for another purpose": wiring.signer.sign("preferences", 1),
        "of another reader": f"2{good[1:]}",
        "cut off": good[:-1],
        "none": "1",
    }
    # A token ends with the key that signed it.
    rotated = TokenSigner(["a newer secret, as long as it is"])
    assert wiring.signer.read("unsubscribe", good) == 1
    assert rotated.read("unsubscribe", good) is None
    assert [wiring.signer.read("unsubscribe", token) for token in bad.values()] == [None] * len(bad)
    with unchanged(standing):
        client = TestClient(wiring.app())
        answers = {
            (method, answer.status_code, answer.text)
            for method in ("GET", "POST")
            for token in bad.values()
            for answer in [client.request(method, f"/unsubscribe/{token}")]
        }
    assert len(answers) == 2
    assert all(400 <= status < 500 for _, status, _ in answers)
    wiring.close()


SILENT: dict[str, tuple[Stage, str, str]] = {
    "r2@example.org": ("rcpt", "deferred", "not sent: no answer to RCPT within 0.5 s"),
    "r3@example.org": ("data", "deferred", "not sent: no answer to DATA within 0.5 s"),
    "r4@example.org": ("dot", "in_doubt", "sent whole, then no answer to the message within 0.5 s"),
}


def test_a_mail_server_that_falls_silent(open_station: OpenStation, smtp_faults: SmtpFaults) -> None:
    """One that says 4xx or 5xx, cuts the connection or is gone: test_sending_faults.py."""
    station = open_station(transport=f"{smtp_faults.url}?timeout=0.5", readers=6, connections=2)
    for reader, (stage, _, _) in SILENT.items():
        smtp_faults.set_fault(f"^{reader}", stage, "hang", times=1)
    station.call("tick")
    found = {one["email"]: one for one in station.listed()}
    for reader, (_, state, reply) in SILENT.items():
        assert (found[reader]["state"], found[reader]["reply"]) == (state, reply)
    assert station.states() == {"sent": 3, "deferred": 2, "in_doubt": 1}
    station.call("tick", "--now", max(found[reader]["due"] for reader in SILENT))
    assert station.states() == {"sent": 6}


@contextmanager
def serving(station: Station) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], tuple[int, str]]]]:
    """``labelcast run``, and a question to its /readyz; in the end it must stop well when it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    station._environment["LABELCAST_WEB__PORT"] = str(port)
    process = station.begin("run")

    def ready() -> tuple[int, str]:
        assert process.poll() is None, "it did not go on"
        try:
            answer = httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE)
        except httpx2.ConnectError:
            return 0, "not there yet"
        return answer.status_code, answer.text

    said: list[bytes] = []
    assert process.stdout is not None
    # It says much while it is in trouble, and would wait for whoever reads none of it.
    listening = threading.Thread(target=said.extend, args=(process.stdout,))
    listening.start()
    try:
        yield process, ready
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        listening.join()
    assert b"Traceback" not in b"".join(said)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def queue_mail(station: Station, smtp_faults: SmtpFaults) -> None:
    """Everything is planned and rendered, and nothing sent yet."""
    smtp_faults.set_fault("", "connect", "421 4.3.2 not now")
    process = station.begin("tick")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert station.states() == {"queued": READERS}
    smtp_faults.clear_faults()


def everybody_once(smtp_faults: SmtpFaults) -> bool:
    took = Counter(one.recipients[0] for one in smtp_faults.messages)
    return took == Counter(f"r{number}@example.org" for number in range(1, READERS + 1))


def test_a_database_that_goes_in_the_middle_of_sending_and_comes_back(
    open_station: OpenStation, smtp_faults: SmtpFaults, postgres_url: str, postgres_server: str
) -> None:
    station = open_station(
        transport=smtp_faults.url, database_url=postgres_url, readers=READERS, connections=1
    )
    queue_mail(station, smtp_faults)
    station.database.dispose()
    name = make_url(postgres_url).database or ""
    with (
        psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as server,
        psycopg.connect(f"{postgres_server}/{name}") as witness,
    ):
        # One row is held: the intent to send it, and with it the result of the one before, has to wait.
        witness.execute("SELECT 1 FROM delivery WHERE subscriber_id = 20 FOR UPDATE")
        with serving(station) as (_, ready):
            smtp_faults.wait_for(lambda it: len(it.messages) == 19, seconds=PATIENCE)
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                (name, witness.info.backend_pid),
            )
            wait_until(lambda: "deliveries: " in ready()[1])
            assert ready() == (
                503,
                f"database: cannot be reached\ndeliveries: {DatabaseUnavailable.public}\n",
            )
            # What was taken is not recorded yet, and nothing else goes out.
            states = Counter(row[0] for row in witness.execute("SELECT state FROM delivery"))
            assert states == {"sent": 18, "sending": 1, "queued": READERS - 19}
            assert len(smtp_faults.messages) == 19
            witness.rollback()
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            wait_until(lambda: station.states() == {"sent": READERS})
            wait_until(lambda: ready() == (200, "ready\n"))
    assert everybody_once(smtp_faults)


def test_a_database_that_was_dropped_is_told_and_the_process_goes_on(
    open_station: OpenStation, smtp_faults: SmtpFaults, postgres_url: str, postgres_server: str
) -> None:
    station = open_station(transport=smtp_faults.url, database_url=postgres_url, readers=1)
    name = make_url(postgres_url).database or ""
    with (
        serving(station) as (_, ready),
        psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as server,
    ):
        wait_until(lambda: ready()[0] == 200)
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        wait_until(lambda: ready()[0] == 503)
        assert ready()[1].startswith("database: cannot be reached\n")
        assert name not in ready()[1]
        server.execute(f'CREATE DATABASE "{name}"')
        wait_until(lambda: "labelcast init" in ready()[1])
        station.call("init")
        wait_until(lambda: ready() == (200, "ready\n"))


def test_a_disk_that_fills_in_the_middle_of_sending(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    """From one instant to another no file can be written: so a process meets a full disk."""
    station = open_station(transport=smtp_faults.url, readers=READERS, connections=1)
    queue_mail(station, smtp_faults)
    smtp_faults.set_fault("^r20@", "dot", "hang", times=1)
    with serving(station) as (process, ready):
        # Until the server has the whole message: the ledger says "sending" before the first octet leaves.
        smtp_faults.wait_for(lambda it: it.hung == 1, seconds=PATIENCE)
        assert station.states() == {"sent": 19, "sending": 1, "queued": READERS - 20}
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
        smtp_faults.hang_up()
        wait_until(lambda: ready() == (503, f"deliveries: {DatabaseUnavailable.public}\n"))
        assert station.states() == {"sent": 19, "sending": 1, "queued": READERS - 20}
        assert len(smtp_faults.messages) == 19
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        wait_until(lambda: station.states() == {"sent": READERS - 1, "in_doubt": 1})
        wait_until(lambda: ready() == (200, "ready\n"))
    doubtful = next(one for one in station.listed() if one["state"] == "in_doubt")
    station.call("tick", "--now", doubtful["due"])
    assert station.states() == {"sent": READERS}
    assert everybody_once(smtp_faults)


def test_an_import_onto_a_full_disk(command: Command, standing: Database, tmp_path: Path) -> None:
    posts = [GOOD | {"id": f"tag:blog.example,2024:{number}", "html": "word " * 2000} for number in range(99)]
    (tmp_path / "many.jsonl").write_text(lines(*posts), encoding="utf-8")

    def fill(connection: Any, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", fill)
    try:
        with unchanged(standing):
            line = one_line(command("import", "many.jsonl"), 1)
    finally:
        event.remove(Engine, "connect", fill)
    assert line == f"database sqlite:///{tmp_path}/labelcast.db: database or disk is full"
    assert command("import", "many.jsonl").text == "99 new, 0 updated, 0 unchanged, 0 skipped\n"


@pytest.mark.parametrize(
    "url", ["sqlite:////nonexistent/labelcast.db", "postgresql+psycopg://ada:hunter2@127.0.0.1:1/none"]
)
def test_a_command_without_its_database(
    command: Command, standing: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    (tmp_path / "good.jsonl").write_text(lines(GOOD), encoding="utf-8")
    monkeypatch.setenv("LABELCAST_DATABASE_URL", url)
    for arguments in (["import", "good.jsonl"], ["tick"], ["run"], ["feeds", "show", "all"]):
        line = one_line(command(*arguments), 1)
        assert line.startswith("database ")
        assert "hunter2" not in line
    assert not (tmp_path / "public").exists()


def test_a_database_file_that_is_damaged(command: Command, standing: Database, tmp_path: Path) -> None:
    standing.dispose()
    (tmp_path / "labelcast.db").write_bytes(b"this was a database, and is long enough" * 1000)
    for arguments in (["labels"], ["tick"], ["run"]):
        assert one_line(command(*arguments), 1).endswith("file is not a database")
    wiring = Wiring(load_settings(tmp_path / "labelcast.toml"))
    answers = [TestClient(wiring.app()).get(path) for path in ("/readyz", "/", "/feeds/all.atom")]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert answers[0].text == "database: cannot be reached\n"
    wiring.close()
