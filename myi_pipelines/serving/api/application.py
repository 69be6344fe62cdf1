"""The application that answers below ``/api/v1``: all routes, their document, and the page that shows it."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from myi_pipelines.serving.api.document import TAGS, add_document
from myi_pipelines.serving.api.heads import HeadAsGet
from myi_pipelines.serving.api.problems import add_problems
from myi_pipelines.serving.api.routes import (
    activity,
    findings,
    history,
    items,
    listeners,
    management,
    reviews,
    tops,
)

ROUTERS = tuple(module.router for module in (listeners, activity, tops, history, items, findings, reviews, management))


def api_application() -> FastAPI:
    """The API, to be mounted at ``/api/v1``."""
    app = FastAPI(
        title="MYI",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        openapi_tags=TAGS,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    add_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    add_document(app)
    app.add_middleware(HeadAsGet)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
