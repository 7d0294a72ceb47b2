"""Mail that came back: what it says, in every form that servers write, and in none."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outbox.bounces.reading import message_key, read_reports
from outbox.bounces.report import Report, ReportKind
from outbox.bounces.verdicts import find_code, find_status, verdict
from tests.examples import often
from tests.returned_mail import LETTER, OUT_OF_OFFICE, arf, dsn

HARD, SOFT, POLICY = ReportKind.HARD, ReportKind.SOFT, ReportKind.POLICY
COMPLAINT, NONE = ReportKind.COMPLAINT, ReportKind.NONE


def only(data: bytes) -> Report:
    (report,) = read_reports(data)
    return report


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "kind"),
    [
        (550, "5.1.1", "user unknown", HARD),
        (550, "5.1.10", "Recipient not found", HARD),
        (550, "5.1.2", "bad destination system", HARD),
        (553, "5.1.8", "sender's domain does not exist", POLICY),
        (550, "5.1.7", "bad sender", POLICY),
        (550, "5.1.0", "sender rejected", POLICY),
        (550, "5.1.0", "address rejected", HARD),
        (552, "5.2.2", "mailbox full", SOFT),
        (550, "5.2.1", "The email account that you tried to reach is disabled", HARD),
        (550, "5.2.1", "mailbox temporarily disabled", SOFT),
        (552, "5.2.3", "message length exceeds administrative limit", POLICY),
        (450, "4.2.1", "rate", SOFT),
        (None, "4.4.7", "delivery time expired", SOFT),
        (550, "4.7.1", "greylisted", SOFT),
        (554, "5.4.4", "Host or domain name not found", SOFT),
        (554, "5.4.6", "routing loop", SOFT),
        (552, "5.3.4", "message too big", POLICY),
        (550, "5.3.0", "no such user here", HARD),
        (554, "5.6.1", "media not supported", POLICY),
        (550, "5.7.1", "user unknown", POLICY),
        (550, "5.7.26", "unauthenticated email", POLICY),
        (550, "5.5.0", "mailbox unavailable", HARD),
        (503, "5.5.1", "bad sequence of commands", POLICY),
        (550, "5.0.0", "550 5.1.1 no such user", HARD),
        (550, "5.0.0", "user unknown", HARD),
        (550, "5.0.0", "recipient reached disk quota", SOFT),
        (550, "5.0.0", "rejected as spam", POLICY),
        (None, "5.0.0", "something else", SOFT),
        (550, None, "No such user here", HARD),
        (551, None, "user not local; please try elsewhere", POLICY),
        (550, None, "Requested action not taken: mailbox unavailable", HARD),
        (550, None, "no thanks", POLICY),
        (554, None, "Your IP 192.0.2.1 is listed by Spamhaus", POLICY),
        (550, None, "Verification failed for <news@example.org>; No such user here", POLICY),
        (552, None, "Requested mail action aborted", SOFT),
        (556, None, "domain does not accept mail", HARD),
        (421, None, "too busy", SOFT),
        (550, None, "<spam.blocked@example.net>: user unknown", HARD),
        (550, "5.4.1", "Recipient address rejected: Access denied. AS(201806281)", HARD),
        (550, "5.4.1", "Recipient address rejected: Access denied", POLICY),
    ],
)
def test_a_refusal_is_judged_by_its_codes_then_by_its_words(
    code: int | None, enhanced: str | None, text: str, kind: ReportKind
) -> None:
    assert verdict(code, enhanced, text) is kind


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("550 5.1.1 <a@b.example> user unknown", 550, "5.1.1"),
        ("550-5.7.1 [94.136.40.141 12] Our system", 550, "5.7.1"),
        ("gave up after 12 attempts in 5 days: 452 4.2.2 full", 452, "4.2.2"),
        ("host 5.4.3.2 said nothing", None, None),
        ("250 2.0.0 Ok", None, None),
        ("no message can be made: edition 4 is gone", None, None),
    ],
)
def test_codes_are_found_in_what_a_server_said(text: str, code: int | None, status: str | None) -> None:
    assert (find_code(text), find_status(text)) == (code, status)


@pytest.mark.parametrize(
    ("action", "status", "said", "kind"),
    [
        ("failed", "5.1.1", "smtp; 550 5.1.1 unknown", HARD),
        ("Failed (bad mailbox)", "5.1.1", "", HARD),
        ("error", "5.0.0", "smtp; 550 no such user", HARD),
        ("failed", "5.2.2", "smtp; 552 5.2.2 full", SOFT),
        ("failed", "4.4.7", "x-postfix; delivery time expired", SOFT),
        ("failed", "5.7.1", "smtp; 550 5.7.1 blocked", POLICY),
        ("failed", "5.0.0", "smtp; 550-5.7.1 our system has detected", POLICY),
        ("delayed", "4.4.1", "", NONE),
        ("relayed", "2.0.0", "", NONE),
        ("delivered", "2.1.5", "", NONE),
        ("", "5.1.1", "", HARD),
        ("", "4.4.1", "", NONE),
    ],
)
def test_a_notification_says_by_its_action_whether_it_failed_and_by_its_status_how(
    action: str, status: str, said: str, kind: ReportKind
) -> None:
    report = only(dsn(action=action, status=status, said=said))
    assert report.kind is kind
    assert report.recipients == ("ann@example.net",)
    assert report.is_automatic


def test_a_notification_tells_where_it_came_to_and_what_it_encloses() -> None:
    report = only(dsn(to="bounces+1abc@example.org", message_id="<1@example.org>"))
    assert report.sent_to == ("bounces+1abc@example.org",)
    assert report.original.message_ids == ("<1@example.org>",)
    assert report.status == "5.1.1"
    assert report.diagnostic == "550 5.1.1 <ann@example.net>: user unknown"


def test_the_statuses_of_a_notification_may_be_encoded() -> None:
    plain = dsn()
    fields = plain.partition(b"message/delivery-status\n\n")[2].partition(b"\n--b\n")[0]
    encoded = fields.replace(b"=", b"=3D").replace(b"failed", b"fail=65d").replace(b"5.1.1", b"=35.1.1")
    data = plain.replace(
        b"message/delivery-status\n\n" + fields,
        b"message/delivery-status\nContent-Transfer-Encoding: quoted-printable\n\n" + encoded,
    )
    assert data != plain
    assert (only(data).kind, only(data).status) == (HARD, "5.1.1")


def test_of_several_recipients_each_has_its_own_report() -> None:
    more = b"Final-Recipient: rfc822; bob@example.net\nAction: delayed\nStatus: 4.2.2\n\n"
    reports = read_reports(dsn().replace(b"Final-Recipient", more + b"Final-Recipient", 1))
    assert [(report.kind, report.recipients) for report in reports] == [
        (NONE, ("bob@example.net",)),
        (HARD, ("ann@example.net",)),
    ]


def test_a_notification_that_somebody_forwards_is_theirs_and_no_report() -> None:
    forwarded = b'Content-Type: multipart/mixed; boundary="f"\n\n--f\n\nLook!\n--f\n'
    data = forwarded + b"Content-Type: message/rfc822\n\n" + dsn() + b"\n--f--\n"
    assert only(data).kind is NONE


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out", "other"])
def test_a_complaint_is_none_of_its_enclosed_text(kind: str) -> None:
    report = only(arf(kind=kind, message_id="<1@example.org>", unsubscribe="1.abcdefgh"))
    assert report.kind is COMPLAINT
    assert report.original.message_ids == ("<1@example.org>",)
    assert report.original.unsubscribes == ("1.abcdefgh",)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_feedback_that_is_no_complaint(kind: str) -> None:
    assert only(arf(kind=kind)).kind is NONE


def test_outlook_complains_with_the_original_alone() -> None:
    data = (
        b'From: staff@hotmail.com\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n'
        b"Content-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: <ann@outlook.com>\n"
        b"Message-ID: <1@example.org>\n\nNews\n--b--\n"
    )
    report = only(data)
    assert (report.kind, report.recipients) == (COMPLAINT, ("ann@outlook.com",))
    assert report.original.message_ids == ("<1@example.org>",)


def test_letters_and_automatic_answers_are_no_reports_and_told_apart() -> None:
    letter, answer = only(LETTER), only(OUT_OF_OFFICE)
    assert (letter.kind, letter.is_automatic) == (NONE, False)
    assert (answer.kind, answer.is_automatic) == (NONE, True)


def test_a_text_says_of_each_address_what_follows_it() -> None:
    data = (
        b"From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\n\n"
        b"Hi. This is the qmail-send program at mx.example.net.\n"
        b"I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        b"This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        b"<ann@example.net>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        b"<bob@example.net>:\nUser is over quota (#5.2.2)\n\n"
        b"--- Below this line is a copy of the message.\n\n"
        b"Return-Path: <bounces+1abc@example.org>\nMessage-ID: <1@example.org>\n\nNews\n"
    )
    reports = {report.recipients: report for report in read_reports(data)}
    assert reports["ann@example.net",].kind is HARD
    assert reports["bob@example.net",].kind is SOFT
    for report in reports.values():
        assert report.original.message_ids == ("<1@example.org>",)
        assert report.original.return_paths == ("bounces+1abc@example.org",)


def test_of_the_bounces_that_others_collected_112_name_whom_they_are_about(shared_data: Path) -> None:
    files = sorted((shared_data / "bounces-flufl" / "tests" / "data").glob("*.txt"))
    reports = {file.stem: read_reports(file.read_bytes()) for file in files}
    assert len(files) == 117
    assert sum(any(report.recipients for report in found) for found in reports.values()) >= 112
    expected = {
        "dsn_01": SOFT,
        "dsn_02": SOFT,
        "dsn_03": POLICY,
        "dsn_05": NONE,
        "dsn_14": HARD,
        "exim_01": HARD,
        "postfix_02": SOFT,
        "qmail_03": HARD,
        "qmail_06": SOFT,
        "qmail_08": NONE,
        "simple_21": NONE,
        "simple_38": SOFT,
        "simple_42": POLICY,
        "yahoo_03": HARD,
    }
    assert {name: reports[name][0].kind for name in expected} == expected


def _nested(depth: int) -> bytes:
    heads = [f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth)]
    return "".join(heads).encode()


_MANY_FIELDS = b"Final-Recipient: rfc822; a%d@b.example\nAction: failed\nStatus: 5.0.0\n\n"
HOSTILE = {
    "empty": b"",
    "no headers": b"\n\nhello",
    "zeros": bytes(10**6),
    "random": random.Random(7).randbytes(300_000),
    "deep": _nested(1000),
    "not so deep": _nested(49) + b"\nx" * 20_000,
    "deep messages": b"Content-Type: message/rfc822\n\n" * 20_000,
    "one line": b"From: a@b.example\n\n" + b"x" * 20_000_000,
    "parameters": b"Content-Type: multipart/report" + b"; a=b" * 200_000 + b"\n\n",
    "folded parameters": b"Content-Type: multipart/report" + b';\n a="' * 50_000 + b"\n\n",
    "many headers": b"A: b\n" * 100_000,
    "many addresses": b"To: " + b"a@b.example, " * 100_000 + b"\n\n",
    "many recipients": dsn().replace(
        b"Final-Recipient", b"".join(_MANY_FIELDS % n for n in range(5000)) + b"Final-Recipient"
    ),
    "many addresses in a text": b"From: MAILER-DAEMON@b.example\n\nHi. This is the qmail-send program\n\n"
    + b"".join(b"<a%d@b.example>:\nno such user\n" % n for n in range(20_000)),
    "wrong bytes": b"\xff\xfe: \x80\nTo: \xff@\xff\nContent-Type: \xff/\xff; boundary=\xff\n\n\xff",
    "wrong charset": b'Content-Type: text/plain; charset="\xff' + b"x" * 500 + b'"\n\nfoo',
    "wrong encoding": b"Content-Transfer-Encoding: uuencode\n\nbegin 644 x\nM" + b"Z" * 10**5,
    "tabs": b"\nmessage-id:" + b"\t" * 10**6,
    "cut off": dsn()[:700],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_read_like_any_other(name: str) -> None:
    reports = read_reports(HOSTILE[name])
    assert 1 <= len(reports) <= 200
    assert len(message_key(HOSTILE[name])) == 64
    for report in reports:
        assert len(report.diagnostic) <= 300
        assert report.diagnostic == "" or report.diagnostic.isprintable()
        assert len(report.sent_to) <= 20


_PIECES = st.sampled_from(
    [
        *(b"\n", b"\n\n", b"--b\n", b"\xff", b"\0", b"Subject: =?x?q?=\n"),
        b'Content-Type: multipart/report; boundary="b"\n',
        b"Content-Type: message/delivery-status\n\n",
        b"Content-Type: message/feedback-report\n\n",
        b"Content-Type: message/rfc822\n\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Final-Recipient: rfc822; a@b.example\n",
        b"Action: failed\n",
        b"Status: 5.1.1\n",
        b"Feedback-Type: abuse\n",
        b"<a@b.example>: 550 5.1.1 unknown\n",
    ]
)


@settings(max_examples=often(100), deadline=None)
@given(st.lists(_PIECES | st.binary(max_size=20), max_size=30).map(b"".join))
def test_no_message_whatever_raises(data: bytes) -> None:
    assert read_reports(data)


def test_a_message_is_known_again_by_its_id_and_text_however_it_came() -> None:
    direct = dsn()
    relayed = b"Received: from a by b\n" + direct.replace(b"\n", b"\r\n")
    assert message_key(relayed) == message_key(direct)
    assert message_key(dsn(own_id="<report-2@mx.example.net>")) != message_key(direct)
    assert message_key(dsn(status="5.2.2")) != message_key(direct)
    text = b"Message-ID: <1@a>\n\nHi\n\nFrom here\n"
    assert message_key(text.replace(b"\nFrom ", b"\n>From ")) == message_key(text)
