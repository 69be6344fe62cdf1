"""A clock that is wrong, or jumps while work is done: no play is lost, and with the right time all is well."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from myi_pipelines.operations import verify
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.import_jobs import list_jobs
from myi_pipelines_tests.support.archive_fixtures import LANDED, open_archiving_warehouse
from myi_pipelines_tests.support.dagster_harness import export
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.wrong_clock_process import LISTENER, wrong_clock

YEAR = timedelta(days=365)
Work: TypeAlias = Callable[..., None]


@pytest.fixture
def work(database_url: str, tmp_path: Path) -> Work:
    """Does something in a process of its own, whose clock jumps ``by`` so much ``after`` some seconds."""
    library = wrong_clock(tmp_path)

    def run(doing: str, path: Path, *, by: timedelta = timedelta(0), after: float = 0) -> None:
        wrong = {"LD_PRELOAD": str(library), "CLOCK_JUMPS_BY": str(int(by.total_seconds()))}
        subprocess.run(
            [sys.executable, "-m", "myi_pipelines_tests.support.wrong_clock_process", database_url, doing, str(path)],
            env=os.environ | wrong | {"CLOCK_JUMPS_AFTER": str(after)},
            check=True,
        )

    return run


def assert_exact(warehouse: Warehouse) -> None:
    assert invariants.check(warehouse.conn) == []
    assert verify.verify(warehouse.session()).differences == []


@pytest.mark.thorough
def test_plays_that_a_clock_behind_refuses_land_when_the_file_is_imported_again(
    work: Work, database_url: str, tmp_path: Path
) -> None:
    history = tmp_path / "history.json"
    history.write_text(export(60))
    work("import", history, by=-14 * YEAR)
    with open_warehouse(database_url) as warehouse:
        [job] = list_jobs(warehouse.conn)
        assert (job.status, job.added_rows, job.rejected) == ("COMPLETED", 0, {"future": 60})

        work("import", history)

        [job] = list_jobs(warehouse.conn)
        assert (job.status, job.added_rows, job.duplicate_rows, job.rejected) == ("COMPLETED", 60, 0, {"too_short": 6})
        assert len(warehouse.rows(warehouse.user(LISTENER, "UTC"))["listening_events"]) == 54
        assert_exact(warehouse)


@pytest.mark.thorough
@pytest.mark.parametrize("by", [-14 * YEAR, 20 * YEAR])
def test_a_clock_that_jumps_during_work_costs_no_play(
    work: Work, database_url: str, tmp_path: Path, by: timedelta
) -> None:
    history = tmp_path / "history.json"
    history.write_text(export(1_500, apart=timedelta(hours=10)))
    with open_archiving_warehouse(database_url, tmp_path / "archive") as warehouse:
        work("import", history, by=by, after=0.8)
        work("import", history)
        right = warehouse.everything(*LANDED)
        assert len(right["imported_plays"]) == 1_500
        assert_exact(warehouse)

        for doing in ("maintain", "archive"):
            work(doing, tmp_path / "archive", by=by, after=0.8)
            assert_exact(warehouse)
        warehouse.restore_archived()
        assert warehouse.everything(*LANDED) == right
        assert_exact(warehouse)
