"""A message spliced from a template says exactly what was put in, and is fit for any server."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outbox.addresses import ascii_address, format_address, needs_smtputf8, recipient_value
from outbox.bulk import bulk_headers
from outbox.headers import HeaderError, header_field
from outbox.marks import MessageError, mark
from outbox.message import MessageTemplate, dot_stuff
from outbox.quoted import quote

TOKEN = mark("UNSUBSCRIBE")
VALUES = {"TO": b"reader@example.net", "MESSAGE_ID": b"<1.2@example.org>", "UNSUBSCRIBE": b"dG9rZW4.x-_y"}


def digest_headers(**changes: Any) -> list[tuple[str, str]]:
    wanted: dict[str, Any] = {
        "sender": ("Jörg, the News", "news@example.org"),
        "date": datetime(2024, 1, 1, 14, tzinfo=UTC),
        "list_id": ("Weekly", "weekly.example.org"),
        "unsubscribe_url": f"https://example.org/unsubscribe/{TOKEN}",
        "feedback_id": "12:weekly:labelcast",
        "language": "en",
    }
    return bulk_headers(**(wanted | changes))


def digest(
    text: str = "Hello\n", html: str = "<p>Hello</p>\n", subject: str = "News", **changes: Any
) -> MessageTemplate:
    return MessageTemplate.build(subject=subject, text=text, html=html, headers=digest_headers(**changes))


def read(message: bytes) -> EmailMessage:
    parsed = message_from_bytes(message, policy=default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def body(message: bytes, kind: str) -> str:
    part = read(message).get_body((kind,))
    assert part is not None
    assert not part.defects
    return str(part.get_content()).replace("\r\n", "\n")


def put_in(text: str, values: dict[str, bytes]) -> str:
    """What the text says with the values in the marks' places, line breaks as LF."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("\0([A-Z_]+)\0", lambda m: values[m[1]].decode().replace("\r\n", "\n"), text)


def assert_fit_for_the_wire(message: bytes) -> None:
    assert message.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", message)
    head, _, rest = message.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, rest.split(b"\r\n"))) <= 76
    assert b"\n." not in message
    assert dot_stuff(message) == message
    assert rest.isascii()


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)
awkward = st.text(st.sampled_from("a.=F rom\t\n\réé政🙂-_"), max_size=400)
pieces = st.one_of(texts, awkward, st.just("From "), st.just("x" * 200), st.just("." * 90))
marked = st.lists(
    st.one_of(pieces, st.sampled_from([mark("UNSUBSCRIBE"), mark("EMAIL"), mark("TO")])), max_size=8
).map("".join)
plain_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
any_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(
    # A reader's mail program makes one line break of either.
    lambda value: value.replace("\r", "").replace("\0", "")
)


@settings(deadline=None)
@given(text=marked, html=marked, value=st.one_of(plain_values, any_values))
def test_whatever_the_texts_and_values_the_message_decodes_to_just_them(
    text: str, html: str, value: str
) -> None:
    values = VALUES | {"EMAIL": value.encode()}
    template = digest(text, html)
    message = template.splice(values)
    assert_fit_for_the_wire(message)
    assert body(message, "plain") == put_in(text, values)
    assert body(message, "html") == put_in(html, values)
    assert MessageTemplate.parse(template.blob).splice(values) == message


printable = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\x85"),
    min_size=1,
    max_size=300,
)


@settings(deadline=None)
@given(printable)
def test_a_subject_of_any_text_is_read_as_it_was_written(subject: str) -> None:
    assume(subject.strip(" \t"))
    message = digest(subject=subject).splice(VALUES)
    assert_fit_for_the_wire(message)
    assert read(message)["Subject"] == subject.strip(" \t")


@settings(deadline=None)
@given(name=printable)
def test_a_display_name_of_any_text_is_read_as_it_was_written(name: str) -> None:
    message = digest(sender=(name, "news@example.org")).splice(VALUES)
    assert_fit_for_the_wire(message)
    (address,) = read(message)["From"].addresses
    assert address.addr_spec == "news@example.org"
    # The older decoder: the newer one leaves a space between two encoded words of a name.
    shown, _ = parseaddr(message_from_bytes(message, policy=compat32)["From"])
    assert str(make_header(decode_header(shown))).split() == name.split()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), min_size=1))
