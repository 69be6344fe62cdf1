"""The Parquet that `myi export` writes is read back by `myi import`: into an empty warehouse, nothing is lost."""

import logging
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from myi_pipelines.ingest.uploads.file_run import FileRun
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.sources.exports import Kind, Limits, Play, Track, submitted_play
from myi_pipelines.warehouse import corrections, invariants
from myi_pipelines.warehouse.import_outcomes import outcomes_of_jobs
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.service_rows import BEGAN
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

ZONE = "Pacific/Auckland"
ODD_NAMES = ("=1+1", "'=1", "'n' Roll", '"Quoted", it is', "-", "Ünïcödé 音楽", "a\u2028b", ";,|")

EVENTS = """
    SELECT e.played_at, e.ms_played, e.source::text, e.is_estimated, e.is_skip, t.spotify_id, t.name, albums.name,
           (SELECT array_agg(artists.name ORDER BY credit.position)
            FROM track_artists AS credit JOIN artists ON artists.id = credit.artist_id WHERE credit.track_id = t.id),
           context.platform, context.country, context.reason_start, context.reason_end, context.shuffle,
           context.skipped, context.offline, context.incognito
    FROM listening_events AS e
    JOIN tracks AS t ON t.id = e.track_id
    LEFT JOIN albums ON albums.id = t.album_id
    LEFT JOIN play_contexts AS context ON context.id = e.context_id
    WHERE e.user_id = %s"""
EPISODES = """
    SELECT e.played_at, e.kind::text, e.ms_played, named.name, named.show, named.author, named.spotify_id
    FROM episode_events AS e LEFT JOIN named_episodes AS named USING (export_track_id)
    WHERE e.user_id = %s"""
LANDED = """
    SELECT p.played_at, p.stopped_at, p.ms_played, p.elapsed_s, e.kind::text, e.spotify_id, e.track_name, e.artist_name,
           e.album_name, context.platform, context.country, context.reason_start, context.reason_end, context.shuffle,
           context.skipped, context.offline, context.incognito
    FROM imported_plays AS p
    JOIN export_tracks AS e ON e.id = p.export_track_id
    LEFT JOIN play_contexts AS context ON context.id = p.context_id
    WHERE p.user_id = %s AND NOT (p.context_id IS NULL AND coalesce(p.elapsed_s = -1, false))"""
"""Without the polled plays, which landed in a table of their own before."""


