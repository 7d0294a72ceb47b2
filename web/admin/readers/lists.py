"""``/admin/readers/import``: a list of readers is uploaded, looked at first, then taken; each a job."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from digests.store import list_digests
from subscribers.csvformats import AUTO, FORMATS
from web.admin.frame import Done, Frame, Shown, Visit
from web.admin.jobs import JobRuns, Plan, Progress
from web.admin.keeping import Keeping, NoRoom
from web.admin.posts.imports import file_name
from web.admin.readers.work import ListProblem, ReaderList, ReaderWork
from web.model import Role

KIND = "readers.import"


@dataclass(frozen=True, slots=True)
class ReaderListPages:
    """A form for a list, and a page for each that was taken or looked at."""

    frame: Frame
    work: ReaderWork
    keeping: Keeping = field(default_factory=Keeping.usual)

    def routes(self) -> list[Route]:
        """The addresses."""
        route = partial(self.frame.route, sees=Role.EDITOR)
        return [
            route("/readers/import", self.form, self.begin),
            route("/readers/import/{number:int}", self.one, self.take),
            route(
                "/readers/import/{number:int}/state", partial(self.one, template="readers_import_state.html")
            ),
        ]

    def form(self, visit: Visit) -> Shown:
        """Which list, and how it is meant."""
        return self._form(visit)

    def _form(self, visit: Visit, wrong: Mapping[str, str] | None = None) -> Shown:
        with self.frame.database.read() as connection:
            digests = list_digests(connection)
            before = self.frame.jobs.newest(connection, [KIND], now=visit.now)
        names = ("digest", "form", "vouched", "tags_as_labels")
        return Shown(
            "readers_import.html",
            {
                "digests": digests,
                "formats": [(AUTO, "find out"), *((one.name, one.title) for one in FORMATS)],
                "typed": {name: visit.one(name) for name in names},
                "wrong": wrong or {},
                "before": before,
            },
            422 if wrong else 200,
        )

    def begin(self, visit: Visit) -> Shown | Done | Response:
        """Look at the list: what would come of it. Nothing is stored."""
        upload, slug, form = visit.files.get("file"), visit.one("digest"), visit.one("form") or AUTO
        if upload is None or not upload.size:
            return self._form(visit, {"file": "Choose a file."})
        if form not in {AUTO, *(one.name for one in FORMATS)}:
            return self._form(visit, {"form": "This format is not known: choose one from the list."})
        with self.frame.database.read() as connection:
            if slug and slug not in {one.slug for one in list_digests(connection)}:
                return self._form(visit, {"digest": "This digest is not there any more."})
        try:
            token = self.keeping.keep(upload)
        except NoRoom as error:
            return self._form(visit, {"file": str(error)})
        asked = ReaderList(
            token=token,
            name=file_name(upload.name),
            form=form,
            digest=slug,
            vouched=bool(visit.one("vouched")),
            tags_as_labels=bool(visit.one("tags_as_labels")),
            is_trial=True,
        )
        return self._go(visit, asked)

    def take(self, visit: Visit) -> Done | Response:
        """Take the readers of a list that was looked at."""
        job = visit.job(KIND)
        looked = (job.report or {}).get("asked") if job else None
        if not looked:
            return self._refuse(visit, 404, "There is nothing to take here.")
        asked = ReaderList(**looked)
        if self.keeping.find(asked.token) is None:
            return self._refuse(
                visit, 409, "The file is kept no more, or was taken already: choose it again."
            )
        return self._go(visit, replace(asked, is_trial=False))

    def one(self, visit: Visit, *, template: str = "readers_import_job.html") -> Shown | Response:
        """How it goes, and in the end what came of it."""
        job = visit.job(KIND)
        if job is None:
            return self._refuse(visit, 404, "There is no such list.")
        report = job.report or {}
        asked = report.get("asked")
        may_take = asked is not None and self.keeping.find(asked["token"]) is not None
        return Shown(template, {"job": job, "report": report, "asked": asked, "may_take": may_take})

    def state(self, visit: Visit) -> Shown | Response:
        """The part of it that changes."""
        return self.one(visit, template="readers_import_state.html")

    def _go(self, visit: Visit, asked: ReaderList) -> Done | Response:
        detail = {"digest": asked.digest, "vouched": asked.vouched}
        plan = Plan(
            kind=KIND,
            title=asked.name,
            actor=f"account:{visit.account.name}",
            work=partial(self._work, asked),
            expected=(ListProblem,),
            also=lambda connection: visit.record(
                connection, "readers.look" if asked.is_trial else KIND, asked.name, **detail
            ),
            afterwards=lambda: None if asked.is_trial else self.keeping.drop(asked.token),
        )
        try:
            number = self.frame.jobs.begin(plan, now=visit.now)
        except BaseException as error:
            if asked.is_trial:
                self.keeping.drop(asked.token)
            if not isinstance(error, JobRuns):
                raise
            words = f"“{error.job.title}” is being taken in: one list at a time. Wait until it is done."
            return self._refuse(visit, 409, words)
        return Done(f"/readers/import/{number}")

    def _work(self, asked: ReaderList, progress: Progress) -> Mapping[str, Any]:
        path = self.keeping.find(asked.token)
        if path is None:
            raise ListProblem(f"{asked.name}: is kept no more: choose it again")
        try:
            report = self.work.take_list(asked, path, now=self.frame.now(), progress=progress)
        except BaseException:
            self.keeping.drop(asked.token)
            raise
        return {**report, **({"asked": asdict(asked)} if asked.is_trial else {})}

    def _refuse(self, visit: Visit, status: int, words: str) -> Response:
        return self.frame.refuse(visit.request, status, words, visit.login)
