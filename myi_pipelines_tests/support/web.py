"""The web server of a test: a real one, on a port, over the test's own database. No expectations here."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import uvicorn

from myi_pipelines.runtime.reader import keeper_url, reader_url
from myi_pipelines.runtime.request_guard import App
from myi_pipelines.serving.access.identity import identify
from myi_pipelines.serving.context import Context, Identify, make_context
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database.connections import connect


class Answer(NamedTuple):
    """What a server has said."""

    status: int
    headers: Mapping[str, str]
    """By lower-case names; the last of several."""
    body: bytes
    cookies: Mapping[str, str]
    """The values of the cookies that were set."""
    set_cookies: list[str]
    """The whole headers."""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server(NamedTuple):
    """A server that runs."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request over a connection of its own, as a program does."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, {**sent, **(headers or {})})
            answer = connection.getresponse()
            set_cookies = answer.headers.get_all("Set-Cookie") or []
            values = dict(one.partition(";")[0].split("=", 1) for one in set_cookies)
            lower = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, lower, answer.read(), values, set_cookies)

    def get(self, path: str, cookies: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Ask as a browser does that is sent to an address by its user."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("GET", path, {"Accept": "text/html", "Sec-Fetch-Site": "none", **more}, cookies=cookies)

    def submit(self, path: str, form: Mapping[str, str], cookies: Mapping[str, str] | None = None) -> Answer:
        """Send a form as a browser does from a page of ours."""
        headers = {
            "Accept": "text/html",
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.url,
            "Sec-Fetch-Site": "same-origin",
        }
        return self.ask("POST", path, headers, urlencode(form), cookies)


def wait_until(ready: Callable[[], bool]) -> None:
    """Wait for what happens after an answer was sent."""
    deadline = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def web_context(database_url: str, home: Path, identify: Identify = identify, **settings: Any) -> Context:
    """The context of a web server on a test's database, as its process makes it."""
    chosen = load_settings(home=home, database_url=database_url, **settings)
    with closing(connect(database_url)) as owner:
        return make_context(chosen, reader_url(chosen, owner), keeper_url(chosen, owner), identify)


class _Server(uvicorn.Server):
    """Looks more often than uvicorn's whether it should end: many tests start one of their own."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.01)


@contextmanager
def serving(app: App, port: int = 0) -> Iterator[Server]:
    """Serve an application on a port, a free one for 0, in a thread of this process."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield Server(int(listening.getsockname()[1]))
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()


@contextmanager
def balanced(ports: Sequence[int]) -> Iterator[Server]:
    """One address before several servers, which take connections by turns."""
    turns = cycle(ports)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_balance, args=(listening, turns), daemon=True)
        thread.start()
        yield Server(int(listening.getsockname()[1]))
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _balance(listening: socket.socket, turns: Iterator[int]) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", next(turns)))
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with source, suppress(OSError):
        while some := source.recv(65_536):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)
