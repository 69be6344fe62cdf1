"""Serves a simulated Spotify over HTTP, in a thread of this process or until interrupted. Other modules decide the
answers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from threading import Thread
from types import TracebackType

from starlette.applications import Starlette
from uvicorn import Config, Server

from myi_pipelines.simulator import accounts_api, admin, musicbrainz_api, web_api
from myi_pipelines.simulator.control import Control
from myi_pipelines.simulator.gateway import Gateway
from myi_pipelines.simulator.open_connections import Connections
from myi_pipelines.simulator.simulated_spotify import Setup, Spotify

STARTS_WITHIN = 10.0
LOOKS_AGAIN = 0.01
"""Seconds between looks whether the server should end. uvicorn's own 0.1, twice for each of hundreds of simulators, is
what tests would wait for longest."""
ENDS_WITHIN = 1.0
"""Seconds that requests have to be answered once the server should end."""


class NotStarted(Exception):
    """The server could not be started; the message says why."""


class _Server(Server):
    """A uvicorn server that calls ``on_start`` once it answers. From then on its signal handlers end it quietly."""

    def __init__(self, config: Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(LOOKS_AGAIN)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        give_up = time.monotonic() + ENDS_WITHIN
        while (state.connections or state.tasks) and not self.force_exit and time.monotonic() < give_up:
            await asyncio.sleep(LOOKS_AGAIN)
        for task in state.tasks:
            task.cancel()


def make_server(spotify: Spotify, *, on_start: Callable[[], None] = lambda: None) -> Server:
    """The server of one simulated Spotify; it calls ``on_start`` once it answers."""
    inner = Starlette(
        routes=[*web_api.ROUTES, *accounts_api.ROUTES, *musicbrainz_api.ROUTES, *admin.ROUTES],
        exception_handlers=web_api.HANDLERS,
    )
    inner.state.spotify = spotify
    connections = Connections()
    config = Config(
        Gateway(spotify, inner, connections), http=connections.protocol(), ws="none", lifespan="off",
        loop="asyncio", log_level="critical", access_log=False,
    )  # fmt: skip
    return _Server(config, on_start)


def listening_socket(host: str, port: int) -> socket.socket:
    """A listening socket, on a free port if ``port`` is 0. Raises NotStarted."""
    group = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small replies at once only where the protocol is named; else each waits 40 ms for the reply before.
    accepting = socket.socket(group, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    accepting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        accepting.bind((host, port))
        accepting.listen(128)
    except OSError as error:
        accepting.close()
        raise NotStarted(f"port {port} of {host} cannot be used: {error.strerror}") from None
    return accepting


class Simulator:
    """A simulated Spotify in a background thread, for as long as the block runs.

    ``stop`` and ``start`` again is an outage: state and port stay.

    >>> with Simulator(Setup(users=1)) as simulator:
    ...     [one.name for one in simulator.control.users()]
    ['ada']
    """

    def __init__(self, setup: Setup | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.spotify = Spotify(setup or Setup())
        self.host = host
        self.port = port
        self._server: Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def control(self) -> Control:
        return Control(self.url)

    def start(self) -> None:
        """Returns once requests are answered. Raises NotStarted."""
        accepting = listening_socket(self.host, self.port)
        self.port = accepting.getsockname()[1]
        server = make_server(self.spotify)
        thread = Thread(target=server.run, args=([accepting],), name="simulated Spotify", daemon=True)
        thread.start()
        deadline = time.monotonic() + STARTS_WITHIN
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise NotStarted("the simulator did not start")
            time.sleep(0.005)
        self._server, self._thread = server, thread

    def stop(self) -> None:
        """Refuse connections from now on, and end the open ones without a reply."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
