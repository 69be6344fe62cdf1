"""The address without a listener: on to one's own page, or for the operator the listeners and how it all runs."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from myi_pipelines.errors import MyiError
from myi_pipelines.serving import actions
from myi_pipelines.serving.access.permissions import require_operator, require_person
from myi_pipelines.serving.context import context_of, viewer_of
from myi_pipelines.serving.forms import Form
from myi_pipelines.serving.marked_text import as_sentence
from myi_pipelines.serving.queries.listeners import EACH, freshness, listeners, load_listener
from myi_pipelines.serving.web.formats import Formats, locale_of
from myi_pipelines.serving.web.links import links_to
from myi_pipelines.serving.web.page import deriving, theme_of
from myi_pipelines.serving.web.said import Said, go_on, saying
from myi_pipelines.serving.web.words import time_zones


class Row(NamedTuple):
    name: str
    href: str
    plays: str
    time: str
    last: str
    state: str


def start(request: Request) -> Response:
    """``/``: a listener goes to their page, the operator to the only listener or to all of them."""
    viewer = viewer_of(request)
    require_person(viewer)
    context = context_of(request)
    with context.reading() as conn:
        if viewer.user_id is not None:
            return _to(load_listener(conn, viewer.user_id).name)
        found = listeners(conn, each=2)
    if len(found) == 1:
        return _to(found[0].name)
    return RedirectResponse("/operator", 303)


def operator(request: Request) -> Response:
    """``/operator``: who listens here, how fresh it is, where Dagster is."""
    require_operator(viewer_of(request))
    return saying(request, lambda said: _operator_page(request, said))


def _operator_page(request: Request, said: Said) -> Response:
    context = context_of(request)
    formats = Formats(locale_of(request.headers.get("accept-language", "")), ZoneInfo("UTC"))
    after = request.query_params.get("after", "").replace("\0", "")
    with context.reading() as conn:
        found = listeners(conn, after=after)
        rows = [
            Row(
                one.display_name or one.name,
                links_to(one.name, {}).to(),
                formats.number(one.play_count),
                formats.hours(one.total_ms) if one.total_ms else "",
                formats.day_and_year(one.last_day) if one.last_day else "nothing yet",
                deriving(freshness(conn, load_listener(conn, one.id)), formats) or "current",
            )
            for one in found
        ]
    settings = context.settings
    return context.page(
        "operator.html",
        title="Listeners",
        rows=rows,
        formats=formats,
        theme=theme_of(request),
        more=f"/operator?after={quote(found[-1].name)}" if len(found) == EACH else "",
        uploads=str(settings.uploads),
        dagster=f"http://{request.url.hostname}:{settings.port}/",
        zones=time_zones(),
        said=said,
    )


def add_listener(request: Request, form: Form) -> Response:
    """``POST /operator/listener``: make a listener, and go to where their export is dropped."""
    require_operator(viewer_of(request))
    try:
        name, timezone = form.get("name", "").strip(), form.get("timezone", "").strip()
        listener = actions.add_listener(context_of(request), name, timezone)
    except MyiError as error:
        return go_on(request, "/operator", Said(as_sentence(str(error)), is_alert=True))
    return RedirectResponse(links_to(listener.name, {}).to("imports"), 303)


def _to(name: str) -> Response:
    return RedirectResponse(links_to(name, {}).to(), 303)
