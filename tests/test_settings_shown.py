"""The settings as they are shown: all of them, from where they come, and never a secret."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelcast.settings import Settings, known_keys, load_settings
from labelcast.settings_shown import HIDDEN, shown_settings, without_secrets

SECRET = "0123456789abcdef0123"
# Of a secret not even so much is shown.
PART = 4
SCHEMES = st.sampled_from(
    ["smtp", "smtp+starttls", "smtps", "imaps", "pop3s", "postgresql+psycopg", "https", "s3", "sqlite"]
)
# Letters that stand in no other part, and whatever may stand beside them in a password.
ODD = st.text(st.sampled_from([*list("@:/?#[]%&= \\…"), chr(1488), "\n"]), max_size=3)
SECRETS = st.builds(
    lambda letters, before, between, after: f"{before}{letters[:5]}{between}{letters[5:]}{after}",
    st.text(st.sampled_from("QXZJKW"), min_size=10, max_size=14),
    ODD,
    ODD,
    ODD,
)


def leaks(secret: str, shown: str) -> bool:
    """Whether what is shown has any of a secret's letters in a row."""
    letters = "".join(one for one in secret if one in "QXZJKW")
    told = "".join(one for one in shown if one in "QXZJKW")
    return any(letters[at : at + PART] in told for at in range(len(letters) - PART + 1))


@given(SCHEMES, SECRETS, SECRETS, st.sampled_from(["", ":587", ":x"]), st.sampled_from(["", "/a/b", "?c=d"]))
def test_no_password_and_no_user_is_shown(scheme: str, user: str, password: str, port: str, end: str) -> None:
    for who in (f"{user}:{password}", f":{password}", password, f"{user}@{password}"):
        address = f"{scheme}://{who}@mail.example.org{port}{end}"
        shown = without_secrets(address)
        assert not leaks(password, shown), shown
        assert not leaks(user, shown), shown


@given(SCHEMES, SECRETS)
def test_no_option_is_shown(scheme: str, secret: str) -> None:
    for end in (f"?password={secret}", f"/name?x=1&sslpassword={secret}", f"#{secret}"):
        assert not leaks(secret, without_secrets(f"{scheme}://host{end}"))
        assert not leaks(secret, without_secrets(f"{scheme}://anna@host{end}"))


@given(st.text())
def test_whatever_is_written_something_is_shown(address: str) -> None:
    assert without_secrets(address)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("smtp://anna:secret@mail.example.org:587?weight=3", "smtp://…@mail.example.org:587?…"),
        ("imaps://anna%40example.org:x@host/INBOX", "imaps://…@host/INBOX"),
        ("postgresql+psycopg://u:p@[::1]:5432/name", "postgresql+psycopg://…@[::1]:5432/name"),
        ("sqlite:////srv/labelcast/labelcast.db", "sqlite:////srv/labelcast/labelcast.db"),
        ("s3://bucket/folder", "s3://bucket/folder"),
        # Which part is which is not plain.
        ("smtp://anna:a@b@host", "smtp:…"),
        ("smtp://anna:a/b@host", "smtp:…"),
        ("sendmail:/usr/bin/msmtp --passwordeval 'echo secret'", "sendmail:…"),
        ("nothing like it", HIDDEN),
    ],
)
def test_what_is_plain_is_shown(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


def test_every_setting_is_told_with_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "labelcast.toml"
    file.write_text(
        f'secret_key = ["{SECRET}", "{SECRET}4567"]\n'
        'database_url = "postgresql+psycopg://anna:hunter2hunter@db/labelcast"\n'
        "[mail]\n"
        'transport = ["smtp://anna:hunter2hunter@one", "sendmail:/bin/true -p hunter2hunter"]\n'
        "[bounces]\n"
        'mailbox = "imaps://anna:hunter2hunter@mail/INBOX"\n'
        "[feeds]\n"
        'public_dir = "s3://key:hunter2hunter@bucket/x"\n'
        'hubs = ["https://hub.example/?token=hunter2hunter"]\n'
        "[web]\n"
        'signup_url = "https://anna:hunter2hunter@in.example/"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("LABELCAST_SITE_TITLE", "From around")
    monkeypatch.setenv("LABELCAST_SCHEDULER", '{"tick_seconds": 7}')
    found = {one.key: one for one in shown_settings(load_settings(file), file)}
    assert tuple(found) == known_keys()
    assert SECRET not in str(found)
    assert "hunter2" not in str(found)
    assert "anna" not in str(found)
    told = {key: (tuple(found[key].values), found[key].source) for key in found}
    assert told["secret_key"] == ((HIDDEN, HIDDEN), "file")
    assert told["site_title"] == (("From around",), "environment")
    assert told["scheduler.tick_seconds"] == (("7",), "environment")
    assert told["mail.transport"] == (("smtp://…@one", "sendmail:…"), "file")
    assert told["mail.from"] == (("labelcast@localhost",), "default")
    assert told["feeds.hubs"] == (("https://hub.example/?…",), "file")
    assert told["web.signup_url"] == (("https://…@in.example/",), "file")
    assert told["web.access_log"] == (("true",), "default")


def test_without_a_file_all_comes_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELCAST_SECRET_KEY", SECRET)
    sources = {one.key: one.source for one in shown_settings(Settings(secret_key=(SECRET,)))}
    assert sources.pop("secret_key") == "environment"
    assert set(sources.values()) == {"default"}
