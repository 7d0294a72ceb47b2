"""Others' DKIM verifiers, each asked what it thinks of a message: dkimpy, OpenDKIM and Perl's Mail::DKIM.

Each is given the DNS records in a file or a function; nothing is looked up.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import dkim
import pytest

from outbox.dkim import Signer
from outbox.dkimkeys import record_name

_MAIL_DKIM = r"""
use strict; use warnings;
use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey;
my ($records, $message) = @ARGV;
my %texts;
open(my $file, '<', $records) or die;
while (<$file>) { chomp; my ($name, $text) = split / /, $_, 2; $texts{$name} = $text; }
no warnings 'redefine';
*Mail::DKIM::PublicKey::fetch_async = sub {
    my ($class, %asked) = @_;
    my $key = $class->parse($texts{"$asked{Selector}._domainkey.$asked{Domain}"});
    $key->{Selector} = $asked{Selector}; $key->{Domain} = $asked{Domain};
    $key->check;
    my @found = $asked{Callbacks}{Success} ? $asked{Callbacks}{Success}->($key) : $key;
    return sub { return $found[0] };
};
my $verifier = Mail::DKIM::Verifier->new;
open(my $mail, '<:raw', $message) or die;
local $/; $verifier->PRINT(<$mail>); $verifier->CLOSE;
print $_->selector, " ", $_->result_detail, "\n" for $verifier->signatures;
"""


def records(signers: Iterable[Signer]) -> dict[str, str]:
    """What the DNS has: each name's text."""
    return {record_name(one.selector, one.domain): one.key.record for one in signers}


def by_dkimpy(message: bytes, texts: dict[str, str]) -> list[bool]:
    """Whether each of the message's signatures is good, in their order, as dkimpy says."""

    def answer(name: bytes, **_: object) -> bytes | None:
        text = texts.get(name.decode().rstrip("."))
        return None if text is None else text.encode()

    count = message[: message.find(b"\r\n\r\n")].count(b"DKIM-Signature:")
    found = []
    for index in range(count):
        try:
            found.append(bool(dkim.DKIM(message).verify(index, dnsfunc=answer)))
        except dkim.ValidationError:
            found.append(False)
    return found


def by_opendkim(message: bytes, texts: dict[str, str], folder: Path) -> dict[str, bool]:
    """Whether the signature of each selector is good, as OpenDKIM says; skips where it is not installed."""
    program = shutil.which("opendkim", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("opendkim is not installed: apt-get install opendkim")
    mail, known = _files(message, texts, folder)
    settings = folder / "opendkim.conf"
    settings.write_text(f"Mode v\nSyslog no\nTestPublicKeys {known}\n", encoding="utf-8")
    said = _run(program, "-t", str(mail), "-x", str(settings), "-vvv")
    header = said[said.index("Authentication-Results") :].split("'\n")[0]
    parts = re.findall(r"dkim=(\w+)\b[^;]*?header\.s=([\w-]+)", header, re.DOTALL)
    return {selector: verdict == "pass" for verdict, selector in parts}


def by_mail_dkim(message: bytes, texts: dict[str, str], folder: Path) -> dict[str, str]:
    """What Mail::DKIM says of the signature of each selector; skips where it is not installed."""
    perl = shutil.which("perl")
    if (
        perl is None
        or subprocess.run([perl, "-MMail::DKIM", "-e1"], capture_output=True, check=False).returncode
    ):
        pytest.skip("Mail::DKIM is not installed: apt-get install libmail-dkim-perl")
    mail, known = _files(message, texts, folder)
    said = _run(perl, "-e", _MAIL_DKIM, str(known), str(mail))
    return dict(line.split(" ", 1) for line in said.splitlines())


def _files(message: bytes, texts: dict[str, str], folder: Path) -> tuple[Path, Path]:
    mail, known = folder / "message.eml", folder / "records"
    mail.write_bytes(message)
    known.write_text("".join(f"{name} {text}\n" for name, text in texts.items()), encoding="utf-8")
    return mail, known


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
