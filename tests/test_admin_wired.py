"""What the publisher's pages are handed by the application: the settings, the doctor, the demo's account."""

from pathlib import Path

import pytest

from database import Database
from labelcast.demo import make_account
from labelcast.settings import Settings, load_settings
from labelcast.wiring import Wiring
from tests.feeds_blog import START
from web.accounts.accounts import check_password
from web.model import Role

SECRET = "0123456789abcdef0123"


def test_the_pages_are_told_what_is_set_and_what_the_doctor_finds(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "labelcast.toml"
    file.write_text(f'secret_key = "{SECRET}"\nsite_title = "The Sheet"\n', encoding="utf-8")
    # The settings are looked for where they were read, not where the process stands.
    monkeypatch.chdir("/")
    wiring = Wiring(load_settings(file))
    wiring.config = file
    try:
        work = wiring.administration(lambda: "no tick for an hour").work
        told = {one.key: (list(one.values), one.source) for one in work.settings()}
        assert told["site_title"] == (["The Sheet"], "file")
        assert SECRET not in str(told)
        assert work.trouble() == "no tick for an hour"
        found = {one.what: one.health for one in work.examine()}
        assert found["settings"] == "ok"
        assert found["database"] == "ok"
        # It is edited while the service runs.
        file.write_text(
            f'secret_key = "{SECRET}"\ndatabase_url = "postgres//ada:hunter2@db/x"\n', encoding="utf-8"
        )
        findings = work.examine()
        assert [one.what for one in findings if one.health == "problem" and one.what == "database"]
        assert "hunter2" not in str(findings)
    finally:
        wiring.close()


def test_the_demo_has_a_new_password_at_each_start(sqlite_database: Database, sqlite_url: str) -> None:
    wiring = Wiring(Settings(secret_key=(SECRET,), database_url=sqlite_url))
    try:
        (name, first), (_, second) = (make_account(wiring, now=START) for _ in range(2))
    finally:
        wiring.close()
    assert len(first) >= 16
    with sqlite_database.read() as connection:
        found = check_password(connection, name, second)
        assert check_password(connection, name, first) is None
    assert found is not None
    assert found.role is Role.OWNER
