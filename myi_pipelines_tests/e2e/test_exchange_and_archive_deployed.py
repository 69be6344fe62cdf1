"""A swap and an archive run of a deployment, both held up in the middle while what they run on is killed: code server
and daemon, the daemon alone, PostgreSQL. Nothing is lost, and all of it is done in the end."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster_graphql.cli import execute_query

from myi_pipelines.operations import verify
from myi_pipelines.orchestration.jobs import archive_config, archive_history
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import load_settings
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import archive, invariants, shadow_partitions
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, partition_name
from myi_pipelines_tests.e2e.test_deployed import ASSETS, LAUNCH, SECONDS, Deployment, deployed
from myi_pipelines_tests.support import killable_import
from myi_pipelines_tests.support.archive_fixtures import DERIVED, LANDED, ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.killable_processes import DATABASE, durable_server, kill_server
from myi_pipelines_tests.support.strategies import CONTEXT

pytestmark = pytest.mark.filterwarnings("ignore")  # Dagster's graph and workspace use what Dagster has deprecated

SEED = random.SystemRandom().randrange(1_000_000) if "MYI_CRASH_VICTIMS" in os.environ else 7
SWAPPED = date(2023, 11, 1)
LISTENERS = 4
PLAYS_EACH = 2_600
"""Of so many listeners and plays a month is swapped."""
WHAT_IS_KNOWN = [table for table in (*LANDED, *DERIVED) if table != "invalidated_user_months"]
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)

LAUNCH_JOB = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on PythonError { message }
  }
}
"""


