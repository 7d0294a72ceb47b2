"""Mail that came back, made to measure."""


def dsn(
    recipient: str = "ann@example.net",
    *,
    to: str = "bounces@example.org",
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "smtp; 550 5.1.1 <ann@example.net>: user unknown",
    message_id: str = "",
    own_id: str = "<report-1@mx.example.net>",
) -> bytes:
    """A delivery status notification (RFC 3464) with the headers of what came back."""
    original = f"Message-ID: {message_id}\nSubject: News\n" if message_id else "Subject: News\n"
    return f"""\
Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: {own_id}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {said}

--b
Content-Type: text/rfc822-headers

{original}
--b--
""".encode()


def arf(
    *,
    kind: str = "abuse",
    rcpt: str = "redacted@example.net",
    message_id: str = "<x@y.example>",
    unsubscribe: str = "",
) -> bytes:
    """A feedback report (RFC 5965) with what the reader complained of."""
    return f"""\
From: fbl@provider.example
To: abuse@example.org
Subject: complaint
Message-ID: <complaint-1@provider.example>
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is a report of abuse.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1
Version: 1
Original-Rcpt-To: <{rcpt}>

--b
Content-Type: message/rfc822

From: news@example.org
To: redacted
Message-ID: {message_id}
List-Unsubscribe: <https://blog.example/unsubscribe/{unsubscribe}>
Subject: News

550 5.1.1 user unknown, says the news
--b--
""".encode()


LETTER = b"""\
From: Ann <ann@example.net>
To: bounces@example.org
Subject: Re: News
Message-ID: <letter@example.net>

I like your news. 550 5.1.1 user unknown is what my friend bob@example.net gets.
"""

OUT_OF_OFFICE = b"""\
From: Ann <ann@example.net>
To: bounces@example.org
Subject: Out of office
Auto-Submitted: auto-replied (vacation)
Message-ID: <away@example.net>

I am away until Monday.
"""
