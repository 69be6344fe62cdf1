"""The benchmark of pages and the API at a tiny size: every question is answered, and a mistake stops it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import exports, many_users, pipeline, web
from benchmarks.many_users import MONTHS
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.shared_servers import SessionServers

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture(scope="module")
def url(session_servers: SessionServers, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    export = tmp_path_factory.mktemp("exports") / "heavy.zip"
    exports.write_export(export, rows=600, seed=web.SEED, years=3)
    with session_servers.database(shared_servers.database_name(__name__, worker_id)) as url:
        many_users.build(url, plays=3_000, months=MONTHS[-14:], on_step=lambda step: None)
        pipeline.import_file(url, export, user=web.HEAVY)
        yield url


def test_every_page_and_route_is_measured_and_shown(url: str, tmp_path: Path) -> None:
    exports.write_export(tmp_path / "import.zip", rows=200, seed=9, years=1)
    with web.serving(url, tmp_path) as (port, cookie):
        users = web.targets(port, cookie, [web.HEAVY])
        measured, writing = web.measure(port, cookie, users, times=1, export=tmp_path / "import.zip", url=url)
    assert {(one.group, one.name) for one in measured} >= {("page", "overview"), ("API", "totals")}
    assert all(one.cold and one.warm and one.together for one in measured)
    assert sum(bool(one.unchanged) for one in measured) > len(measured) * 0.8
    assert writing is not None
    web.show(Console(quiet=True), measured, writing)


def test_an_error_stops_it(url: str, tmp_path: Path) -> None:
    with (
        web.serving(url, tmp_path) as (port, _),
        closing(web.Client(port, "nobody=1")) as client,
        pytest.raises(web.NotAnswered, match="404"),
    ):
        client.ask("/api/v1/users/heavy/totals")
