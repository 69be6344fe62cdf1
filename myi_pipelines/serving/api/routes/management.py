"""What a listener manages: imports, gaps, corrections, tokens. For the listener and the operator, and for tokens that
may: ``listens:write`` uploads exports, ``corrections:write`` corrects. Tokens are made by people who are signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from myi_pipelines.serving import actions, uploads
from myi_pipelines.serving.access.permissions import NotVisible, Part
from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.answers import listed, plain, plain_list
from myi_pipelines.serving.api.asking import BIGINT, AboutListener, AskingListener, Page, Text
from myi_pipelines.serving.api.routing import USER, many, plain_many, problems
from myi_pipelines.serving.api.shapes.answers import Plain
from myi_pipelines.serving.api.shapes.management import (
    CorrectedShown,
    CorrectionShown,
    GapShown,
    HiddenWanted,
    ImportShown,
    NewTokenShown,
    TokenShown,
    TokenWanted,
    UploadShown,
)
from myi_pipelines.serving.context import context_of
from myi_pipelines.serving.queries import imports as queries
from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.warehouse.corrections import UnknownCorrection, list_corrections
from myi_pipelines.warehouse.import_jobs import UnknownJob

router = APIRouter(tags=["management"])

Ask = AboutListener
Number = Annotated[int, Path(ge=1, le=BIGINT, description="Its number.")]


@many(router, f"{USER}/imports", ImportShown)
def imports(ask: Ask, page: Page) -> Response:
    """The files that were imported, the latest first: how far, how many rows, what was not counted and why."""
    with ask.about(Part.IMPORT) as asked:
        of = (asked.listener.id, "imports")
        before = int(cursors.decoded(page.after, (int,), of)[0]) if page.after else None
        rows = queries.imports(asked.conn, asked.listener, before=before, each=page.limit + 1)
        shown = rows[: page.limit]
        following = cursors.encoded([shown[-1].id], of) if len(rows) > page.limit else None
        return listed(asked, ImportShown, shown, following=following)


@router.post(
    f"{USER}/imports",
    status_code=201,
    response_model=Plain[UploadShown],
    responses=problems(400, 401, 403, 404, 503),
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def upload(ask: Ask, file: Annotated[Text, Query(max_length=300, description="The file's name.")]) -> Response:
    """Upload an export of Spotify, the ZIP or a JSON file from it, as the body.

    It waits in the listener's folder until Dagster imports it: `imports` says how far it is.
    """
    listener = await run_in_threadpool(_allowed, ask, Part.IMPORT)
    folder = context_of(ask.request).settings.uploads
    uploads.require_room(folder, int(ask.request.headers.get("content-length") or 0))
    path = await uploads.receive(folder, listener.name, file, ask.request.stream())
    return _made(plain(UploadShown, {"name": path.name, "size": path.stat().st_size}))


@router.delete(
    f"{USER}/imports/{{id}}", response_model=Plain[CorrectedShown], responses=problems(400, 401, 403, 404, 503)
)
def undo_import(ask: Ask, id: Number) -> Response:  # noqa: A002
    """Undo an import: what it alone holds does not count any more. Taking the correction back imports it again."""
    listener = _allowed(ask, Part.CORRECT)
    try:
        return plain(CorrectedShown, actions.undo_import(context_of(ask.request), listener, id))
    except UnknownJob:
        raise NotVisible from None


@many(router, f"{USER}/gaps", GapShown)
def gaps(ask: Ask, page: Page) -> Response:
    """Periods in which polls may have missed plays, the latest first.

    The first `limit` of them: there are no further pages.
    """
    with ask.about(Part.IMPORT) as asked:
        return listed(asked, GapShown, queries.gaps(asked.conn, asked.listener, each=page.limit))


@many(router, f"{USER}/corrections", CorrectionShown)
def corrections(ask: Ask, page: Page) -> Response:
    """What the listener hid, undid, or said of songs, the oldest first."""
    with ask.about(Part.CORRECT) as asked:
        rows = list_corrections(asked.conn, asked.listener.id)
        begins, following = page.slice(len(rows), (asked.listener.id, "corrections"))
        shown = rows[begins : begins + page.limit]
        return listed(asked, CorrectionShown, shown, following=following, items=len(rows))


@router.post(
    f"{USER}/corrections",
    status_code=201,
    response_model=Plain[CorrectedShown],
    responses=problems(400, 401, 403, 404, 503),
)
def hide(ask: Ask, wanted: HiddenWanted) -> Response:
    """Hide plays from the listener's statistics: of a song, a recording, an artist, an album, a show or a period.

    Nothing is deleted. It answers when what changes is derived.
    """
    listener = _allowed(ask, Part.CORRECT)
    made = actions.hide(context_of(ask.request), listener, actions.Hidden(**wanted.model_dump(mode="json")))
    return _made(plain(CorrectedShown, made))


@router.delete(
    f"{USER}/corrections/{{id}}", response_model=Plain[CorrectedShown], responses=problems(400, 401, 403, 404, 503)
)
def take_back(ask: Ask, id: Number) -> Response:  # noqa: A002
    """Take a correction back: what it hid counts again. It answers when what changes is derived."""
    listener = _allowed(ask, Part.CORRECT)
    try:
        return plain(CorrectedShown, actions.take_back(context_of(ask.request), listener, id))
    except UnknownCorrection:
        raise NotVisible from None


@plain_many(router, f"{USER}/tokens", TokenShown)
def tokens(ask: Ask) -> Response:
    """The listener's tokens, the newest first, without their texts. For who is signed in."""
    listener = _allowed(ask, Part.MANAGE)
    rows = actions.list_tokens(context_of(ask.request), listener.id)
    return plain_list(ask.request, TokenShown, rows, items=len(rows))


@router.post(
    f"{USER}/tokens",
    status_code=201,
    response_model=Plain[NewTokenShown],
    responses=problems(400, 401, 403, 404, 503),
)
def make_token(ask: Ask, wanted: TokenWanted) -> Response:
    """Make a token for a program. Its text is in this answer and never again. For who is signed in."""
    listener = _allowed(ask, Part.MANAGE)
    made = actions.make_token(context_of(ask.request), listener.id, wanted.name, wanted.rights, wanted.expires_at)
    return _made(plain(NewTokenShown, {**made.token._asdict(), "text": made.text}))


@router.delete(f"{USER}/tokens/{{id}}", status_code=204, responses=problems(400, 401, 403, 404, 503))
def revoke_token(ask: Ask, id: Number) -> Response:  # noqa: A002
    """Revoke a token: it opens nothing from now on. For who is signed in."""
    listener = _allowed(ask, Part.MANAGE)
    if not actions.revoke_token(context_of(ask.request), listener.id, id):
        raise NotVisible
    return Response(status_code=204)


def _allowed(ask: AskingListener, part: Part) -> Listener:
    """The listener, if who asks may do it. Raises NotVisible."""
    with ask.about(part) as asked:
        return asked.listener


def _made(response: Response) -> Response:
    response.status_code = 201
    return response