@pytest.mark.long
@pytest.mark.thorough
def test_a_swap_and_an_archive_whose_daemon_code_server_and_database_are_killed_are_completed(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(SEED)
    with durable_server(tmp_path / "postgres") as server:
        url, files = server.url(DATABASE), tmp_path / "home/archive"
        with deployed(tmp_path, url, redis_url) as services:
            migration = services.start("migrate")
            assert migration.wait(SECONDS) == 0, services.said("migrate")
            services.start("code")
            with open_archiving_warehouse(url, files) as warehouse:
                user_ids = fill(warehouse)
                right = warehouse.everything(*LANDED)
                tables = {user_id: warehouse.tables(user_id) for user_id in user_ids}
                make_wrong(warehouse, user_ids)
                old = partition(warehouse)
                wrong = warehouse.everything(*WHAT_IS_KNOWN)

            reader = psycopg.connect(url)
            reader.execute("LOCK TABLE listening_events IN ACCESS SHARE MODE")  # no month leaves, none is swapped
            with workspace(services, url, redis_url, monkeypatch) as context:
                launch(context, services)
            with open_archiving_warehouse(url, files) as warehouse:
                services.start("daemon")
                services.wait_for("both runs in the middle", lambda: are_amid(warehouse))
                time.sleep(chance.uniform(0, 2))
                services.kill("code", "daemon")
                services.wait_for("their sessions' end", lambda: not are_amid(warehouse))
                assert warehouse.everything(*WHAT_IS_KNOWN) == wrong, f"seed {SEED}"
                assert invariants.check(warehouse.conn) == [], f"seed {SEED}"
                assert shadow_partitions.orphans(warehouse.conn)

                services.start("code")
                services.wait_until_healthy("code", services.code_port, SECONDS)
                services.start("daemon")
                services.wait_for("their heirs in the middle", lambda: are_amid(warehouse))
                time.sleep(chance.uniform(0, 2))
                services.kill("daemon")
                time.sleep(chance.uniform(0, 1))
                kill_server(server)
            reader.close()
            server.start()
            services.start("daemon")

            with open_archiving_warehouse(url, files) as warehouse:
                assert invariants.check(warehouse.conn) == [], f"seed {SEED}"
                services.wait_for("all of it done", lambda: is_done(warehouse, old))
                assert_all_is_well(warehouse, files)
                warehouse.restore_archived()
                assert warehouse.everything(*LANDED) == right
                assert {user_id: warehouse.tables(user_id) for user_id in user_ids} == tables


def fill(warehouse: ArchivingWarehouse) -> list[int]:
    """A month that is large enough to be swapped, and stays; and ten old ones of another listener that may leave."""
    archive.hold_months(warehouse.conn, [SWAPPED], FOREVER)
    began = datetime(2023, 11, 1, tzinfo=UTC)
    user_ids = [killable_import.prepare(warehouse, "nobody000")]
    for number in range(LISTENERS):
        user_ids.append(warehouse.user(f"listener{number}", "UTC"))
        plays = [play(began + timedelta(seconds=900 * place + number), place) for place in range(PLAYS_EACH)]
        warehouse.land(user_ids[-1], plays, batch_rows=PLAYS_EACH)
    warehouse.settle(user_ids)
    return user_ids


def play(ended: datetime, number: int) -> Play:
    track = Track(f"{number % 50:022}", f"Song {number % 50}", f"Artist {number % 7}", f"Album {number % 9}")
    return Play(track, CONTEXT, ended, ended, 10_000 + number)


def make_wrong(warehouse: ArchivingWarehouse, user_ids: list[int]) -> None:
    """Every event of the month is to be written, and the statistics agree with them."""
    warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1 WHERE played_at >= '2023-11-01'")
    for user_id in user_ids[1:]:
        warehouse.refresh(user_id, [SWAPPED])
    assert invariants.check(warehouse.conn) == []


@contextmanager
def workspace(
    services: Deployment, url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkspaceProcessContext]:
    """What the webserver looks through: the deployment's instance and its code server."""
    settings = load_settings(
        home=services.folder / "home", uploads=services.folder / "uploads", database_url=url, redis_url=redis_url
    )
    prepare_dagster_home(settings)
    for name, value in dagster_environment(settings).items():
        monkeypatch.setenv(name, value)
    services.wait_until_healthy("code", services.code_port, SECONDS)
    with (
        DagsterInstance.get() as instance,
        WorkspaceProcessContext(instance, GrpcServerTarget("127.0.0.1", services.code_port, None, "myi")) as context,
    ):
        yield context


def launch(context: WorkspaceProcessContext, services: Deployment) -> None:
    """Ask for the archive run and for the month."""
    job = {"repositoryLocationName": "myi", "repositoryName": "__repository__", "jobName": archive_history.name}
    run = {"selector": job, "runConfigData": archive_config(12), "mode": "default"}
    backfill = {
        "assetSelection": [{"path": [asset]} for asset in ASSETS],
        "partitionNames": [SWAPPED.isoformat()],
    }
    for query, params in ((LAUNCH_JOB, run), (LAUNCH, backfill)):
        answer: Any = execute_query(context, query, {"params": params})
        assert "Success" in str(answer), answer


def are_amid(warehouse: ArchivingWarehouse) -> bool:
    """Whether a run holds the month that it builds aside, and another has written files of a month that leaves."""
    held = warehouse.conn.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'"
        " AND (classid::bigint << 32 | objid::bigint) IN"
        " (hashtextextended('myi:month:2023-11-01', 0), hashtextextended('myi:archiving', 0))"
    ).fetchone()
    is_written = any(Path(warehouse.store.url).glob("month=*/*/*.parquet"))
    return held == (2,) and is_written and shadow_partitions.orphans(warehouse.conn) != []


def partition(warehouse: ArchivingWarehouse) -> int:
    """The identity of the month's partition."""
    name = partition_name(LISTENING_EVENTS.name, SWAPPED)
    [(oid,)] = warehouse.conn.execute("SELECT %s::regclass::oid", [name])
    return int(oid)


def is_done(warehouse: ArchivingWarehouse, old: int) -> bool:
    """Whether the month is swapped and derived, all others have left, and no run seems to be under way."""
    [left] = warehouse.conn.execute(
        "SELECT (SELECT count(*) FROM invalidated_user_months),"
        " (SELECT count(*) FROM listening_events WHERE played_at < '2023-11-01'),"
        " (SELECT count(*) FROM dagster.runs WHERE status NOT IN ('SUCCESS', 'FAILURE'))"
    )
    return left == (0, 0, 0) and partition(warehouse) != old


def assert_all_is_well(warehouse: ArchivingWarehouse, files: Path) -> None:
    assert invariants.check(warehouse.conn) == []
    assert verify.verify(warehouse.session()).differences == []
    assert shadow_partitions.orphans(warehouse.conn) == []
    parts = {part.folder for part in archive.archived_parts(warehouse.conn)}
    assert {str(path.relative_to(files)) for path in files.glob("month=*/*")} == parts
