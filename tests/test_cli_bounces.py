"""``labelcast bounces``: mail that came back, wherever it lies, is read once and put away after."""

import io
import mailbox
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from database import DatabaseUnavailable
from digests.deliveries import list_deliveries
from digests.returns.consequences import Returned
from labelcast.bounces import POLL_EVERY
from labelcast.cli import main
from labelcast.settings import load_settings
from labelcast.wiring import Wiring
from outbox.bounces.mail import MOST_BYTES
from outbox.bounces.mailboxurl import MailboxUrlError, MailServer
from tests.conftest import ROOT, Command
from tests.mailbox_servers import ImapServer, PopServer
from tests.returned_mail import LETTER, OUT_OF_OFFICE, dsn
from tests.smtp_faults import SmtpFaults

NEWS = '{"id": "tag:b,2026:1", "title": "New", "published": "2026-12-09T10:00Z", "html": "x"}'
READERS = ("ann@example.net", "bob@example.net")
ONE_HARD = "1 hard, 0 soft, 0 policy, 0 complaints, 0 not ours, 0 no bounce"
KNOWN = "0 hard, 0 soft, 0 policy, 0 complaints, 0 not ours, 0 no bounce, 1 read before"


@pytest.fixture(scope="module")
def _sent_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blog whose digest went to two readers, to be copied: to make it takes a second."""
    folder = tmp_path_factory.mktemp("sent")
    (folder / "news.jsonl").write_text(NEWS)
    commands = [
        ["init", "--site-url", "https://blog.example"],
        ["digests", "add", "weekly", "--rule", "all", "--at", "mon 08:00"],
        *(["subscribers", "add", email, "--digest", "weekly", "--confirmed"] for email in READERS),
        ["import", "news.jsonl", "--now", "2026-12-09T12:00:00Z"],
        ["tick", "--now", "2026-12-14T08:00:00Z"],
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for arguments in commands:
            with pytest.raises(SystemExit) as left:
                main(arguments)
            assert not left.value.code
    structlog.reset_defaults()
    return folder


@pytest.fixture
def sent(command: Command, _sent_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A blog of the test's own, whose digest went to two readers, deliveries 1 and 2."""
    monkeypatch.setenv("LABELCAST_BOUNCES__RETURN_PATH", "bounces@example.org")
    shutil.copytree(_sent_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def report(sent: Path) -> bytes:
    """A report that the digest to Ann could not be delivered, to its return path."""
    wiring = Wiring(load_settings(sent / "labelcast.toml"))
    paths = wiring.return_paths
    assert paths is not None
    with wiring.database.read() as connection:
        (hers,) = (one.id for one in list_deliveries(connection) if one.email == READERS[0])
    wiring.close()
    return dsn(to=paths.address(hers))


def suppressed(command: Command) -> list[str]:
    return [one["email"] for one in command("subscribers", "--json").json if one["state"] == "suppressed"]


@pytest.fixture
def maildir(sent: Path) -> mailbox.Maildir:
    """An empty Maildir called ``back``."""
    return mailbox.Maildir(sent / "back")


def test_a_maildir_is_read_and_what_was_read_is_seen(
    command: Command, sent: Path, report: bytes, maildir: mailbox.Maildir
) -> None:
    for mail in (report, LETTER, OUT_OF_OFFICE, dsn(own_id="<forged@x.example>")):
        maildir.add(mail)
    done = command("bounces", "back")
    assert done.text == "1 hard, 0 soft, 0 policy, 0 complaints, 1 not ours, 2 no bounce\n"
    assert suppressed(command) == ["ann@example.net"]
    assert list((sent / "back" / "new").iterdir()) == []
    assert {name.name[-4:] for name in (sent / "back" / "cur").iterdir()} == {":2,S"}
    assert command("bounces", "maildir:back").text.startswith("0 hard, 0 soft")


def test_what_a_mail_program_moved_without_reading_is_read_too(
    command: Command, sent: Path, report: bytes, maildir: mailbox.Maildir
) -> None:
    key = maildir.add(report)
    (sent / "back" / "new" / key).rename(sent / "back" / "cur" / f"{key}:2,F")
    assert command("bounces", "back").text.strip() == ONE_HARD
    assert [file.name for file in (sent / "back" / "cur").iterdir()] == [f"{key}:2,FS"]


def test_links_pipes_and_folders_in_a_maildir_are_passed_over(
    command: Command, sent: Path, report: bytes, maildir: mailbox.Maildir
) -> None:
    (sent / "elsewhere").write_bytes(report)
    (sent / "back" / "new" / "link").symlink_to(sent / "elsewhere")
    os.mkfifo(sent / "back" / "new" / "pipe")
    (sent / "back" / "new" / "folder").mkdir()
    assert command("bounces", "back", "--json").json["hard"] == 0
    assert suppressed(command) == []


def test_killed_before_a_maildirs_mail_is_moved_it_is_known_the_next_time(
    command: Command, report: bytes, maildir: mailbox.Maildir, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildir.add(report)

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        assert command("bounces", "back").code == 1
    assert suppressed(command) == ["ann@example.net"]
    assert command("bounces", "back").text.strip() == KNOWN
    assert len(command("bounces", "list", "--json").json) == 1


def test_a_message_that_could_not_be_recorded_stays_where_it_is(
    command: Command, sent: Path, report: bytes, maildir: mailbox.Maildir, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildir.add(report)

    def gone(*_arguments: object, **_options: object) -> list[Returned]:
        raise DatabaseUnavailable("the database is gone")

    with monkeypatch.context() as patched:
        patched.setattr("labelcast.bounces.take_back", gone)
        assert command("bounces", "back").code == 1
    assert len(list((sent / "back" / "new").iterdir())) == 1
    assert command("bounces", "back").text.strip() == ONE_HARD


def test_an_mbox_is_read_and_left_as_it_is(command: Command, sent: Path, report: bytes) -> None:
    box = mailbox.mbox(sent / "back.mbox")
    for mail in (report, LETTER, b"Subject: x\n\nFrom here on\n\nFrom there\n"):
        box.add(mail)
    box.close()
    before = (sent / "back.mbox").read_bytes()
    assert command("bounces", "back.mbox").text.strip() == ONE_HARD.replace("0 no bounce", "2 no bounce")
    assert (sent / "back.mbox").read_bytes() == before
    assert "1 read before" in command("bounces", "back.mbox").text


def test_a_message_in_a_file_and_a_dry_run_that_changes_nothing(
    command: Command, sent: Path, report: bytes, maildir: mailbox.Maildir
) -> None:
    (sent / "back.eml").write_bytes(report)
    maildir.add(report)
    for source in ("back.eml", "back"):
        rehearsed = command("bounces", source, "--dry-run", "--json")
        assert (rehearsed.json["hard"], rehearsed.json["suppressed"]) == (1, 1)
        assert "nothing was stored" in rehearsed.err
    assert suppressed(command) == []
    assert len(maildir) == len(list((sent / "back" / "new").iterdir())) == 1
    assert command("bounces", "read", "back.eml").text.strip() == ONE_HARD


@pytest.mark.parametrize("envelope", [b"", b"From MAILER-DAEMON Mon Nov 23 12:00:00 2026\n"])
def test_a_message_comes_through_a_pipe(
    command: Command, report: bytes, monkeypatch: pytest.MonkeyPatch, envelope: bytes
) -> None:
    class Stdin:
        buffer = io.BytesIO(envelope + report + b"x" * 3 * MOST_BYTES)

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert command("bounces", "-").text.strip() == ONE_HARD
    assert Stdin.buffer.read() == b""


def test_what_comes_back_to_the_sender_of_a_mail_is_about_its_reader(
    command: Command, sent: Path, smtp_faults: SmtpFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_MAIL__TRANSPORT", smtp_faults.url)
    monkeypatch.setenv("LABELCAST_MAIL__CONNECTIONS", "1")
    (sent / "more.jsonl").write_text(NEWS.replace(":1", ":2").replace("12-09", "12-16"))
    command("import", "more.jsonl", "--now", "2026-12-16T12:00:00Z")
    smtp_faults.set_fault("bob@", "rcpt", "550 5.1.1 no such user")
    command("tick", "--now", "2026-12-21T08:00:00Z")
    assert suppressed(command) == ["bob@example.net"]
    lines = smtp_faults.lines
    (rcpt,) = (place for place, line in enumerate(lines) if line.startswith("RCPT TO:<ann@example.net>"))
    sender = lines[rcpt - 1].removeprefix("MAIL FROM:<").partition(">")[0]
    (sent / "back.eml").write_bytes(dsn(to=sender))
    assert command("bounces", "back.eml").text.strip() == ONE_HARD
    assert set(suppressed(command)) == set(READERS)
    assert [one["status"] for one in command("bounces", "list", "--json").json] == ["5.1.1", "5.1.1"]


def test_a_refusal_for_policy_is_told_and_listed(command: Command, sent: Path, report: bytes) -> None:
    refused = report.replace(b"Status: 5.1.1", b"Status: 5.7.1").replace(b"5.1.1 <", b"5.7.1 <")
    (sent / "back.eml").write_bytes(refused)
    done = command("bounces", "back.eml")
    assert "0 hard, 0 soft, 1 policy" in done.text
    assert "refused for policy: ann@example.net: 550 5.7.1" in done.err
    (one,) = command("bounces", "list", "--kind", "policy", "--json").json
    assert (one["email"], one["status"], one["digest"]) == ("ann@example.net", "5.7.1", "weekly")
    assert command("bounces", "list", "--kind", "hard", "--json").json == []
    assert "ann@example.net" in command("bounces", "list").text


def test_what_a_server_said_of_an_erased_reader_is_listed_no_more(
    command: Command, sent: Path, report: bytes
) -> None:
    (sent / "back.eml").write_bytes(report)
    command("bounces", "back.eml")
    command("subscribers", "erase", "ann@example.net")
    (one,) = command("bounces", "list", "--json").json
    assert (one["email"], one["diagnostic"], one["kind"]) == (None, None, "hard")


def test_imap_reads_what_is_unseen_and_flags_it(
    command: Command, report: bytes, imap_server: ImapServer
) -> None:
    imap_server.put(report, LETTER)
    assert "1 hard" in command("bounces", imap_server.url).text
    assert [kept.flags for kept in imap_server.messages.values()] == [{"\\Seen"}, {"\\Seen"}]
    assert command("bounces", imap_server.url, "--json").json["read_before"] == 0


@pytest.mark.parametrize(("capabilities", "left"), [("UIDPLUS", [2]), ("", [1, 2])])
def test_imap_deletes_what_was_dealt_with_where_it_is_told_to_and_never_a_letter(
    command: Command, report: bytes, imap_server: ImapServer, capabilities: str, left: list[int]
) -> None:
    imap_server.capabilities = capabilities
    imap_server.put(report, LETTER)
    assert command("bounces", f"{imap_server.url}?delete=yes").code == 0
    assert list(imap_server.messages) == left
    assert imap_server.messages[2].flags == {"\\Seen"}


def test_a_huge_message_is_fetched_only_to_where_it_is_read(
    command: Command, report: bytes, imap_server: ImapServer, pop_server: PopServer
) -> None:
    huge = report + b"long line " * 1000 + b"\n" + (b"x" * 99 + b"\n") * (MOST_BYTES // 99)
    imap_server.put(huge)
    pop_server.put(huge)
    assert command("bounces", imap_server.url).text.strip() == ONE_HARD
    assert "1 read before" in command("bounces", pop_server.url).text
    assert "TOP 1 5000" in pop_server.said


def test_killed_between_its_commit_and_the_flag_nothing_is_lost_and_nothing_counts_twice(
    command: Command, sent: Path, report: bytes, imap_server: ImapServer
) -> None:
    imap_server.put(report)
    imap_server.falls_silent_at = "STORE"
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "labelcast", "bounces", imap_server.url],
        cwd=sent,
        env=os.environ | path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert imap_server.is_silent.wait(60)
    finally:
        process.kill()
        process.wait(60)
    imap_server.falls_silent_at = ""
    assert suppressed(command) == ["ann@example.net"]
    assert imap_server.messages[1].flags == set()
    assert command("bounces", imap_server.url).text.strip() == KNOWN
    assert imap_server.messages[1].flags == {"\\Seen"}
    assert len(command("bounces", "list", "--json").json) == 1


def test_pop3_deletes_what_was_dealt_with_and_leaves_letters(
    command: Command, report: bytes, pop_server: PopServer
) -> None:
    pop_server.put(report, LETTER, OUT_OF_OFFICE, b"Subject: dots\n\n.\n..\nend\n")
    done = command("bounces", pop_server.url)
    assert done.text.strip() == ONE_HARD.replace("0 no bounce", "3 no bounce"), done.err
    assert list(pop_server.messages) == [2, 4]


def test_pop3_keeps_all_where_it_is_told_to(command: Command, report: bytes, pop_server: PopServer) -> None:
    pop_server.put(report)
    for said in (ONE_HARD, KNOWN):
        assert command("bounces", f"{pop_server.url}?delete=no").text.strip() == said
    assert list(pop_server.messages) == [1]


@pytest.mark.parametrize("at", ["DELE", "QUIT"])
def test_a_pop3_server_that_hangs_up_before_it_deletes_gives_what_is_known_the_next_time(
    command: Command, report: bytes, pop_server: PopServer, at: str
) -> None:
    pop_server.put(report)
    pop_server.hangs_up_at = at
    assert command("bounces", pop_server.url).code == (1 if at == "DELE" else 0)
    assert list(pop_server.messages) == [1]
    pop_server.hangs_up_at = ""
    assert command("bounces", pop_server.url).text.strip() == KNOWN
    assert list(pop_server.messages) == []


@pytest.mark.parametrize("at", ["LOGIN", "SELECT", "SEARCH", "FETCH", "STORE"])
def test_an_imap_server_that_hangs_up_is_told_in_a_line_without_the_password(
    command: Command, report: bytes, imap_server: ImapServer, at: str
) -> None:
    imap_server.put(report)
    imap_server.hangs_up_at = at
    done = command("bounces", imap_server.url)
    assert (done.code, done.out) == (1, b"")
    assert done.err.startswith(f"labelcast: imap://127.0.0.1:{imap_server.port}: ")
    assert done.err.count("\n") == 1
    assert "p@ss" not in done.err
    assert "p%40ss" not in done.err


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_a_server_that_repeats_the_password_is_not_repeated(
    command: Command, sent: Path, imap_server: ImapServer, pop_server: PopServer, kind: str
) -> None:
    port = imap_server.port if kind == "imap" else pop_server.port
    done = command("bounces", f"{kind}://box:secret-of-mine@127.0.0.1:{port}")
    assert done.code == 1
    assert "secret-of-mine" not in done.err


@pytest.fixture
def encrypting(imap_server: ImapServer, pop_server: PopServer, tmp_path: Path) -> Path:
    """Makes both servers speak TLS from the first byte; the file of their authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    for server in (imap_server, pop_server):
        server.tls = context
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.mark.parametrize("kind", ["imap", "pop"])
def test_certificates_are_verified(
    request: pytest.FixtureRequest, command: Command, report: bytes, encrypting: Path, kind: str
) -> None:
    server: ImapServer | PopServer = request.getfixturevalue(f"{kind}_server")
    server.put(report)
    url = server.url.replace("://", "s://")
    refused = command("bounces", url)
    assert refused.code == 1
    assert "its certificate is not good" in refused.err
    assert server.said == []
    assert command("bounces", f"{url}?cafile={encrypting}").text.strip() == ONE_HARD


@pytest.mark.parametrize("scheme", ["imap", "pop3"])
def test_a_login_is_not_sent_in_clear_to_another_machine(scheme: str) -> None:
    assert not MailServer.parse(f"{scheme}://a:b@mail.example.org").may_be_clear
    assert MailServer.parse(f"{scheme}://a:b@mail.example.org?clear_login=yes").may_be_clear
    assert MailServer.parse(f"{scheme}://a:b@127.0.0.1").may_be_clear


@pytest.mark.parametrize(
    "url",
    [
        "imaps://mail.example.org/INBOX",
        "imaps://user@mail.example.org/INBOX",
        "imaps://user:secret@/INBOX",
        "imaps://user:secret@host:99999/INBOX",
        "imaps://user:secret@host/INBOX?verfy=no",
        "imaps://user:secret@host/INBOX?verify=maybe",
        "pop3s://user:secret@host?timeout=0",
        "imaps://user:sec%0D%0Aret@host/INBOX",
        "imaps://user:secret@host/IN BOX",
    ],
)
def test_an_address_that_is_no_mailbox_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(MailboxUrlError) as refused:
        MailServer.parse(url)
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(MailServer.parse("imaps://user:secret@host"))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("RETURN_PATH", f"{'b' * 40}@example.org", "1 to 30 ASCII characters"),
        ("RETURN_PATH", "nobody", "is no address"),
        ("MAILBOX", "imaps://user@host/INBOX", "user and password are missing"),
        ("MAILBOX", "imaps://user:secret@host/?delete=maybe", "delete is yes or no"),
        ("MAILBOX", "http://user:secret@host/", "not of the form imaps://"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(
    command: Command, monkeypatch: pytest.MonkeyPatch, key: str, value: str, said: str
) -> None:
    monkeypatch.setenv("LABELCAST_SECRET_KEY", "0123456789abcdef")
    monkeypatch.setenv(f"LABELCAST_BOUNCES__{key}", value)
    done = command("bounces", "list")
    assert done.code == 2
    assert f"LABELCAST_BOUNCES__{key}: " in done.err
    assert said in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "no mailbox is set"),
        (["nowhere"], 1, "nowhere: No such file or directory"),
        (["."], 1, "no Maildir"),
        (["list", "--kind", "odd"], 2, "Invalid value"),
        (["imaps://user:secret@host/?odd=1"], 2, "mailbox: 'odd' is no option"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(
    command: Command, sent: Path, arguments: Sequence[str], code: int, said: str
) -> None:
    done = command("bounces", *arguments)
    assert done.code == code
    assert said in done.err


def test_the_service_looks_into_its_mailbox_now_and_then(
    sent: Path, report: bytes, maildir: mailbox.Maildir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELCAST_BOUNCES__MAILBOX", "maildir:back")
    maildir.add(report)
    wiring = Wiring(load_settings(sent / "labelcast.toml"))
    scheduler = wiring.scheduler()
    now = datetime(2026, 12, 15, tzinfo=UTC)

    def said(at: datetime) -> Any:
        (one,) = (done for done in scheduler.tick(at) if done.duty == "bounces")
        return one.said or one.error

    assert said(now) == ONE_HARD
    maildir.add(LETTER)
    assert said(now + POLL_EVERY - timedelta(seconds=1)) is None
    assert said(now + POLL_EVERY) == ONE_HARD.replace("1 hard", "0 hard").replace("0 no b", "1 no b")
    wiring.close()
