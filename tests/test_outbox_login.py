"""Logging in: the mechanism that is told or offered, and access tokens kept until they are refused."""

import asyncio
import json
import sys
import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from outbox import accesstokens
from outbox.accesstokens import AccessTokens, TokenUnavailable
from outbox.outcome import TransportError
from outbox.smtp import ServerMemory, SmtpConnection, SmtpSettings
from outbox.smtpurl import SmtpUrlError

CHALLENGE = b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"


class Guard:
    """A server that lets in who shows the right token or password; it keeps what was said to it."""

    def __init__(self, offered: str, *, token: str = "good", challenges: bool = True) -> None:
        self.offered = offered
        self.token = token
        self.challenges = challenges
        self.lines: list[str] = []
        self.talks: list[asyncio.Task[None] | None] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.current_task())
        writer.write(b"220 hi\r\n")
        with suppress(ConnectionError):
            while line := (await reader.readline()).decode():
                self.lines.append(line.strip())
                writer.write(await self._reply(line.strip(), reader, writer))
        writer.close()

    async def _reply(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        if line.startswith("EHLO"):
            return f"250-hi\r\n250 AUTH {self.offered}\r\n".encode()
        if line.startswith("AUTH XOAUTH2 "):
            said = b64decode(line.split()[2]).decode()
            if said == f"user=me@example.org\x01auth=Bearer {self.token}\x01\x01":
                return b"235 2.7.0 in\r\n"
            if self.challenges:
                writer.write(CHALLENGE)
                self.lines.append((await reader.readline()).decode().strip())
            return b"535 5.7.8 not you\r\n"
        if line.startswith("AUTH PLAIN "):
            is_right = b64decode(line.split()[2]) == b"\0me@example.org\0good"
            return b"235 2.7.0 in\r\n" if is_right else b"535 5.7.8 not you\r\n"
        if line == "AUTH LOGIN":
            said = ""
            for asked in (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"):
                writer.write(asked)
                said += b64decode(await reader.readline()).decode() + " "
            return b"235 2.7.0 in\r\n" if said == "me@example.org good " else b"535 5.7.8 not you\r\n"
        return b"221 bye\r\n"

    @property
    def tokens(self) -> list[str]:
        """The tokens that were shown."""
        shown = [b64decode(line.split()[2]).decode() for line in self.lines if line.startswith("AUTH XO")]
        return [one.split("Bearer ")[1].strip("\x01") for one in shown]


def log_in(guard: Guard, login: str, options: str, *, times: int = 1, at_once: bool = False) -> list[str]:
    """Log in so many times, over connections that share what they know; what kept each out, or ''."""

    async def once(url: str, memory: ServerMemory) -> str:
        connection = SmtpConnection(SmtpSettings.parse(url), memory=memory)
        try:
            await connection.open()
        except TransportError as error:
            return str(error)
        await connection.close()
        return ""

    async def story() -> list[str]:
        listening = await asyncio.start_server(guard.talk, "127.0.0.1", 0)
        async with listening:
            url = f"smtp://{login}@127.0.0.1:{listening.sockets[0].getsockname()[1]}?{options}"
            memory = ServerMemory(AccessTokens(SmtpSettings.parse(url)))
            if at_once:
                said = await asyncio.gather(*(once(url, memory) for _ in range(times)))
            else:
                said = [await once(url, memory) for _ in range(times)]
            await asyncio.gather(*filter(None, guard.talks))
            return said

    return asyncio.run(story())


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, Path]:
    """A command that prints the token in a file and notes that it ran, as an option; and the folder."""
    (tmp_path / "token").write_text("good\n", encoding="utf-8")
    script = tmp_path / "a script.py"
    script.write_text(
        f"from pathlib import Path\nhere = Path({str(tmp_path)!r})\n"
        "with (here / 'runs').open('a') as runs:\n    runs.write('x')\n"
        "print((here / 'token').read_text())\n",
        encoding="utf-8",
    )
    return "token_command=" + quote(f"{sys.executable} -I '{script}'"), tmp_path


@pytest.mark.parametrize(
    ("offered", "option", "first"),
    [
        ("LOGIN PLAIN", "", "AUTH PLAIN"),
        ("LOGIN PLAIN XOAUTH2", "auth=login", "AUTH LOGIN"),
        ("LOGIN XOAUTH2 PLAIN", "auth=plain", "AUTH PLAIN"),
        ("LOGIN", "", "AUTH LOGIN"),
        ("PLAIN XOAUTH2", "auth=xoauth2", "AUTH XOAUTH2"),
    ],
)
def test_the_mechanism_is_the_one_told_or_the_best_offered(offered: str, option: str, first: str) -> None:
    guard = Guard(offered)
    assert log_in(guard, "me%40example.org:good", option) == [""]
    assert guard.lines[1].startswith(first)


def test_a_mechanism_that_is_not_offered_is_told_and_nothing_is_said() -> None:
    guard = Guard("XOAUTH2")
    (said,) = log_in(guard, "me:good", "auth=plain")
    assert said.endswith("the server offers no login by PLAIN (it offers XOAUTH2)")
    assert len(guard.lines) == 1


@pytest.mark.parametrize("challenges", [True, False])
def test_a_refused_token_is_one_line_and_a_challenge_is_answered_by_an_empty_one(challenges: bool) -> None:
    guard = Guard("XOAUTH2", challenges=challenges)
    (said,) = log_in(guard, "me%40example.org:bad", "auth=xoauth2")
    assert said.endswith("the login of me@example.org was refused: 535 5.7.8 not you")
    assert guard.lines[2:] == ([""] if challenges else [])


def test_a_command_is_run_once_and_again_only_when_its_token_is_refused(command: tuple[str, Path]) -> None:
    option, folder = command
    guard = Guard("XOAUTH2")
    assert log_in(guard, "me%40example.org", option, times=5, at_once=True) == [""] * 5
    assert (folder / "runs").read_text(encoding="utf-8") == "x"

    guard = Guard("XOAUTH2")
    assert log_in(guard, "me%40example.org:stale", f"auth=xoauth2&{option}", times=3) == [""] * 3
    assert guard.tokens == ["stale", "good", "good", "good"]
    assert (folder / "runs").read_text(encoding="utf-8") == "xx"


def test_a_fresh_token_that_is_refused_is_not_asked_for_again(command: tuple[str, Path]) -> None:
    option, folder = command
    guard = Guard("XOAUTH2", token="another")
    assert "535" in log_in(guard, "me%40example.org", option)[0]
    assert (guard.tokens, (folder / "runs").read_text(encoding="utf-8")) == (["good"], "x")


def test_a_command_that_fails_is_run_once_for_all_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Semaphore(0)
    runs: list[int] = []

    class Counting:
        """A lock that tells how many came to it."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def __enter__(self) -> None:
            asked.release()
            self._lock.acquire()

        def __exit__(self, *_error: object) -> None:
            self._lock.release()

    monkeypatch.setattr(accesstokens, "Lock", Counting)
    tokens = AccessTokens(SmtpSettings.parse("smtp://me@mx?token_command=/bin/false"))
    run = tokens._run

    def run_once_all_are_there() -> str:
        runs.append(1)
        if len(runs) == 1:
            for _ in range(5):
                assert asked.acquire(timeout=60)
        return run()

    monkeypatch.setattr(tokens, "_run", run_once_all_are_there)

    def ask() -> str:
        with pytest.raises(TokenUnavailable) as caught:
            tokens.token()
        return str(caught.value)

    with ThreadPoolExecutor(5) as threads:
        said = [waiting.result() for waiting in [threads.submit(ask) for _ in range(5)]]
    assert said == ["token_command /bin/false ended with 1"] * 5
    assert len(runs) == 1
    # Who comes later has it run again.
    ask()
    assert len(runs) == 2


def test_a_token_file_is_read_again_when_its_token_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("good\n", encoding="utf-8")
    tokens = AccessTokens(SmtpSettings.parse(f"smtp://me@mx?token_file={file}"))
    assert tokens.token() == ("good", True)
    file.write_text("better\n", encoding="utf-8")
    assert tokens.token() == ("good", False)
    assert tokens.token(refused="good") == ("better", True)
    assert tokens.token(refused="good") == ("better", False)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("token_file=/nowhere/token", "token_file /nowhere/token cannot be read"),
        ("token_command=/nowhere/program", "token_command /nowhere/program cannot be run: No such file"),
        ("token_command=/bin/sh%20-c%20'echo%20no%20luck%20>%262%3B%20exit%203'", "ended with 3: no luck"),
        ("token_command=/bin/echo%20two%20words", "token_command /bin/echo gave no token"),
        ("token_command=/bin/sleep%2060", "said nothing within 0.1 s"),
    ],
)
def test_no_token_is_one_line(monkeypatch: pytest.MonkeyPatch, source: str, said: str) -> None:
    if "sleep" in source:
        monkeypatch.setattr(accesstokens, "COMMAND_SECONDS", 0.1)
    guard = Guard("XOAUTH2")
    (error,) = log_in(guard, "me", source)
    assert said in error
    assert "\n" not in error
    assert guard.tokens == []


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mx?auth=plain",
        "smtp://me@mx?auth=xoauth2",
        "smtp://mx?token_file=x",
        "smtp://me:secret@mx?auth=plain&token_file=x",
        "smtp://me@mx?token_file=x&token_command=y",
        "smtp://me@mx?token_command='secret",
        "smtp://me:secret%01@mx",
        "smtp://me:secret@mx?auth=cram-md5",
        "smtp://mx?weight=-1",
        "smtp://mx?weight=1.5",
        "smtp://mx?weight=1001",
        "smtp://mx?max_messages=0",
        "smtp://mx?max_age=0",
        "smtp://mx?max_age=nan",
        "smtp://mx?chunking=maybe",
    ],
)
def test_what_does_not_fit_together_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(SmtpUrlError) as caught:
        SmtpSettings.parse(url)
    assert str(caught.value).startswith("transport: ")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_address_says_how_a_connection_is_used() -> None:
    usual = SmtpSettings.parse("smtp://mx")
    assert (usual.weight, usual.max_messages, usual.max_age, usual.chunking) == (1, 500, 300, True)
    told = SmtpSettings.parse("smtp://mx?weight=0&max_messages=20&max_age=7.5&chunking=no")
    assert (told.weight, told.max_messages, told.max_age, told.chunking) == (0, 20, 7.5, False)
    token = SmtpSettings.parse("smtp://me@mx?token_command=/bin/get%20secret")
    assert (token.auth, token.token_command, token.port) == ("xoauth2", ("/bin/get", "secret"), 587)
    assert json.dumps([str(token), repr(token)]).count("secret") == 0