@pytest.fixture(scope="module")
def warehouse(session_servers: SessionServers, worker_id: str) -> Iterator[Warehouse]:
    """Anna's history: every kind of play that exports have, submitted plays with odd names, and polls."""
    with session_servers.database(database_name(__name__, worker_id)) as url, open_warehouse(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def exported(warehouse: Warehouse, session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `myi export` writes of Anna."""
    anna = warehouse.user("anna", ZONE)
    [sample] = write_sample(
        tmp_path_factory.mktemp("sample"), seed=5, users=1, years=1, plays=600, end=date(2024, 6, 30)
    )
    for path in sample.files:
        land(warehouse, anna, path)
    odd = [
        submitted_play(Track(None, name, name, name), BEGAN.replace(hour=number), 200, 150_900)
        for number, name in enumerate(ODD_NAMES)
    ]
    odd.append(submitted_play(Track(None, "No length", "Told", None), BEGAN.replace(hour=20), None))
    odd.append(submitted_play(Track(None, "Of", "The track", None), BEGAN.replace(hour=21), 211))
    warehouse.land(anna, odd)
    warehouse.sync()
    known = [
        row[0]
        for row in warehouse.conn.execute("SELECT spotify_id FROM tracks WHERE spotify_id IS NOT NULL ORDER BY id")
    ]
    after = datetime(2024, 7, 3, 9, 0, 0, 123_000, tzinfo=UTC)
    polled = [
        Polled(track, after + timedelta(seconds=151 * number), 180_017 + number)
        for number, track in enumerate(known[:40])
    ]
    warehouse.poll(anna, [*polled, Polled("9" * 22, after - timedelta(hours=1), 199_999)])
    warehouse.settle([anna])
    folder = tmp_path_factory.mktemp("exported") / "anna"
    export_user(warehouse.conn, Store(str(folder.parent / "archive")), "anna", folder, ExportFormat.PARQUET)
    return folder


@pytest.fixture
def empty(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


def land(warehouse: Warehouse, user_id: int, path: Path) -> FileRun:
    run = FileRun(
        warehouse.session(), user_id, uploads=path.parent / "uploads", limits=Limits(), log=logging.getLogger(__name__)
    )
    run.land(path, lambda name: lambda batch, total: None)
    return run


def rows(warehouse: Warehouse, query: str, user: str) -> Counter[tuple[Any, ...]]:
    [(user_id,)] = warehouse.conn.execute("SELECT id FROM users WHERE name = %s", [user]).fetchall()
    found = warehouse.conn.execute(query.encode(), [user_id]).fetchall()
    return Counter(tuple(tuple(one) if isinstance(one, list) else one for one in row) for row in found)


def as_zip(folder: Path, path: Path) -> Path:
    """As the settings page gives an export."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize("as_what", ["file", "folder", "zip", "packed zip", "gzip"])
def test_nothing_is_lost_on_the_way_into_an_empty_warehouse(
    warehouse: Warehouse, exported: Path, empty: Warehouse, tmp_path: Path, as_what: str
) -> None:
    match as_what:
        case "file":
            path = exported / "history.parquet"
        case "folder":
            path = exported
        case "zip":
            path = as_zip(exported, tmp_path / "myi-anna.zip")
        case "packed zip":
            path = tmp_path / "packed.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(exported / "history.parquet", "history.parquet")
        case _:
            import gzip

            path = tmp_path / "history.parquet.gz"
            path.write_bytes(gzip.compress((exported / "history.parquet").read_bytes()))
    bela = empty.user("bela", ZONE)
    run = land(empty, bela, path)
    assert run.problems == []
    [landed] = run.landed
    assert landed.rejected.keys() <= {"too_short"}
    assert landed.total_rows == landed.added_rows > 600
    empty.settle([bela])

    events = rows(warehouse, EVENTS, "anna")
    assert {row[2] for row in events} == {"IMPORT", "SUBMISSION", "API"}
    assert any(row[3] for row in events), "some lengths are estimates"
    assert rows(empty, EVENTS, "bela") == events
    episodes = rows(warehouse, EPISODES, "anna")
    assert {row[1] for row in episodes} >= {"EPISODE"}
    assert rows(empty, EPISODES, "bela") == episodes
    assert rows(empty, LANDED, "bela") == rows(warehouse, LANDED, "anna")
    assert invariants.check(empty.conn) == []

    assert land(empty, bela, path).landed[0].known, "the same file changes nothing"
    store = Store(str(tmp_path / "archive"))
    export_user(empty.conn, store, "bela", tmp_path / "again", ExportFormat.PARQUET)
    first, second = (pq.read_table(folder / "history.parquet") for folder in (exported, tmp_path / "again"))
    assert Counter(map(str, first.to_pylist())) == Counter(map(str, second.to_pylist()))


def test_the_own_history_again_changes_no_number(warehouse: Warehouse, exported: Path, tmp_path: Path) -> None:
    [(anna,)] = warehouse.conn.execute("SELECT id FROM users WHERE name = 'anna'").fetchall()
    before = rows(warehouse, EVENTS, "anna"), rows(warehouse, EPISODES, "anna")
    kept = warehouse.conn.execute("SELECT id, created_at FROM listening_events ORDER BY id").fetchall()
    [landed] = land(warehouse, anna, exported / "history.parquet").landed
    assert landed.added_rows <= 41, "polled plays are known as polled ones"
    warehouse.settle([anna])
    assert (rows(warehouse, EVENTS, "anna"), rows(warehouse, EPISODES, "anna")) == before
    assert warehouse.conn.execute("SELECT id, created_at FROM listening_events ORDER BY id").fetchall() == kept
    assert invariants.check(warehouse.conn) == []


def test_an_import_of_a_history_can_be_undone(exported: Path, empty: Warehouse) -> None:
    bela = empty.user("bela", ZONE)
    [landed] = land(empty, bela, exported / "history.parquet").landed
    empty.settle([bela])
    [of_job] = outcomes_of_jobs(empty.conn, bela, [landed.job_id], min_play_ms=5_000).values()
    assert of_job["added"] == rows(empty, EVENTS, "bela").total()
    corrections.undo_import(empty.conn, landed.job_id)
    empty.settle([bela])
    assert not rows(empty, EVENTS, "bela")
    assert not rows(empty, EPISODES, "bela")


def test_what_lines_and_tables_lose_is_kept_by_parquet(empty: Warehouse, tmp_path: Path) -> None:
    """As the guide says: what listening services have no place for."""
    at = datetime(2024, 5, 1, 10, 0, 0, 250_000, tzinfo=UTC)
    song = Track("1" * 22, "Song", "Band", "Record")
    soon = at + timedelta(seconds=12)
    plays = [
        Play(song, CONTEXT, at, at, 6_000),
        Play(song, CONTEXT, soon, soon, 6_000),
        Play(song, CONTEXT, at + timedelta(hours=1), at + timedelta(hours=1), 1_000),
        Play(Track("2" * 22, "Episode", "Show", None, Kind.EPISODE), CONTEXT, at, at, 600_000),
    ]
    anna = empty.user("anna", ZONE)
    empty.land(anna, plays)
    empty.poll(anna, [Polled("1" * 22, at + timedelta(hours=2), 200_000)])
    empty.settle([anna])
    assert rows(empty, EVENTS, "anna").total() == 3
    kept = {}
    for form, path in (
        (ExportFormat.PARQUET, "history.parquet"),
        (ExportFormat.LISTENBRAINZ, "listens"),
        (ExportFormat.LAST_FM, "scrobbles.csv"),
    ):
        export_user(empty.conn, Store(str(tmp_path / "archive")), "anna", tmp_path / form, form)
        user_id = empty.user(f"by {form}", ZONE)
        assert land(empty, user_id, tmp_path / form / path).problems == []
        empty.settle([user_id])
        kept[form] = rows(empty, EVENTS, f"by {form}"), rows(empty, EPISODES, f"by {form}")
    assert kept[ExportFormat.PARQUET] == (rows(empty, EVENTS, "anna"), rows(empty, EPISODES, "anna"))
    for form in (ExportFormat.LISTENBRAINZ, ExportFormat.LAST_FM):
        events, episodes = kept[form]
        assert events.total() == 2, "of plays of a song that begin within 15 seconds, one"
        assert not episodes
        assert {(row[0].microsecond, row[2], row[3], row[9]) for row in events} == {(0, "SUBMISSION", False, None)}
