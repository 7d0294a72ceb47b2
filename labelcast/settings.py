"""What a publisher sets: read once, from ``labelcast.toml`` and then from the environment."""

import os
import re
import tomllib
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from labelcast.kinds import (
    Language,
    Line,
    Secrets,
    WebAddress,
    Zone,
)
from labelcast.settings_tables import (
    AlertSettings,
    BounceSettings,
    DkimSettings,
    FeedSettings,
    MailSettings,
    SchedulerSettings,
    SignupSettings,
    WebSettings,
)

FILE_NAME = "labelcast.toml"
ENV_PREFIX = "LABELCAST_"

# Kubernetes gives a service called "labelcast" variables of these names; the tests have some of their own.
_NOT_OURS = re.compile(r"LABELCAST_(SERVICE_|PORT(_|$)|TEST_)")


class SettingsError(ValueError):
    """A setting is missing, unknown or wrong; the one line names the file (or variable) and the key."""


class Settings(BaseSettings):
    """Every setting, checked and frozen; paths are absolute once ``load_settings`` has read them."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    site_url: WebAddress = "http://localhost:8000"
    site_title: Line = "A blog"
    author: Line = ""
    language: Language = "en"
    timezone: Zone = "UTC"
    database_url: Line = "sqlite:///labelcast.db"
    secret_key: Secrets
    in_doubt: Literal["resend", "hold"] = "resend"
    mail: MailSettings = MailSettings()
    dkim: DkimSettings = DkimSettings()
    bounces: BounceSettings = BounceSettings()
    alerts: AlertSettings = AlertSettings()
    feeds: FeedSettings = FeedSettings()
    web: WebSettings = WebSettings()
    signup: SignupSettings = SignupSettings()
    scheduler: SchedulerSettings = SchedulerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment stands above the file, whose tables come in as arguments."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """Read ``file`` (else ``labelcast.toml`` in the working directory) and the environment.

    Relative paths in it are meant from its folder and come out absolute. Without the file the environment
    alone is enough, if it has the secret. Raises ``SettingsError``.
    """
    path = (file or Path(FILE_NAME)).absolute()
    if not path.is_file() and (file or f"{ENV_PREFIX}SECRET_KEY" not in os.environ):
        raise SettingsError(
            f"{path}: no such file: run `labelcast init` there, or name another with --config"
        )
    written = _read_toml(path) if path.is_file() else {}
    _refuse_unknown_variables()
    try:
        return _with_absolute_paths(Settings(**written), path.parent)
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from error
    except ValueError as error:  # pydantic-settings: a variable for a whole table that is no JSON
        raise SettingsError(f"environment: {' '.join(str(error).split())}") from error


def known_keys() -> tuple[str, ...]:
    """Every key as it is written, tables with a dot: ``site_url``, ``mail.from``, …"""
    keys: list[str] = []
    for name, field in Settings.model_fields.items():
        table = field.annotation
        if isinstance(table, type) and issubclass(table, BaseModel):
            keys += [f"{name}.{inner.alias or key}" for key, inner in table.model_fields.items()]
        else:
            keys.append(name)
    return tuple(keys)


def variable(key: str) -> str:
    """The environment variable for a key: ``mail.from`` is ``LABELCAST_MAIL__FROM``."""
    return ENV_PREFIX + key.replace(".", "__").upper()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: this is no TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def _refuse_unknown_variables() -> None:
    known = {variable(key) for key in known_keys()} | {variable(key.split(".")[0]) for key in known_keys()}
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name not in known and not _NOT_OURS.match(name):
            nearest = _nearest(name.removeprefix(ENV_PREFIX).replace("__", ".").lower())
            raise SettingsError(f"environment: {name}: unknown key; the nearest is {variable(nearest)}")


def _nearest(key: str) -> str:
    """The known key most like this one; a key in the wrong table finds its own."""

    def likeness(known: str) -> float:
        leaf = SequenceMatcher(None, key.rpartition(".")[2], known.rpartition(".")[2]).ratio()
        return leaf + SequenceMatcher(None, key, known).ratio() / 10

    tables = {known.partition(".")[0] for known in known_keys()}
    return max([*known_keys(), *sorted(tables)], key=likeness)


def _explain(error: ValidationError, path: Path) -> str:
    """The first of the errors, as one line that says where to look."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    where = f"environment: {variable(key)}" if variable(key) in os.environ else f"{path}: {key}"
    match first["type"]:
        case "extra_forbidden":
            return f"{path}: {key}: unknown key; the nearest is {_nearest(key)}"
        case "missing":
            return f"{path}: {key} is missing: `labelcast init` writes one, or set {variable(key)}"
        case "model_type":
            return f"{where}: should be a table: [{key}]"
        case "tuple_type":
            return f"{where}: should be a string or a list of strings"
        case _:
            return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    mail, dkim, feeds = settings.mail, settings.dkim, settings.feeds
    public_dir = feeds.public_dir
    if "://" not in public_dir:
        public_dir = _absolute(public_dir, folder)
    named = [key.partition("=") for key in dkim.keys]
    keys = tuple(f"{selector}={_absolute(file, folder)}" for selector, _, file in named)
    ways = {
        "transport": tuple(_absolute_maildir(one, folder) for one in mail.transport),
        "templates": _absolute(mail.templates, folder) if mail.templates else "",
    }
    back = _absolute_maildir(settings.bounces.mailbox, folder)
    return settings.model_copy(
        update={
            "database_url": _absolute_database(settings.database_url, folder),
            "mail": mail.model_copy(update=ways),
            "dkim": dkim.model_copy(update={"keys": keys}),
            "bounces": settings.bounces.model_copy(update={"mailbox": back}),
            "feeds": feeds.model_copy(update={"public_dir": public_dir}),
        }
    )


def _absolute(path: str, folder: Path) -> str:
    return str(folder / Path(path).expanduser())


def _absolute_maildir(address: str, folder: Path) -> str:
    scheme, mark, path = address.partition(":")
    return f"maildir:{_absolute(path, folder)}" if scheme == "maildir" and mark else address


def _absolute_database(url: str, folder: Path) -> str:
    scheme, mark, rest = url.partition(":///")
    name = rest.partition("?")[0]
    if not scheme.startswith("sqlite") or not mark or not name or name == ":memory:" or name.startswith("/"):
        return url
    return f"{scheme}:///{folder}/{rest}"
