"""The catalog waits for users whose events may change with the names that it takes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines_tests.support.killable_processes import wait_until_held
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

ENDED = datetime(2024, 5, 3, 12, 30, tzinfo=UTC)
SPOTIFY_ID = f"{7:022}"


@pytest.mark.parametrize("has_account_data", [True, False])
def test_the_catalog_waits_for_users_whose_account_data_may_match_a_polled_track(
    warehouse: Warehouse, database_url: str, has_account_data: bool
) -> None:
    polling, importing = warehouse.user("polling", "UTC"), warehouse.user("importing", "UTC")
    if has_account_data:
        warehouse.land(polling, [Play(Track(None, "Song", "Artist", None), ACCOUNT, ENDED, ENDED, 100_000)])
    warehouse.poll(polling, [Polled(SPOTIFY_ID, ENDED, 100_000)])
    warehouse.settle([polling])

    def take_names_in() -> None:
        with open_warehouse(database_url) as other:
            other.land(importing, [Play(Track(SPOTIFY_ID, "Song", "Artist", "Album"), CONTEXT, ENDED, ENDED, 100_000)])
            other.sync()

    with ThreadPoolExecutor(1) as pool:
        with warehouse.status_conn.transaction():
            acquire(warehouse.status_conn, exclusive(Lock.USER, polling))
            taking = pool.submit(take_names_in)
            if has_account_data:
                wait_until_held(warehouse.conn, warehouse.status_conn)
            else:
                taking.result(timeout=30)
        taking.result(timeout=30)
    warehouse.settle([polling, importing])
    assert len(warehouse.tables(polling).events) == 1
