"""Dagster's code server, which reads changed code when it is asked to: "Reload" in the UI. ``myi up`` starts it.

``python -m myi_pipelines.orchestration.instance.code_server`` takes the options of ``dagster api grpc``, whose server
cannot reload. ``dagster code-server start`` can: it stands before such a server and starts another one in its place.
That is one more process, of 75 MB; it does not notice that its server was killed, and after a reload it knows nothing
of the runs under way, which would be taken for dead. Here the process stays, and so do its runs.
"""

import importlib
import sys
import uuid
from typing import Any

from dagster._cli.api import grpc_command
from dagster._grpc import server
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._utils.error import serializable_error_info_from_exc_info

SERVICER = "DagsterApiServer"
"""What Dagster's command calls for the service that it serves."""
PACKAGE = __name__.partition(".")[0]


class ReloadingServer(server.DagsterApiServer):
    """The service of Dagster's code server, with definitions that can be replaced.

    A run has a process of its own, which reads the code when it begins. So only what this process itself executes is
    at stake: a tick that is being evaluated ends with the code that it began with.
    """

    def __init__(self, *, location_name: str | None, **options: Any) -> None:
        super().__init__(location_name=location_name, **options)
        self._location_name = location_name

    def ReloadCode(self, _request: object, _context: object) -> dagster_api_pb2.ReloadCodeReply:  # noqa: N802
        """Load the definitions anew, from the files as they are now. What is wrong with them the UI shows, as the error
        of the code location, until the next reload."""
        with self._reload_lock:
            _forget_modules()
            try:
                loaded, error = self._load(), None
            except Exception:
                loaded, error = None, serializable_error_info_from_exc_info(sys.exc_info())
                self._logger.exception("The code cannot be loaded")
            self._loaded_repositories, self._serializable_load_error = loaded, error
            self._server_id = str(uuid.uuid4())  # by which webserver and daemon notice
        return dagster_api_pb2.ReloadCodeReply()

    def _load(self) -> server.LoadedRepositories:
        return server.LoadedRepositories(
            self._loadable_target_origin,
            entry_point=self._entry_point,
            container_image=self._container_image,
            container_context=self._container_context,
            defs_state_info=self._defs_state_info,
            code_location_name=self._location_name,
        )


def main() -> None:
    """Serve until a signal ends it. Raises AttributeError when Dagster has no such service any more."""
    getattr(server, SERVICER)
    setattr(server, SERVICER, ReloadingServer)
    grpc_command()


def _forget_modules() -> None:
    """Make Python read the package's modules again when they are next imported, and with them the SQL they keep."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    importlib.invalidate_caches()
