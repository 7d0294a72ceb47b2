"""Sending through a program such as Postfix's ``sendmail``: one run for each message."""

import asyncio
import os
import shlex
import shutil
import subprocess
import tempfile
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import IO

from outbox.addresses import ascii_address
from outbox.chunking import unstuffed
from outbox.headers import HeaderError
from outbox.outcome import Kind, Outcome, TransportError, printable
from outbox.smtpoptions import SmtpUrlError

DEFAULT = "/usr/sbin/sendmail -oi"
# As long as an SMTP server may think over a message (RFC 5321, section 4.5.3.2.6).
WAIT_SECONDS = 600.0

# Exit codes of sysexits.h that are about the message or its reader. All others are about this machine, its
# settings or the moment: they are tried again, and no reader is dropped for them.
_FAILED = {
    65: "550 5.6.0 the program took the message's data for wrong (EX_DATAERR)",
    67: "550 5.1.1 the program knows no such user (EX_NOUSER)",
    68: "550 5.1.2 the program knows no such host (EX_NOHOST)",
}
_KEPT_OF_STDERR = 2000
_MOST_SIGNALS = 64


def sendmail_command(text: str) -> tuple[str, ...]:
    """The program and its arguments, quoted as for a shell; the usual where nothing is written.

    Raises ``SmtpUrlError`` where that is no command with an absolute path.
    """
    try:
        command = tuple(shlex.split(text or DEFAULT))
    except ValueError as error:
        raise SmtpUrlError(f"transport: sendmail: is no command: {error}") from error
    if not command or not command[0].startswith("/"):
        raise SmtpUrlError(
            "transport: write sendmail: or sendmail:/usr/sbin/sendmail -oi, with its whole path"
        )
    return command


class Sendmail:
    """A program to send through; it has the shape of an SMTP connection.

    Each message is one run: ``COMMAND -f SENDER -- READER``, the message on its standard input with LF line
    ends. The input is a file that holds the whole message before the program begins: were it a pipe, a
    sender that is killed would close it, and the program would send half of a message.
    """

    def __init__(self, command: Sequence[str], *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._command = tuple(command)
        self._wait = wait_seconds
        self._is_open = False

    @property
    def usable(self) -> bool:
        """Whether it is open."""
        return self._is_open

    @property
    def broke(self) -> bool:
        """Whether it is not open."""
        return not self._is_open

    async def open(self) -> None:
        """See that the program is there. Raises ``TransportError`` when it is not."""
        if shutil.which(self._command[0]) is None:
            raise TransportError(
                f"sendmail:{self._command[0]}: no such program: install one, or change mail.transport"
            )
        self._is_open = True

    async def close(self) -> None:
        """Nothing is held open."""
        self._is_open = False

    async def send(
        self,
        sender: str,
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool] = lambda: True,
    ) -> Outcome:
        """Run the program for one message (as for ``SmtpConnection.send``); say what became of it.

        ``may_send`` is awaited once; ``fence`` is asked right before the program begins. From there to its
        end the message is in doubt: when a signal kills it, when it takes longer than ``wait_seconds`` (it is
        killed then), or when this is cancelled. An exit code of 0 is sent; 65, 67 and 68 of sysexits.h are
        failed, all others deferred.
        """
        granted = await may_send()
        if not granted:
            return Outcome("withheld", "the leave to send was taken back")
        try:
            sender = ascii_address(sender) if sender else "<>"
            arguments = (*self._command, "-f", sender, "--", ascii_address(recipient))
        except HeaderError as error:
            return Outcome("failed", f"553 5.1.3 not sent: {error}")
        with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as said:
            try:
                await asyncio.to_thread(_write, text, data)
            except OSError as error:
                return Outcome("deferred", f"not sent: {error.strerror or error}")
            if not fence():
                return Outcome("withheld", "the leave to send was taken back")
            return await self._run(arguments, text, said)

    async def _run(self, arguments: Sequence[str], text: IO[bytes], said: IO[bytes]) -> Outcome:
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=text,
                stdout=subprocess.DEVNULL,
                stderr=said,
                # A Ctrl-C is for the sender, which finishes what is in hand.
                start_new_session=True,
            )
        except OSError as error:
            return Outcome("deferred", f"{self._command[0]} cannot be run: {error.strerror or error}")
        try:
            async with asyncio.timeout(self._wait):
                code = await process.wait()
        except TimeoutError:
            await _kill(process)
            return Outcome("in_doubt", f"{self._command[0]} did not end within {self._wait:g} s")
        except BaseException:
            await _kill(process)
            raise
        return _outcome(self._command[0], code, _read(said))


def _outcome(program: str, code: int, said: str) -> Outcome:
    words = f": {said}" if said else ""
    if code == 0:
        return Outcome("sent", printable(f"{program} took it{words}"))
    # A shell tells of what a signal killed as 128 and the signal; what is more (255) is a program's own.
    signal = -code if code < 0 else code - 128
    if 0 < signal <= _MOST_SIGNALS:
        return Outcome("in_doubt", printable(f"{program} was killed by signal {signal}{words}"))
    kind: Kind = "failed" if code in _FAILED else "deferred"
    return Outcome(kind, printable(f"{_FAILED.get(code, f'{program} ended with {code}')}{words}"))


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(unstuffed(data).replace(b"\r\n", b"\n"))
    file.flush()
    os.lseek(file.fileno(), 0, os.SEEK_SET)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return printable(file.read(_KEPT_OF_STDERR).decode(errors="replace"))


async def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
