"""Return paths: one for each message, good in any case, and worthless once anything is changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.returnpath import MOST_NAME, ReturnPaths, read_address
from subscribers.tokens import TokenSigner
from tests.examples import often

SIGNER = TokenSigner(["a secret of the first year"])
PATHS = ReturnPaths(SIGNER, "bounces@example.org")
numbers = st.integers(0, 2**63 - 1)


@settings(max_examples=often(50), deadline=None)
@given(numbers)
def test_a_return_path_names_its_delivery_also_where_a_server_changed_its_case(number: int) -> None:
    address = PATHS.address(number)
    assert address.startswith("bounces+")
    assert address == address.lower()
    for arrived in (
        address,
        address.upper(),
        address.replace("bounces@", "Box@").replace("example", "mx.in"),
    ):
        assert read_address(SIGNER, arrived) == number


@settings(max_examples=often(50), deadline=None)
@given(numbers, st.data())
def test_a_changed_return_path_names_none(number: int, data: st.DataObject) -> None:
    name, _, domain = PATHS.address(number).partition("@")
    start = len("bounces+")
    place = data.draw(st.integers(start, len(name) - 1))
    other = data.draw(st.sampled_from("0a7z").filter(lambda character: character != name[place]))
    assert read_address(SIGNER, f"{name[:place]}{other}{name[place + 1 :]}@{domain}") is None
    assert read_address(SIGNER, f"{name[:place]}@{domain}") is None
    assert read_address(SIGNER, f"{name}{other}@{domain}") is None


@settings(max_examples=often(50), deadline=None)
@given(st.text(max_size=90))
def test_anything_else_names_none(text: str) -> None:
    assert read_address(SIGNER, text) is None
    assert read_address(SIGNER, f"bounces+{text}@example.org") is None


def test_the_longest_local_part_is_of_64_octets() -> None:
    longest = ReturnPaths(SIGNER, f"{'b' * MOST_NAME}@example.org").address(2**63 - 1)
    assert len(longest.partition("@")[0]) == 64
    assert read_address(SIGNER, longest) == 2**63 - 1


@pytest.mark.parametrize("name", ["b" * (MOST_NAME + 1), "", "bücher", "b+c"])
def test_an_address_without_room_for_a_token_is_no_return_path(name: str) -> None:
    with pytest.raises(ValueError, match=f"1 to {MOST_NAME} ASCII characters, and no \\+"):
        ReturnPaths(SIGNER, f"{name}@example.org")


def test_a_new_key_signs_and_the_old_one_still_reads() -> None:
    address = ReturnPaths(TokenSigner(["old"]), "bounces@example.org").address(7)
    assert read_address(TokenSigner(["new", "old"]), address) == 7
    assert read_address(TokenSigner(["new"]), address) is None


def test_a_token_of_a_link_is_none_of_a_return_path() -> None:
    assert read_address(SIGNER, f"bounces+{SIGNER.sign('unsubscribe', 7)}@example.org") is None
