"""The shape of docker-compose.yml as processes: its own commands and health checks, against real servers."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from dagster import DagsterInstance

from myi_pipelines.settings import PROJECT
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines.warehouse.users import ensure_user, user_named
from myi_pipelines_tests.support import compose
from myi_pipelines_tests.support.compose import Processes, free_port
from myi_pipelines_tests.support.dagster_harness import Harness, count, export, months_of_export

SECONDS = 120
"""How long to wait for anything, on a machine that is busy with other things."""

PLAYS = 300
APART = timedelta(hours=48)
DERIVED = (
    "user_track_stats", "user_artist_stats", "user_album_stats", "user_year_top_tracks", "user_time_bucket_stats",
    "user_weekday_hour_stats", "user_hour_stats", "user_month_contexts", "user_context_stats",
)  # fmt: skip
ASSETS = ("listening_events", "user_track_months", *DERIVED, "users")
EVENTS = "SELECT user_id, track_id, played_at, ms_played, source FROM listening_events ORDER BY 1, 2, 3"

LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
PROGRESS = """
{
  assetNodeOrError(assetKey: {path: ["listening_events"]}) {
    ... on AssetNode { partitionStats { numMaterialized numFailed } }
  }
}
"""
RUNS = """
query ($backfill: String!) {
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $backfill}]}) {
    ... on Runs { results { runId status parentRunId } }
  }
}
"""

Found = TypeVar("Found")


class Deployment(Processes):
    """The services, and what a browser asks of the webserver."""

    code_port: int
    ui_port: int
    metrics_port: int

    def ask(self, query: str, **variables: Any) -> Any:
        """What GraphQL answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ui_port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def runs_of(self, backfill: str) -> list[dict[str, Any]]:
        return list(self.ask(RUNS, backfill=backfill)["runsOrError"]["results"])

    def wait_for(self, what: str, look: Callable[[], Found]) -> Found:
        """Wait until ``look`` finds something, and return it."""
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, "\n".join(
                [f"{what}: not within {SECONDS} s", *(f"{name}: {self.said(name)}" for name in self.running)]
            )
            time.sleep(0.2)
        return found


@contextmanager
def deployed(folder: Path, database_url: str, redis_url: str) -> Iterator[Deployment]:
    """The services on some servers, none of them started."""
    code_port, ui_port, metrics_port = free_port(), free_port(), free_port()
    home, uploads = folder / "home", folder / "uploads"
    processes = Deployment(
        compose.read({}),
        folder,
        here={
            "/opt/myi": str(PROJECT),
            "/var/lib/myi": str(home),
            "/uploads": str(uploads),
            "/run/secrets": str(compose.secrets(folder)),
            "0.0.0.0": "127.0.0.1",
            "4000": str(code_port),
            "3000": str(ui_port),
            "9464": str(metrics_port),
        },
        environment={
            "MYI_DATABASE_URL": database_url,
            "MYI_REDIS_URL": redis_url,
            "DAGSTER_GRPC_HOST": "127.0.0.1",
        },
    )
    processes.code_port, processes.ui_port, processes.metrics_port = code_port, ui_port, metrics_port
    try:
        yield processes
    finally:
        processes.stop()


@pytest.fixture
def deployment(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Deployment]:
    with deployed(tmp_path, database_url, redis_url) as processes:
        yield processes


