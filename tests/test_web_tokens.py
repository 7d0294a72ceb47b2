"""Tokens in readers' links: whatever is wrong with one, one same answer, and nothing is changed."""

import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from labelcast.reader_export import stream_about
from labelcast.readers import erase_reader
from subscribers.changing import ask_change
from subscribers.signup import request_subscription
from subscribers.tokens import dated
from tests.besieged import doors as every_door
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import NOW, SIGNER, Reading, reading, salt

# Each purpose, the pages behind its token, and whether there is something to post to.
DOORS = {
    "unsubscribe": ("",),
    "resubscribe": ("",),
    "stop": ("",),
    "confirm": ("",),
    "preferences": ("", "/address", "/data", "/erase"),
    "address-old": ("",),
    "address-new": ("",),
    "address-no": ("",),
    "data": ("", "/labelcast.json"),
}
LOOKED_AT = {"data"}
NAMES = st.sampled_from(sorted(DOORS))


@pytest.fixture
def doors(sqlite_feed_blog: FeedsBlog) -> Reading:
    """A blog whose reader has a link of every purpose, and all of them lead somewhere."""
    database = sqlite_feed_blog.database
    made = reading(
        sqlite_feed_blog,
        links={
            "erase": lambda connection, email, now: erase_reader(connection, email, now=now),
            "about": lambda number: stream_about(database, number),
        },
    )
    made.reader("a")
    with database.write() as connection:
        request_subscription(
            connection,
            "b@example.org",
            digest_id=1,
            wording="Do you?",
            origin="x",
            now=NOW,
            salt=salt(connection),
        )
        ask_change(connection, 1, "c@example.org", now=NOW, lasts=timedelta(days=7))
    return made


def test_there_is_a_test_of_every_purpose(doors: Reading, checkout: Path) -> None:
    app: Any = doors.client.app
    assert {purpose: set(pages) for purpose, pages in every_door(app).items()} == {
        purpose: set(pages) for purpose, pages in DOORS.items()
    }
    # No purpose is signed that nobody reads, by these names.
    signed = set()
    for room in ("digests", "labelcast", "web"):
        for file in (checkout / room).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            signed |= set(re.findall(r'(?:\.sign|\.link|signatures)\(\s*"([a-z-]+)"', text))
    assert {"unsubscribe", "confirm", "data"} <= signed
    assert signed <= set(DOORS)


def number_of(purpose: str) -> int:
    return dated(1, NOW.date()) if purpose == "data" else 1


def addresses(purpose: str, token: str) -> list[tuple[str, str]]:
    """Every way to ask with a token: method and address."""
    methods = ("GET",) if purpose in LOOKED_AT else ("GET", "POST")
    return [(method, f"/{purpose}/{token}{page}") for page in DOORS[purpose] for method in methods]


