"""``/api/import``: posts from whatever file the commands import, streamed to disk."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from posts.importers import FORMATS, ImporterError, Source, find_importer
from posts.intake import ImportReport, store_posts
from web.accounts.tokens import TokenScope
from web.api.access import Caller, Need
from web.api.answering import Answer, again, asked_hash, idempotency_key, kept_of, own_key
from web.api.fields import one_line
from web.api.gate import bounded
from web.api.keeping import claim, forget, keep
from web.api.problems import Problem, wrong

router = APIRouter(tags=["import"])
Writes = Annotated[Caller, Depends(Need(TokenScope.IMPORT_WRITE))]

LARGEST = 1 << 30
Name = Annotated[str, AfterValidator(one_line)]


class Skipped(BaseModel):
    """A post of a source that could not be stored: its id, why, and where it stands."""

    id: str
    reason: str
    where: str


class Report(BaseModel):
    """What an import did; ``notes`` is how many of its posts had something cleaned."""

    new: int
    updated: int
    unchanged: int
    notes: int
    skipped: list[Skipped]


@router.post(
    "/import",
    response_model=Report,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_(
    caller: Writes,
    request: Request,
    *,
    format: Annotated[str, Query(max_length=40, description="What it is; `auto` looks.")] = "auto",  # noqa: A002
    label: Annotated[
        list[Annotated[str, Query(max_length=200)]] | None, Query(description="Every post gets it too.")
    ] = None,
    dry_run: Annotated[Literal["true", "false"], Query(description="Do all, store nothing?")] = "false",
) -> Response:
    """Import posts: all of a source or nothing of it; one bad post among good ones is skipped and listed.

    It is answered once all is stored. The same import again changes nothing.
    """
    if format not in {"auto", *FORMATS}:
        raise wrong("?format", f"is none: there are {', '.join(('auto', *FORMATS))}")
    async with _kept(request) as (path, digest):
        asked = Caller(caller.api, caller.token, request, digest)
        labels, is_dry = tuple(label or ()), dry_run == "true"
        return await run_in_threadpool(_once, asked, path, format, labels, is_dry)


@asynccontextmanager
async def _kept(request: Request) -> AsyncIterator[tuple[Path, str]]:
    """What is sent, in a file that goes with the request, and its SHA-256."""
    digest = sha256()
    with tempfile.NamedTemporaryFile(prefix="labelcast-import-") as file:
        async for part in bounded(request, LARGEST):
            digest.update(part)
            await run_in_threadpool(file.write, part)
        file.flush()
        yield Path(file.name), digest.hexdigest()


def _once(caller: Caller, path: Path, form: str, labels: tuple[str, ...], is_dry: bool) -> Response:
    """Import it, unless this request was answered before."""
    with caller.api.database.read() as connection:
        caller.require_still(connection)
    key = idempotency_key(caller.request)
    if key is None:
        return _import(caller, path, form, labels, is_dry)
    database, own = caller.api.database, own_key(caller, key)
    with database.write() as connection:
        kept = claim(connection, own, asked_hash(caller, key), now=caller.now)
    if kept is not None:
        return again(kept)
    try:
        response = _import(caller, path, form, labels, is_dry)
        with database.write() as connection:
            keep(connection, own, kept_of(response))
    except BaseException:
        with database.write() as connection:
            forget(connection, own)
        raise
    return response


def _import(caller: Caller, path: Path, form: str, labels: tuple[str, ...], is_dry: bool) -> Response:
    source = Source(name="the body", path=path)
    try:
        importer = find_importer(form, source, timezone=ZoneInfo(caller.work.timezone))
        report = store_posts(
            caller.api.database, importer.read(source), now=caller.now, labels=labels, dry_run=is_dry
        )
    except ImporterError as error:
        raise Problem(422, str(error)) from error
    if not is_dry and (report.new or report.updated):
        with caller.api.database.write() as connection:
            caller.record(connection, "posts.import", form, new=report.new, updated=report.updated)
    return Answer(_report(report)).response()


def _report(done: ImportReport) -> Report:
    return Report(
        new=done.new,
        updated=done.updated,
        unchanged=done.unchanged,
        notes=done.notes,
        skipped=[Skipped(id=one.id, reason=one.reason, where=one.where) for one in done.skipped],
    )