def test_a_folded_field_unfolds_to_the_very_value(words: list[str]) -> None:
    value = "  ".join(words)
    field = header_field("X-Test", value)
    assert field.replace(b"\r\n", b"") == b"X-Test: " + value.encode()
    assert all(line.strip() for line in field.split(b"\r\n")[:-1])


def test_a_digest_carries_every_field_that_receivers_ask_for() -> None:
    parsed = read(digest(reply_to=("", "editor@müller.example")).splice(VALUES))
    assert dict(parsed.items()) == {
        "From": '"Jörg, the News" <news@example.org>',
        "To": "reader@example.net",
        "Reply-To": "editor@xn--mller-kva.example",
        "Date": "Mon, 01 Jan 2024 14:00:00 +0000",
        "Message-ID": "<1.2@example.org>",
        "List-Id": "Weekly <weekly.example.org>",
        "List-Unsubscribe": "<https://example.org/unsubscribe/dG9rZW4.x-_y>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Post": "NO",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
        "Feedback-ID": "12:weekly:labelcast",
        "Content-Language": "en",
        "Subject": "News",
        "MIME-Version": "1.0",
        "Content-Type": parsed["Content-Type"],
    }
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


def test_a_long_unsubscribe_link_is_neither_encoded_nor_broken() -> None:
    url = f"https://news.example.org/{'unsubscribe/' * 30}"
    message = digest(unsubscribe_url=url + TOKEN).splice(VALUES)
    assert f"List-Unsubscribe: <{url}dG9rZW4.x-_y>\r\n".encode() in message


def test_one_click_is_claimed_over_https_only() -> None:
    names = [name for name, _ in digest_headers(unsubscribe_url=f"http://localhost:8000/u/{TOKEN}")]
    assert "List-Unsubscribe" in names
    assert "List-Unsubscribe-Post" not in names
    with pytest.raises(HeaderError, match="https"):
        digest_headers(unsubscribe_url="mailto:stop@example.org")


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\r\nBcc: x@example.org", "a\x0bb", "a\x7fb", "\ud800"])
def test_a_line_break_or_control_character_in_any_field_is_refused(bad: str) -> None:
    with pytest.raises(HeaderError):
        digest(subject=bad)
    with pytest.raises(HeaderError):
        digest(sender=(bad, "news@example.org"))
    with pytest.raises(HeaderError):
        digest(feedback_id=bad)
    with pytest.raises(HeaderError):
        header_field("X-" + bad, "value")


@pytest.mark.parametrize(
    "bad", [b"a\r\nBcc: x@y", b"a\nb", b"\r", b"", b" ", b"a ", b"\xff", b"a\0b", b"x" * 999]
)
def test_a_value_that_no_header_can_hold_is_refused_when_spliced(bad: bytes) -> None:
    with pytest.raises(HeaderError, match="TO"):
        digest().splice(VALUES | {"TO": bad})


def test_a_long_recipient_fits_into_its_line_and_a_longer_one_is_refused() -> None:
    room = 998 - len("To: ")
    assert_fit_for_the_wire(digest().splice(VALUES | {"TO": b"x" * room}))
    with pytest.raises(HeaderError, match="room for 994"):
        digest().splice(VALUES | {"TO": b"x" * (room + 1)})


def test_a_missing_value_is_an_error_and_one_too_many_is_not() -> None:
    with pytest.raises(MessageError, match="UNSUBSCRIBE"):
        digest().splice({"TO": b"a@example.net", "MESSAGE_ID": b"<1@example.org>"})
    assert digest().splice(VALUES | {"OTHER": b"x"}) == digest().splice(VALUES)
    assert digest().names == {"TO", "MESSAGE_ID", "UNSUBSCRIBE"}


def test_the_same_input_gives_the_same_bytes() -> None:
    assert digest("x").blob == digest("x").blob
    assert digest("x").blob != digest("y").blob


def test_a_mark_in_the_subject_keeps_its_place_among_encoded_words() -> None:
    message = digest(subject=f"Grüße, {mark('NAME')} und Küsse").splice(VALUES | {"NAME": b"Ann"})
    assert read(message)["Subject"] == "Grüße, Ann und Küsse"
    with pytest.raises(HeaderError, match="space"):
        digest(subject=f"Grüße{mark('NAME')}")


