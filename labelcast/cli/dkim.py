"""``labelcast dkim``: keys that sign mail, and what the DNS has to say of them."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelcast.cli.opening import moment
from labelcast.cli.output import answer, answer_json, say

if TYPE_CHECKING:
    from labelcast.settings import Settings
    from outbox.dkimkeys import DkimKey

app = typer.Typer(help="Make keys that sign mail, and show their DNS records.", rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


class Kinds(StrEnum):
    """Which keys are made."""

    BOTH = "both"
    RSA = "rsa"
    ED25519 = "ed25519"


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        show(context, as_json=as_json)


@app.command("show")
def show(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Print the DNS records of the keys in the settings."""
    from outbox.dkim import make_signers

    settings = _settings(context)
    keys = settings.dkim.keys
    signers = make_signers(domain=settings.dkim.domain, keys=keys, sender=_address(settings))
    files = [Path(key.partition("=")[2]) for key in keys]
    told = [_told(one.domain, one.selector, file, one.key) for one, file in zip(signers, files, strict=True)]
    if as_json:
        answer_json(told)
        return
    for key in told:
        answer(key["zone"])
    if not told:
        say("no key signs mail: `labelcast dkim new` makes some")


@app.command("new")
def new(
    context: typer.Context,
    *,
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="D", help="Whose keys; that of mail.from if not given.")
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option("--selector", metavar="S", help="Their name; with today's date if not given."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to, else the folder dkim beside labelcast.toml."),
    ] = None,
    kind: Annotated[
        Kinds, typer.Option("--kind", metavar="KIND", help="`both`, `rsa` or `ed25519`.")
    ] = Kinds.BOTH,
    as_json: AsJson = False,
) -> None:
    """Make new keys, and print their DNS records. The lines for labelcast.toml are printed too.

    RSA of 2048 bits, which every receiver knows, and Ed25519. No file is ever written over.
    """
    from labelcast.settings import FILE_NAME
    from outbox.dkimkeys import checked_domain, checked_selector, new_key, write_keys

    folder = (context.obj.config or Path(FILE_NAME)).absolute().parent
    signing = checked_domain(domain or _own_domain(context))
    name = checked_selector(selector or f"labelcast-{moment(None):%Y%m%d}")
    place = folder / "dkim" if out is None else out.absolute()
    selectors = {f"{name}-rsa": "rsa", f"{name}-ed25519": "ed25519"}
    if kind is not Kinds.BOTH:
        selectors = {name: kind.value}
    keys = {
        checked_selector(one): new_key("rsa" if which == "rsa" else "ed25519")
        for one, which in selectors.items()
    }
    files = {one: place / f"{one}.pem" for one in keys}
    write_keys({files[one]: key for one, key in keys.items()})
    told = [_told(signing, one, files[one], key) for one, key in keys.items()]
    settings = _lines(signing, {one: _from(folder, file) for one, file in files.items()})
    if as_json:
        answer_json({"domain": signing, "keys": told, "settings": settings})
        return
    for key in told:
        answer(key["zone"])
    answer(f"\n{settings}")
    say(f"{len(files)} new in {place}: publish the records, then put the lines into labelcast.toml")


def _settings(context: typer.Context) -> "Settings":
    from labelcast.settings import load_settings

    return load_settings(context.obj.config)


def _address(settings: "Settings") -> str:
    from email.utils import parseaddr

    return parseaddr(settings.mail.sender)[1]


def _own_domain(context: typer.Context) -> str:
    """The domain in the settings: the one that signs, else the sender's. Raises ``UsageProblem``."""
    from labelcast.cli.errors import UsageProblem

    settings = _settings(context)
    own = settings.dkim.domain or _address(settings).rpartition("@")[2]
    if own == "localhost":
        raise UsageProblem("--domain: say whose keys they are, or set mail.from to an address of yours")
    return own


def _told(domain: str, selector: str, file: Path, key: "DkimKey") -> dict[str, Any]:
    from outbox.dkimkeys import record_name, zone_line

    return {
        "selector": selector,
        "kind": key.kind,
        "bits": key.bits,
        "file": str(file),
        "name": record_name(selector, domain),
        "record": key.record,
        "zone": zone_line(selector, domain, key.record),
    }


def _from(folder: Path, file: Path) -> str:
    """The file as the settings name it: from their folder, where it is in there."""
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _lines(domain: str, files: dict[str, str]) -> str:
    """The table for ``labelcast.toml``."""
    import tomlkit

    table = tomlkit.table()
    table["domain"] = domain
    table["keys"] = [f"{selector}={file}" for selector, file in files.items()]
    document = tomlkit.document()
    document["dkim"] = table
    return tomlkit.dumps(document).rstrip()