def said(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer, but for what tells how deep its address is."""
    headers = {
        name: value for name, value in answer.headers.items() if name not in {"date", "content-length"}
    }
    return answer.status_code, answer.content.replace(b"../../", b"../"), headers


def test_every_link_leads_somewhere_and_a_look_changes_nothing(doors: Reading) -> None:
    before = doors.dump()
    for purpose, pages in DOORS.items():
        for page in pages:
            address = f"/{purpose}/{SIGNER.sign(purpose, number_of(purpose))}{page}"
            for method in ("GET", "HEAD", "GET"):
                answer = doors.client.request(method, address)
                assert (answer.status_code, bool(answer.content)) == (200, method == "GET"), address
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert "noindex" in answer.headers["x-robots-tag"]
                assert "set-cookie" not in answer.headers
                # Who the reader is stands nowhere: a mail that is passed on takes its links along.
                assert page == "/labelcast.json" or b"a@example.org" not in answer.content
    assert doors.dump() == before


@settings(max_examples=often(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purpose=NAMES, place=st.integers(0, 400), bit=st.integers(0, 6))
def test_with_any_bit_flipped_a_token_is_none(doors: Reading, purpose: str, place: int, bit: int) -> None:
    good = SIGNER.sign(purpose, number_of(purpose))
    place %= len(good)
    flipped = chr(ord(good[place]) ^ (1 << bit))
    told_nothing(doors, purpose, f"{good[:place]}%{ord(flipped):02X}{good[place + 1 :]}", flipped)


@settings(max_examples=often(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purpose=NAMES, other=st.one_of(NAMES, st.text(max_size=12)), number=st.integers(0, 2**63 - 1))
def test_a_token_of_another_purpose_is_none(doors: Reading, purpose: str, other: str, number: int) -> None:
    if other == purpose:
        # It is good, but there is nothing behind its number.
        number = max(number, 10)
        if purpose in {"unsubscribe", "stop"}:
            return
    else:
        number = number_of(other)
    told_nothing(doors, purpose, SIGNER.sign(other, number))


@settings(max_examples=often(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    purpose=NAMES,
    token=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=70),
)
def test_what_is_no_token_is_none(doors: Reading, purpose: str, token: str) -> None:
    encoded = "".join(f"%{octet:02X}" for octet in token.encode(errors="replace"))
    told_nothing(doors, purpose, encoded, token)


def spoiled(token: str) -> Iterator[str]:
    """What may become of a token on its way, or in the hands of somebody who tries."""
    number, _, signature = token.partition(".")
    yield from (token[:-1], token[1:], token[: len(token) // 2], number, signature, f".{signature}")
    yield from (f"{number}.", token * 2, f"{token}.{token}", f"{token}.", f"{token}=", f"{token}==")
    yield from (f"{token}%00", f"{token}%0A", f"%20{token}", f"{token}%20", f"0{token}", f"%2B{token}")
    yield from (f"-{token}", token.upper(), token.swapcase())
    yield from (f"{int(number, 36) + 1}.{signature}", f"{number}..{signature}", f"{number}%2E.{signature}")
    raw = urlsafe_b64decode(f"{signature}=")
    # The same bytes, spelled otherwise: another last letter, hexadecimal, another alphabet, encoded again.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield f"{token[:-1]}{letters[letters.index(token[-1]) ^ 1]}"
    yield from (f"{number}.{raw.hex()}", f"{number}.{b64encode(raw).decode().replace('/', '_')}=")
    yield from (
        urlsafe_b64encode(token.encode()).decode(),
        f"{token}?x=1"[:-4] + "%3Fx",
        f"{token};x",
        f"{token},",
    )


@pytest.mark.parametrize("purpose", sorted(DOORS))
def test_a_token_that_is_spoiled_is_none_and_costs_what_any_does(doors: Reading, purpose: str) -> None:
    token = SIGNER.sign(purpose, number_of(purpose))
    others = [SIGNER.sign(other, number_of(other)) for other in DOORS if other != purpose]
    said_to: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said_to.append(statement)

    event.listen(doors.database.engine, "before_cursor_execute", note)
    for one in dict.fromkeys((*spoiled(token), *others)):
        said_to.clear()
        heard = doors.client.get(f"/{purpose}/{one}")
        # Nothing was asked of the database: there is nothing to be told by time either.
        assert (heard.status_code, said_to) == (404, []), one
    event.remove(doors.database.engine, "before_cursor_execute", note)
    for one in dict.fromkeys((*spoiled(token), *others)):
        told_nothing(doors, purpose, one)


def told_nothing(doors: Reading, purpose: str, token: str, decoded: str = "") -> None:
    """Every way in says the same as to a token that never was one, and no row is another."""
    if "/" in decoded or token in {".", ".."}:
        # More than one part of a path: it leads to no door.
        return
    before = doors.dump()
    for (method, address), (_, forged) in zip(
        addresses(purpose, token), addresses(purpose, "x"), strict=True
    ):
        answer = doors.client.request(method, address)
        assert answer.status_code == 404, address
        assert said(answer) == said(doors.client.request(method, forged))
    assert doors.dump() == before


def test_the_answer_is_the_same_behind_every_door(doors: Reading) -> None:
    heard = {
        (answer[0], answer[1], tuple(sorted(answer[2].items())))
        for purpose in DOORS
        for method, address in addresses(purpose, "x")
        for answer in (said(doors.client.request(method, address)),)
    }
    assert len(heard) == 1


def test_a_link_to_what_is_kept_grows_old(doors: Reading) -> None:
    for days, status in ((0, 200), (7, 200), (8, 404), (-1, 200), (-2, 404)):
        day = (NOW - timedelta(days=days)).date()
        token = SIGNER.sign("data", dated(1, day))
        for page in DOORS["data"]:
            assert doors.client.get(f"/data/{token}{page}").status_code == status, days
    for number in (dated(99, NOW.date()), 1, 2**63 - 1):
        assert doors.client.get(f"/data/{SIGNER.sign('data', number)}").status_code == 404


def test_a_token_with_a_day_in_it_is_read_too() -> None:
    number = dated(2**41 - 1, NOW.date())
    assert SIGNER.read("data", SIGNER.sign("data", number)) == number
