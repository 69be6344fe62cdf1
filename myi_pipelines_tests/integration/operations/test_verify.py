"""Verification finds everything that differs from what has landed, names it, and repairs it."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from myi_pipelines.operations import correcting, verify
from myi_pipelines.operations.verify import Verified
from myi_pipelines.warehouse import archive
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.killable_import import TIMEZONE
from myi_pipelines_tests.support.warehouse_harness import Warehouse

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(settled_database_url: str) -> str:
    return settled_database_url


def anna_in(warehouse: Warehouse) -> int:
    return warehouse.user("anna", TIMEZONE)


DAMAGES = {
    "events are gone": (
        "DELETE FROM listening_events WHERE id IN (SELECT id FROM listening_events ORDER BY id LIMIT 3)",
        {"listening_events", "user_track_months"},
    ),
    "an event was made up": (
        "INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)"
        " SELECT user_id, track_id, played_at + interval '7 seconds', 60000, 'API', true, false"
        " FROM listening_events LIMIT 1",
        {"listening_events", "user_time_bucket_stats"},
    ),
    "an event was changed": (
        "UPDATE listening_events SET ms_played = ms_played + 1 WHERE id = (SELECT min(id) FROM listening_events)",
        {"listening_events", "user_hour_months"},
    ),
    "a skip is not marked": (
        "UPDATE listening_events SET is_skip = NOT is_skip WHERE id = (SELECT min(id) FROM listening_events)",
        {"listening_events"},
    ),
    "a month counts wrongly": (
        "UPDATE user_track_months SET play_count = play_count + 1"
        " WHERE (month, track_id) = (SELECT month, track_id FROM user_track_months LIMIT 1)",
        {"user_track_months", "user_track_stats"},
    ),
    "a track was first played earlier": (
        "UPDATE user_track_months SET first_played_at = month"
        " WHERE (month, track_id) = (SELECT month, track_id FROM user_track_months LIMIT 1)",
        {"user_track_months", "user_track_stats"},
    ),
    "a track and an artist were made up": (
        "WITH t AS (INSERT INTO tracks (spotify_id) VALUES ('x') RETURNING id),"
        " a AS (INSERT INTO artists (name) VALUES ('x') RETURNING id), s AS (INSERT INTO user_track_stats"
        " SELECT users.id, t.id, 1, 1, now(), now() FROM users, t)"
        " INSERT INTO user_artist_stats SELECT users.id, a.id, 1, 1, now(), now() FROM users, a",
        {"user_track_stats", "user_artist_stats"},
    ),
    "all-time rows are gone": (
        "WITH t AS (DELETE FROM user_track_stats), a AS (DELETE FROM user_artist_stats) DELETE FROM user_hour_stats",
        {"user_track_stats", "user_artist_stats", "user_hour_stats"},
    ),
    "an album was made up and others are gone": (
        "UPDATE user_album_stats SET album_id = -album_id - 1 WHERE album_id IN (SELECT album_id FROM user_album_stats"
        " LIMIT 2)",
        {"user_album_stats"},
    ),
    "an album was last played later": (
        "UPDATE user_album_stats SET last_played_at = now()"
        " WHERE album_id = (SELECT max(album_id) FROM user_album_stats)",
        {"user_album_stats"},
    ),
    "hours of a month are another weekday's": (
        "UPDATE user_hour_months SET week_hours = (SELECT array_agg((hour + 24) % 168 ORDER BY (hour + 24) % 168)"
        " FROM unnest(week_hours) AS hour) WHERE month = (SELECT min(month) FROM user_hour_months)",
        {"user_hour_months", "user_weekday_hour_stats"},
    ),
    "hours of the week are gone": ("DELETE FROM user_weekday_hour_stats", {"user_weekday_hour_stats"}),
    "plays of a month were heard in another way": (
        "UPDATE user_month_contexts SET context_ids[1] = 0 WHERE month = (SELECT min(month) FROM user_month_contexts)",
        {"user_month_contexts", "user_context_stats"},
    ),
    "a platform was made up": (
        "INSERT INTO user_context_stats (user_id, dimension, value, play_count, total_ms)"
        " SELECT id, 'PLATFORM', 'gramophone', 1, 1 FROM users",
        {"user_context_stats"},
    ),
    "a month has too many skips": (
        "UPDATE user_month_contexts SET skip_count = skip_count + 1"
        " WHERE month = (SELECT max(month) FROM user_month_contexts)",
        {"user_month_contexts"},
    ),
    "a play of a track was longer": (
        "UPDATE user_track_months SET ms_played = '{7000}' WHERE (month, track_id)"
        " = (SELECT month, track_id FROM user_track_months LIMIT 1)",
        {"user_track_months"},
    ),
    "a week has too many tracks": (
        "UPDATE user_time_bucket_stats SET unique_tracks = unique_tracks + 1 WHERE bucket_type = 'WEEK'"
        " AND bucket_date = (SELECT min(bucket_date) FROM user_time_bucket_stats WHERE bucket_type = 'WEEK')",
        {"user_time_bucket_stats"},
    ),
    "a day was made up": (
        "INSERT INTO user_time_bucket_stats SELECT id, 'DAY', '2015-02-03', 1, 1, 1 FROM users",
        {"user_time_bucket_stats"},
    ),
    "a year has too many top tracks": (
        "WITH t AS (INSERT INTO tracks (spotify_id) VALUES ('y') RETURNING id) INSERT INTO user_year_top_tracks"
        " (user_id, year, track_id, play_count, total_ms) SELECT users.id, 2011, t.id, 1, 1 FROM users, t",
        {"user_year_top_tracks"},
    ),
    "a year counts wrongly": (
        "UPDATE user_year_top_tracks SET total_ms = total_ms + 1"
        " WHERE track_id = (SELECT max(track_id) FROM user_year_top_tracks WHERE year = 2011)",
        {"user_year_top_tracks"},
    ),
    "a year was made up": (
        "INSERT INTO user_year_top_tracks (user_id, year, track_id, play_count, total_ms)"
        " SELECT users.id, 2015, tracks.id, 1, 1 FROM users, (SELECT min(id) AS id FROM tracks) AS tracks",
        {"user_year_top_tracks"},
    ),
    "all years are gone": ("DELETE FROM user_year_top_tracks", {"user_year_top_tracks"}),
    "beginnings of months are gone": ("DELETE FROM user_month_edges", {"user_month_edges", "user_year_top_tracks"}),
    "the beginning of a month was made up": (
        "INSERT INTO user_month_edges (user_id, month, track_id, play_count, total_ms)"
        " SELECT users.id, '2015-03-01', tracks.id, 1, 60000 FROM users, (SELECT min(id) AS id FROM tracks) AS tracks",
        {"user_month_edges"},
    ),
    "the beginning of a month counts wrongly": (
        "UPDATE user_month_edges SET total_ms = total_ms + 1"
        " WHERE (month, track_id) = (SELECT month, track_id FROM user_month_edges ORDER BY month, track_id LIMIT 1)",
        {"user_month_edges"},
    ),
    "the totals are wrong": ("UPDATE users SET total_listening_ms = 1", {"users"}),
    "names mean no track": (
        "DELETE FROM export_track_links WHERE export_track_id = (SELECT min(id) FROM export_tracks)",
        {"export_tracks"},
    ),
    "a track has names that are not known": (
        "INSERT INTO export_track_links SELECT max(id) + 1, (SELECT min(id) FROM tracks) FROM export_tracks",
        {"export_track_links"},
    ),
    "a song counts wrongly": ("UPDATE user_song_sums SET play_count = play_count + 1", {"user_song_sums"}),
    "a song is not summed": ("DELETE FROM user_song_sums", {"user_song_sums"}),
    "a song was torn apart": (
        "WITH apart AS (INSERT INTO songs DEFAULT VALUES RETURNING id) UPDATE tracks SET song_id = apart.id FROM apart"
        " WHERE tracks.id = (SELECT max(id) FROM tracks WHERE song_id IN (SELECT song_id FROM user_song_sums))",
        {"songs", "user_song_sums"},
    ),
    "all songs are one": ("UPDATE tracks SET song_id = (SELECT min(song_id) FROM tracks)", {"songs", "user_song_sums"}),
    "a track is of no song": ("UPDATE tracks SET song_id = 999 WHERE id = (SELECT min(id) FROM tracks)", {"tracks"}),
    "a song has no tracks": ("INSERT INTO songs DEFAULT VALUES", {"songs"}),
    "a song has another name": ("UPDATE songs SET name = 'x' WHERE id = (SELECT min(id) FROM songs)", {"songs"}),
    "a correction of a song was made up": (
        "INSERT INTO corrected_song_keys SELECT min(id), name_key('x'), true FROM tracks",
        {"corrected_song_keys"},
    ),
    "a track has another name": (
        "UPDATE tracks SET name = 'another' WHERE id = (SELECT min(id) FROM tracks)",
        {"tracks"},
    ),
    "an artist has another name": (
        "UPDATE artists SET name = 'another' WHERE id = (SELECT min(id) FROM artists)",
        {"artists"},
    ),
    "an album has another name": (
        "UPDATE albums SET name = 'another' WHERE id = (SELECT min(id) FROM albums)",
        {"albums"},
    ),
    "a track is on another album": (
        "UPDATE tracks SET album_id = (SELECT max(id) FROM albums) WHERE id = (SELECT min(track_id)"
        " FROM user_track_stats JOIN tracks ON tracks.id = track_id WHERE album_id < (SELECT max(id) FROM albums))",
        {"tracks", "user_album_stats"},
    ),
    "a track has lost its length": (
        "UPDATE tracks SET duration_ms = 1 WHERE id = (SELECT max(track_id) FROM export_track_links)",
        {"tracks"},
    ),
    "artists are credited no more": (
        "DELETE FROM track_artists WHERE artist_id = (SELECT max(artist_id) FROM track_artists)",
        {"track_artists", "user_artist_stats"},
    ),
    "an artist is credited who is not": (
        "INSERT INTO track_artists SELECT min(track_id), max(artist_id), 7 FROM track_artists",
        {"track_artists", "user_artist_stats"},
    ),
    "an album came out in another year": (
        "UPDATE albums SET release_date = '1999' WHERE id = (SELECT max(id) FROM albums)",
        {"albums"},
    ),
    "an artist has another genre": (
        "UPDATE artists SET genres = '{polka}' WHERE id = (SELECT max(id) FROM artists)",
        {"artists"},
    ),
    "plays belong to no user": (
        "INSERT INTO imported_plays SELECT 999, played_at, stopped_at, export_track_id, ms_played, context_id"
        " FROM imported_plays LIMIT 5",
        {"imported_plays"},
    ),
}


def found_in(warehouse: Warehouse) -> Verified:
    return verify.verify(warehouse.session())


def at_once() -> Iterator[list[str]]:
    """All kinds of damage in groups. Those of events stand alone, as statistics differ with them; of the others, no two
    of a group are seen in the same table."""
    groups: list[list[str]] = []
    for damage, (_, tables) in DAMAGES.items():
        for group in groups:
            seen = set().union(*(DAMAGES[other][1] for other in group))
            if len(group) < 6 and tables.isdisjoint(seen) and "listening_events" not in seen | tables:
                group.append(damage)
                break
        else:
            groups.append([damage])
    yield from groups


def test_every_kind_of_damage_is_found_named_and_repaired(warehouse: Warehouse) -> None:
    user_id = anna_in(warehouse)
    sound = found_in(warehouse)
    assert (sound.differences, sound.users, sound.invalidated) == ([], 1, 0)
    assert sound.user_months == len(warehouse.user_months_of(user_id))
    expected = warehouse.tables(user_id)
    for group in at_once():
        for damage in group:
            warehouse.conn.execute(DAMAGES[damage][0].encode())
        found = found_in(warehouse)
        assert {table for damage in group for table in DAMAGES[damage][1]} <= {one.table for one in found.differences}
        assert all("anna: " in str(one) for one in found.differences if one.user), group
        assert verify.repair(warehouse.session()).differences == [], group
        assert warehouse.tables(user_id) == expected, group


def test_verifying_writes_nothing(warehouse: Warehouse) -> None:
    user_id = anna_in(warehouse)
    warehouse.conn.execute(DAMAGES["events are gone"][0].encode())
    before = warehouse.rows(user_id)
    assert found_in(warehouse).differences
    assert warehouse.rows(user_id) == before


def test_what_waits_to_be_derived_is_no_difference(warehouse: Warehouse) -> None:
    user_id = anna_in(warehouse)
    warehouse.conn.execute(DAMAGES["events are gone"][0].encode())
    warehouse.conn.execute(
        "INSERT INTO invalidated_user_months (user_id, month, stage) SELECT DISTINCT user_id, month, stage"
        " FROM user_track_months, unnest(enum_range(NULL::derivation_stage)) AS stage"
    )
    found = found_in(warehouse)
    assert found.differences == []
    assert found.invalidated > 0
    warehouse.settle([user_id])
    assert found_in(warehouse).differences == []


@pytest.fixture
def archived(database_url: str, tmp_path: Path) -> Iterator[ArchivingWarehouse]:
    """A user whose first months are in the archive."""
    with open_archiving_warehouse(database_url, tmp_path / "archive") as warehouse:
        user_id = anna_in(warehouse)
        warehouse.archive(only=warehouse.months_of([user_id])[:3])
        yield warehouse


def test_archived_months_are_no_differences_and_are_compared(archived: ArchivingWarehouse) -> None:
    found = verify.verify(archived.session(), None, archived.store)
    assert (found.differences, found.archived_folders) == ([], 3)
    assert found.user_months == len(archived.user_months_of(archived.user("anna", "Pacific/Apia"))) + 3
    assert verify.verify(archived.session()).differences == []


IN_ARCHIVED_MONTHS = {
    "the plays of a track": "UPDATE user_track_months SET play_count = play_count + 1, total_ms = total_ms + 1"
    " WHERE (month, track_id) = (SELECT month, track_id FROM user_track_months ORDER BY 1, 2 LIMIT 1)",
    "the beginning of a month": "UPDATE user_month_edges SET total_ms = total_ms + 1 WHERE (month, track_id)"
    " = (SELECT month, track_id FROM user_month_edges ORDER BY month, track_id LIMIT 1)",
    "all beginnings": "DELETE FROM user_month_edges",
    "a day": "UPDATE user_time_bucket_stats SET play_count = play_count + 1 WHERE bucket_type = 'DAY'"
    " AND bucket_date = (SELECT min(bucket_date) FROM user_time_bucket_stats WHERE bucket_type = 'DAY')",
    "hours": "UPDATE user_hour_months SET week_hours = (SELECT array_agg((hour + 24) % 168 ORDER BY (hour + 24) % 168)"
    " FROM unnest(week_hours) AS hour) WHERE month = (SELECT min(month) FROM user_hour_months)",
    "contexts": "UPDATE user_month_contexts SET context_ids[1] = 0 WHERE month ="
    " (SELECT min(month) FROM user_month_contexts)",
}


@pytest.mark.few(1)
@pytest.mark.parametrize("damage", IN_ARCHIVED_MONTHS)
def test_what_is_shown_of_archived_months_is_verified_and_repaired(archived: ArchivingWarehouse, damage: str) -> None:
    user_id = archived.user("anna", "Pacific/Apia")
    expected = archived.rows(user_id)
    archived.conn.execute(IN_ARCHIVED_MONTHS[damage].encode())
    assert verify.verify(archived.session(), None, archived.store).differences != []
    assert verify.repair(archived.session(), None, archived.store).differences == []
    archived.archive(only=archived.months_of([user_id])[:3])
    assert archived.rows(user_id) == expected


def delete_events_after_archived_months(warehouse: ArchivingWarehouse, user_id: int) -> None:
    gone = warehouse.conn.execute(
        "DELETE FROM listening_events WHERE id IN (SELECT id FROM listening_events WHERE user_id = %s"
        " ORDER BY played_at LIMIT 22)",
        [user_id],
    )
    assert gone.rowcount == 22


def test_a_repair_beside_archived_months_makes_events_right_before_statistics(archived: ArchivingWarehouse) -> None:
    user_id = archived.user("anna", "Pacific/Apia")
    archived.restore_archived()
    expected = archived.tables(user_id)
    archived.archive(only=archived.months_of([user_id])[:3])
    delete_events_after_archived_months(archived, user_id)
    found = verify.verify(archived.session(), None, archived.store)
    assert {"listening_events", "user_track_months"} <= {one.table for one in found.differences}
    assert verify.repair(archived.session(), None, archived.store).differences == []
    archived.restore_archived()
    assert archived.tables(user_id) == expected


def test_a_repair_derives_what_an_earlier_one_left_invalidated(archived: ArchivingWarehouse) -> None:
    user_id = archived.user("anna", "Pacific/Apia")
    month = archived.months_of([user_id])[3]
    invalidate(archived.conn, [UserMonth(user_id, month)], Stage.EVENTS)
    found = verify.repair(archived.session(), None, archived.store)
    assert (found.differences, found.invalidated) == ([], 0)


def test_files_of_the_archive_that_are_missing_damaged_or_unknown_are_differences(archived: ArchivingWarehouse) -> None:
    first, second, _ = (part.folder for part in archive.archived_parts(archived.conn))
    root = Path(archived.store.url)
    shutil.copytree(root / first, root / "month=2010-01" / "1-0a0a0a0a")
    shutil.rmtree(root / first)
    (root / second / "imported_plays.parquet").write_bytes(b"PAR1")
    found = verify.verify(archived.session(), None, archived.store)
    texts = sorted(str(one) for one in found.differences)
    assert [text.partition(": ")[0] for text in texts] == ["archived_months"] * 3
    assert found.archived_folders == 1
    assert any(first in text and "is missing" in text for text in texts)
    assert any(second in text and "is damaged" in text for text in texts)
    assert any("no table refers to it" in text for text in texts)
    left = verify.repair(archived.session(), None, archived.store)
    assert len(left.differences) == 2, "what is not there is not repaired, and stays named"


COLUMNS = "user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id"


@pytest.mark.parametrize(("source", "target"), [("undone_plays", "imported_plays"), ("imported_plays", "undone_plays")])
def test_plays_of_imports_that_are_not_where_they_belong_are_moved(
    archived: ArchivingWarehouse, source: str, target: str
) -> None:
    user_id = archived.user("anna", "Pacific/Apia")
    [[job_id]] = archived.conn.execute("SELECT max(id) FROM import_jobs").fetchall()
    correcting.undo_import(archived.session(), job_id)
    expected = archived.tables(user_id)
    move = f"WITH moved AS (DELETE FROM {source} WHERE played_at < '2012-01-01' RETURNING *)"
    archived.conn.execute(f"{move} INSERT INTO {target} ({COLUMNS}) SELECT {COLUMNS} FROM moved".encode())
    found = verify.verify(archived.session(), None, archived.store)
    assert "undone_plays" in {one.table for one in found.differences}
    assert verify.repair(archived.session(), None, archived.store).differences == []
    archived.restore_archived()
    assert archived.tables(user_id) == expected


@pytest.mark.parametrize("month", [date(2011, 8, 1), date(2012, 1, 1)])
def test_edges_of_an_archived_month_are_no_differences(database_url: str, tmp_path: Path, month: date) -> None:
    """Samoa's months began after UTC's until it skipped a day, and before them from then on."""
    with open_archiving_warehouse(database_url, tmp_path) as warehouse:
        warehouse.archive(only=[month])
        assert warehouse.archived_months() == [month]
        assert found_in(warehouse).differences == []
