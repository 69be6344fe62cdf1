"""Plays that are written as other services have them, and read again, are the same plays."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from myi_pipelines.ingest.uploads.file_run import FileRun
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.sources.exports import Limits, Track, submitted_play
from myi_pipelines.warehouse import invariants
from myi_pipelines_tests.support.export_rows import read
from myi_pipelines_tests.support.service_rows import BEGAN
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

ODD_NAMES = ("=1+1", "'=1", "'n' Roll", '"Quoted", it is', "-", "Ünïcödé 音楽", "a\u2028b", ";,|")
FORMS = (ExportFormat.LISTENBRAINZ, ExportFormat.LAST_FM)


@pytest.fixture(scope="module")
def warehouse(session_servers: SessionServers, worker_id: str) -> Iterator[Warehouse]:
    """Anna's history of a year, and plays with odd names that another service told."""
    with session_servers.database(database_name(__name__, worker_id)) as url, open_warehouse(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def anna(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> int:
    user_id = warehouse.user("anna", "Pacific/Auckland")
    [sample] = write_sample(
        tmp_path_factory.mktemp("sample"), seed=5, users=1, years=1, plays=400, end=date(2024, 6, 30)
    )
    for path in sample.files:
        land(warehouse, user_id, path)
    odd = [
        submitted_play(Track(None, name, name, name), BEGAN.replace(hour=number), 200, 150_900)
        for number, name in enumerate(ODD_NAMES)
    ]
    warehouse.land(user_id, odd)
    warehouse.settle([user_id])
    return user_id


def land(warehouse: Warehouse, user_id: int, path: Path) -> FileRun:
    run = FileRun(
        warehouse.session(), user_id, uploads=path.parent / "uploads", limits=Limits(), log=logging.getLogger(__name__)
    )
    run.land(path, lambda name: lambda batch, total: None)
    assert run.problems == []
    return run


def plays_of(warehouse: Warehouse, user_id: int) -> Counter[tuple[object, ...]]:
    """The song, the second of the end and the length of each play of a user."""
    query = """
        SELECT t.song_id, t.name, date_trunc('second', e.played_at), e.ms_played, e.is_estimated
        FROM listening_events AS e JOIN tracks AS t ON t.id = e.track_id WHERE e.user_id = %s"""
    return Counter(warehouse.conn.execute(query, [user_id]).fetchall())


@pytest.mark.parametrize("form", FORMS)
def test_what_was_written_and_read_again_is_the_same(
    warehouse: Warehouse, anna: int, tmp_path: Path, form: ExportFormat
) -> None:
    store = Store(str(tmp_path / "archive"))
    files = export_user(warehouse.conn, store, "anna", tmp_path / "listens", form)
    before = plays_of(warehouse, anna)
    assert before.total() > 300
    assert sum(file.rows for file in files) == before.total()

    again = warehouse.user(f"again as {form}", "Pacific/Auckland")
    landed = land(warehouse, again, tmp_path / "listens").landed
    assert sum(one.added_rows for one in landed) == before.total()
    assert not any(one.rejected for one in landed)
    warehouse.settle([again])
    assert plays_of(warehouse, again) == before

    export_user(warehouse.conn, store, f"again as {form}", tmp_path / "twice", form)
    for file in files:
        if file.rows:
            assert (tmp_path / "twice" / file.file).read_bytes() == (tmp_path / "listens" / file.file).read_bytes()
    assert invariants.check(warehouse.conn) == []


def test_both_forms_and_the_export_of_spotify_tell_the_same_plays_once(
    warehouse: Warehouse, anna: int, tmp_path: Path
) -> None:
    before = plays_of(warehouse, anna)
    for form in FORMS:
        folder = tmp_path / form
        export_user(warehouse.conn, Store(str(tmp_path / "archive")), "anna", folder, form)
        land(warehouse, anna, folder)
        assert all(one.known for one in land(warehouse, anna, folder).landed)
        warehouse.settle([anna])
        assert plays_of(warehouse, anna) == before


def test_listens_are_as_listenbrainz_takes_them(warehouse: Warehouse, anna: int, tmp_path: Path) -> None:
    """What its importer requires: two keys, names, whole seconds, one length of the track."""
    export_user(
        warehouse.conn, Store(str(tmp_path / "archive")), "anna", tmp_path / "listens", ExportFormat.LISTENBRAINZ
    )
    paths = list((tmp_path / "listens" / "listens").rglob("*.jsonl"))
    assert paths
    for path in paths:
        lines = path.read_text("utf-8").split("\n")[:-1]
        assert lines, path
        for line in lines:
            listen = json.loads(line)
            assert listen.keys() == {"listened_at", "track_metadata"}
            assert type(listen["listened_at"]) is int
            assert listen["track_metadata"]["track_name"]
            assert listen["track_metadata"]["artist_name"]
            assert "duration" not in listen["track_metadata"]["additional_info"]
        assert len(read(path).plays) == path.read_text("utf-8").count("\n")
