"""The process that serves: what it is assembled from, and uvicorn around it."""

from __future__ import annotations

import logging
from contextlib import closing

import uvicorn

from myi_pipelines.runtime.ports import require_free_port
from myi_pipelines.runtime.reader import keeper_url, reader_url
from myi_pipelines.runtime.request_guard import App
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.serving.access.identity import identify
from myi_pipelines.serving.api.application import api_application
from myi_pipelines.serving.context import Context, make_context
from myi_pipelines.serving.server import application
from myi_pipelines.serving.web.routes import PAGES
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse.database.connections import connect

FACTORY = "myi_pipelines.serving.process:from_settings"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
SECONDS_TO_END = 5


def assembled(context: Context) -> App:
    """The application with everything that MYI serves."""
    return application(context, pages=PAGES, api=api_application())


def from_settings() -> App:
    """The application by the settings of the environment; the login that it reads by exists already."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    settings = load_settings()
    with closing(connect(servers_of(settings).database_url, application_name="myi serve")) as owner:
        reader, keeper = reader_url(settings, owner), keeper_url(settings, owner)
    return assembled(make_context(settings, reader, keeper, identify))


def serve(settings: Settings) -> None:
    """Serve until the process is told to end. The warehouse is current. Raises PortInUse, LoginNotUsable."""
    require_free_port(settings.web_port, settings.web_host, "MYI_WEB_PORT")
    uvicorn.run(
        FACTORY,
        factory=True,
        host=settings.web_host,
        port=settings.web_port,
        workers=settings.web_processes,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
