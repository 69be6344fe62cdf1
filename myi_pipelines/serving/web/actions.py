"""What a form does: who may, once, and where the browser goes then. The guard has let in only forms of our pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from myi_pipelines.errors import MyiError
from myi_pipelines.serving.access.permissions import Part, find_shown
from myi_pipelines.serving.access.viewers import Viewer
from myi_pipelines.serving.context import Context, context_of, viewer_of
from myi_pipelines.serving.marked_text import as_sentence
from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.serving.web.links import links_to
from myi_pipelines.serving.web.said import Said, go_on

MOST_FIELDS = 100


class Action(NamedTuple):
    """One form that was sent for one listener, by somebody who may manage them."""

    request: Request
    context: Context
    viewer: Viewer
    listener: Listener
    form: FormData

    def text(self, name: str) -> str:
        """A field as text; empty without it."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A field as a number; 0 for anything else."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0

    def texts(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]


class Done(NamedTuple):
    """What an action says, and on which page, which is made by ``said.saying``."""

    page: str
    said: str
    is_alert: bool = False


Act = Callable[[Action], "Done | Response"]


def listener_action(function: Act, page: str) -> Callable[[Request], object]:
    """An endpoint for a form below ``/u/{name}``. Errors that are meant for the user are said on `page`."""

    async def endpoint(request: Request) -> Response:
        async with request.form(max_fields=MOST_FIELDS, max_files=0) as form:
            return await run_in_threadpool(_act, request, form, function, page)

    endpoint.__name__ = function.__name__
    return endpoint


def _act(request: Request, form: FormData, function: Act, page: str) -> Response:
    context, viewer = context_of(request), viewer_of(request)
    with context.reading() as conn:
        listener, _ = find_shown(conn, viewer, request.path_params["name"], Part.MANAGE)
    try:
        done = function(Action(request, context, viewer, listener, form))
    except MyiError as error:
        done = Done(page, as_sentence(str(error)), is_alert=True)
    if isinstance(done, Response):
        return done
    return go_on(request, links_to(listener.name, {}).to(done.page), Said(done.said, done.is_alert))
