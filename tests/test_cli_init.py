"""``labelcast init``: a settings file and a database, and nothing of what is there is lost."""

import stat
import tomllib
from pathlib import Path

import pytest

from database import open_database
from labelcast.settings import known_keys, load_settings
from posts.blog import get_blog
from tests.conftest import Command


def test_it_writes_settings_and_makes_the_database(command: Command, tmp_path: Path) -> None:
    finished = command("init", "news", "--site-url", "https://news.example", "--site-title", 'The "News"\\')
    assert finished.code == 0
    assert finished.out == b""
    settings = load_settings(tmp_path / "news" / "labelcast.toml")
    assert settings.site_url == "https://news.example"
    assert settings.site_title == 'The "News"\\'
    assert (tmp_path / "news" / "labelcast.db").is_file()


def test_each_blog_gets_a_secret_of_its_own_that_only_its_owner_reads(
    command: Command, tmp_path: Path
) -> None:
    command("init", "one")
    command("init", "two")
    one, two = (load_settings(tmp_path / name / "labelcast.toml") for name in ("one", "two"))
    assert len(one.secret_key[0]) >= 32
    assert one.secret_key != two.secret_key
    assert stat.S_IMODE((tmp_path / "one" / "labelcast.toml").stat().st_mode) == 0o600


def test_the_file_written_shows_every_key_but_two_lists(blog: Path) -> None:
    written = tomllib.loads((blog / "labelcast.toml").read_text(encoding="utf-8"))
    keys = {name for name in written if not isinstance(written[name], dict)}
    keys |= {
        f"{table}.{key}" for table in written if isinstance(written[table], dict) for key in written[table]
    }
    assert keys == set(known_keys()) - {"feeds.hubs", "feeds.aliases"}


def test_again_it_changes_nothing(command: Command, blog: Path) -> None:
    before = (blog / "labelcast.toml").read_bytes()
    database = open_database(f"sqlite:///{blog}/labelcast.db")
    with database.read() as connection:
        first = get_blog(connection)
    finished = command("init", "--site-url", "https://elsewhere.example")
    assert finished.code == 0
    assert "stays as it is" in finished.err
    assert "up to date" in finished.err
    assert (blog / "labelcast.toml").read_bytes() == before
    with database.read() as connection:
        assert get_blog(connection) == first
    database.dispose()


def test_again_it_brings_back_a_database_that_has_no_tables(command: Command, blog: Path) -> None:
    (blog / "labelcast.db").unlink()
    assert command("init").code == 0
    assert command("labels", "--json").json == []


def test_a_folder_in_the_way_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "labelcast.toml").mkdir()
    finished = command("init")
    assert finished.code == 2
    assert finished.err.count("\n") == 1


def test_a_file_in_the_way_of_the_folder_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "news").write_text("not a folder", encoding="utf-8")
    finished = command("init", "news")
    assert finished.code == 2
    assert "cannot be written" in finished.err


def test_on_postgresql(command: Command, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELCAST_DATABASE_URL", postgres_url)
    assert command("init").code == 0
    assert command("labels", "--json").json == []