def test_a_field_twice_or_one_of_our_own_is_refused() -> None:
    for name in ("MIME-Version", "content-type", "Subject"):
        with pytest.raises(HeaderError, match=name):
            MessageTemplate.build(subject="x", text="", html="", headers=[(name, "1")])
    with pytest.raises(HeaderError, match="From"):
        MessageTemplate.build(subject="x", text="", html="", headers=[("From", "a@b.example")] * 2)
    with pytest.raises(HeaderError, match="ASCII"):
        MessageTemplate.build(subject="x", text="", html="", headers=[("X-Who", "Jörg")])
    with pytest.raises(HeaderError, match="998"):
        header_field("X-Long", "x" * 1000)


@pytest.mark.parametrize(
    "blob", [b"", b"no header", b"A: b\r\n\r\nx\0TO\r\n", b"A: b\r\n\r\n.x\r\n", b"A: b\r\n\r\ncut off"]
)
def test_a_damaged_template_is_refused(blob: bytes) -> None:
    with pytest.raises(MessageError, match="damaged"):
        MessageTemplate.parse(blob)


def test_a_nul_outside_a_mark_and_half_a_surrogate_pair_are_refused() -> None:
    with pytest.raises(MessageError, match="NUL"):
        quote("a\0b")
    with pytest.raises(MessageError, match="surrogate"):
        quote("a\ud800b")
    with pytest.raises(MessageError, match="name for a mark"):
        mark("to")


def test_white_space_at_a_lines_end_and_mailbox_lines_are_escaped() -> None:
    assert quote("a \nb\t\n.\nFrom me\n=\n") == b"a=20\r\nb=09\r\n=2E\r\n=46rom me\r\n=3D\r\n"


def test_dots_are_stuffed_at_the_start_of_lines_only() -> None:
    assert dot_stuff(b".\r\n..a\r\nb.c\r\n.") == b"..\r\n...a\r\nb.c\r\n.."


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [
        ("", "a@example.org", "a@example.org"),
        ("The News", "a@example.org", "The News <a@example.org>"),
        ("News, Inc.", "a@example.org", '"News, Inc." <a@example.org>'),
        ('The "Q" \\', "a@example.org", '"The \\"Q\\" \\\\" <a@example.org>'),
        ("Straße", "a@straße.example", "=?utf-8?q?Stra=C3=9Fe?= <a@xn--strae-oqa.example>"),
        ("", '"a b"@example.org', '"a b"@example.org'),
        ("", "a@[127.0.0.1]", "a@[127.0.0.1]"),
    ],
)
def test_addresses_are_written_as_headers_want_them(name: str, address: str, expected: str) -> None:
    assert format_address(name, address) == expected


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a",
        "@example.org",
        "a@",
        "a@b@c",
        "a b@example.org",
        "a@exa mple.org",
        "a@b\r\nRCPT TO:<x@y>",
        "<a@b>",
        "a@-",
        "a@" + "b" * 260,
        "a@..",
        "a@xn--\u00fc",
        "a,b@example.org",
    ],
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(HeaderError):
        ascii_address(bad)


def test_only_a_local_part_that_is_not_ascii_needs_smtputf8() -> None:
    assert needs_smtputf8("jörg@example.org")
    assert not needs_smtputf8("jorg@müller.example")
    assert recipient_value("jörg@müller.example") == "jörg@xn--mller-kva.example".encode()


@pytest.mark.parametrize("text", ["", "Two lines\nand no more", f"ends with {mark('TOKEN')}", ".dot\n"])
def test_a_message_without_html_is_plain_text_alone(text: str) -> None:
    made = MessageTemplate.build(subject="x", text=text, html=None, headers=[])
    sent = MessageTemplate.parse(made.blob).splice({"TOKEN": b"t"})
    parsed = read(sent)
    assert parsed.get_content_type() == "text/plain"
    assert not parsed.is_multipart()
    wanted = text.replace(mark("TOKEN"), "t").rstrip("\n") + "\n"
    assert parsed.get_content().replace("\r\n", "\n") == wanted
