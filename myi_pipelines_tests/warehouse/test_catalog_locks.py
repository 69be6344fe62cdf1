"""Whom the catalog waits for: listeners whose events may change with the names that it takes in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from myi_pipelines.history import Play, Track
from myi_pipelines.warehouse.database import lock_user
from myi_pipelines_tests.driver import Warehouse, open_warehouse
from myi_pipelines_tests.reference import Polled
from myi_pipelines_tests.strategies import ACCOUNT, CONTEXT

ENDED = datetime(2024, 5, 3, 12, 30, tzinfo=UTC)
SPOTIFY_ID = f"{7:022}"


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


@pytest.mark.parametrize("has_account_data", [True, False])
def test_listeners_whose_account_data_may_meet_a_polled_track_are_waited_for(
    warehouse: Warehouse, database_url: str, has_account_data: bool
) -> None:
    polling, importing = warehouse.user("polling", "UTC"), warehouse.user("importing", "UTC")
    if has_account_data:
        warehouse.land(polling, [Play(Track(None, "Song", "Artist", None), ACCOUNT, ENDED, ENDED, 100_000)])
    warehouse.poll(polling, [Polled(SPOTIFY_ID, ENDED, 100_000)])
    warehouse.settle([polling])

    def take_names_in() -> None:
        with open_warehouse(database_url) as mine:
            mine.land(importing, [Play(Track(SPOTIFY_ID, "Song", "Artist", "Album"), CONTEXT, ENDED, ENDED, 100_000)])
            mine.sync()

    with ThreadPoolExecutor(1) as pool:
        with warehouse.conn.transaction():
            lock_user(warehouse.conn, polling)
            taking = pool.submit(take_names_in)
            deadline = time.monotonic() + 20
            while not (taking.done() or _is_waited_for(warehouse)):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert taking.done() != has_account_data
        taking.result(timeout=20)
    warehouse.settle([polling, importing])
    assert len(warehouse.tables(polling).events) == 1


def _is_waited_for(warehouse: Warehouse) -> bool:
    waiting = "SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    return bool(warehouse.status_conn.execute(waiting, [warehouse.conn.info.backend_pid]).fetchall())
