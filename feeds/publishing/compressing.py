"""Documents compressed, the same bytes every time: for answers, and for files beside the published ones."""

import gzip
from collections.abc import Callable
from types import MappingProxyType

import brotli
import zstandard

# Chosen on feeds of 100 KB: 2 to 3 ms each. Brotli's next step saves a twentieth and takes three times as
# long; its best saves a sixth and takes fifty times as long.
GZIP_LEVEL = 6
BROTLI_QUALITY = 6
ZSTD_LEVEL = 10


def as_gzip(body: bytes) -> bytes:
    """The body in gzip (RFC 1952), without a time or a name in its head."""
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def as_brotli(body: bytes) -> bytes:
    """The body in brotli (RFC 7932)."""
    compressed: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY)
    return compressed


def as_zstd(body: bytes) -> bytes:
    """The body in Zstandard (RFC 8878), its size in the head."""
    # A compressor of its own each time: one serves a single thread.
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)


# By the name that HTTP has for it (RFC 9110 §8.4.1). All let other threads run meanwhile.
ENCODERS: MappingProxyType[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"gzip": as_gzip, "br": as_brotli, "zstd": as_zstd}
)

# What the files of nginx's gzip_static and brotli_static are called: the document's name, and this.
BESIDE = MappingProxyType({".gz": "gzip", ".br": "br"})
