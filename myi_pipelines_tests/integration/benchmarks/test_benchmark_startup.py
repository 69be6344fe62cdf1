"""The benchmark of starting: it measures real imports, and says what they cost."""

from pathlib import Path

import pytest

from benchmarks import startup
from benchmarks.__main__ import STARTUP_SECONDS, Round, command_row, startup_row
from benchmarks.pipeline import Steps
from benchmarks.startup import Startup
from myi_pipelines.warehouse.database.connections import Connection

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.mark.long
def test_small_imports_are_measured_beside_empty_runs(database_url: str, conn: Connection, tmp_path: Path) -> None:
    place = startup.prepare(database_url, tmp_path / "startup")
    measured = place.measure()
    assert place.import_seconds(tmp_path / "startup" / startup.EXPORT, "listener-0") > 0
    assert measured.empty_run > 0
    assert measured.small_import > 0
    listeners = conn.execute("SELECT total_play_count > 0 FROM users").fetchall()
    assert listeners == [(True,), (True,)]
    runs = conn.execute("SELECT pipeline_name FROM dagster.runs ORDER BY id").fetchall()
    assert runs == [("import_history",), ("empty",), ("import_history",), ("import_history",)]


def test_the_row_is_of_the_median_import_and_says_whether_that_is_cheap_enough() -> None:
    cheap = [Startup(1.0, 2.0), Startup(1.0, 1.5), Startup(1.0, 9.0)]
    row = startup_row(cheap)
    assert (row.rows, row.seconds, row.is_met) == (500, 2.0, True)
    assert row.ratio == "2.00 (1.50 to 9.00) of an empty run of Dagster"
    assert not startup_row([Startup(1.0, STARTUP_SECONDS + 0.1)]).is_met


def test_the_whole_command_may_take_some_times_the_import_and_some_seconds() -> None:
    def measured(command: float) -> Round:
        steps = Steps(land=4.0, catalog=1.0, conform=3.0, stats=2.0, rows=300_000, added=0)
        return Round(5.0, 1.0, steps, steps, steps, 0.1, Startup(1.0, 2.0), command, steps, 2.0)

    row = command_row([measured(14.9), measured(14.9), measured(40.0)])
    assert (row.seconds, row.is_met) == (14.9, True)
    assert not command_row([measured(15.1)]).is_met
