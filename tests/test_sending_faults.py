"""Over SMTP into a server that misbehaves: the ledger says what became of each, and the next tick goes on."""

from email import message_from_bytes
from typing import Any

from tests.smtp_faults import SmtpFaults
from tests.stations import OpenStation, Station


def ledger(station: Station) -> dict[str, dict[str, Any]]:
    return {one["email"]: one for one in station.listed()}


def test_four_answers_and_what_the_next_ticks_make_of_them(
    open_station: OpenStation, smtp_faults: SmtpFaults
) -> None:
    station = open_station(transport=smtp_faults.url, readers=12, connections=3)
    smtp_faults.set_fault("^r2@", "rcpt", "451 4.7.1 greylisted, come back later", times=1)
    smtp_faults.set_fault("^r3@", "rcpt", "550 5.7.1 not from you")
    smtp_faults.set_fault("^r5@", "rcpt", "550 5.1.1 no such user")
    smtp_faults.set_fault("^r4@", "dot", "keep-drop", times=1)
    said = station.call("tick")
    assert "deliveries: 1 deferred, 2 failed, 1 in doubt, 8 sent" in said
    first = ledger(station)
    assert (first["r2@example.org"]["state"], first["r2@example.org"]["reply"]) == (
        "deferred",
        "451 4.7.1 greylisted, come back later",
    )
    assert (first["r3@example.org"]["state"], first["r3@example.org"]["reply"]) == (
        "failed",
        "550 5.7.1 not from you",
    )
    assert first["r4@example.org"]["state"] == "in_doubt"
    assert sum(one["state"] == "sent" for one in first.values()) == 8

    # At once nothing is tried again; a little later what was deferred and what is in doubt, and only that.
    taken = len(smtp_faults.messages)
    station.call("tick")
    assert len(smtp_faults.messages) == taken
    station.call("tick", "--now", first["r2@example.org"]["due"])
    station.call("tick", "--now", first["r4@example.org"]["due"])
    again = [one.recipients[0] for one in smtp_faults.messages[taken:]]
    assert sorted(again) == ["r2@example.org", "r4@example.org"]
    doubtful = [one for one in smtp_faults.messages if one.recipients == ("r4@example.org",)]
    ids = [message_from_bytes(one.data)["Message-ID"] for one in doubtful]
    assert ids == [first["r4@example.org"]["message_id"]] * 2
    later = ledger(station)
    assert later["r4@example.org"] | {"updated": ""} == first["r4@example.org"] | {
        "state": "sent",
        "attempts": 2,
        "doubts": 1,
        "reply": "250 2.0.0 Ok: queued",
        "due": later["r4@example.org"]["due"],
        "updated": "",
    }

    # What failed waits for the operator; a reader whom the server does not know is written to no more.
    smtp_faults.clear_faults()
    assert "2 deliveries queued again" in station.call("deliveries", "retry")
    station.call("tick")
    last = {email: one["state"] for email, one in ledger(station).items()}
    assert last.pop("r5@example.org") == "skipped"
    assert set(last.values()) == {"sent"}


def test_a_server_that_is_gone_is_one_line_and_nothing_is_lost(open_station: OpenStation) -> None:
    station = open_station(transport="smtp://127.0.0.1:9", readers=3)
    process = station.begin("tick")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = [line for line in said.decode().splitlines() if line.startswith("labelcast:")]
    assert "127.0.0.1:9" in line
    assert station.states() == {"queued": 3}
