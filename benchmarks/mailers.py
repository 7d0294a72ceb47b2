"""Digests over SMTP beside other mailers: nodemailer, and Jinja2 with EmailMessage and smtplib.

``python -m benchmarks.mailers --nodemailer FOLDER [--messages N] [--few N] [--connections N] [--rounds N]``

FOLDER is where ``npm install nodemailer`` was run. Every one of them sends the same edition of 24 KB, in
turns, to Postfix's smtp-sink (Debian: postfix). Ours is a whole tick with its ledger, as in
``benchmarks.digests_smtp``. nodemailer has a pool of as many connections and fills a reader's links into a
template that was compiled once; it keeps no record. The usual loop in Python renders the templates for each
reader.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from statistics import median

from sqlalchemy import select

from benchmarks.digests_smtp import PUBLISHER, Case, one_by_one, ours, prepared
from benchmarks.timing import verdict
from digests.model import edition
from outbox.message import MessageTemplate

SCRIPT = Path(__file__).with_name("nodemailer.mjs")
# How many times faster ours has to be.
FASTER = {"nodemailer": 10.0, "Jinja2 and smtplib": 20.0}


def newest_mail(case: Case) -> dict[str, str]:
    """The newest edition's subject and bodies, with nodemailer's places for a reader's links."""
    with case.database.read() as connection:
        query = select(edition.c.message).order_by(edition.c.id.desc()).limit(1)
        template = MessageTemplate.parse(connection.execute(query).scalar_one())
    values = {name: f"<{name}@x.example>".encode() for name in template.names}
    values |= {name: b"{{%s}}" % name.lower().encode() for name in ("UNSUBSCRIBE", "PREFERENCES", "STOP")}
    parsed = message_from_bytes(template.splice(values), _class=EmailMessage, policy=SMTP)
    bodies = {form: parsed.get_body((kind,)) for form, kind in (("text", "plain"), ("html", "html"))}
    found = {form: str(part.get_content()) for form, part in bodies.items() if part is not None}
    for name in ("unsubscribe", "preferences", "stop"):
        # The script fills in whole addresses.
        address = f"{PUBLISHER.site_url}/{name}/{{{{{name}}}}}"
        found = {form: text.replace(address, f"{{{{{name}}}}}") for form, text in found.items()}
    return {"from": PUBLISHER.sender, "subject": str(parsed["Subject"]), **found}


def nodemailer(case: Case, folder: Path, *, messages: int, connections: int) -> float:
    """Messages a second of nodemailer, from the first to the last; starting Node is not counted."""
    (folder / "mail.json").write_text(json.dumps(newest_mail(case)), encoding="utf-8")
    command = ["node", str(SCRIPT), str(folder), str(case.settings.port), str(messages), str(connections)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    rate: float = json.loads(said.stdout)["rate"]
    return rate


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--nodemailer", type=Path, required=True, metavar="FOLDER")
    options.add_argument("--messages", type=int, default=10_000)
    options.add_argument("--few", type=int, default=1_000, help="how many the slow ones send in a round")
    options.add_argument("--connections", type=int, default=20)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if program is None:
        sys.exit("smtp-sink is missing: apt-get install postfix")
    folder = chosen.nodemailer.absolute()
    rates: dict[str, list[float]] = {"ours": [], **{name: [] for name in FASTER}}
    with (
        tempfile.TemporaryDirectory() as place,
        prepared(Path(place), program, readers=chosen.messages, connections=chosen.connections) as case,
    ):
        for round_ in range(chosen.rounds):
            rates["ours"].append(ours(case, round_, chosen.messages))
            rates["nodemailer"].append(
                nodemailer(case, folder, messages=chosen.few, connections=chosen.connections)
            )
            rates["Jinja2 and smtplib"].append(one_by_one(case, chosen.few // 4))
    for name, each in rates.items():
        print(f"{name:20} {median(each):7.0f} messages/s (median), {max(each):7.0f} (best)")
    met = True
    for name, least in FASTER.items():
        ratios = [mine / theirs for mine, theirs in zip(rates["ours"], rates[name], strict=True)]
        met &= verdict(f"messages/s, ours to {name} (median of rounds)", median(ratios), at_least=least)
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
