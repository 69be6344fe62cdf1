"""A warehouse of some listeners that no test here changes, and the whole web server over it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.requests import HTTPConnection

from benchmarks import many_users
from benchmarks.many_users import MONTHS
from myi_pipelines.serving.access.identity import bearer
from myi_pipelines.serving.access.identity import identify as identify_really
from myi_pipelines.serving.access.viewers import OPERATOR, STRANGER, Right, Viewer, listener_viewer, token_viewer
from myi_pipelines.serving.api.application import api_application
from myi_pipelines.serving.api.homepage import HOMEPAGE
from myi_pipelines.serving.api.listenbrainz import LISTENBRAINZ
from myi_pipelines.serving.context import Context
from myi_pipelines.serving.server import application
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.web import Answer, Server, serving, web_context

BUILT = MONTHS[-14:]


def identify(request: HTTPConnection, context: Context) -> Viewer:
    """Whom the test says that it is, in a header, or whose token it sends."""
    if bearer(request):
        return identify_really(request, context)
    kind, _, rest = request.headers.get("x-viewer", "stranger").partition(" ")
    user_id, *rights = rest.split()[:1] + rest.split()[1:] or ["0"]
    match kind:
        case "operator":
            return OPERATOR
        case "listener":
            return listener_viewer(int(user_id))
        case "token":
            return token_viewer(int(user_id), *(Right(one) for one in rights))
    return STRANGER


class Api(NamedTuple):
    """The server of a module, and how a test asks it."""

    server: Server
    url: str
    """Of the database."""
    user: str
    """A listener with plays."""

    def get(self, path: str, viewer: str = "operator", **headers: str) -> Answer:
        """Ask for a path below ``/api/v1``; ``{u}`` is the listener's."""
        named = {"X-Viewer": viewer, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.server.ask("GET", "/api/v1" + path.format(u=f"/users/{self.user}"), named)

    def data(self, path: str, viewer: str = "operator") -> Any:
        """What an answer of 200 holds."""
        answer = self.get(path, viewer)
        assert answer.status == 200, (path, answer.status, answer.text)
        return answer.json["data"]

    def problem(self, path: str, status: int, viewer: str = "operator") -> Mapping[str, Any]:
        """The problem with which a path is answered."""
        answer = self.get(path, viewer)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        told: Mapping[str, Any] = json.loads(answer.body)
        assert set(told) == {"type", "title", "status", "detail"}
        return told


@pytest.fixture(scope="package")
def many_url(session_servers: SessionServers, worker_id: str) -> Iterator[str]:
    with session_servers.database(shared_servers.database_name(__name__, worker_id)) as url:
        many_users.build(url, plays=6_000, months=BUILT, on_step=lambda step: None)
        yield url


@pytest.fixture(scope="package")
def api(many_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    home: Path = tmp_path_factory.mktemp("home")
    with api_over(many_url, home, "user-1") as served:
        yield served


@contextmanager
def api_over(url: str, home: Path, user: str) -> Iterator[Api]:
    """The server over a warehouse."""
    context = web_context(url, home, identify)
    with serving(application(context, pages=[*LISTENBRAINZ, *HOMEPAGE], api=api_application())) as server:
        yield Api(server, url, user)
