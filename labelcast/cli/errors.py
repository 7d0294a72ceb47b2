"""The one place that turns every error into one line for a person and an exit code."""

import errno
import os
import sys
import traceback

# Error classes by room and name, so that a command's start does not wait for rooms it never enters; the class
# nearest to the error's own decides. 2: what was typed or set is wrong; 1: it could not be done.
EXIT_CODES = {
    ("labelcast", "SettingsError"): 2,
    ("labelcast", "UsageProblem"): 2,
    ("labelcast", "CommandFailed"): 1,
    ("labelcast", "DemoFailed"): 1,
    ("labelcast", "NotSubscribed"): 1,
    ("typer", "UsageError"): 2,
    ("typer", "ClickException"): 1,
    ("database", "DatabaseUnavailable"): 1,
    ("database", "SchemaOutdated"): 1,
    ("posts", "RuleError"): 2,
    ("posts", "ImporterError"): 1,
    ("posts", "SpoolError"): 1,
    ("posts", "LabelError"): 1,
    ("posts", "BlogMissing"): 1,
    ("posts", "OverrideError"): 1,
    ("subscribers", "AddressError"): 2,
    ("subscribers", "SubscriberError"): 1,
    ("subscribers", "CsvError"): 1,
    ("feeds", "AddressError"): 2,
    ("feeds", "FeedError"): 1,
    ("feeds", "GrantError"): 1,
    ("feeds", "PublishError"): 1,
    ("digests", "CadenceError"): 2,
    ("digests", "DigestError"): 1,
    ("digests", "RenderingError"): 1,
    ("outbox", "DkimError"): 2,
    ("outbox", "DkimWriteError"): 1,
    ("outbox", "MailboxError"): 1,
    ("outbox", "MailboxUrlError"): 2,
    ("outbox", "MessageError"): 1,
    ("outbox", "SmtpUrlError"): 2,
    ("outbox", "TransportError"): 1,
    ("web", "TokenError"): 1,
    ("web", "AccountError"): 1,
    ("sqlalchemy", "SQLAlchemyError"): 1,
}


class UsageProblem(ValueError):
    """An argument that is well formed and still makes no sense; ends in exit code 2."""


class CommandFailed(RuntimeError):
    """What was asked for cannot be done; ends in exit code 1."""


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code for an error, and the line: what is wrong, where, and what to do."""
    for kind in type(error).__mro__:
        code = EXIT_CODES.get((kind.__module__.partition(".")[0], kind.__qualname__))
        if code is not None:
            return code, _one_line(_said(error)) + _usage_hint(error)
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return 1, "stopped"
    if isinstance(error, UnicodeEncodeError):
        # Half a surrogate pair is how Python shows an argument's byte that is no UTF-8.
        odd = error.object[error.start : error.end]
        return 2, f"{odd!r} is no text in UTF-8: what was typed or set cannot be stored"
    if isinstance(error, MemoryError):
        return 1, "out of memory"
    if isinstance(error, OSError):
        return 1, _one_line(_system_error(error))
    return 1, _one_line(f"this is a fault of Labelcast: {type(error).__name__}: {error}{_place(error)}") + (
        "; --traceback shows all of it"
    )


def hush_broken_pipe() -> None:
    """Point stdout at nothing, so that Python's last flush does not complain a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _said(error: BaseException) -> str:
    said = getattr(error, "format_message", None)
    # The library that reads options names its own error before what it says.
    return str(said()).replace(": Value error, ", ": ") if said else str(error)


def _usage_hint(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    return f" (see `{context.command_path} --help`)" if context else ""


def _system_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    said = error.strerror or str(error) or type(error).__name__
    return f"{where}{said}" + ("; free some space and run it again" if error.errno == errno.ENOSPC else "")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
