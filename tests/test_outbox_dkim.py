"""DKIM: what we sign others find good, what was changed they do not; spliced equals signed from scratch."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dkim.canonicalization import Relaxed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outbox.bulk import bulk_headers
from outbox.canonical import relaxed_body, relaxed_fields
from outbox.dkim import SignedTemplate, Signer, sign
from outbox.dkimkeys import new_key
from outbox.headers import HeaderError
from outbox.marks import MessageError, mark
from outbox.message import MessageTemplate
from tests.dkim_verifiers import by_dkimpy, by_mail_dkim, by_opendkim, records
from tests.examples import often

SIGNERS = (Signer("example.org", "big", new_key("rsa")), Signer("example.org", "ed", new_key("ed25519")))
TEXTS = records(SIGNERS)
AT = datetime(2024, 1, 1, 14, 30, tzinfo=UTC)
VALUES = {"TO": b"reader@example.net", "MESSAGE_ID": b"<1.2@example.org>", "UNSUBSCRIBE": b"dG9rZW4.x-_y"}
LINK = f"https://example.org/unsubscribe/{mark('UNSUBSCRIBE')}"


def digest(
    subject: str = "News",
    text: str = f"Hello\n{LINK}\n",
    html: str | None = f"<p>Hello</p>\n<a href='{LINK}'>x</a>",
    **more: Any,
) -> MessageTemplate:
    wanted: dict[str, Any] = {
        "sender": ("Jörg, the News", "news@example.org"),
        "reply_to": ("", "editor@example.org"),
        "date": AT,
        "list_id": ("Weekly", "weekly.example.org"),
        "unsubscribe_url": LINK,
        "feedback_id": "12:weekly:labelcast",
        "language": "en",
    }
    return MessageTemplate.build(
        subject=subject, text=text, html=html, headers=bulk_headers(**(wanted | more))
    )


def signed(template: MessageTemplate, **values: bytes) -> bytes:
    return SignedTemplate(template, SIGNERS).splice(VALUES | values, at=AT)


def tags(message: bytes) -> list[dict[str, str]]:
    """Each signature's tags, unfolded."""
    head = re.sub(rb"\r\n[ \t]+", b" ", message[: message.find(b"\r\n\r\n")]).decode()
    fields = [line.partition(":")[2] for line in head.split("\r\n") if line.startswith("DKIM-Signature:")]
    return [dict(tag.strip().split("=", 1) for tag in field.split(";")) for field in fields]


def assert_fit_for_the_wire(message: bytes) -> None:
    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b".") or b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    ours = message[: message.find(b"\r\nFrom:")]
    assert max(map(len, ours.split(b"\r\n"))) <= 78


LETTERS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: signed(digest()),
    "every script": lambda: signed(
        digest(
            "政治  и  🙂 " * 9,
            f"a  b\t \n {mark('TO')} \n\n\n",
            f"é\t\t{mark('TO')}\n \n",
            sender=("Ж " * 40, "news@example.org"),
        )
    ),
    "an address in UTF-8": lambda: signed(digest(), TO="jörg@example.net".encode()),
    "white space and escapes in a value": lambda: signed(
        digest(text=f"{mark('WHO')}\n"), WHO="= a  é ".encode() * 20
    ),
    "not spliced": lambda: sign(
        b"From: a@example.org\r\nSubject:  x \r\n y\r\n\r\n\r\n a  b \r\n\r\n", SIGNERS, at=AT
    ),
    "no body": lambda: sign(b"From: a@example.org\r\n\r\n", SIGNERS, at=AT),
}


@pytest.mark.parametrize("name", LETTERS)
def test_others_find_our_signatures_good(name: str, tmp_path: Path) -> None:
    message = LETTERS[name]()
    assert by_dkimpy(message, TEXTS) == [True, True]
    assert by_opendkim(message, TEXTS, tmp_path) == {"big": True, "ed": True}
    # Older ones know no Ed25519, and must pass over it.
    said = by_mail_dkim(message, TEXTS, tmp_path)
    assert said["big"] == "pass"
    assert said["ed"] in {"pass", "invalid (unsupported algorithm ed25519-sha256)"}


