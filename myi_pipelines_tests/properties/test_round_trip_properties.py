"""Whatever landed, and in whatever order: the history that is exported and imported gives the same plays."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from myi_pipelines.ingest.uploads.file_run import FileRun
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.sources.exports import HISTORY, Limits
from myi_pipelines_tests.properties.test_listening_properties import (
    Arrival,
    Home,
    Land,
    Poll,
    bounded,
    households_and_arrivals,
    month_ends_and_arrivals,
    take,
)
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.export_rows import read
from myi_pipelines_tests.support.reference import Landing
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.strategies import Listener
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


@pytest.fixture
def another(session_servers: SessionServers, worker_id: str) -> Iterator[Warehouse]:
    """An empty warehouse."""
    with session_servers.database(f"round_trip_{worker_id}") as url, open_warehouse(url) as opened:
        yield opened


def import_history(warehouse: Warehouse, user_id: int, path: Path) -> None:
    log = logging.getLogger(__name__)
    run = FileRun(warehouse.session(), user_id, uploads=path.parent / "uploads", limits=Limits(), log=log)
    run.land(path, lambda name: lambda batch, total: None)
    assert run.problems == []
    assert not any(one.rejected.keys() - {"too_short"} for one in run.landed)


def take_again(warehouse: Warehouse, user_id: int, listener: Listener, arrival: Arrival) -> None:
    """What has arrived elsewhere."""
    match arrival:
        case Land(_, file):
            warehouse.land(user_id, listener.files[file])
        case Poll(_, first, last):
            warehouse.poll(user_id, listener.polled[first:last])


@pytest.mark.long
@bounded(6)
@given(drawn=households_and_arrivals | month_ends_and_arrivals)
def test_a_history_that_goes_out_and_in_again_is_the_same(
    warehouse: Warehouse, another: Warehouse, drawn: tuple[tuple[Listener, ...], Sequence[Arrival]]
) -> None:
    household, order = drawn
    home = Home(warehouse, household[:1])
    [user_id], [name] = home.ids, home.names
    order = [arrival for arrival in order if arrival.listener == 0]
    for arrival in order:
        take(home, arrival)
    home.settle()
    before = warehouse.tables(user_id)
    timezone = household[0].timezone
    with TemporaryDirectory() as folder:
        exported = Path(folder) / "exported"
        export_user(warehouse.conn, Store(f"{folder}/archive"), name, exported, ExportFormat.PARQUET)

        into_nothing = another.user(name, timezone)
        import_history(another, into_nothing, exported / HISTORY)
        another.settle([into_nothing])
        assert another.tables(into_nothing) == before
        landing = Landing(timezone, read(exported / HISTORY).plays)
        assert another.tables(into_nothing) == reference.derive({name: landing})[name]

        beside_some = another.user(f"{name} again", timezone)
        for arrival in order[: len(order) // 2]:
            take_again(another, beside_some, home.listeners[0], arrival)
        import_history(another, beside_some, exported / HISTORY)
        another.settle([beside_some])
        assert another.tables(beside_some) == before
