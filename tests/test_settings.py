"""Settings: what is read from where, and the one line that each mistake gets."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from labelcast.settings import Settings, SettingsError, known_keys, load_settings, variable

SECRET = 'secret_key = "0123456789abcdef0123"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labelcast.toml"


def read(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def refused(file: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(file, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_secret_is_all_that_is_needed(file: Path) -> None:
    settings = read(file, SECRET)
    assert settings.secret_key == ("0123456789abcdef0123",)
    assert settings.feeds.entries == 25
    assert settings.in_doubt == "resend"


def test_the_keys_are_those_of_the_design() -> None:
    assert set(known_keys()) == {
        *(
            "site_url",
            "site_title",
            "author",
            "language",
            "timezone",
            "database_url",
            "secret_key",
            "in_doubt",
        ),
        *("mail.transport", "mail.from", "mail.reply_to", "mail.postal_address", "mail.connections"),
        *("mail.templates", "mail.per_second", "mail.per_domain_second", "mail.connections_per_domain"),
        *("mail.daily_cap", "mail.quiet", "dkim.domain", "dkim.keys", "alerts.to", "alerts.share"),
        *("bounces.return_path", "bounces.mailbox", "bounces.soft_limit", "bounces.soft_days"),
        *("feeds.entries", "feeds.content", "feeds.public_dir", "feeds.hubs"),
        *("feeds.aliases", "feeds.renamed", "feeds.polls_an_hour"),
        *("web.host", "web.port", "web.signup_url", "web.trusted_proxies", "web.session_hours"),
        *("web.access_log", "signup.open", "signup.link_days", "signup.per_address_day"),
        *("signup.per_network_hour", "signup.per_domain_hour", "scheduler.tick_seconds"),
    }


def test_the_environment_stands_above_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELCAST_SITE_TITLE", "From outside")
    monkeypatch.setenv("LABELCAST_MAIL__FROM", "The News <news@example.org>")
    settings = read(file, SECRET + 'site_title = "From the file"\n[mail]\nreply_to = "desk@example.org"\n')
    assert settings.site_title == "From outside"
    assert settings.mail.sender == "The News <news@example.org>"
    assert settings.mail.reply_to == "desk@example.org"


def test_every_key_can_come_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings(secret_key=("0123456789abcdef0123",)).model_dump(by_alias=True)
    for key in known_keys():
        value = defaults
        for part in key.split("."):
            value = value[part]
        monkeypatch.setenv(
            variable(key), '["a-secret-of-some-length"]' if key == "secret_key" else _text(value)
        )
    assert read(file, "").secret_key == ("a-secret-of-some-length",)


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, tuple) else str(value)


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELCAST_SECRET_KEY", "0123456789abcdef0123")
    assert load_settings().database_url == f"sqlite:///{tmp_path}/labelcast.db"


def test_without_file_and_environment_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"labelcast\.toml: no such file: run `labelcast init`"):
        load_settings()


def test_paths_are_meant_from_the_folder_of_the_file(file: Path) -> None:
    settings = read(file, SECRET + 'database_url = "sqlite:///data/blog.db"\n[feeds]\npublic_dir = "out"\n')
    assert settings.database_url == f"sqlite:///{file.parent}/data/blog.db"
    assert settings.feeds.public_dir == str(file.parent / "out")
    assert settings.mail.transport == (f"maildir:{file.parent}/outbox",)


def test_a_place_for_files_may_be_a_url(file: Path) -> None:
    settings = read(file, SECRET + '[feeds]\npublic_dir = "s3://bucket/blog"\n')
    assert settings.feeds.public_dir == "s3://bucket/blog"


@pytest.mark.parametrize(
    "url", ["sqlite:////var/lib/blog.db", "sqlite:///:memory:", "postgresql+psycopg://me:pw@db/blog"]
)
def test_an_absolute_database_stays_as_it_is(file: Path, url: str) -> None:
    assert read(file, SECRET + f'database_url = "{url}"\n').database_url == url


def test_secrets_rotate_newest_first(file: Path) -> None:
    settings = read(file, 'secret_key = ["a-new-secret-of-length", "an-old-secret-of-length"]\n')
    assert settings.secret_key == ("a-new-secret-of-length", "an-old-secret-of-length")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('site_ulr = "x"\n', "labelcast.toml: site_ulr: unknown key; the nearest is site_url"),
        ("port = 80\n", "labelcast.toml: port: unknown key; the nearest is web.port"),
        ("[web]\nhots = 1\n", "labelcast.toml: web.hots: unknown key; the nearest is web.host"),
        ("[mial]\nfrom = 1\n", "labelcast.toml: mial: unknown key; the nearest is mail"),
        ("mail = 5\n", "labelcast.toml: mail: should be a table: [mail]"),
        ("site_title = 5\n", "labelcast.toml: site_title: Input should be a valid string"),
        ('site_title = "a\\nb"\n', "labelcast.toml: site_title: holds a line break"),
        ('site_url = "example.org"\n', "labelcast.toml: site_url: 'example.org' is no web address"),
        ('[feeds]\nhubs = "hub.example"\n', "labelcast.toml: feeds.hubs: 'hub.example' is no hub's address"),
        ('[feeds]\naliases = ["Blog"]\n', "labelcast.toml: feeds.aliases: 'Blog' is no alias: write it as"),
        ('timezone = "Mars/Olympus"\n', "labelcast.toml: timezone: 'Mars/Olympus' is no timezone"),
        ('timezone = "../etc"\n', "labelcast.toml: timezone: '../etc' is no timezone"),
        ('language = "en_US!"\n', "labelcast.toml: language: 'en_US!' is no language tag"),
        ('in_doubt = "maybe"\n', "labelcast.toml: in_doubt: Input should be 'resend' or 'hold'"),
        ('[mail]\nfrom = "nobody"\n', "labelcast.toml: mail.from: 'nobody' is no address"),
        ('[mail]\nfrom = "a@ü..c"\n', "labelcast.toml: mail.from: 'a@ü..c' has no valid domain: Empty Label"),
        ('[mail]\nfrom = "a@b.c, d@e.f"\n', "labelcast.toml: mail.from: 'a@b.c, d@e.f' is no address"),
        ('[mail]\nfrom = "A <a@b.c>\\r\\nBcc: x@y.z"\n', "labelcast.toml: mail.from: holds a line break"),
        ('[web]\nsignup_url = "javascript:alert(1)"\n', "labelcast.toml: web.signup_url: 'javascript:"),
        ('[mail]\ntransport = "pigeon:loft"\n', "labelcast.toml: mail.transport: write maildir:FOLDER"),
        (
            "[mail]\nper_second = 1e-12\n",
            "labelcast.toml: mail.per_second: 1e-12 is too slow: 0 for none",
        ),
        ('[mail]\nquiet = "22:00-07:0٧"\n', "labelcast.toml: mail.quiet: '22:00-07:0٧' are no hours"),
        ("[mail]\nconnections = 0\n", "labelcast.toml: mail.connections: Input should be greater than"),
        ("[feeds]\nentries = 0\n", "labelcast.toml: feeds.entries: Input should be greater than"),
        ("[feeds]\nhubs = 5\n", "labelcast.toml: feeds.hubs: should be a string or a list of strings"),
        ("site_url = \n", "labelcast.toml: this is no TOML: Invalid value (at line 2, column 12)"),
    ],
)
def test_a_mistake_gets_one_line_with_file_and_key(file: Path, text: str, said: str) -> None:
    assert f"{file.parent}/{said}" in refused(file, SECRET + text)


def test_a_missing_or_short_secret_is_refused(file: Path) -> None:
    assert "labelcast.toml: secret_key is missing: `labelcast init` writes one" in refused(file, "")
    assert "secret_key: each secret needs 16 characters" in refused(file, 'secret_key = "short"\n')


def test_a_password_is_not_repeated_in_an_error(file: Path) -> None:
    said = refused(file, SECRET + '[mail]\ntransport = "smpt://me:hunter2@mail.example.org"\n')
    assert "hunter2" not in said


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(file)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LABELCAST_SITE_ULR", "x", "LABELCAST_SITE_ULR: unknown key; the nearest is LABELCAST_SITE_URL"),
        ("LABELCAST_WEB__PORT", "x", "LABELCAST_WEB__PORT: Input should be a valid integer"),
        ("LABELCAST_FEEDS__HUBS", "[x", "LABELCAST_FEEDS__HUBS: '[x' begins like a JSON list"),
        ("LABELCAST_MAIL", '{"from"', "mail"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    line = refused(file, SECRET)
    assert line.startswith("environment: ")
    assert said in line


def test_the_variables_that_kubernetes_makes_for_a_service_are_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LABELCAST_PORT", "LABELCAST_SERVICE_HOST", "LABELCAST_PORT_8000_TCP_ADDR"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:8000")
    assert read(file, SECRET).web.port == 8000


def test_settings_are_frozen(file: Path) -> None:
    settings = read(file, SECRET)
    with pytest.raises(ValidationError):
        settings.site_title = "Another"
    with pytest.raises(ValidationError):
        settings.mail.connections = 9
