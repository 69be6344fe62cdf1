"""The sample's listeners, whom no test here changes, and the API over their warehouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from myi_pipelines.serving.access.viewers import OPERATOR
from myi_pipelines.serving.api.application import api_application
from myi_pipelines.serving.server import application
from myi_pipelines_tests.support import sampled_listeners, shared_servers
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.web import Server, serving, web_context


@pytest.fixture(scope="package")
def sampled_url(
    session_servers: SessionServers, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with session_servers.database(shared_servers.database_name(__name__, worker_id)) as url:
        sampled_listeners.fill(url, tmp_path_factory.mktemp("sample"), plays=2_000, years=2)
        yield url


@pytest.fixture(scope="package")
def api(sampled_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The API, as the operator reads it."""
    context = web_context(sampled_url, tmp_path_factory.mktemp("home"), lambda _, __: OPERATOR)
    with serving(application(context, pages=[], api=api_application())) as server:
        yield server
