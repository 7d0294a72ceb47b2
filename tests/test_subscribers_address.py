"""Addresses: what is taken, how it is kept, and when two are one reader's."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.address import Address, AddressError, normalize


@pytest.mark.parametrize(
    ("typed", "email", "key"),
    [
        ("anna@example.com", "anna@example.com", "anna@example.com"),
        ("  Anna.Smith@Example.COM ", "Anna.Smith@example.com", "anna.smith@example.com"),
        ("o'brien+news@example.com", "o'brien+news@example.com", "o'brien+news@example.com"),
        ("anna@Bücher.example", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("ÜNAL@example.com", "ÜNAL@example.com", "ünal@example.com"),
        ("u\u0308nal@example.com", "ünal@example.com", "ünal@example.com"),
        ("reader@mail.test", "reader@mail.test", "reader@mail.test"),
        ("=cmd@example.com", "=cmd@example.com", "=cmd@example.com"),
    ],
)
def test_an_address_is_kept_as_it_is_sent_to_and_compared_without_case(
    typed: str, email: str, key: str
) -> None:
    assert normalize(typed) == Address(email=email, key=key)


def test_an_address_that_only_some_servers_take_is_flagged() -> None:
    assert normalize("ünal@example.com").needs_smtputf8
    assert not normalize("unal@bücher.example").needs_smtputf8


@pytest.mark.parametrize(
    "typed",
    [
        *("", "anna", "anna@", "@example.com", "anna@example", "anna@@example.com", "a b@example.com"),
        *("Anna <anna@example.com>", "anna@example.com, bob@example.com", "anna@example.com;bob@example.com"),
        *("anna@[192.0.2.1]", '"a b"@example.com', "anna@localhost", "anna@host.local", "anna@x.invalid"),
        *("anna@-example.com", "anna..b@example.com", ".anna@example.com", "anna@exam_ple.com"),
        "x" * 65 + "@" + "y" * 60 + ".example" * 20,
    ],
)
def test_what_is_no_address_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(AddressError, match="is no email address: ") as refused:
        normalize(typed)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("place", ["{}anna@example.com", "an{}na@example.com", "anna@example.com{}"])
@pytest.mark.parametrize("forged", ["\r\nBcc: x@y.example", "\n", "\r", "\0", "\x7f", "\x85"])
def test_a_line_break_or_control_character_is_refused_wherever_it_stands(place: str, forged: str) -> None:
    with pytest.raises(AddressError, match="line break or control character"):
        normalize(place.format(forged))


@settings(deadline=None)
@given(st.emails() | st.text(max_size=40))
def test_an_address_kept_is_kept_the_same_again(typed: str) -> None:
    with suppress(AddressError):
        once = normalize(typed)
        assert normalize(once.email) == once
        assert once.email.partition("@")[2].isascii()
        assert not set(once.email) & set("\r\n\0 ")
