"""``labelcast dkim``: keys made and shown, and mail that bears their signatures."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from labelcast.doctor import Health, examine
from outbox.dkimkeys import DkimKey, read_key, write_keys, zone_line
from tests.conftest import Command
from tests.dkim_verifiers import by_dkimpy
from tests.smtp_faults import SmtpFaults

MONDAY = "2026-12-07T14:00:00Z"
POST = (
    '{"id": "tag:blog.example,2026:1", "url": "https://blog.example/1", "title": "Grüße",'
    ' "published": "2026-12-06T10:00:00Z", "labels": ["Bees"], "html": "<p>It was  quiet.</p>"}\n'
)


def set_up(blog: Path, dkim: str, *, sender: str = "The News <news@example.org>") -> None:
    file = blog / "labelcast.toml"
    text = file.read_text(encoding="utf-8").replace("labelcast@localhost", sender)
    # The table that `init` wrote is empty.
    text = re.sub(r"(?m)^\[dkim\]\n(?:[^\[\n].*\n)*", "", text)
    file.write_text(f"{text}\n{dkim}\n", encoding="utf-8")


def test_new_keys_and_their_records(command: Command, blog: Path) -> None:
    made = command("dkim", "new", "--domain", "example.org", "--selector", "mail")
    files = {one: blog / "dkim" / f"mail-{one}.pem" for one in ("rsa", "ed25519")}
    zone = [zone_line(f"mail-{one}", "example.org", read_key(file).record) for one, file in files.items()]
    lines = [
        "[dkim]",
        'domain = "example.org"',
        'keys = ["mail-rsa=dkim/mail-rsa.pem", "mail-ed25519=dkim/mail-ed25519.pem"]',
    ]
    assert made.text.splitlines() == [*zone, "", *lines]
    assert "PRIVATE" not in made.text + made.err
    assert read_key(files["rsa"]).bits == 2048
    set_up(blog, "\n".join(lines))
    assert command("dkim", "show").text.splitlines() == zone
    assert [one["zone"] for one in command("dkim", "--json").json] == zone


def test_one_kind_has_the_selector_itself_and_json_says_all(command: Command, blog: Path) -> None:
    set_up(blog, "")
    said = command("dkim", "new", "--selector", "a", "--kind", "ed25519", "--out", "keys", "--json").json
    key = read_key(blog / "keys" / "a.pem")
    record = {"name": "a._domainkey.example.org", "record": key.record}
    assert said["domain"] == "example.org"
    assert said["settings"] == '[dkim]\ndomain = "example.org"\nkeys = ["a=keys/a.pem"]'
    (told,) = said["keys"]
    assert told == record | {
        "selector": "a",
        "kind": "ed25519",
        "bits": 256,
        "file": str(blog / "keys" / "a.pem"),
        "zone": f'a._domainkey.example.org. IN TXT "{key.record}"',
    }


def test_no_key_is_written_over(command: Command, blog: Path) -> None:
    new = ("dkim", "new", "--domain", "example.org", "--selector", "a", "--kind", "ed25519")
    assert command(*new).code == 0
    before = (blog / "dkim" / "a.pem").read_bytes()
    again = command(*new)
    assert (again.code, again.text) == (1, "")
    assert "a.pem: is there already" in again.err
    assert (blog / "dkim" / "a.pem").read_bytes() == before


def test_without_settings_a_domain_is_enough(command: Command, tmp_path: Path) -> None:
    made = command("dkim", "new", "--domain", "example.org", "--kind", "rsa")
    assert made.code == 0, made.err
    assert len(list((tmp_path / "dkim").iterdir())) == 1
    assert command("dkim", "new").code == 2


@pytest.mark.parametrize(
    "arguments",
    [["--domain", "a b"], ["--selector", "a\nb"], ["--selector", "x" * 63], ["--kind", "dsa"], []],
)
def test_bad_usage_is_told_and_makes_nothing(command: Command, blog: Path, arguments: list[str]) -> None:
    given = arguments if "--domain" in arguments or not arguments else ["--domain", "example.org", *arguments]
    finished = command("dkim", "new", *given)
    assert (finished.code, finished.text) == (2, "")
    assert len(finished.err.splitlines()) == 1
    assert not (blog / "dkim").exists()


def test_show_says_that_there_is_none(command: Command, blog: Path) -> None:
    shown = command("dkim", "show")
    assert (shown.code, shown.text) == (0, "")
    assert "dkim new" in shown.err
    assert command("dkim", "show", "--json").json == []


@pytest.mark.parametrize(
    ("dkim", "said"),
    [
        ('domain = "example.net"\nkeys = ["a=a.pem"]', "example.net cannot sign for example.org"),
        ('keys = ["a=none.pem"]', "none.pem: the DKIM key cannot be read"),
        ('keys = ["a=labelcast.toml"]', "labelcast.toml: this is no private key"),
        ('keys = ["a=a.pem", "a=a.pem"]', "a selector comes twice"),
    ],
)
def test_keys_that_cannot_sign_stop_sending_in_one_line(
    command: Command, blog: Path, dkim: str, said: str
) -> None:
    command("dkim", "new", "--domain", "example.org", "--selector", "a", "--kind", "ed25519", "--out", ".")
    set_up(blog, f"[dkim]\n{dkim}")
    finished = command("tick")
    assert finished.code == 2
    assert said in finished.err
    assert len(finished.err.splitlines()) == 1
    assert "secret_key" not in finished.err
    looked = command("doctor")
    assert looked.code == 1
    assert said in looked.text


def send_one(command: Command, blog: Path, transport: str) -> dict[str, str]:
    """Have a digest mailed, signed by two new keys; what the DNS would have."""
    said = command("dkim", "new", "--domain", "example.org", "--selector", "a", "--json").json
    set_up(blog, said["settings"])
    file = blog / "labelcast.toml"
    text = file.read_text(encoding="utf-8").replace('"maildir:outbox"', f'"{transport}"')
    file.write_text(text, encoding="utf-8")
    command("digests", "add", "weekly", "--rule", "all", "--cadence", "weekly", "--at", "mon 08:00")
    command("subscribers", "add", "r@example.net", "--digest", "weekly", "--confirmed")
    (blog / "new.jsonl").write_text(POST, encoding="utf-8")
    assert command("import", "new.jsonl", "--now", "2026-12-06T12:00:00Z").code == 0
    ticked = command("tick", "--now", MONDAY)
    assert ticked.code == 0, ticked.err
    return {one["name"]: one["record"] for one in said["keys"]}


def test_a_digest_in_a_folder_bears_a_signature_of_each_key(command: Command, blog: Path) -> None:
    texts = send_one(command, blog, "maildir:outbox")
    (mail,) = (blog / "outbox" / "new").iterdir()
    message = mail.read_bytes().replace(b"\n", b"\r\n")
    assert by_dkimpy(message, texts) == [True, True]


def test_what_a_server_gets_bears_good_signatures(
    command: Command, blog: Path, smtp_faults: SmtpFaults
) -> None:
    texts = send_one(command, blog, smtp_faults.url)
    (received,) = smtp_faults.messages
    assert by_dkimpy(received.data, texts) == [True, True]


def test_doctor_compares_the_dns_with_the_keys(command: Command, blog: Path) -> None:
    said = command("dkim", "new", "--domain", "example.org", "--selector", "a", "--json").json
    set_up(blog, said["settings"])
    file = blog / "labelcast.toml"
    smtp = file.read_text(encoding="utf-8").replace('"maildir:outbox"', '"smtp://127.0.0.1:1"')
    file.write_text(smtp, encoding="utf-8")
    texts: dict[str, list[str] | None] = {one["name"]: [one["record"]] for one in said["keys"]}

    def found() -> list[tuple[Health, str]]:
        looked: Any = examine(file, now=lambda: datetime.now(UTC), answers=texts.get)
        return [(one.health, one.said) for one in looked if one.what == "dkim"]

    assert [health for health, _ in found()] == [Health.OK, Health.OK]
    texts["a-rsa._domainkey.example.org"] = said["keys"][1]["record"].split("\n")
    texts["a-ed25519._domainkey.example.org"] = None
    (first, another), (second, none) = found()
    assert (first, second) == (Health.PROBLEM, Health.PROBLEM)
    assert "a-rsa._domainkey.example.org has another key" in another
    assert "a-ed25519._domainkey.example.org has no record" in none
    texts["a-ed25519._domainkey.example.org"] = ["a", "b"]
    assert "has 2 records" in found()[1][1]


def test_doctor_warns_of_a_short_key_and_of_a_domain_without_keys(command: Command, blog: Path) -> None:
    write_keys({blog / "a.pem": DkimKey(generate_private_key(public_exponent=65537, key_size=1024))})
    set_up(blog, '[dkim]\nkeys = ["a=a.pem"]')
    assert "1024 bits only" in command("doctor").text
    set_up(blog, '[dkim]\ndomain = "example.org"')
    assert "no key signs" in command("doctor").text
