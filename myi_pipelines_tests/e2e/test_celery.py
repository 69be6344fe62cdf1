"""Runs spread over workers: the compose file's worker, twice, as separate processes with Redis between. What the daemon
does is done here, step by step, so that nobody waits for its intervals."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import dagster as dg
import psycopg
import pytest
from dagster import DagsterInstance
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from myi_pipelines.orchestration.instance import active_runs
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.warehouse.user_months import UserMonth, lock_user_month
from myi_pipelines.warehouse.users import user_named
from myi_pipelines_tests.support import compose
from myi_pipelines_tests.support.compose import Processes, free_port
from myi_pipelines_tests.support.dagster_harness import Harness, count, export, months_of_export

pytestmark = pytest.mark.filterwarnings("ignore")  # Dagster's daemon and graph use what Dagster has deprecated

CELERY = PROJECT / "deploy/celery"
SECONDS = 120
PLAYS = 120
APART = timedelta(hours=48)
ASSETS = [
    dg.AssetKey(name)
    for name in (
        "listening_events",
        "user_track_months",
        "user_track_stats",
        "user_artist_stats",
        "user_year_top_tracks",
        "user_time_bucket_stats",
        "user_hour_stats",
    )
]
EVENTS = "SELECT user_id, track_id, played_at, ms_played, source FROM listening_events ORDER BY 1, 2, 3"

Found = TypeVar("Found")


class Cluster(NamedTuple):
    """Dagster on Celery: a code server, a worker of each name in ``workers``, and the daemon's part played here."""

    instance: DagsterInstance
    context: WorkspaceProcessContext
    workers: dict[str, Processes]

    def backfill(self, months: Sequence[date]) -> str:
        """Ask for a backfill; returns its id."""
        backfill_id = f"months-{months[0]:%Y-%m}"
        self.instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id=backfill_id,
                asset_graph=self.context.create_request_context().asset_graph,
                partition_names=[month.isoformat() for month in months],
                asset_selection=ASSETS,
                backfill_timestamp=time.time(),
                tags={},
                dynamic_partitions_store=self.instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )
        return backfill_id

    def tick(self) -> None:
        """What the daemon does every few seconds: backfills, retries, the queue."""
        list(execute_backfill_iteration(self.context, logging.getLogger("backfill")))
        list(EventLogConsumerDaemon().run_iteration(self.context))
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(self.context))

    def runs_of(self, backfill_id: str) -> list[dg.DagsterRun]:
        """A backfill's runs, oldest first."""
        found = self.instance.get_run_records(
            dg.RunsFilter(tags={"dagster/backfill": backfill_id}), ascending=True, order_by="create_timestamp"
        )
        return [record.dagster_run for record in found]

    def wait_for(self, what: str, look: Callable[[], Found], *, ticking: bool = False) -> Found:
        """Wait until ``look`` finds something, and return it."""
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                said = [f"{name}: {worker.said('worker')}" for name, worker in self.workers.items()]
                pytest.fail("\n".join([f"{what}: not within {SECONDS} s", *said]))
            time.sleep(0.3)
            if ticking:
                self.tick()
        return found


@pytest.fixture
def cluster(tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    settings = load_settings(
        home=tmp_path / "home", uploads=tmp_path / "uploads", database_url=database_url, redis_url=redis_url
    )
    prepare_dagster_home(settings)
    configuration = settings.dagster_home / "dagster.yaml"
    configuration.unlink()
    configuration.symlink_to(CELERY / "dagster.yaml")
    environment = dagster_environment(settings) | {"DAGSTER_GRPC_HOST": "127.0.0.1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    file = compose.read({"WORKER_CONCURRENCY": "1"})

    def services(name: str) -> Processes:
        (tmp_path / name).mkdir()
        here = {"/opt/myi": str(PROJECT), "4000": str(port), "runs@%h": f"{name}@%h", "0.0.0.0": "127.0.0.1"}
        return Processes(file, tmp_path / name, here, environment)

    code, workers = services("code"), {name: services(name) for name in ("first", "second")}
    try:
        code.start("code")
        workers["first"].start("worker")
        code.wait_until_healthy("code", port, SECONDS)
        target = GrpcServerTarget("127.0.0.1", port, None, "myi")
        with DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as context:
            yield Cluster(instance, context, workers)
    finally:
        for one in (code, *workers.values()):
            one.stop()


@pytest.mark.thorough
def test_what_a_killed_worker_had_begun_another_one_finishes(
    cluster: Cluster, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(database_url, tmp_path / "uploads")
    months = months_of_export(PLAYS, apart=APART)
    early, late = months[: len(months) // 2], months[len(months) // 2 :]
    with psycopg.connect(database_url, autocommit=True) as conn, DagsterInstance.ephemeral() as ephemeral:
        history = harness.drop("anna", "history.json", export(PLAYS, apart=APART))
        assert harness.run_import(ephemeral, "anna", [history]).success
        events = conn.execute(EVENTS).fetchall()
        conn.execute("DELETE FROM listening_events")
        anna = user_named(conn, "anna")
        cluster.tick()

        with psycopg.connect(database_url) as one, psycopg.connect(database_url) as other:
            lock_user_month(one, UserMonth(anna, early[1]))
            lock_user_month(other, UserMonth(anna, late[1]))
            first = cluster.backfill(early)
            cluster.wait_for("a run on the first worker", lambda: _waits_for(conn, one), ticking=True)
            cluster.workers["second"].start("worker")
            second = cluster.backfill(late)
            cluster.wait_for("a run on the second worker as well", lambda: _waits_for(conn, other), ticking=True)
            cluster.workers["first"].kill("worker")

        [killed] = cluster.runs_of(first)
        monkeypatch.setattr(active_runs, "SECONDS_UNTIL_SILENT", 1)
        dead = cluster.wait_for("the run known to be dead", lambda: active_runs.end_dead_runs(cluster.instance, conn))
        assert dead == [killed.run_id]
        cluster.wait_for("its heir", lambda: _succeeded(cluster, first, parent=killed.run_id), ticking=True)
        cluster.wait_for("the other backfill", lambda: _succeeded(cluster, second, parent=None), ticking=True)
        assert conn.execute(EVENTS).fetchall() == events
        assert count(conn, "SELECT count(*) FROM invalidated_user_months") == 0
        assert count(conn, "SELECT total_play_count FROM users") == len(events)


def _succeeded(cluster: Cluster, backfill_id: str, *, parent: str | None) -> bool:
    return any(run.is_success and run.parent_run_id == parent for run in cluster.runs_of(backfill_id))


def _waits_for(conn: psycopg.Connection, holder: psycopg.Connection) -> bool:
    """Whether another connection waits for what ``holder`` holds."""
    pid = holder.info.backend_pid
    return count(conn, f"SELECT count(*) FROM pg_stat_activity WHERE {pid} = ANY (pg_blocking_pids(pid))") > 0
