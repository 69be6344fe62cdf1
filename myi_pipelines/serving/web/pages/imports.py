"""Imports: upload, progress, what was not counted and why, gaps, freshness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from myi_pipelines.serving import uploads
from myi_pipelines.serving.access.permissions import Part, find_shown
from myi_pipelines.serving.asgi.error_pages import error_response, wants_json
from myi_pipelines.serving.context import context_of, viewer_of
from myi_pipelines.serving.queries.imports import gaps
from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.serving.sent_files import sent_files
from myi_pipelines.serving.web.links import links_to
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.said import Said, saying
from myi_pipelines.serving.web.views import Figure
from myi_pipelines.sources.exports import NOT_COUNTED
from myi_pipelines.text import counted, size
from myi_pipelines.warehouse.import_jobs import ImportJob, list_jobs

JOBS = 30
STATES = {"PENDING": "waits", "PROCESSING": "is being read", "COMPLETED": "imported", "FAILED": "could not be read"}
MOST_FILES = 50
"""In one form."""


class Reason(NamedTuple):
    """Rows that do not count, and why."""

    rows: str
    text: str


class Job(NamedTuple):
    """An import job as the page shows it."""

    id: int
    name: str
    state: str
    when: str
    progress: float | None
    """Percent; None when it has ended."""
    progress_text: str
    counts: str
    error: str
    reasons: list[Reason]
    notes: list[str]
    can_undo: bool
    undo: str
    """What the button says."""


class WaitingFile(NamedTuple):
    name: str
    size: str


def show_imports(page: Page) -> Response:
    """``/imports``."""
    return saying(page.request, lambda said: _page(page, said))


def _page(page: Page, said: Said) -> Response:
    formats = page.formats
    jobs = list_jobs(page.conn, user=page.listener.name, limit=JOBS)
    waiting = uploads.waiting(page.context.settings.uploads, page.listener.name)
    reading = {job.file_name for job in jobs if job.status == "PROCESSING"}
    fresh = page.fresh
    is_live = bool(waiting) or bool(fresh.user_months) or any(job.status in ("PENDING", "PROCESSING") for job in jobs)
    figures = [
        Figure(formats.moment(fresh.landed_at) if fresh.landed_at else "never", "plays last arrived"),
        Figure(formats.moment(fresh.polled_at) if fresh.polled_at else "not linked", "Spotify last answered"),
        Figure(
            formats.number(fresh.user_months),
            "month being derived" if fresh.user_months == 1 else "months being derived",
        ),
    ]
    return page.render(
        "imports.html",
        "Imports",
        heading="Imports",
        said=said,
        summary=_summary(page.listener, jobs),
        waiting=[WaitingFile(file.name, size(file.size)) for file in waiting if file.name not in reading],
        jobs=[_job(page, job) for job in jobs],
        gaps=_gaps(page),
        freshness=figures,
        is_live=is_live,
    )


def _summary(listener: Listener, jobs: list[ImportJob]) -> str:
    done = [job for job in jobs if job.status == "COMPLETED" and not job.is_undone]
    if not done:
        return f"Nothing was imported yet. Files may also be put into the folder uploads/{listener.name}/ by hand."
    programs = sum(job.is_submitted for job in done)
    ways = [counted(number, what) for number, what in ((len(done) - programs, "file"), (programs, "program")) if number]
    what = "play" if programs == len(done) else "row"
    return (
        f"{counted(sum(job.added_rows for job in done), what)} came from {' and '.join(ways)}. "
        f"Files may also be put into the folder uploads/{listener.name}/ by hand."
    )


def _job(page: Page, job: ImportJob) -> Job:
    formats = page.formats
    progress: float | None = None
    text = ""
    if job.status == "PROCESSING":
        whole = job.total_bytes or 0
        progress = round(100 * min(1.0, job.processed_bytes / whole), 1) if whole else 0.0
        text = f"{formats.counted(job.processed_rows, 'row')} read, {round(progress)}%"
    counts = ""
    if job.status == "COMPLETED":
        arrived = f"{formats.counted(job.total_rows or 0, 'row')} read"
        if job.is_submitted:
            arrived = f"{formats.plays(job.total_rows or 0)} received"
        counts = f"{arrived}, {formats.number(job.added_rows)} new, {formats.number(job.duplicate_rows)} known before"
    return Job(
        id=job.id,
        name=job.file_name,
        state="undone" if job.is_undone else "" if job.is_submitted else STATES.get(job.status, job.status.lower()),
        when=("last " if job.is_submitted else "")
        + formats.moment(job.completed_at or job.started_at or job.created_at),
        progress=progress,
        progress_text=text,
        counts=counts,
        error=job.error_message or "",
        reasons=_reasons(page, job.rejected),
        notes=job.notes,
        can_undo=job.status == "COMPLETED" and not job.is_undone,
        undo="Undo what it submitted" if job.is_submitted else "Undo this import",
    )


def _reasons(page: Page, rejected: Mapping[str, int]) -> list[Reason]:
    return [
        Reason(page.formats.number(rows), NOT_COUNTED.get(reason, reason.replace("_", " ")))
        for reason, rows in sorted(rejected.items(), key=lambda one: -one[1])
    ]


def _gaps(page: Page) -> list[str]:
    formats = page.formats
    return [f"{formats.moment(one.after)} – {formats.moment(one.before)}" for one in gaps(page.conn, page.listener)]


def back_to_imports(request: Request) -> Response:
    target = links_to(request.path_params["name"], {}).to("imports")
    return RedirectResponse(target, 303)


async def upload(request: Request) -> Response:
    """``POST /imports/upload``: one file as the body, named by ``?file=``, or a form with files.

    Answers 201 with the name it got, or shows the page again where a form was sent. 400 for what is no export.
    """
    listener = await run_in_threadpool(_uploading_listener, request)
    folder = context_of(request).settings.uploads
    try:
        uploads.require_room(folder, int(request.headers.get("content-length") or 0))
        if name := request.query_params.get("file"):
            path = await uploads.receive(folder, listener.name, name, request.stream())
            return JSONResponse({"name": path.name, "size": path.stat().st_size}, 201)
        taken = 0
        async for file in sent_files(request):
            if taken == MOST_FILES:
                raise uploads.NotTaken(f"more than {MOST_FILES} files were sent at once; the first of them were taken")
            taken += 1
            await uploads.receive(folder, listener.name, file.name, file.chunks)
    except uploads.NotTaken as error:
        if wants_json(request):
            return JSONResponse({"type": "about:blank", "title": "Not taken", "status": 400, "detail": str(error)}, 400)
        return error_response(request, 400, detail=str(error))
    return back_to_imports(request)


def _uploading_listener(request: Request) -> Listener:
    viewer = viewer_of(request)
    with context_of(request).reading() as conn:
        return find_shown(conn, viewer, request.path_params["name"], Part.MANAGE)[0]
