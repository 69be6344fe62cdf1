"""Migrations are applied in order, once, and recorded together with what they change."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.warehouse.schema.migrations import MIGRATIONS, migrate, pending_migrations
from myi_pipelines.warehouse.schema.takeover import BASELINE
from myi_pipelines_tests.migrations import version_0_1

pytestmark = pytest.mark.slow

NOTES = "-- A table for notes.\nCREATE TABLE notes (text text);\nINSERT INTO notes VALUES ('50%');\n"
INDEX = "-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS notes_text ON notes (text);\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations of a later version."""
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "9001_add_notes.sql").write_text(NOTES)
    (tmp_path / "9002_index_notes.sql").write_text(INDEX)
    return tmp_path


def test_later_migrations_follow(database_url: str, folder: Path) -> None:
    assert pending_migrations(database_url) == []
    assert migrate(database_url, folder=folder) == ["9001_add_notes", "9002_index_notes"]
    assert migrate(database_url, folder=folder) == []
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT text FROM notes").fetchall() == [("50%",)]
        assert conn.execute("SELECT to_regclass('notes_text') IS NOT NULL").fetchone() == (True,)


def test_later_migrations_follow_a_takeover(empty_database_url: str, folder: Path) -> None:
    version_0_1.make_schema(empty_database_url)
    assert migrate(empty_database_url, folder=folder)[0] == BASELINE
    assert migrate(empty_database_url, folder=folder) == []
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("SELECT text FROM notes").fetchall() == [("50%",)]


def test_a_migration_that_is_not_recorded_changes_nothing(database_url: str, folder: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RAISE EXCEPTION ''broken off''; END'"
        )
        conn.execute(
            "CREATE TRIGGER break_off BEFORE INSERT ON _yoyo_migration FOR EACH ROW EXECUTE FUNCTION break_off()"
        )
        with pytest.raises(psycopg.errors.RaiseException, match="broken off"):
            migrate(database_url, folder=folder)
        assert conn.execute("SELECT to_regclass('notes')").fetchone() == (None,)
        conn.execute("DROP TRIGGER break_off ON _yoyo_migration")
    assert migrate(database_url, folder=folder) == ["9001_add_notes", "9002_index_notes"]


def test_ends_that_no_token_may_have_become_the_nearest(empty_database_url: str, tmp_path: Path) -> None:
    """The settings could not show them, and all of a user's data could not be downloaded."""
    for path in MIGRATIONS.glob("00[0-2]*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    migrate(empty_database_url, folder=tmp_path)
    ends = ["infinity", "-infinity", "12000-01-01", "0044-03-15 BC", "2031-01-01", None]
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.cursor().executemany(
            "INSERT INTO api_tokens (name, secret_hash, rights, created_at, expires_at)"
            " VALUES ('a test', sha256(%(number)s::text::bytea), '{stats:read}', '2026-01-01T00:00:00Z', %(ends)s)",
            [{"number": number, "ends": end} for number, end in enumerate(ends)],
        )
        migrate(empty_database_url)
        years = conn.execute("SELECT extract(year FROM expires_at)::integer FROM api_tokens ORDER BY id").fetchall()
        assert [year for (year,) in years] == [2126, 2026, 2126, 2026, 2031, None]
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute("UPDATE api_tokens SET expires_at = 'infinity'")


def test_a_zone_that_is_an_abbreviation_to_postgresql_becomes_that_of_a_place(
    empty_database_url: str, tmp_path: Path
) -> None:
    """Its days began an hour late in summer."""
    for path in MIGRATIONS.glob("00[0-2]*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    migrate(empty_database_url, folder=tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        for name, zone in [("a", "CET"), ("b", "Europe/Berlin")]:
            conn.execute(
                "WITH listener AS (INSERT INTO users (name) VALUES (%s) RETURNING id), settings AS"
                " (INSERT INTO user_settings (user_id, timezone) SELECT id, %s FROM listener), track AS"
                " (INSERT INTO tracks (spotify_id) VALUES (repeat(%s, 22)) RETURNING id)"
                " INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, first_played_at,"
                " last_played_at) SELECT listener.id, '2024-07-01', track.id, 1, 60000, '2024-07-01', '2024-07-01'"
                " FROM listener, track",
                [name, zone, name],
            )
        migrate(empty_database_url)
        zones = conn.execute("SELECT timezone FROM user_settings ORDER BY user_id").fetchall()
        assert [zone for (zone,) in zones] == ["Europe/Brussels", "Europe/Berlin"]
        assert conn.execute(
            "SELECT users.name, month::text, stage::text FROM invalidated_user_months JOIN users ON id = user_id"
        ).fetchall() == [("a", "2024-07-01", "STATS")]


@pytest.mark.parametrize("is_old", [False, True])
def test_of_processes_that_begin_at_once_one_migrates(empty_database_url: str, is_old: bool) -> None:
    if is_old:
        version_0_1.make_schema(empty_database_url)
    with ThreadPoolExecutor(3) as threads:
        applied = list(threads.map(migrate, [empty_database_url] * 3))
    assert sorted(applied) == [[], [], [path.stem for path in sorted(MIGRATIONS.glob("*.sql"))]]