def test_others_find_a_changed_message_bad(tmp_path: Path) -> None:
    message = signed(digest()).replace(b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Other")
    assert by_opendkim(message, TEXTS, tmp_path) == {"big": False, "ed": False}
    assert by_mail_dkim(message, TEXTS, tmp_path)["big"].startswith("fail")


COVERED = [
    *("From", "To", "Reply-To", "Date", "Subject", "Message-ID", "MIME-Version", "Content-Type"),
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post", "Auto-Submitted", "Precedence"),
    *("Feedback-ID", "Content-Language"),
]


@pytest.mark.parametrize("name", COVERED)
def test_every_field_is_covered(name: str) -> None:
    message = signed(digest())
    for one in tags(message):
        assert name.lower() in re.split(r"[: ]+", one["h"])
    field = re.search(rb"(?m)^%b: .*(?:\r\n[ \t].*)*\r\n" % name.encode(), message)
    assert field is not None
    changed = field[0][:-3] + bytes([field[0][-3] ^ 1]) + b"\r\n"
    assert by_dkimpy(message.replace(field[0], changed), TEXTS) == [False, False]
    assert by_dkimpy(message.replace(field[0], b""), TEXTS) == [False, False]


def test_a_message_of_text_alone_is_signed_with_its_encoding() -> None:
    message = signed(digest(html=None))
    assert all("content-transfer-encoding" in one["h"] for one in tags(message))
    assert by_dkimpy(message, TEXTS) == [True, True]
    assert by_dkimpy(message.replace(b": quoted-printable", b": 8bit"), TEXTS) == [False, False]


def test_no_field_of_the_message_is_left_out() -> None:
    assert {name.lower() for name in COVERED} == {
        name.decode() for name, _ in relaxed_fields(digest().blob.partition(b"\r\n\r\n")[0] + b"\r\n")
    }


@pytest.mark.parametrize(
    "added",
    [
        "From: b@example.net",
        "Subject: Other",
        "To: b@example.net",
        "Cc: b@example.net",
        "Reply-To: x@y",
        "List-Unsubscribe: <https://example.net/>",
        "Content-Type: text/plain",
    ],
)
def test_a_field_that_could_be_shown_in_place_of_ours_cannot_be_added(added: str) -> None:
    assert by_dkimpy(f"{added}\r\n".encode() + signed(digest()), TEXTS) == [False, False]


def test_what_servers_add_on_the_way_breaks_nothing() -> None:
    added = b"Return-Path: <b@example.org>\r\nReceived: from a\r\n by b\r\nAuthentication-Results: c\r\n"
    assert by_dkimpy(added + signed(digest()), TEXTS) == [True, True]
    refolded = signed(digest()).replace(b"List-Id: Weekly ", b"list-id:\tWeekly\r\n\t ")
    assert by_dkimpy(refolded, TEXTS) == [True, True]


def test_the_body_can_be_neither_changed_nor_lengthened() -> None:
    message = signed(digest())
    for changed in (
        message.replace(b"Hello", b"Hullo"),
        message + b"<p>More</p>\r\n",
        message.replace(b"dG9r", b"dG9s"),
    ):
        assert by_dkimpy(changed, TEXTS) == [False, False]


def test_a_signature_covers_all_of_the_body_and_does_not_expire() -> None:
    for one, kind in zip(tags(signed(digest())), ("rsa", "ed25519"), strict=True):
        assert one["a"] == f"{kind}-sha256"
        assert one["c"] == "relaxed/relaxed"
        assert one["t"] == str(int(AT.timestamp()))
        assert not {"l", "x", "i"} & one.keys()


pieces = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
spaced = st.text(st.sampled_from("a.= \t\n\ré🙂"), max_size=120)
marks = st.sampled_from([mark("UNSUBSCRIBE"), mark("TO"), mark("WHO")])
texts = st.lists(st.one_of(pieces, spaced, marks), max_size=8).map("".join)
values = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    st.text(st.sampled_from("a  \t=.é\r\n"), max_size=150),
)
one_line = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=120
).filter(lambda text: text.strip() != "")


