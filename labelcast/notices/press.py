"""What mails that are no digests share: their layout, their header fields, how one becomes a message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, make_msgid, parseaddr
from functools import cache
from typing import Any

import css_inline
from jinja2 import Environment
from markupsafe import Markup

from digests.rendering.composing import SUBJECT, Publisher
from digests.rendering.content import legible, one_line
from outbox.addresses import ascii_address, format_address, recipient_value
from outbox.marks import mark
from outbox.message import MessageTemplate
from outbox.notices import Letter
from subscribers.tokens import TokenSigner
from templates.filling import fill, has_file
from templates.languages import language

_ENGLISH = Markup(' lang="en" dir="ltr"')


@dataclass(frozen=True, slots=True)
class NoticePress:
    """Writes mails from the templates ``email/notice/{name}/…``.

    ``lasts`` is how long a link that asks to confirm is good for. ``may_mail`` takes a mail to an address
    that somebody typed, unless it has had all of its mails for today; ``may_remind`` one that only tells
    what is so already, unless there was one just now.
    """

    environment: Environment
    publisher: Publisher
    signer: TokenSigner
    lasts: timedelta = timedelta(days=7)
    may_mail: Callable[[str], bool] = lambda _email: True
    may_remind: Callable[[str], bool] = lambda _email: True

    def link(self, purpose: str, number: int) -> str:
        """A reader's link, as a mail has it."""
        return f"{self.publisher.site_url.rstrip('/')}/{purpose}/{self.signer.sign(purpose, number)}"

    def letter(self, name: str, *, to: str, tag: str, now: datetime, **context: Any) -> Letter:
        """The mail ``name`` to an address, in the language ``tag``.

        Raises ``TemplateFault``, and ``HeaderError`` for an address that is none.
        """
        folder = f"email/notice/{name}"
        told = self._base(tag) | context
        told["subject"] = one_line(fill(self.environment, f"{folder}/subject.txt", told), SUBJECT)
        text = legible(fill(self.environment, f"{folder}/body.txt", told))
        html = None
        if has_file(self.environment, f"{folder}/body.html"):
            html = legible(_inliner().inline(fill(self.environment, f"{folder}/body.html", told)))
        template = MessageTemplate.build(
            subject=told["subject"], text=text, html=html, headers=self._headers(tag, now)
        )
        domain = ascii_address(parseaddr(self.publisher.sender)[1]).rpartition("@")[2]
        number = make_msgid(domain=domain)
        values = {"TO": recipient_value(to), "MESSAGE_ID": number.encode()}
        return Letter(to, template.splice(values), number)

    def _base(self, tag: str) -> dict[str, Any]:
        spoken, publisher = language(tag), self.publisher
        return spoken.functions() | {
            "language": spoken.tag,
            "direction": spoken.direction,
            "comma": spoken.comma,
            "english": "" if spoken.is_spoken else _ENGLISH,
            "site_url": publisher.site_url.rstrip("/"),
            "site_title": one_line(publisher.site_title, 200),
            "postal_address": legible(publisher.postal_address or "").strip(),
        }

    def _headers(self, tag: str, now: datetime) -> list[tuple[str, str]]:
        publisher = self.publisher
        fields = [("From", format_address(*parseaddr(publisher.sender))), ("To", mark("TO"))]
        if publisher.reply_to:
            fields.append(("Reply-To", format_address(*parseaddr(publisher.reply_to))))
        # No field of a list: it is one person's mail, and there is nothing to leave.
        return [
            *fields,
            ("Date", format_datetime(now)),
            ("Message-ID", mark("MESSAGE_ID")),
            ("Auto-Submitted", "auto-generated"),
            ("Content-Language", tag),
        ]


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, minify_css=True)


def address_in(payload: Mapping[str, Any]) -> str:
    """The address that a notice is about."""
    return str(payload["address"])
