"""Posts imported from a file that is uploaded, or a web address: first looked at, then stored, each a job."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from posts.importers import FORMATS, ImporterError
from posts.labels import clean_name
from posts.spool import SpoolError
from web.admin.frame import Done, Frame, Shown, Visit
from web.admin.jobs import JobRuns, Plan, Progress
from web.admin.keeping import Keeping, NoRoom
from web.admin.posts.pages import TABS
from web.admin.posts.work import PostsImport
from web.security import PRIVATE

KIND = "posts.import"
# Of a source that is all wrong the reasons repeat themselves.
SKIPS_KEPT, SKIPS_SHOWN = 20_000, 200
_LONGEST_NAME, _LONGEST_URL = 200, 2000


class _Wrong(ValueError):
    """The form cannot be taken so; ``field`` is which part of it."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.field = where


@dataclass(frozen=True, slots=True)
class ImportPages:
    """``/admin/import`` and a page for each import."""

    frame: Frame
    keeping: Keeping = field(default_factory=Keeping.usual)

    def routes(self) -> list[Route]:
        """The addresses."""
        route = self.frame.route
        return [
            route("/import", self.form, self.begin),
            route("/import/{number:int}", self.one, self.again),
            route("/import/{number:int}/state", partial(self.one, template="import_state.html")),
            route("/import/{number:int}/report.json", self.report),
        ]

    def form(self, visit: Visit) -> Shown:
        """What is to be imported, and what was."""
        return self._form(visit, {}, {})

    def _form(self, visit: Visit, typed: Mapping[str, str], wrong: Mapping[str, str]) -> Shown:
        with self.frame.database.read() as connection:
            before = self.frame.jobs.newest(connection, [KIND], now=visit.now)
        formats = [("auto", "find out"), *((name, name) for name in FORMATS)]
        context = {"typed": typed, "wrong": wrong, "formats": formats, "before": before, "tabs_": TABS}
        return Shown("import.html", context, 422 if wrong else 200)

    def begin(self, visit: Visit) -> Shown | Done | Response:
        """Look at what was sent: what would come of it."""
        try:
            asked = self._asked(visit)
        except _Wrong as error:
            typed = {name: visit.one(name) for name in ("url", "form", "label")}
            return self._form(visit, typed, {error.field: str(error)})
        return self._go(visit, asked)

    def again(self, visit: Visit) -> Shown | Done | Response:
        """Store what was looked at, or forget it."""
        job = visit.job(KIND)
        looked = None if job is None else (job.report or {}).get("asked")
        if job is None or not looked:
            return self._refuse(visit, 404, "There is nothing to store here.")
        asked = PostsImport(**looked)
        if visit.one("do") == "drop":
            self._drop(asked)
            return Done("/import", "Nothing was stored.")
        if asked.token and self.keeping.find(asked.token) is None:
            words = "The file is kept no more, or was stored already: choose it again."
            return self._refuse(visit, 409, words)
        counted = sum(int((job.report or {}).get(name, 0)) for name in ("new", "updated", "unchanged"))
        total = counted + len((job.report or {}).get("skipped", ()))
        return self._go(visit, replace(asked, dry_run=False), total=total or None)

    def one(self, visit: Visit, *, template: str = "import_job.html") -> Shown | Response:
        """How an import goes, and in the end what came of it."""
        job = visit.job(KIND)
        if job is None:
            return self._refuse(visit, 404, f"There is no import {visit.path('number')}.")
        report = job.report or {}
        asked = report.get("asked")
        token = (asked or {}).get("token")
        return Shown(
            template,
            {
                "job": job,
                "report": report,
                "skipped": report.get("skipped", ())[:SKIPS_SHOWN],
                "is_dry": bool(asked),
                "may_store": bool(asked) and (not token or self.keeping.find(token) is not None),
                "tabs_": TABS,
            },
        )

    def report(self, visit: Visit) -> Response:
        """What came of an import, as the command tells it in JSON."""
        job = visit.job(KIND)
        if job is None or job.report is None:
            return self._refuse(visit, 404, "There is no report of this import.")
        told = {key: value for key, value in job.report.items() if key != "asked"}
        body = json.dumps(told, ensure_ascii=False, indent=2).encode()
        named = {"Content-Disposition": f'attachment; filename="import-{job.id}.json"'}
        return Response(
            b"" if visit.request.method == "HEAD" else body,
            headers=PRIVATE | named | {"Content-Length": str(len(body))},
            media_type="application/json",
        )

    def _go(self, visit: Visit, asked: PostsImport, *, total: int | None = None) -> Done | Response:
        """Begin the job."""
        plan = Plan(
            kind=KIND,
            title=asked.name,
            actor=f"account:{visit.account.name}",
            work=partial(self._work, asked, visit.frame.now, total),
            expected=(ImporterError, SpoolError),
            also=lambda connection: visit.record(
                connection,
                "posts.look" if asked.dry_run else KIND,
                asked.name,
                form=asked.form,
                **({"label": asked.label} if asked.label else {}),
            ),
            afterwards=lambda: None if asked.dry_run else self._drop(asked),
        )
        try:
            number = self.frame.jobs.begin(plan, now=visit.now)
        except JobRuns as error:
            if asked.dry_run:
                self._drop(asked)
            words = f"“{error.job.title}” is being imported: one import at a time. Wait until it is done."
            return self._refuse(visit, 409, words)
        except BaseException:
            if asked.dry_run:
                self._drop(asked)
            raise
        return Done(f"/import/{number}")

    def _work(
        self, asked: PostsImport, now: Callable[[], Any], total: int | None, progress: Progress
    ) -> Mapping[str, Any]:
        """Import, or look; a file that cannot be imported is kept no longer."""
        try:
            path = self._kept(asked) if asked.token else None
            done = self.frame.work.import_posts(asked, path, now(), lambda count: progress(count, total))
        except BaseException:
            self._drop(asked)
            raise
        skipped = [{"id": one.id, "reason": one.reason, "where": one.where} for one in done.report.skipped]
        told: dict[str, Any] = {
            "new": done.report.new,
            "updated": done.report.updated,
            "unchanged": done.report.unchanged,
            "skipped": skipped[:SKIPS_KEPT],
            "skipped_more": max(0, len(skipped) - SKIPS_KEPT),
            "cleaned": done.report.notes,
            "is_unchanged": done.is_unchanged,
        }
        return told | ({"asked": asdict(asked)} if asked.dry_run else {})

    def _kept(self, asked: PostsImport) -> Path:
        path = self.keeping.find(asked.token)
        if path is None:
            raise ImporterError(f"{asked.name}: is kept no more: choose it again")
        return path

    def _asked(self, visit: Visit) -> PostsImport:
        """What a form asks for; an uploaded file is kept. Raises ``_Wrong``."""
        upload, url = visit.files.get("file"), visit.one("url")
        form, label = visit.one("form") or "auto", clean_name(visit.one("label"))
        if form not in {"auto", *FORMATS}:
            raise _Wrong("form", "This format is not known: choose one from the list.")
        if upload is not None and url:
            raise _Wrong("url", "Choose a file or write an address, not both.")
        if upload is not None:
            try:
                token = self.keeping.keep(upload)
            except NoRoom as error:
                raise _Wrong("file", str(error)) from error
            return PostsImport(file_name(upload.name), form, label, token=token)
        if not url:
            raise _Wrong("file", "Choose a file, or write an address.")
        if len(url) > _LONGEST_URL or not is_fetched(url):
            raise _Wrong("url", "Write the address of a file on the web: one that begins with https://")
        return PostsImport(shown_address(url), form, label, url=url)

    def _drop(self, asked: PostsImport) -> None:
        if asked.token:
            self.keeping.drop(asked.token)

    def _refuse(self, visit: Visit, status: int, words: str) -> Response:
        return self.frame.refuse(visit.request, status, words, visit.login)


def file_name(name: str) -> str:
    """What an uploaded file is called: its own name, whatever path or signs came with it."""
    bare = name.replace("\\", "/").rsplit("/", 1)[-1]
    return clean_name(bare)[:_LONGEST_NAME] or "a file without a name"


def is_fetched(url: str) -> bool:
    """Whether this is an address of the web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()


def shown_address(url: str) -> str:
    """An address as it may be shown and kept: without a password in it."""
    parts = urlsplit(url)
    where = parts.netloc.rsplit("@", 1)[-1]
    return parts._replace(netloc=where, query="").geturl()[:_LONGEST_NAME]
