"""What only an undone import tells does not count; what another one tells stays, and so does what was polled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from myi_pipelines.operations import correcting, verify
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.sources.exports import Kind as TrackKind
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import corrections, invariants
from myi_pipelines.warehouse.corrections import Kind
from myi_pipelines.warehouse.import_jobs import UnknownJob, find_job, list_jobs
from myi_pipelines.warehouse.undone_imports import CannotBeUndone
from myi_pipelines.warehouse.user_merge import merge_users
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import killable_import
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Polled, Tables
from myi_pipelines_tests.support.strategies import CONTEXT, spotify_id

pytestmark = pytest.mark.slow

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
SONG = Track(spotify_id("a"), "Song", "Artist", "Album")
DAYS = [Play(SONG, CONTEXT, at, at, 200_000) for at in (NOON + timedelta(days=20 * number) for number in range(6))]


@pytest.fixture
def warehouse(database_url: str, tmp_path: Path) -> Iterator[ArchivingWarehouse]:
    with open_archiving_warehouse(database_url, tmp_path / "archive") as opened:
        yield opened


def days(warehouse: ArchivingWarehouse, user_id: int) -> list[int]:
    """Which of DAYS are events."""
    ends = [play.played_at for play in DAYS]
    return sorted(ends.index(played_at) for _, played_at in warehouse.tables(user_id).events)


def plays_of(tables: Tables) -> Tables:
    """Without what names change: that an undone import named the track of a polled play is not undone."""
    return tables._replace(artist_stats={}, album_stats={}, song_stats={}, year_top_songs={})


def land(warehouse: ArchivingWarehouse, user_id: int, chosen: range) -> int:
    """Land some of DAYS as one file; the number of its import job."""
    job_id = warehouse.land(user_id, [DAYS[number] for number in chosen]).job_id
    warehouse.settle([user_id])
    return job_id


def test_what_counts_less_is_said_of_music_and_the_rest(warehouse: ArchivingWarehouse) -> None:
    """A play that account data tells as well counts on by its minute; two episodes are gone."""
    user_id = warehouse.user("net", "UTC")
    minute = NOON.replace(minute=3)
    warehouse.land(user_id, [Play(Track(None, "Song", "Artist", None), None, minute, minute, 200_000)])
    warehouse.settle([user_id])
    shows = [Track(spotify_id(letter), "Episode", "Show", None, TrackKind.EPISODE) for letter in "xy"]
    ends = [minute + timedelta(seconds=20), NOON + timedelta(hours=1), NOON + timedelta(hours=2)]
    exact = [Play(track, CONTEXT, end, end, 200_000) for track, end in zip((SONG, *shows), ends, strict=True)]
    job_id = warehouse.land(user_id, exact).job_id
    warehouse.settle([user_id])
    undone = correcting.undo_import(warehouse.session(), job_id)
    assert undone.derived.more_plays == -2
    [back] = correcting.take_back(warehouse.session(), [undone.corrected.id])
    assert back.derived.more_plays == 2


def test_an_undone_import_vanishes_and_comes_back_whole(warehouse: ArchivingWarehouse) -> None:
    user_id = killable_import.prepare(warehouse, "undone")
    before = warehouse.tables(user_id)
    landed = killable_import.import_upload(warehouse, "undone")
    with_both = warehouse.tables(user_id)
    outcome = correcting.undo_import(warehouse.session(), landed.job_id)
    assert outcome.derived.more_plays < 0
    assert plays_of(warehouse.tables(user_id)) == plays_of(before)
    assert invariants.check(warehouse.conn, [user_id]) == []
    assert verify.verify(warehouse.session()).differences == []
    assert find_job(warehouse.conn, landed.job_id).is_undone
    assert not correcting.undo_import(warehouse.session(), landed.job_id).corrected.is_new
    correcting.take_back(warehouse.session(), [outcome.corrected.id])
    assert warehouse.tables(user_id) == with_both
    assert not find_job(warehouse.conn, landed.job_id).is_undone
    assert warehouse.conn.execute("SELECT count(*) FROM undone_plays").fetchone() == (0,)


def test_what_several_imports_tell_goes_with_the_last_of_them(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    first, second, third = (land(warehouse, user_id, chosen) for chosen in (range(4), range(2, 6), range(3, 5)))
    session = warehouse.session()
    correcting.undo_import(session, first)
    assert days(warehouse, user_id) == [2, 3, 4, 5]
    correcting.undo_import(session, third)
    assert days(warehouse, user_id) == [2, 3, 4, 5]
    correcting.undo_import(session, second)
    assert days(warehouse, user_id) == []
    [_, of_third, _] = corrections.list_corrections(warehouse.conn)
    correcting.take_back(session, [of_third.id])
    assert days(warehouse, user_id) == [3, 4]
    assert warehouse.land(user_id, [DAYS[number] for number in range(4)]).known
    warehouse.settle([user_id])
    assert days(warehouse, user_id) == [0, 1, 2, 3, 4]


def test_rows_that_wait_are_landed_by_the_next_import_that_tells_them(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    first = land(warehouse, user_id, range(4))
    correcting.undo_import(warehouse.session(), first)
    second = land(warehouse, user_id, range(2, 6))
    assert days(warehouse, user_id) == [2, 3, 4, 5]
    told_by = "SELECT DISTINCT job_id FROM imported_plays"
    assert warehouse.conn.execute(told_by).fetchall() == [(second,)]
    correcting.take_back(warehouse.session(), [one.id for one in corrections.list_corrections(warehouse.conn)])
    correcting.undo_import(warehouse.session(), second)
    assert days(warehouse, user_id) == [0, 1, 2, 3]


def test_the_same_file_imported_again_takes_the_undoing_back_and_says_so(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    correcting.undo_import(warehouse.session(), land(warehouse, user_id, range(4)))
    assert days(warehouse, user_id) == []
    again = warehouse.land(user_id, DAYS[:4])
    assert again.known
    assert again.notes == ["history.json: its import was undone, and counts again because the file was imported again"]
    assert warehouse.stale(user_id, Stage.EVENTS)
    warehouse.settle([user_id])
    assert days(warehouse, user_id) == [0, 1, 2, 3]
    assert corrections.list_corrections(warehouse.conn) == []


def test_polled_plays_stay_and_are_estimates_again(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    warehouse.poll(user_id, [Polled(spotify_id("a"), DAYS[0].played_at + timedelta(seconds=1), 180_000)])
    job_id = land(warehouse, user_id, range(2))
    assert days(warehouse, user_id) == [0, 1]
    correcting.undo_import(warehouse.session(), job_id)
    [event] = warehouse.tables(user_id).events.values()
    assert (event.played_at, event.ms_played, event.is_estimated) == (
        DAYS[0].played_at + timedelta(seconds=1),
        180_000,
        True,
    )


@pytest.mark.thorough
def test_archived_plays_of_an_undone_import_are_restored_first(warehouse: ArchivingWarehouse) -> None:
    user_id = killable_import.prepare(warehouse, "undone")
    before = warehouse.tables(user_id)
    landed = killable_import.import_upload(warehouse, "undone")
    with_both = warehouse.tables(user_id)
    assert any(one.rows for one in warehouse.archive())
    outcome = correcting.undo_import(warehouse.session(), landed.job_id)
    assert plays_of(warehouse.tables(user_id)) == plays_of(before)
    warehouse.archive()
    correcting.take_back(warehouse.session(), [outcome.corrected.id])
    warehouse.restore_archived()
    warehouse.settle([user_id])
    assert warehouse.tables(user_id) == with_both


def test_imports_that_cannot_be_undone_are_refused_with_the_reason(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    job_id = land(warehouse, user_id, range(3))
    with pytest.raises(UnknownJob):
        corrections.undo_import(warehouse.conn, job_id + 1)
    warehouse.conn.execute("UPDATE imported_plays SET job_id = NULL")
    warehouse.conn.execute("UPDATE import_jobs SET reader = 1")
    with pytest.raises(CannotBeUndone, match="landed with version"):
        corrections.undo_import(warehouse.conn, job_id)
    assert warehouse.land(user_id, DAYS[:3]).job_id == job_id  # read again, by the reader of now
    with pytest.raises(CannotBeUndone, match="landed with version"):
        corrections.undo_import(warehouse.conn, job_id)
    warehouse.conn.execute("UPDATE import_jobs SET status = 'FAILED', error_message = 'broken'")
    with pytest.raises(CannotBeUndone, match="is failed"):
        corrections.undo_import(warehouse.conn, job_id)
    assert days(warehouse, user_id) == [0, 1, 2]


def test_what_waits_is_exported_and_forgotten_with_the_user(warehouse: ArchivingWarehouse, tmp_path: Path) -> None:
    user_id = warehouse.user("anna", "UTC")
    correcting.undo_import(warehouse.session(), land(warehouse, user_id, range(4)))
    export_user(warehouse.conn, warehouse.store, "anna", tmp_path / "anna", ExportFormat.CSV)
    assert (tmp_path / "anna" / "tables" / "undone_plays.csv").read_text().count("\n") == 5
    assert (tmp_path / "anna" / "catalog" / "export_tracks.csv").read_text().count("\n") == 2


@pytest.mark.parametrize("undone", ["anna", "bob", "both"])
def test_undone_imports_stay_undone_when_users_are_merged(warehouse: ArchivingWarehouse, undone: str) -> None:
    anna, bob = warehouse.user("anna", "UTC"), warehouse.user("bob", "UTC")
    of_anna, of_bob = land(warehouse, anna, range(4)), land(warehouse, bob, range(2, 6))
    for job_id in {"anna": [of_anna], "bob": [of_bob], "both": [of_anna, of_bob]}[undone]:
        correcting.undo_import(warehouse.session(), job_id)
    merge_users(warehouse.conn, "bob", "anna")
    warehouse.settle([anna])
    assert days(warehouse, anna) == {"anna": [2, 3, 4, 5], "bob": [0, 1, 2, 3], "both": []}[undone]
    correcting.take_back(warehouse.session(), [one.id for one in corrections.list_corrections(warehouse.conn)])
    assert days(warehouse, anna) == [0, 1, 2, 3, 4, 5]
    correcting.undo_import(warehouse.session(), of_anna)
    assert days(warehouse, anna) == [2, 3, 4, 5]
    correcting.undo_import(warehouse.session(), of_bob)
    assert days(warehouse, anna) == []


def test_a_file_that_both_merged_users_imported_and_one_undid_counts(warehouse: ArchivingWarehouse) -> None:
    anna, bob = warehouse.user("anna", "UTC"), warehouse.user("bob", "UTC")
    land(warehouse, anna, range(3))
    correcting.undo_import(warehouse.session(), land(warehouse, bob, range(3)))
    merge_users(warehouse.conn, "bob", "anna")
    warehouse.settle([anna])
    assert days(warehouse, anna) == [0, 1, 2]
    [job] = list_jobs(warehouse.conn)
    assert corrections.list_corrections(warehouse.conn) == []
    correcting.undo_import(warehouse.session(), job.id)
    assert days(warehouse, anna) == []


def test_hiding_and_undoing_together_are_taken_back_in_any_order(warehouse: ArchivingWarehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    job_id = land(warehouse, user_id, range(4))
    session = warehouse.session()
    hidden = correcting.hide(session, user_id, Kind.HIDE_TRACK, {"spotify_id": SONG.spotify_id}).corrected.id
    undone = correcting.undo_import(session, job_id).corrected.id
    correcting.take_back(session, [hidden])
    assert days(warehouse, user_id) == []
    hidden = correcting.hide(session, user_id, Kind.HIDE_TRACK, {"spotify_id": SONG.spotify_id}).corrected.id
    correcting.take_back(session, [undone])
    assert days(warehouse, user_id) == []
    correcting.take_back(session, [hidden])
    assert days(warehouse, user_id) == [0, 1, 2, 3]
