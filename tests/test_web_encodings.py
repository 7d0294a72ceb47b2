"""Which content coding a client gets, and the bytes in it."""

import gzip

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from web.feeds.encodings import CODINGS, choose, encode

READ = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("identity", "identity"),
        ("deflate", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1.0, br;q=0.9, zstd;q=0.8", "gzip"),
        ("zstd ; q=0.9,br;Q=0.5", "zstd"),
        ("*", "br"),
        ("br;q=0, *", "zstd"),
        ("*;q=0.5, gzip", "gzip"),
        ("*;q=0", "identity"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0, identity;q=0", "identity"),
        ("identity;q=0", "identity"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=0.5, identity;q=0.1", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("gzip;q=high", "identity"),
        ("gzip;q=nan, br;q=inf, zstd;q=-1", "identity"),
        (",;,q=1,gzip", "gzip"),
    ],
)
def test_a_client_gets_what_it_wants_most_and_of_its_equals_the_smallest(
    accepts: str | None, coding: str
) -> None:
    assert choose(accepts) == coding


@given(st.text(max_size=60))
def test_no_header_is_an_error(accepts: str) -> None:
    assert choose(accepts) in {"identity", *CODINGS}


def test_of_a_header_without_end_only_the_beginning_is_read_and_remembered() -> None:
    assert choose("gzip" + " " * 10_000 + ", br") == "gzip"


@given(st.permutations(["gzip", "br", "zstd", "identity"]))
def test_weights_rank_and_order_does_not(names: list[str]) -> None:
    ranked = [f"{name};q=0.{9 - rank}" for rank, name in enumerate(names)]
    assert choose(", ".join(ranked)) == names[0]
    assert choose(", ".join(reversed(ranked))) == names[0]


@given(st.binary(max_size=2000))
def test_a_body_comes_back_and_is_the_same_bytes_each_time(body: bytes) -> None:
    for coding in ("identity", *CODINGS):
        made = encode(body, coding)
        assert READ[coding](made) == body
        assert encode(body, coding) == made
