"""doctor: what holds and what does not, each in one line."""

import asyncio
import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from labelcast.doctor import Finding, Health, examine, misplaced, sqlite_is_sound
from labelcast.doctor_dns import Unreachable, ask, mail_records
from labelcast.init import prepare_database
from tests.conftest import Command

RECORDS = {
    "good.org.": ["v=spf1 mx -all", "other=1"],
    "_domainkey.good.org.": [],
    "_dmarc.good.org.": ["v=DMARC1; p=none"],
    "twice.org.": ["v=spf1 -all", "v=spf1 mx -all"],
    "bare.org.": [],
}


def nothing(_name: str) -> list[str] | None:
    raise Unreachable("no network")


def look(config: Path, now: datetime | None = None) -> dict[str, Finding]:
    findings = examine(config, now=lambda: now or datetime.now(UTC), answers=nothing)
    return {finding.what: finding for finding in findings}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "labelcast.toml"
    file.write_text('secret_key = "0123456789abcdef0123"\n', encoding="utf-8")
    return file


def test_a_new_blog_is_well(command: Command, blog: Path) -> None:
    finished = command("doctor")
    assert finished.code == 0, finished.text
    assert "problem" not in finished.text
    documents = command("doctor", "--json").json
    assert {document["what"] for document in documents} >= {
        "modules",
        "templates",
        "settings",
        "database",
        "mail",
    }


def test_wrong_settings_are_told_and_the_rest_is_not_guessed(command: Command, blog: Path) -> None:
    file = blog / "labelcast.toml"
    file.write_text("nonsense = 1\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    finished = command("doctor")
    assert finished.code == 1
    assert "nonsense: unknown key" in finished.text
    assert "database" not in finished.text


def test_templates_of_the_publishers_own_are_tried(config: Path, tmp_path: Path) -> None:
    assert "own templates" not in look(config)
    config.write_text(config.read_text(encoding="utf-8") + '[mail]\ntemplates = "mine"\n', encoding="utf-8")
    assert look(config)["own templates"] == Finding(
        "own templates",
        Health.PROBLEM,
        f"{tmp_path}/mine: there is no such folder; mail.templates names it",
    )
    file = tmp_path / "mine" / "email" / "digest" / "subject.txt"
    file.parent.mkdir(parents=True)
    assert "has no file email/…" in look(config)["own templates"].said
    file.write_text("{{ title }", encoding="utf-8")
    assert look(config)["own templates"].said.startswith(f"{file}, line 1: ")
    file.write_text("{{ title }}", encoding="utf-8")
    assert look(config)["own templates"] == Finding(
        "own templates", Health.OK, f"1 load from {tmp_path}/mine"
    )


def test_a_database_that_is_not_made_is_told(config: Path) -> None:
    found = look(config)
    assert found["database"].health is Health.PROBLEM
    assert "run `labelcast init`" in found["database"].said


def test_a_clock_apart_from_the_database_is_told(
    config: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_DATABASE_URL", postgres_url)
    prepare_database(config, now=datetime.now(UTC))
    assert look(config)["clock"].health is Health.OK
    late = look(config, datetime.now(UTC) + timedelta(minutes=5))["clock"]
    assert late.health is Health.PROBLEM
    assert "NTP" in late.said


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ("3.40.1", False),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.53.0", True),
    ],
)
def test_which_sqlite_can_damage_a_database(version: str, sound: bool) -> None:
    assert sqlite_is_sound(version) is sound


def test_a_room_from_elsewhere_is_found(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    rooms = {"posts": str(ours / "posts/__init__.py"), "scheduler": str(theirs / "scheduler.py"), "web": None}
    assert misplaced(rooms, ours) == [f"scheduler is {theirs}/scheduler.py", "web is nowhere"]


@pytest.fixture
def smtp_port() -> Iterator[int]:
    """A server that greets, answers EHLO and QUIT, and takes no mail."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                break
            writer.write(b"250 ok\r\n" if line.upper().startswith(b"EHLO") else b"502 no\r\n")
        await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_a_mail_server_is_greeted_and_sent_nothing(
    config: Path, smtp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_MAIL__TRANSPORT", f"smtp://127.0.0.1:{smtp_port}")
    found = look(config)["mail"]
    assert found.health is Health.OK, found.said


def test_each_of_several_ways_out_is_told(
    config: Path, smtp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = [f"smtp://127.0.0.1:{smtp_port}?weight=0", "smtp://127.0.0.1:1", "sendmail:/nowhere/sendmail -oi"]
    monkeypatch.setenv("LABELCAST_MAIL__TRANSPORT", json.dumps([*ways, "sendmail:/bin/sh"]))
    findings = examine(config, now=lambda: datetime.now(UTC), answers=nothing)
    mail = [finding for finding in findings if finding.what == "mail"]
    assert [one.health for one in mail] == [Health.OK, Health.PROBLEM, Health.PROBLEM, Health.OK]
    assert mail[0].said == f"127.0.0.1:{smtp_port} lets us in, a backup"
    assert mail[1].said.startswith("smtp://127.0.0.1:1: ")
    assert mail[2].said.startswith("/nowhere/sendmail: no such program")


def test_a_mail_server_that_is_gone_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELCAST_MAIL__TRANSPORT", "smtp://127.0.0.1:1")
    found = look(config)
    assert found["mail"].health is Health.PROBLEM
    assert "\n" not in found["mail"].said
    assert found["dns"].health is Health.UNCHECKED


class _Answering(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text()
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name not in RECORDS:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif RECORDS[name]:
            texts = [f'"{text}"' for text in RECORDS[name]]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *texts))
        sock.sendto(reply.to_wire(), self.client_address)


@pytest.fixture
def resolver() -> Iterator[dns.resolver.Resolver]:
    """A resolver that asks a name server of our own, on this machine."""
    with socketserver.UDPServer(("127.0.0.1", 0), _Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        asking = dns.resolver.Resolver(configure=False)
        asking.nameservers = ["127.0.0.1"]
        asking.port = server.server_address[1]
        yield asking
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("domain", "spf", "dkim", "dmarc"),
    [
        ("good.org", True, True, True),
        ("twice.org", False, False, False),
        ("bare.org", False, False, False),
        ("none.org", False, False, False),
    ],
)
def test_what_the_dns_says_of_a_sender(
    resolver: dns.resolver.Resolver, domain: str, spf: bool, dkim: bool, dmarc: bool
) -> None:
    found = {
        what: there for what, there, _ in mail_records(f"News <a@{domain}>", lambda name: ask(resolver, name))
    }
    assert found == {"spf": spf, "dkim": dkim, "dmarc": dmarc}


@pytest.mark.parametrize("sender", ["a@localhost", "a@[127.0.0.1]", "a@news.example", "a@printer.local"])
def test_a_domain_that_is_nobodys_is_not_asked_for(sender: str) -> None:
    ((what, there, said),) = mail_records(sender, nothing)
    assert (what, there) == ("dns", None)
    assert "mail.from" in said


def test_without_a_network_it_says_not_checked() -> None:
    ((what, there, said),) = mail_records("a@good.org", nothing)
    assert (what, there) == ("dns", None)
    assert "no answer" in said
