"""A database that goes away in the middle of a command is one line at the terminal, and what was committed stays so."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.settings import PROJECT
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.import_jobs import list_jobs
from myi_pipelines_tests.support.dagster_harness import export
from myi_pipelines_tests.support.killable_import import listener
from myi_pipelines_tests.support.killable_processes import DATABASE, durable_server, kill_server
from myi_pipelines_tests.support.lost_answers import losing_the_answer_to_commit
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse


def test_an_import_whose_server_dies_says_so_in_one_line(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "history.json").write_text(export(60_000, apart=timedelta(hours=2)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    with durable_server(tmp_path / "postgres") as server:
        environment |= {"MYI_HOME": str(tmp_path / "home"), "MYI_DATABASE_URL": server.url(DATABASE)}
        environment |= {"MYI_REDIS_URL": redis_url, "PYTHONPATH": str(PROJECT)}
        command = [sys.executable, "-c", "from myi_pipelines.cli import main; main()"]
        importing = subprocess.Popen(
            [*command, "import", "history.json", "--user", "anna"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with psycopg.connect(server.url(DATABASE), autocommit=True) as conn:
            deadline = time.monotonic() + 60
            while not conn.execute("SELECT FROM import_jobs").rowcount:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        kill_server(server)
        said = importing.communicate(timeout=120)[1]
    assert importing.returncode == 1
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("myi: ")]
    assert len(lines) == 1, said
    assert "what it had done is kept" in lines[0] or "check MYI_DATABASE_URL" in lines[0]


def test_an_import_stays_completed_where_the_answer_to_its_commit_is_lost(database_url: str) -> None:
    plays = listener("ada").files[0][:50]
    with open_warehouse(database_url) as warehouse:
        user_id = warehouse.user("ada", "UTC")
        with (
            losing_the_answer_to_commit(database_url, after=b"last_ingested_at") as url,
            connect(url) as conn,
            pytest.raises(psycopg.OperationalError),
        ):
            Warehouse(conn, warehouse.status_conn).land(user_id, plays)
        [job] = list_jobs(warehouse.conn)
        assert (job.status, job.error_message) == ("COMPLETED", None)
        assert warehouse.land(user_id, plays).known
