"""Digests over SMTP beside other mailers: nodemailer, and Jinja2 with EmailMessage and smtplib.

``python -m benchmarks.mailers --nodemailer FOLDER [--messages N] [--few N] [--connections N] [--rounds N]``

FOLDER is where ``npm install nodemailer nunjucks`` was run; without it nodemailer is left out. All send an
edition of 24 KB, in turns, to Postfix's smtp-sink (Debian: postfix). Ours is a whole tick with its ledger, as
in ``benchmarks.digests_smtp``. nodemailer has a pool of as many connections, and renders a template of
nunjucks for each reader, compiled once; or it is given our finished mail and only puts the reader's links in.
It keeps no record either way. The usual loop in Python renders our templates for each reader.
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

from benchmarks.digests_smtp import BODY, POSTS, PUBLISHER, Case, one_by_one, ours, prepared
from benchmarks.timing import verdict
from digests.model import edition
from outbox.message import MessageTemplate

SCRIPT = Path(__file__).with_name("nodemailer.mjs")
# How many times faster ours has to be.
FASTER = {"nodemailer": 10.0, "nodemailer, links only": 10.0, "Jinja2 and smtplib": 20.0}

# As large as ours, with what any digest has: a head of styles, posts in a loop, links of the reader's own.
STYLE = (
    "body { margin: 0; padding: 0; background-color: #f4f2ee; color: #22242a; font-family: Georgia, serif; } "
)
HTML = (
    "<!doctype html><html lang=en><head><meta charset=utf-8><title>{{ title }}</title><style>"
    + STYLE * 100
    + """</style></head><body><table role="presentation" width="100%"><tr><td><h1>{{ title }}</h1>
{% for post in posts %}<div style="padding: 22px 0; border-top: 1px solid #d0d0d0"><h2
style="margin: 0; font-size: 20px; line-height: 1.35"><a href="{{ post.url }}">{{ post.title }}</a></h2>
<p style="margin: 6px 0 12px; font-size: 14px; color: #5b5f6a">{{ post.date }}{% if post.author %} ·
{{ post.author }}{% endif %}{% for label in post.labels %}, <a href="{{ label.url }}">{{ label.name }}</a>
{% endfor %}</p><p style="margin: 0 0 14px">{{ post.excerpt }} <a style="font-weight: 700"
href="{{ post.url }}">Read on</a></p></div>{% endfor %}
<p><a href="{{ preferences }}">Change what you get</a> · <a href="{{ unsubscribe }}">Unsubscribe</a> ·
<a href="{{ stop }}">Stop all mail</a></p></td></tr></table></body></html>"""
)
TEXT = """{{ title }}
{% for post in posts %}
----------------------------------------------------------------------

{{ post.title }}
{{ post.date }}{% if post.author %} · {{ post.author }}{% endif %}

{{ post.excerpt }}
Read on: {{ post.url }}
{% endfor %}
Change what you get: {{ preferences }}
Unsubscribe:         {{ unsubscribe }}
Stop all mail:       {{ stop }}
"""


def template_mail() -> dict[str, object]:
    """A mail of as many posts, as templates and what they show."""
    posts = [
        {
            "url": f"{PUBLISHER.site_url}/1/{number}",
            "title": f"Number {number} of the posts of this week",
            "date": "2 March 2026",
            "author": "The Council",
            "labels": [{"name": "Council", "url": f"{PUBLISHER.site_url}/labels/council"}],
            "excerpt": BODY[3:423],
        }
        for number in range(POSTS)
    ]
    shared = {"title": "News", "posts": posts}
    return {"from": PUBLISHER.sender, "subject": "News", "html": HTML, "text": TEXT, "shared": shared}


def finished_mail(case: Case) -> dict[str, object]:
    """The newest edition's subject and bodies, with places for a reader's links."""
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


def nodemailer(
    case: Case, folder: Path, mail: dict[str, object], *, messages: int, connections: int
) -> float:
    """Messages a second of nodemailer, from the first to the last; starting Node is not counted."""
    (folder / "mail.json").write_text(json.dumps(mail), encoding="utf-8")
    command = ["node", str(SCRIPT), str(folder), str(case.settings.port), str(messages), str(connections)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    rate: float = json.loads(said.stdout)["rate"]
    return rate


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--nodemailer", type=Path, metavar="FOLDER")
    options.add_argument("--messages", type=int, default=10_000)
    options.add_argument("--few", type=int, default=1_000, help="how many the slow ones send in a round")
    options.add_argument("--connections", type=int, default=20)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if program is None:
        sys.exit("smtp-sink is missing: apt-get install postfix")
    folder = chosen.nodemailer and chosen.nodemailer.absolute()
    rates: dict[str, list[float]] = {"ours": [], **{name: [] for name in FASTER}}
    with (
        tempfile.TemporaryDirectory() as place,
        prepared(Path(place), program, readers=chosen.messages, connections=chosen.connections) as case,
    ):
        for round_ in range(chosen.rounds):
            rates["ours"].append(ours(case, round_, chosen.messages))
            mails = {"nodemailer": template_mail(), "nodemailer, links only": finished_mail(case)}
            for name, mail in mails.items() if folder else ():
                rates[name].append(
                    nodemailer(case, folder, mail, messages=chosen.few, connections=chosen.connections)
                )
            rates["Jinja2 and smtplib"].append(one_by_one(case, chosen.few // 4))
    rates = {name: each for name, each in rates.items() if each}
    for name, each in rates.items():
        print(f"{name:22} {median(each):7.0f} messages/s (median), {max(each):7.0f} (best)")
    met = True
    for name in rates.keys() & FASTER.keys():
        ratios = [mine / theirs for mine, theirs in zip(rates["ours"], rates[name], strict=True)]
        met &= verdict(
            f"messages/s, ours to {name} (median of rounds)", median(ratios), at_least=FASTER[name]
        )
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
