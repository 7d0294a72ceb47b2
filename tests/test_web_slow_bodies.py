"""Forms that come a byte at a time: many of them hold up nobody, and hold no transaction."""

import socket
from contextlib import ExitStack
from pathlib import Path

import httpx2

from database import Database
from tests.besieged import Besieged
from tests.test_web_in_browser import served
from web.admin.frame import COOKIE

# More than there are threads for requests.
MANY = 70
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
SLOW = {
    "/subscribe": FORM,
    "/subscribe/links": FORM,
    "/admin/login": FORM,
    "/admin/import": MULTIPART,
    "/admin/digests/_new": FORM,
    "/api/posts": "application/json",
    "/api/import?format=jsonl": "application/octet-stream",
}


def test_who_sends_a_byte_at_a_time_holds_up_nobody(database: Database, tmp_path: Path) -> None:
    site = Besieged(database, tmp_path)
    slow = {**SLOW, site.link("unsubscribe", 5): FORM, site.link("preferences", 5): FORM}
    with served(site.app) as address, ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        held = []
        for number in range(MANY):
            path, kind = list(slow.items())[number % len(slow)]
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            one.sendall(
                f"POST {path} HTTP/1.1\r\nHost: siege.example\r\nContent-Type: {kind}\r\n"
                f"Cookie: {COOKIE}={site.session}\r\nAuthorization: Bearer {site.secret}\r\n"
                "Content-Length: 1000\r\n\r\n--x\r\n".encode()
            )
            held.append(one)
        for letter in b"Content":
            for one in held:
                one.sendall(bytes([letter]))
            # All others are answered, also who writes.
            for path in ("/", "/healthz", "/subscribe"):
                assert httpx2.get(address + path, timeout=20).status_code == 200
            asked = {"email": f"a{letter}@readers.example", "digest": "digest"}
            answer = httpx2.post(f"{address}/subscribe", data=asked, timeout=20)
            assert answer.status_code == 200
            with database.write():
                pass
    site.close()
