"""A server that is killed during an import or a backfill, and an import whose process died: nothing is lost."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.operations import verify
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.import_jobs import ImportJob, JobInProgress, list_jobs
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import killable_import, reference
from myi_pipelines_tests.support.killable_processes import (
    DATABASE,
    durable_server,
    kill_server,
    start_killable,
    wait_until_gone,
    wait_until_held,
)
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse, sha256_of

VICTIMS = int(os.environ.get("MYI_CRASH_VICTIMS", "3"))
SEED = random.SystemRandom().randrange(1_000_000) if "MYI_CRASH_VICTIMS" in os.environ else 7


@pytest.mark.few(1)
@pytest.mark.parametrize("doing", ["import", "backfill"])
def test_a_killed_server_loses_nothing_of_an_import_or_a_backfill(tmp_path: Path, doing: str) -> None:
    tag = "victim000"
    chance = random.Random(SEED)
    deaths = 0
    with durable_server(tmp_path / "postgres") as server:
        url = server.url(DATABASE)
        with open_warehouse(url) as warehouse:
            user_id = killable_import.prepare(warehouse, tag)
            if doing == "backfill":
                killable_import.import_upload(warehouse, tag)
        for _ in range(VICTIMS):
            if doing == "backfill":
                with open_warehouse(url) as warehouse:
                    make_wrong(warehouse, user_id)
            with start_killable("killable_import", url, tag, doing) as killable:
                time.sleep(chance.uniform(0, 0.6))
                kill_server(server)
                killable.communicate(timeout=30)
            deaths += killable.returncode != 0
            server.start()
            with open_warehouse(url) as warehouse:
                assert invariants.check(warehouse.conn) == [], f"seed {SEED}"
                assert_whole_files(warehouse, tag)
        with open_warehouse(url) as warehouse:
            if doing == "backfill" and not any(warehouse.stale(user_id, stage) for stage in Stage):
                # It died before it had marked the months, or had derived them all: its user starts it again.
                killable_import.backfill(warehouse, tag)
            killable_import.import_upload(warehouse, tag)
            assert invariants.check(warehouse.conn) == []
            assert verify.verify(warehouse.session()).differences == []
            assert warehouse.tables(user_id) == reference.derive({tag: killable_import.landing(tag)})[tag]
    assert deaths > 0, "every process was done before its server was killed"


def test_a_server_killed_at_the_last_statement_of_a_landing_has_nothing_of_it(tmp_path: Path) -> None:
    tag = "victim000"
    with durable_server(tmp_path / "postgres") as server:
        url = server.url(DATABASE)
        with open_warehouse(url) as warehouse:
            user_id = killable_import.prepare(warehouse, tag)
            before = warehouse.rows(user_id)
            with warehouse.status_conn.transaction(force_rollback=True):
                warehouse.status_conn.execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", [user_id])
                with start_killable("killable_import", url, tag) as killable:
                    wait_until_held(warehouse.conn, warehouse.status_conn)
                    kill_server(server)
                    killable.communicate(timeout=30)
                    server.start()
                warehouse.status_conn.close()
        with open_warehouse(url) as warehouse:
            cut_short, earlier = list_jobs(warehouse.conn)
            assert earlier.status == "COMPLETED"
            # The process's other session may notice last that the server is gone, and still write the failure down.
            assert cut_short.status in ("PROCESSING", "FAILED")
            assert_whole_files(warehouse, tag)
            after = warehouse.rows(user_id)
            # Names land before the plays; of a track that was polled they may have told the artist and the album.
            told_by_names: dict[str, list[tuple[Any, ...]]] = {"user_artist_stats": [], "user_album_stats": []}
            assert after | told_by_names == before | told_by_names
            assert invariants.check(warehouse.conn) == []
            killable_import.import_upload(warehouse, tag)
            assert warehouse.tables(user_id) == reference.derive({tag: killable_import.landing(tag)})[tag]


def assert_whole_files(warehouse: Warehouse, tag: str) -> None:
    """The earlier export's plays are there, and all of the upload's or none."""
    [(landed,)] = warehouse.conn.execute(
        "SELECT count(*) FROM imported_plays JOIN users ON users.id = user_id WHERE name = %s", [tag]
    )
    done = any(job.status == "COMPLETED" and is_upload(job, tag) for job in list_jobs(warehouse.conn, user=tag))
    earlier, upload = killable_import.listener(tag).files
    assert landed == len({*earlier, *(upload if done else ())}), f"seed {SEED}"


def make_wrong(warehouse: Warehouse, user_id: int) -> None:
    """Some events are missing and others are wrong, and the statistics agree with them."""
    warehouse.conn.execute("DELETE FROM listening_events WHERE id % 3 = 0")
    warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1 WHERE id % 3 = 1")
    warehouse.refresh(user_id, [one.month for one in warehouse.user_months_of(user_id)])


def test_a_job_whose_process_died_is_taken_up_again(warehouse: Warehouse, database_url: str) -> None:
    user_id = warehouse.user("victim000", killable_import.TIMEZONE)
    with start_killable("killable_import", database_url, "victim000", "halt") as killable:
        assert killable.stdout is not None
        assert killable.stdout.readline() == "half way\n"
        [dying] = list_jobs(warehouse.conn)
        with pytest.raises(JobInProgress):
            killable_import.import_upload(warehouse, "victim000")
        killable.kill()
    wait_until_gone(warehouse.conn, killable_import.APPLICATION)
    [dead] = list_jobs(warehouse.conn)
    assert warehouse.rows(user_id)["listening_events"] == []

    landed = killable_import.import_upload(warehouse, "victim000")

    [done] = list_jobs(warehouse.conn)
    assert (dying.id, dying.status) == (dead.id, dead.status) == (landed.job_id, "PROCESSING")
    assert 0 < dead.processed_rows < landed.total_rows
    assert (done.id, done.status, done.total_rows) == (landed.job_id, "COMPLETED", landed.total_rows)


def is_upload(job: ImportJob, tag: str) -> bool:
    return job.sha256 == sha256_of(killable_import.listener(tag).files[1])