@settings(deadline=None, max_examples=often(150))
@given(text=texts, html=st.none() | texts, subject=one_line, name=one_line, value=values)
def test_spliced_is_just_what_signing_from_scratch_gives_and_verifies(
    text: str, html: str | None, subject: str, name: str, value: str
) -> None:
    template = digest(subject, text, html, sender=(name, "news@example.org"))
    filled = VALUES | {"WHO": value.encode()}
    message = SignedTemplate(template, SIGNERS).splice(filled, at=AT)
    assert message == sign(template.splice(filled), SIGNERS, at=AT)
    assert by_dkimpy(message, TEXTS) == [True, True]
    assert_fit_for_the_wire(message)


raw_lines = st.lists(
    st.sampled_from(["a", " ", "\t", "\0WHO\0", "\0TO\0", "\r\n", "\r\n\r\n"]), max_size=30
).map(lambda lines: "".join(lines).encode() + b"\r\n")


@settings(deadline=None, max_examples=often(150))
@given(
    body=raw_lines,
    head=st.sampled_from(["", " ", "\t  "]),
    who=st.sampled_from([b"", b" ", b"a  b", b" x\t"]),
)
@example(body=b"\0WHO\0\r\n", head="", who=b"")
@example(body=b"a\r\n\0WHO\0\r\n\r\n", head="", who=b" ")
def test_so_it_is_for_marks_anywhere_and_values_that_leave_a_line_empty(
    body: bytes, head: str, who: bytes
) -> None:
    field = f"Subject:{head}x{head} \0TO\0{head}\r\n".encode()
    template = MessageTemplate.parse(b"From: a@example.org\r\n" + field + b"\r\n" + body)
    filled = {"WHO": who, "TO": b"r@example.net  and   more"}
    message = SignedTemplate(template, SIGNERS[1:]).splice(filled, at=AT)
    assert message == sign(template.splice(filled), SIGNERS[1:], at=AT)
    assert by_dkimpy(message, TEXTS) == [True]


@settings(deadline=None, max_examples=often(200))
@given(st.lists(st.sampled_from(["a", " ", "\t", "\r\n", "="]), max_size=40).map("".join))
def test_the_relaxed_form_of_a_body_is_that_of_others(body: str) -> None:
    whole = f"x{body}\r\n".encode()
    assert relaxed_body(whole) == Relaxed.canonicalize_body(whole)


def test_the_standards_example_of_the_relaxed_form() -> None:
    assert relaxed_fields(b"A: X\r\nB : Y\t\r\n\tZ  \r\n") == [(b"a", b"a:X\r\n"), (b"b", b"b:Y Z\r\n")]
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert relaxed_body(b"\r\n\r\n") == b""


@pytest.mark.parametrize("bad", [b"a\rb", b"a\nb", b"a\r\nBcc: x@y", b"a\0b", b"\r\n", b""])
@pytest.mark.parametrize("name", ["TO", "MESSAGE_ID", "UNSUBSCRIBE"])
def test_a_line_break_or_nul_in_what_a_header_holds_is_refused(name: str, bad: bytes) -> None:
    with pytest.raises(HeaderError, match=name):
        signed(digest(), **{name: bad})


@pytest.mark.parametrize(
    "message", [b"", b"From: a@b\r\n", b"To: a@b\r\n\r\nx\r\n", b"From: a\r\nno field\r\n\r\n"]
)
def test_what_is_no_message_is_not_signed(message: bytes) -> None:
    with pytest.raises(MessageError, match="cannot be signed"):
        sign(message, SIGNERS, at=AT)


def test_without_signers_a_message_is_as_it_was() -> None:
    assert SignedTemplate(digest(), ()).splice(VALUES, at=AT) == digest().splice(VALUES)
    assert sign(b"x", (), at=AT) == b"x"


def test_many_threads_sign_at_once_and_none_gets_anothers_message() -> None:
    template = SignedTemplate(digest(), SIGNERS)

    def letter(number: int) -> bytes:
        return template.splice(VALUES | {"UNSUBSCRIBE": b"token-%d" % number}, at=AT)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(letter, range(200))) == [letter(number) for number in range(200)]