@pytest.mark.thorough
@pytest.mark.long
def test_a_killed_code_server_and_daemon_leave_nothing_undone(
    deployment: Deployment, database_url: str, tmp_path: Path
) -> None:
    harness = Harness(database_url, tmp_path / "uploads")
    months = months_of_export(PLAYS, apart=APART)
    with psycopg.connect(database_url, autocommit=True) as conn, DagsterInstance.ephemeral() as instance:
        migration = deployment.start("migrate")
        history = harness.drop("anna", "history.json", export(PLAYS, apart=APART))
        assert harness.run_import(instance, "anna", [history]).success
        assert migration.wait(SECONDS) == 0, deployment.said("migrate")
        deployment.start("code")
        events, stats = _events(conn), _stats(conn)
        conn.execute("DELETE FROM listening_events")
        harness.drop("ben", "history.json", export(40))

        deployment.wait_until_healthy("code", deployment.code_port, SECONDS)
        deployment.start("webserver")
        deployment.wait_until_healthy("webserver", deployment.ui_port, SECONDS)
        backfill = _launch(deployment, months)

        anna = user_named(conn, "anna")
        with psycopg.connect(database_url) as holder:
            middle, ben = months[len(months) // 2], ensure_user(conn, "ben")
            acquire(holder, exclusive(Lock.USER, ben), exclusive(Lock.USER_MONTH, anna, middle))
            deployment.start("daemon")
            deployment.wait_for("a run held up in the middle of its months", lambda: _waiting_for(conn, holder))
            deployment.wait_for("months that fill", lambda: _months_filled(conn, anna) > len(months) // 3)
            deployment.wait_for("ben's import held up as well", lambda: _waiting_for(conn, holder) == 2)
            [cut_short] = deployment.runs_of(backfill)
            deployment.kill("code", "daemon")
        assert _months_filled(conn, anna) < len(months)

        deployment.start("code")
        deployment.wait_until_healthy("code", deployment.code_port, SECONDS)
        deployment.start("daemon")
        deployment.wait_for("the second run of the backfill", lambda: _ended_well(deployment, backfill, cut_short))
        deployment.wait_for(
            "nothing invalidated", lambda: count(conn, "SELECT count(*) FROM invalidated_user_months") == 0
        )

        assert _events(conn, anna) == events
        assert [row for row in _stats(conn) if row[0] == anna] == stats
        assert count(conn, "SELECT total_play_count FROM users WHERE name = 'ben'") == 36
        deployment.start("metrics")
        deployment.wait_until_healthy("metrics", deployment.metrics_port, SECONDS)
        with urllib.request.urlopen(f"http://127.0.0.1:{deployment.metrics_port}/metrics", timeout=60) as metrics:
            assert "myi_invalidated_user_months 0.0" in metrics.read().decode()
        progress = deployment.ask(PROGRESS)["assetNodeOrError"]["partitionStats"]
        assert progress["numMaterialized"] >= len(months)


def _launch(deployment: Deployment, months: list[date]) -> str:
    answer = deployment.ask(
        LAUNCH,
        params={
            "assetSelection": [{"path": [asset]} for asset in ASSETS],
            "partitionNames": [month.isoformat() for month in months],
        },
    )["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def _ended_well(deployment: Deployment, backfill: str, cut_short: dict[str, Any]) -> bool:
    """Whether the run that was killed is known to be dead, and another has done its work."""
    runs = {run["runId"]: run for run in deployment.runs_of(backfill)}
    heirs = [run for run in runs.values() if run["parentRunId"] == cut_short["runId"]]
    return runs[cut_short["runId"]]["status"] == "FAILURE" and any(run["status"] == "SUCCESS" for run in heirs)


def _waiting_for(conn: psycopg.Connection, holder: psycopg.Connection) -> int:
    """How many runs wait for what ``holder`` holds."""
    pid = holder.info.backend_pid
    return count(
        conn,
        f"SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE {pid} = ANY (pg_blocking_pids(pid))",
    )


def _months_filled(conn: psycopg.Connection, user_id: int) -> int:
    return count(
        conn, f"SELECT count(DISTINCT date_trunc('month', played_at)) FROM listening_events WHERE user_id = {user_id}"
    )


def _events(conn: psycopg.Connection, user_id: int | None = None) -> list[tuple[Any, ...]]:
    return [row for row in conn.execute(EVENTS).fetchall() if user_id in (None, row[0])]


def _stats(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """What the statistics say, without when they were written."""
    rows = conn.execute(
        "SELECT user_id, track_id::text, play_count, total_ms FROM user_track_stats"
        " UNION ALL SELECT user_id, 'song ' || song_id, play_count, total_ms FROM user_song_stats"
        " UNION ALL SELECT user_id, 'artist ' || artist_id, play_count, total_ms FROM user_artist_stats"
        " UNION ALL SELECT user_id, year || ' ' || track_id, play_count, total_ms FROM user_year_top_tracks"
        " UNION ALL SELECT user_id, bucket_type || ' ' || bucket_date, play_count, total_ms FROM user_time_bucket_stats"
        " UNION ALL SELECT user_id, 'hour ' || hour, play_count, total_ms FROM user_hour_stats ORDER BY 1, 2"
    )
    return rows.fetchall()
