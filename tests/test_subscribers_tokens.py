"""Tokens: short, bound to a purpose, good under any key in use, and worthless once anything is changed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.tokens import TokenSigner

SIGNER = TokenSigner(["a secret of the first year"])
numbers = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(numbers, st.text(min_size=1, max_size=20))
def test_a_number_signed_is_read_back_for_its_purpose_alone(number: int, purpose: str) -> None:
    token = SIGNER.sign(purpose, number)
    assert len(token) <= 60
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", token)
    assert SIGNER.read(purpose, token) == number
    assert SIGNER.read(purpose + "x", token) is None


@settings(deadline=None)
@given(numbers, st.data())
def test_a_changed_token_is_none(number: int, data: st.DataObject) -> None:
    token = SIGNER.sign("unsubscribe", number)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("0aZ_-.=A ü").filter(lambda character: character != token[place]))
    assert SIGNER.read("unsubscribe", token[:place] + other + token[place + 1 :]) is None
    assert SIGNER.read("unsubscribe", token[:place]) is None
    assert SIGNER.read("unsubscribe", token + other) is None


@settings(deadline=None)
@given(st.text(max_size=80))
def test_anything_else_is_none(text: str) -> None:
    assert SIGNER.read("unsubscribe", text) is None


def test_every_other_spelling_of_a_signature_is_none() -> None:
    # The last of 43 base64 characters holds two bits that say nothing.
    token = SIGNER.sign("unsubscribe", 7)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    good = [letter for letter in letters if SIGNER.read("unsubscribe", token[:-1] + letter) is not None]
    assert good == [token[-1]]


def test_a_leading_zero_makes_no_second_token() -> None:
    assert SIGNER.read("unsubscribe", "0" + SIGNER.sign("unsubscribe", 7)) is None


def test_a_new_key_signs_and_the_old_one_still_reads() -> None:
    old = TokenSigner(["old"])
    rotated = TokenSigner(["new", "old"])
    token = old.sign("unsubscribe", 7)
    assert rotated.read("unsubscribe", token) == 7
    assert rotated.sign("unsubscribe", 7) == TokenSigner(["new"]).sign("unsubscribe", 7) != token
    assert TokenSigner(["new"]).read("unsubscribe", token) is None


def test_the_same_number_gives_the_same_token() -> None:
    assert SIGNER.sign("unsubscribe", 7) == TokenSigner(["a secret of the first year"]).sign("unsubscribe", 7)


@pytest.mark.parametrize("number", [-1, 2**63])
def test_a_number_that_no_row_has_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="2\\^63"):
        SIGNER.sign("unsubscribe", number)


@pytest.mark.parametrize("keys", [[], [""], ["good", ""]])
def test_a_missing_key_is_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="labelcast init"):
        TokenSigner(keys)
