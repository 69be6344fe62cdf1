"""The process that serves: what it is assembled from, and uvicorn around it."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace
from threading import Thread

import uvicorn

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.runtime.ports import require_free_port
from myi_pipelines.runtime.reader import keeper_url, reader_url
from myi_pipelines.runtime.request_guard import App
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.serving.access.identity import identify
from myi_pipelines.serving.access.pages import access_routes
from myi_pipelines.serving.access.passwords import has_any_password
from myi_pipelines.serving.api.application import api_application
from myi_pipelines.serving.api.homepage import HOMEPAGE
from myi_pipelines.serving.api.listenbrainz import LISTENBRAINZ
from myi_pipelines.serving.api.maloja import MALOJA
from myi_pipelines.serving.api.submit_listens import SUBMIT_LISTENS
from myi_pipelines.serving.context import Context, RunsOf, make_context
from myi_pipelines.serving.server import application
from myi_pipelines.serving.web.routes import PAGES
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse.database.connections import Connection, connect


class NobodyCanSignIn(ConfigurationError):
    """The server would be reached by others before there is a way to sign in that is meant for that."""


LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
SECONDS_TO_END = 5


def assembled(context: Context) -> App:
    """The application with everything that MYI serves."""
    pages = [*access_routes(context.settings), *PAGES, *LISTENBRAINZ, *SUBMIT_LISTENS, *MALOJA, *HOMEPAGE]
    return application(context, pages=pages, api=api_application())


def from_settings(runs: RunsOf) -> App:
    """The application by the settings of the environment; what it logs goes to standard error."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    settings = load_settings()
    with closing(connect(servers_of(settings).database_url, application_name="myi serve")) as owner:
        reader, keeper = reader_url(settings, owner), keeper_url(settings, owner)
    context = replace(make_context(settings, reader, keeper, identify), runs=runs)
    Thread(target=context.compile_templates, name="templates", daemon=True).start()
    return assembled(context)


def require_way_in(settings: Settings, conn: Connection) -> None:
    """Raise NobodyCanSignIn where others can reach the server, and the way in would be a link over the network."""
    has_proxy = bool(settings.trusted_proxy_networks and settings.trusted_proxy_header)
    if settings.is_web_local or settings.web_password or has_proxy or has_any_password(conn):
        return
    raise NobodyCanSignIn(
        f"MYI_WEB_HOST={settings.web_host} lets other machines in: set a password before (`myi password`, or "
        "MYI_WEB_PASSWORD), or name a proxy that signs people in (MYI_TRUSTED_PROXIES and MYI_TRUSTED_PROXY_HEADER)"
    )


def serve(settings: Settings, factory: str) -> None:
    """Serve until the process is asked to end. The warehouse is current. Raises PortInUse and LoginNotUsable.

    ``factory`` names what makes the application, as ``module:function``.
    """
    require_free_port(settings.web_port, settings.web_host, "MYI_WEB_PORT")
    uvicorn.run(
        factory,
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
