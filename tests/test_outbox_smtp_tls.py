"""TLS and login: what is secret goes to whom it is meant for, or nowhere."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult, LoginPassword

from outbox.outcome import Outcome, TransportError
from outbox.smtp import SmtpConnection, SmtpSettings
from tests.smtp_faults import SmtpFaults, serve_faults

SENDER = "news@example.org"
READER = "reader@example.net"
MESSAGE = b"Subject: News\r\n\r\nHello\r\n"
BIG = MESSAGE + (b"y" * 70 + b"\r\n") * 100_000


async def yes() -> bool:
    return True


@dataclass(frozen=True)
class Certificates:
    """A server's certificate for ``localhost``, and its authority in a file."""

    context: ssl.SSLContext
    cafile: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    cafile = tmp_path_factory.mktemp("certificates") / "ca.pem"
    authority.cert_pem.write_to_path(str(cafile))
    return Certificates(context, cafile)


class Kept(Message):
    """Keeps how many messages came."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def handle_message(self, message: Any) -> None:
        self.count += 1


@contextmanager
def aiosmtpd(**options: Any) -> Iterator[tuple[int, Kept]]:
    """A real server on a free port of ``localhost``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = Kept()
    controller = Controller(kept, hostname="127.0.0.1", port=port, server_hostname="localhost", **options)
    controller.start()
    try:
        yield port, kept
    finally:
        controller.stop()


def send(url: str, *, data: bytes = MESSAGE) -> Outcome:
    async def story() -> Outcome:
        connection = SmtpConnection(SmtpSettings.parse(url))
        await connection.open()
        outcome = await connection.send(SENDER, READER, data, may_send=yes)
        await connection.close()
        return outcome

    return asyncio.run(story())


def login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, secret: Any) -> AuthResult:
    known = isinstance(secret, LoginPassword) and secret == LoginPassword(b"me", b"p@ss word")
    return AuthResult(success=known, handled=known)


def test_a_message_goes_out_over_starttls(certificates: Certificates) -> None:
    with aiosmtpd(tls_context=certificates.context, require_starttls=True) as (port, kept):
        url = f"smtp+starttls://localhost:{port}?cafile={certificates.cafile}"
        assert send(url).kind == "sent"
        assert send(f"smtp://localhost:{port}?starttls=require&cafile={certificates.cafile}").kind == "sent"
    assert kept.count == 2


def test_starttls_is_used_where_it_is_offered_by_another_machine(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmtpSettings, "is_loopback", False)
    with aiosmtpd(tls_context=certificates.context, require_starttls=True) as (port, kept):
        assert send(f"smtp://localhost:{port}?cafile={certificates.cafile}").kind == "sent"
    with aiosmtpd() as (port, plain):
        assert send(f"smtp://localhost:{port}?cafile={certificates.cafile}").kind == "sent"
    assert (kept.count, plain.count) == (1, 1)


def test_a_message_goes_out_over_smtps(certificates: Certificates) -> None:
    with serve_faults(certificates.context) as server:
        url = f"smtps://localhost:{server.port}?cafile={certificates.cafile}"
        assert send(url).kind == "sent"
        assert send(url, data=BIG).kind == "sent"
        server.set_fault("", "dot", "keep-drop")
        assert send(url).kind == "in_doubt"
    assert [message.data for message in server.messages[:2]] == [MESSAGE, BIG]


@pytest.mark.parametrize("url", ["smtps://localhost", "smtps://127.0.0.1"])
def test_a_certificate_of_nobody_known_or_for_another_host_is_refused(
    certificates: Certificates, url: str
) -> None:
    trusted = f"?cafile={certificates.cafile}" if url.endswith("1") else ""
    with serve_faults(certificates.context) as server:
        with pytest.raises(TransportError, match=r"its certificate is not trusted .*cafile=FILE") as caught:
            send(f"{url}:{server.port}{trusted}")
        assert "\n" not in str(caught.value)
        assert server.lines == []
        assert send(f"{url}:{server.port}?verify=no").kind == "sent"


def test_tls_where_none_is_spoken_is_one_line(smtp_faults: SmtpFaults) -> None:
    with pytest.raises(TransportError, match=r"TLS failed \(.+\)$"):
        send(f"smtps://127.0.0.1:{smtp_faults.port}")


def test_starttls_that_is_required_and_not_there_sends_nothing(smtp_faults: SmtpFaults) -> None:
    with pytest.raises(TransportError, match="offers no STARTTLS, which is required"):
        send(f"smtp+starttls://127.0.0.1:{smtp_faults.port}")
    smtp_faults.extensions = ("STARTTLS",)
    with pytest.raises(TransportError, match="refused STARTTLS: 454"):
        send(f"smtp+starttls://127.0.0.1:{smtp_faults.port}")
    assert not any(line.startswith("MAIL") for line in smtp_faults.lines)


def test_replies_slipped_in_before_tls_are_not_taken_for_secured_ones(smtp_faults: SmtpFaults) -> None:
    smtp_faults.extensions = ("STARTTLS",)
    for slipped in ("250 slipped in", "250-slipped in"):
        smtp_faults.set_fault("", "starttls", f"220 go\r\n{slipped}")
        with pytest.raises(TransportError, match=r"unasked: 250 slipped in|more than it was asked"):
            send(f"smtp+starttls://127.0.0.1:{smtp_faults.port}?verify=no")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_login_by_either_mechanism_opens_the_door(certificates: Certificates, mechanism: str) -> None:
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]
    with aiosmtpd(
        tls_context=certificates.context,
        authenticator=login,
        auth_required=True,
        auth_exclude_mechanism=[other],
    ) as (port, kept):
        url = f"smtp+starttls://me:p%40ss%20word@localhost:{port}?cafile={certificates.cafile}"
        assert send(url).kind == "sent"
        with pytest.raises(TransportError, match="the login of me was refused: 535") as caught:
            send(url.replace("p%40ss", "secret"))
        assert "secret" not in str(caught.value)
    assert kept.count == 1


def test_a_server_that_wants_a_login_does_not_fail_the_reader(certificates: Certificates) -> None:
    with aiosmtpd(tls_context=certificates.context, authenticator=login, auth_required=True) as (port, _):
        outcome = send(f"smtp+starttls://localhost:{port}?cafile={certificates.cafile}")
    assert (outcome.kind, outcome.reply[:3]) == ("deferred", "530")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_password_is_never_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with aiosmtpd(authenticator=login, auth_require_tls=False, auth_required=True) as (port, kept):
        url = f"smtp://me:p%40ss%20word@127.0.0.1:{port}"
        assert send(url).kind == "sent"
        monkeypatch.setattr(SmtpSettings, "is_loopback", False)
        with pytest.raises(TransportError, match="not sent in clear"):
            send(url)
        assert send(f"{url}?clear_login=yes").kind == "sent"
    assert kept.count == 2


def test_a_server_without_login_says_so(smtp_faults: SmtpFaults) -> None:
    smtp_faults.extensions = ("AUTH CRAM-MD5 XOAUTH2",)
    with pytest.raises(TransportError, match=r"no login by PLAIN or LOGIN \(it offers CRAM-MD5 XOAUTH2\)"):
        send(f"smtp://me:secret@127.0.0.1:{smtp_faults.port}")
