"""``labelcast deliveries``: editions and answers counted; an alert to the operator when mail fails."""

import json
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from tests.smtp_faults import Received, SmtpFaults
from tests.stations import OpenStation, Station


def alerts(taken: list[Received]) -> list[Any]:
    """The messages to the operator."""
    return [
        message_from_bytes(one.data, policy=default)
        for one in taken
        if one.recipients == ("op@blog.example",)
    ]


def listed(station: Station, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(station.call(*arguments, "--json"))
    return found


def said_in_vain(station: Station, *arguments: str) -> str:
    """What a command said that could not do what it should."""
    process = station.begin(*arguments)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said.decode()
    return said.decode()


def test_editions_and_answers_are_counted_and_the_operator_hears_of_failures_once(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    station = open_station(transport=smtp_faults.url, readers=10, connections=3)
    with (station.folder / "labelcast.toml").open("a", encoding="utf-8") as settings:
        settings.write('[alerts]\nto = "op@blog.example"\nshare = 0.3\n')
    smtp_faults.set_fault("^r[1-4]@", "rcpt", "550 5.1.1 no such user")
    # The first time the alert is not taken: it is told at a later tick.
    smtp_faults.set_fault("^op@", "rcpt", "451 4.3.0 not now", times=1)
    assert "the operator could not be told that mail fails: 451 4.3.0" in said_in_vain(station, "tick")
    (edition,) = listed(station, "deliveries", "editions")
    assert (edition["digest"], edition["readers"], edition["states"]) == (
        "news",
        10,
        {"failed": 4, "sent": 6},
    )
    counted = [
        (one["count"], one["state"], one["answer"]) for one in listed(station, "deliveries", "answers")
    ]
    assert counted == [(6, "sent", "250 2.0.0"), (4, "failed", "550 5.1.1")]
    assert "4 failed, 6 sent" in station.call("deliveries", "editions", "--edition", "1")
    assert alerts(smtp_faults.messages) == []
    station.call("tick")
    station.call("tick")
    (told,) = alerts(smtp_faults.messages)
    assert "4 of 10 failed, 40%" in told.get_content()
    assert "4 x 550 5.1.1 no such user" in told.get_content()


def test_a_state_may_be_written_with_a_hyphen(command: Any, blog: Path) -> None:
    del blog
    assert command("deliveries", "list", "--state", "in-doubt", "--json").json == []
    wrong = command("deliveries", "list", "--state", "lost")
    assert wrong.code == 2
    assert "'lost' is no state: there are queued, sending, sent" in wrong.err


def test_editions_of_a_digest_that_is_not_there_are_an_error(command: Any, blog: Path) -> None:
    del blog
    wrong = command("deliveries", "editions", "--digest", "wekly")
    assert (wrong.code, wrong.out) == (1, b"")
    assert "digest 'wekly' is not there" in wrong.err
