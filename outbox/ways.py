"""What a transport setting names: ``smtp://…``, ``smtps://…``, ``maildir:FOLDER`` or ``sendmail:COMMAND``."""

from pathlib import Path

from outbox.accesstokens import AccessTokens
from outbox.maildir import Maildir
from outbox.sendmail import Sendmail, sendmail_command
from outbox.servers import Server
from outbox.smtp import ServerMemory, SmtpConnection
from outbox.smtpurl import SmtpSettings


def server_of(transport: str) -> Server:
    """The way out that one transport setting names; raises ``SmtpUrlError`` when it names none."""
    scheme, _, rest = transport.partition(":")
    if scheme == "maildir":
        return Server(transport, 1, lambda: Maildir(Path(rest)))
    if scheme == "sendmail":
        command = sendmail_command(rest)
        return Server(f"sendmail:{command[0]}", 1, lambda: Sendmail(command))
    settings = SmtpSettings.parse(transport)
    memory = ServerMemory(AccessTokens(settings))
    return Server(str(settings), settings.weight, lambda: SmtpConnection(settings, memory=memory))
