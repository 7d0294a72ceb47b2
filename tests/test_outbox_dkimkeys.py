"""Keys for DKIM: read, made, published; and who may sign for whom."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from outbox.dkim import make_signers
from outbox.dkimkeys import DkimError, DkimKey, is_of_key, new_key, read_key, write_keys, zone_line

RSA, ED = new_key("rsa"), new_key("ed25519")
# 512 bits: worth nothing, so it may stand here.
SHORT = """-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAJyAugKu753CbOFf/kowqLo8i4+zCQ5IoBEgUEztTGjdk7+LuaEf
WocuZSWKbChccdD+zrmxCOWdg2Q9O9EZQMECAwEAAQJBAI41TlCn4yXoCIXWczu4
8WihIXPHDKCFD6XgRfdQ3VCfMxq4oWnSnxG6BC6q3y5S7CagDWkWuNl2mToSu2nr
j60CIQDKlbrLP2gZcOOIe+eIlQMZHigzHtE/O5eS5yitXKw9SwIhAMXEgbCtteRY
xyITyqDIofTBw1PQVXxg/h3qcnmwSG6jAiAFEDT4+364lA+7y4z/5umK6SwMCwsj
z3N8YnarzpMnfQIgG0wycoansqsmYWfF8kd/Q19zbKA3DIH+0XZI8s8IUG0CIFyN
zmgTey4aB6v62EWX+8kNtF4jYJM3t7fRC6Ce8OON
-----END RSA PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("key", "form"),
    [(RSA, PrivateFormat.PKCS8), (RSA, PrivateFormat.TraditionalOpenSSL), (ED, PrivateFormat.PKCS8)],
)
def test_a_key_is_read_from_either_form_of_pem(tmp_path: Path, key: DkimKey, form: PrivateFormat) -> None:
    pem = key.private.private_bytes(Encoding.PEM, form, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    read = read_key(tmp_path / "key.pem")
    assert (read.kind, read.bits, read.record) == (key.kind, key.bits, key.record)
    assert not read.is_weak


def bad_files() -> dict[str, bytes]:
    ec = generate_private_key(SECP256R1())
    pem, pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    return {
        "DKIM knows RSA and Ed25519 keys only": ec.private_bytes(pem, pkcs8, NoEncryption()),
        "has a password": ED.private.private_bytes(pem, pkcs8, BestAvailableEncryption(b"x")),
        "an RSA key of 512 bits is worth nothing": SHORT.encode(),
        "this is no private key in PEM": (
            b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
        ),
        "no private key": ED.private.public_key().public_bytes(pem, PublicFormat.SubjectPublicKeyInfo),
        "is no private key": b"",
    }


BAD = bad_files()


@pytest.mark.parametrize("said", BAD)
def test_what_is_no_key_is_told_in_one_line_without_a_word_of_it(tmp_path: Path, said: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(BAD[said])
    with pytest.raises(DkimError, match=said) as caught:
        read_key(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert "\n" not in line
    assert not any(part and part in line for part in BAD[said].decode().splitlines())


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DkimError, match="No such file"):
        read_key(tmp_path / "key.pem")


def test_a_key_tells_nothing_of_itself_when_shown() -> None:
    assert repr(RSA) == "DkimKey(rsa, 2048 bits)"


def test_new_keys_are_for_their_owner_and_none_is_written_over(tmp_path: Path) -> None:
    first, second = tmp_path / "keys" / "a.pem", tmp_path / "keys" / "b.pem"
    write_keys({second: ED})
    before = second.read_bytes()
    with pytest.raises(DkimError, match=r"b\.pem: is there already"):
        write_keys({first: RSA, second: new_key("ed25519")})
    assert second.read_bytes() == before
    assert not first.exists()
    assert stat.S_IMODE(second.stat().st_mode) == 0o600
    assert read_key(second).record == ED.record


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(DkimError, match="cannot be written"):
        write_keys({tmp_path / "file" / "a.pem": ED})


def test_the_record_of_the_standards_own_key() -> None:
    # RFC 8463, appendix A.
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = DkimKey(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.record == "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def test_a_record_is_one_line_of_short_strings() -> None:
    line = zone_line("mail", "example.org", RSA.record)
    name, kind, kin, rest = line.split(" ", 3)
    assert (name, kind, kin) == ("mail._domainkey.example.org.", "IN", "TXT")
    strings = rest[1:-1].split('" "')
    assert "".join(strings) == RSA.record
    assert [len(string) for string in strings[:-1]] == [255]
    assert len(strings[-1]) <= 255


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda record: record, True),
        (lambda record: record.replace("; ", ";").replace("p=", "p= ") + "; t=s", True),
        (lambda record: record.replace("k=rsa; ", ""), True),
        (lambda record: record.replace("v=DKIM1; ", ""), True),
        (lambda record: record.replace("DKIM1", "DKIM2"), False),
        (lambda record: record.replace("k=rsa", "k=ed25519"), False),
        (lambda record: "v=DKIM1; p=", False),
        (lambda record: ED.record, False),
        (lambda record: "", False),
    ],
)
def test_whether_the_dns_has_a_key(change: object, same: bool) -> None:
    assert callable(change)
    assert is_of_key(change(RSA.record), RSA) is same


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A key's file."""
    write_keys({tmp_path / "key.pem": ED})
    return tmp_path / "key.pem"


@pytest.mark.parametrize(
    ("domain", "sender", "signs"),
    [
        ("", "a@Example.org", "example.org"),
        ("example.org", "a@example.org", "example.org"),
        ("example.org", "a@news.example.org", "example.org"),
        ("Bücher.example.", "a@bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_signs_for_itself_and_what_is_below_it(
    file: Path, domain: str, sender: str, signs: str
) -> None:
    (signer,) = make_signers(domain=domain, keys=[f"mail={file}"], sender=sender)
    assert (signer.domain, signer.selector, signer.key.kind) == (signs, "mail", "ed25519")


@pytest.mark.parametrize(
    "domain", ["example.net", "ample.org", "news.example.org", "a b", "a..org", "x" * 70]
)
def test_no_other_domain_signs(file: Path, domain: str) -> None:
    with pytest.raises(DkimError) as caught:
        make_signers(domain=domain, keys=[f"mail={file}"], sender="a@example.org")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("selectors", [["a", "A"], ["a_b"], [""], ["a..b"], ["a\r\nb"], ["x" * 64]])
def test_a_selector_is_a_name_and_comes_once(file: Path, selectors: list[str]) -> None:
    with pytest.raises(DkimError, match="selector"):
        make_signers(domain="", keys=[f"{one}={file}" for one in selectors], sender="a@example.org")


def test_without_keys_nobody_signs() -> None:
    assert make_signers(domain="example.net", keys=[], sender="a@localhost") == ()
