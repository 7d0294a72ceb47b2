"""A spliced message is, to whoever parses it, the one that Python's ``email`` builds of the same parts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from outbox.bulk import bulk_headers
from outbox.marks import mark
from outbox.message import MessageTemplate
from tests.examples import often

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
LINK = "https://example.org/unsubscribe/"
# What a reader's mail program makes one line break of, and what no message holds, are left out.
one_line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=120).map(
    lambda text: " ".join(text.split()) or "x"
)
body = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=300)
token = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"), min_size=1, max_size=60
)
local = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)


@dataclass(frozen=True)
class Parts:
    """What a message is made of."""

    subject: str
    name: str
    text: str
    html: str
    reader: str
    token: str


def spliced(of: Parts) -> bytes:
    headers = bulk_headers(
        sender=(of.name, "news@example.org"),
        date=AT,
        list_id=("Weekly", "weekly.example.org"),
        unsubscribe_url=LINK + mark("UNSUBSCRIBE"),
        feedback_id="1:1:digest:labelcast",
        language="en",
    )
    template = MessageTemplate.build(
        subject=of.subject,
        text=f"{of.text}\n{LINK}{mark('UNSUBSCRIBE')}\n",
        html=f"{of.html}\n<a href='{LINK}{mark('UNSUBSCRIBE')}'>x</a>\n",
        headers=headers,
    )
    values = {"TO": of.reader, "MESSAGE_ID": "<1@example.org>", "UNSUBSCRIBE": of.token}
    return template.splice({key: value.encode() for key, value in values.items()})


def built(of: Parts) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(of.name, addr_spec="news@example.org")
    message["To"] = of.reader
    message["Date"] = format_datetime(AT)
    message["Message-ID"] = "<1@example.org>"
    message["List-Id"] = "Weekly <weekly.example.org>"
    message["List-Unsubscribe"] = f"<{LINK}{of.token}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["List-Post"] = "NO"
    message["Auto-Submitted"] = "auto-generated"
    message["Precedence"] = "bulk"
    message["Feedback-ID"] = "1:1:digest:labelcast"
    message["Subject"] = of.subject
    message.set_content(f"{of.text}\n{LINK}{of.token}\n", cte="base64")
    link = f"<a href='{LINK}{of.token}'>x</a>"
    message.add_alternative(f"{of.html}\n{link}\n", subtype="html", cte="base64")
    # Set before, it would have become the first part's.
    message["Content-Language"] = "en"
    return message.as_bytes(policy=SMTP.clone(max_line_length=0))


def parts(message: bytes) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """The header fields but for how the body is packed, and each part's kind, charset and text."""
    parsed = message_from_bytes(message, _class=EmailMessage, policy=default)
    packing = {"content-type", "content-transfer-encoding", "mime-version"}
    fields = {name.lower(): str(value) for name, value in parsed.items() if name.lower() not in packing}
    bodies = [
        (part.get_content_type(), str(part.get_content_charset()), part.get_content().replace("\r\n", "\n"))
        for part in parsed.iter_parts()
    ]
    return fields, bodies


@settings(max_examples=often(150))
@given(st.builds(Parts, one_line, one_line, body, body, local.map("{}@example.net".format), token))
def test_it_equals_the_message_of_the_standard_library(of: Parts) -> None:
    ours = spliced(of)
    assert max(map(len, ours.split(b"\r\n"))) <= 998
    fields, bodies = parts(ours)
    their_fields, their_bodies = parts(built(of))
    assert bodies == their_bodies
    assert fields.keys() == their_fields.keys()
    # Where the encoded words of a name are cut, a space may or may not be read.
    assert "".join(fields.pop("from").split()) == "".join(their_fields.pop("from").split())
    assert fields == their_fields
