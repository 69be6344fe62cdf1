"""What a listener manages: imports, gaps, corrections. For the listener and the operator."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.answers import listed
from myi_pipelines.serving.api.asking import AboutListener, Page
from myi_pipelines.serving.api.routing import USER, many
from myi_pipelines.serving.api.shapes.management import CorrectionShown, GapShown, ImportShown
from myi_pipelines.serving.queries import imports as queries
from myi_pipelines.warehouse.corrections import list_corrections

router = APIRouter(tags=["management"])

Ask = AboutListener


@many(router, f"{USER}/imports", ImportShown)
def imports(ask: Ask, page: Page) -> Response:
    """The files that were imported, the latest first: how far, how many rows, what was not counted and why."""
    with ask.about(Part.MANAGE) as asked:
        of = (asked.listener.id, "imports")
        before = int(cursors.decoded(page.after, (int,), of)[0]) if page.after else None
        rows = queries.imports(asked.conn, asked.listener, before=before, each=page.limit + 1)
        shown = rows[: page.limit]
        following = cursors.encoded([shown[-1].id], of) if len(rows) > page.limit else None
        return listed(asked, ImportShown, shown, following=following)


@many(router, f"{USER}/gaps", GapShown)
def gaps(ask: Ask, page: Page) -> Response:
    """Periods in which polls may have missed plays, the latest first.

    The first `limit` of them: there are no further pages.
    """
    with ask.about(Part.MANAGE) as asked:
        return listed(asked, GapShown, queries.gaps(asked.conn, asked.listener, each=page.limit))


@many(router, f"{USER}/corrections", CorrectionShown)
def corrections(ask: Ask, page: Page) -> Response:
    """What the listener hid, undid, or said of songs, the oldest first."""
    with ask.about(Part.MANAGE) as asked:
        rows = list_corrections(asked.conn, asked.listener.id)
        begins, following = page.slice(len(rows), (asked.listener.id, "corrections"))
        shown = rows[begins : begins + page.limit]
        return listed(asked, CorrectionShown, shown, following=following, items=len(rows))
