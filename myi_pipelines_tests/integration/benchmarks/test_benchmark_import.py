"""The benchmark's ceiling is the COPY of the events that its import must produce: they are the same."""

from pathlib import Path

import psycopg
import pytest

from benchmarks import exports, pipeline

pytestmark = pytest.mark.slow

ROWS, YEARS = 12_000, 3


def test_an_import_derives_exactly_the_finished_events(
    database_url: str, conn: psycopg.Connection, tmp_path: Path
) -> None:
    exports.write_export(tmp_path / "export.zip", rows=ROWS, seed=2, years=YEARS)
    exports.write_export(tmp_path / "repacked.zip", rows=ROWS, seed=2, years=YEARS, repack=True)
    first = pipeline.import_file(database_url, tmp_path / "export.zip")
    repeat = pipeline.import_file(database_url, tmp_path / "repacked.zip")
    events = conn.execute(
        "SELECT spotify_id, played_at, ms_played FROM listening_events JOIN tracks ON tracks.id = track_id"
    ).fetchall()
    assert sorted(events) == sorted(exports.finished_events(rows=ROWS, seed=2, years=YEARS))
    assert first.rows == ROWS
    assert repeat.added == 0
    kinds = conn.execute("SELECT kind::text FROM episode_events GROUP BY kind").fetchall()
    assert {kind for (kind,) in kinds} == {"EPISODE", "CHAPTER", "UNIDENTIFIED"}
