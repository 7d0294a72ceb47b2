"""Access tokens for XOAUTH2: given, read from a file, or printed by a command."""

import re
import subprocess
from pathlib import Path
from threading import Lock

from outbox.outcome import printable
from outbox.smtpurl import SmtpSettings

# How long a command may think; it may have to ask an authorisation server.
COMMAND_SECONDS = 60.0

_TOKEN = re.compile(r"[!-~]{1,8000}")


class TokenUnavailable(Exception):
    """There is no access token; one line says why, and nothing of the token."""


class AccessTokens:
    """The access tokens of one server, kept for all connections to it; any thread may ask.

    A token is kept until the server refuses it: then, and when there is none yet, the file is read or the
    command is run, once for all who wait; where that fails, for all of them too.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self._command = settings.token_command
        self._file = settings.token_file
        self._lock = Lock()
        self._token = settings.password if settings.auth == "xoauth2" else None
        self._tries = 0
        self._trouble: str | None = None

    def token(self, *, refused: str | None = None) -> tuple[str, bool]:
        """A token, not the one that was refused if there is another; and whether it was just made.

        Blocks while a command runs. Raises ``TokenUnavailable``.
        """
        seen = self._tries
        with self._lock:
            is_fresh = self._token is None or self._token == refused
            if is_fresh and (self._command or self._file):
                if self._trouble is not None and self._tries != seen:
                    raise TokenUnavailable(self._trouble)
                self._token = self._make()
            if self._token is None:
                raise TokenUnavailable("no access token is given")
            return self._token, is_fresh

    def _make(self) -> str:
        self._trouble = None
        try:
            return self._run() if self._command else self._read()
        except TokenUnavailable as error:
            self._trouble = str(error)
            raise
        finally:
            # Last: who comes while it is tried counts among those who wait for it.
            self._tries += 1

    def _read(self) -> str:
        try:
            return _token(Path(self._file or "").read_text(encoding="utf-8"), f"token_file {self._file}")
        except (OSError, UnicodeDecodeError) as error:
            raise TokenUnavailable(f"token_file {self._file} cannot be read: {error}") from error

    def _run(self) -> str:
        name = f"token_command {self._command[0]}"
        try:
            # The publisher's own command from the settings, without a shell.
            done = subprocess.run(  # noqa: S603
                self._command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TokenUnavailable(f"{name} said nothing within {COMMAND_SECONDS:g} s") from error
        except OSError as error:
            raise TokenUnavailable(f"{name} cannot be run: {error.strerror or error}") from error
        if done.returncode:
            said = printable(done.stderr.decode(errors="replace"))
            raise TokenUnavailable(f"{name} ended with {done.returncode}{': ' if said else ''}{said}")
        return _token(done.stdout.decode(errors="replace"), name)


def _token(text: str, source: str) -> str:
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise TokenUnavailable(f"{source} gave no token: it should be one word of printable ASCII")
    return token
