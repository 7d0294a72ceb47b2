"""A message in chunks (RFC 3030): the octets of BDAT commands, which want no dots stuffed."""

# To BDAT: a server that offers CHUNKING and knows it not, or not here.
NO_BDAT = frozenset({500, 501, 502, 503, 504})


def chunks(data: bytes, *, split: bool) -> list[bytes]:
    """The commands with their octets that send a message: one ``BDAT … LAST``, the message in it.

    With ``split`` the first line goes in a BDAT before it. ``data`` is as for DATA: CRLF line ends, dots
    stuffed if there were any; a missing last line end is put there.
    """
    data = unstuffed(data)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if not split:
        return [_last(data)]
    end = data.index(b"\r\n") + 2
    return [b"BDAT %d\r\n%b" % (end, data[:end]), _last(data[end:])]


def _last(octets: bytes) -> bytes:
    return b"BDAT %d LAST\r\n%b" % (len(octets), octets)


def unstuffed(data: bytes) -> bytes:
    """Without the dot that DATA wants before a line's own: spliced messages have none, and cost one look."""
    if data.startswith(b"."):
        data = data[1:]
    return data.replace(b"\r\n.", b"\r\n") if b"\r\n." in data else data
