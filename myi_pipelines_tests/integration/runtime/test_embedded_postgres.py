import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

from myi_pipelines.runtime.embedded import postgres
from myi_pipelines.runtime.embedded.postgres import Cluster, IncompatibleCluster, PostgresFailed

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "postgres", databases=("one",), throwaway=True)
    yield made
    made.stop()


def write(cluster: Cluster, number: int) -> None:
    with psycopg.connect(cluster.url("one")) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        conn.execute("INSERT INTO kept VALUES (%s)", [number])


def read(cluster: Cluster) -> list[int]:
    with psycopg.connect(cluster.url("one")) as conn:
        return [number for (number,) in conn.execute("SELECT number FROM kept ORDER BY number")]


def test_data_outlives_the_server(cluster: Cluster) -> None:
    assert cluster.start()
    assert not cluster.start()
    write(cluster, 1)
    assert cluster.stop()
    assert not cluster.stop()
    assert cluster.pid() is None
    assert cluster.start()
    assert read(cluster) == [1]


def test_a_database_sorts_the_same_on_every_machine_and_keeps_time_in_utc(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.url("one")) as conn:
        found = conn.execute(
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, current_setting('timezone'),"
            " current_setting('jit') FROM pg_database WHERE datname = 'one'"
        ).fetchone()
    assert found == ("UTF8", "b", "C.UTF-8", "UTC", "off")


def test_a_killed_server_is_started_again_with_its_data(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "postgres", databases=("one",))  # Durable, as users have it.
    cluster.start()
    write(cluster, 1)
    with psycopg.connect(cluster.url("one")) as conn:  # A backend that outlives the killed server.
        pid = cluster.pid()
        assert pid is not None
        psutil.Process(pid).kill()
        assert cluster.start()
        assert cluster.pid() != pid
        assert read(cluster) == [1]
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
    cluster.stop()


@pytest.mark.few(2)
@pytest.mark.parametrize("pid", ["mine", "1", "999999999", "", "x"])
def test_a_pid_file_that_names_another_process_is_not_believed(cluster: Cluster, pid: str) -> None:
    cluster.start()
    old = (cluster.folder / "postmaster.pid").read_text()
    cluster.stop()
    (cluster.folder / "postmaster.pid").write_text(
        "\n".join([pid.replace("mine", str(os.getpid())), *old.splitlines()[1:]])
    )
    assert cluster.pid() is None
    assert cluster.start()


def test_a_killed_initdb_leaves_nothing_behind(cluster: Cluster) -> None:
    unfinished = cluster.folder.with_name("postgres.unfinished")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    cluster.start()
    assert not unfinished.exists()


def test_two_processes_may_start_it_at_once(cluster: Cluster) -> None:
    code = f"""
from pathlib import Path
from myi_pipelines.runtime.embedded.postgres import Cluster
print(Cluster(Path({str(cluster.folder)!r}), databases=("one",), throwaway=True).start())
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate(timeout=60)[0].strip() for process in both) == ["False", "True"]
    write(cluster, 1)


def test_a_path_too_long_for_a_socket_is_fine(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / ("x" * 100) / "postgres", databases=("one",), throwaway=True)
    try:
        cluster.start()
        write(cluster, 1)
    finally:
        cluster.stop()


def test_a_folder_removed_under_a_running_server_does_not_stop_the_next(cluster: Cluster) -> None:
    cluster.start()
    before = cluster.pid()
    assert before is not None
    cluster.folder.rename(cluster.folder.with_name("gone"))
    assert cluster.start()
    assert not psutil.pid_exists(before) or psutil.Process(before).status() == psutil.STATUS_ZOMBIE


def test_a_cluster_of_another_version_is_refused_in_one_line(cluster: Cluster) -> None:
    cluster.folder.mkdir()
    (cluster.folder / "PG_VERSION").write_text("17\n")
    with pytest.raises(IncompatibleCluster, match="made by PostgreSQL 17, and this version of MYI carries 18"):
        cluster.start()


def test_a_folder_with_other_things_in_it_is_left_alone(cluster: Cluster) -> None:
    cluster.folder.mkdir()
    (cluster.folder / "thesis.txt").write_text("mine")
    with pytest.raises(PostgresFailed, match="neither empty nor a PostgreSQL cluster"):
        cluster.start()
    assert (cluster.folder / "thesis.txt").read_text() == "mine"


def test_a_server_that_cannot_start_says_why_in_one_line(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.folder / "postgresql.local.conf").write_text("work_mem = 'plenty'\n")
    with pytest.raises(PostgresFailed) as caught:
        cluster.start()
    assert "work_mem" in str(caught.value) or "configuration file" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_of_the_user_are_kept(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.folder / "postgresql.local.conf").write_text("work_mem = '5MB'\n")
    cluster.start()
    with psycopg.connect(cluster.url("one")) as conn:
        assert conn.execute("SHOW work_mem").fetchone() == ("5MB",)


def test_the_owner_of_the_databases_is_no_superuser(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.url("one"), autocommit=True) as conn:
        for attempt in (
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('PG_VERSION')",
            "ALTER SYSTEM RESET ALL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(attempt)


LENT = """
SELECT datname FROM pg_database
WHERE datallowconn AND (has_database_privilege('public', oid, 'CONNECT')
                        OR has_database_privilege('public', oid, 'TEMPORARY'))
"""


def test_a_cluster_that_lent_everybody_its_databases_does_not_after_its_next_start(cluster: Cluster) -> None:
    """As an earlier version made it."""
    cluster.start()
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as conn:
        conn.execute("GRANT CONNECT, TEMPORARY ON DATABASE one, postgres, template1 TO PUBLIC")
        conn.execute("CREATE ROLE another LOGIN")
    for database in ("one", "postgres", "template1"):
        with psycopg.connect(cluster.superuser_url(database), autocommit=True) as conn:
            conn.execute("GRANT EXECUTE ON FUNCTION lo_create, lo_put, lowrite TO PUBLIC")
    assert not cluster.start()
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as conn:
        assert conn.execute(LENT).fetchall() == []
    for database in ("one", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(cluster.url(database).replace("//myi@", "//another@"))
        with psycopg.connect(cluster.superuser_url(database), autocommit=True) as conn:
            conn.execute("SET ROLE another")
            for attempt in ("SELECT lo_create(0)", "SELECT pg_logical_emit_message(false, 'x', 'x')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(attempt.encode())
    write(cluster, 1)
    with psycopg.connect(cluster.url("one")) as conn:
        conn.execute("CREATE TEMPORARY TABLE mine ()")


OF_BEFORE = """
CREATE TABLE kept (number int GENERATED ALWAYS AS IDENTITY, of_time date) PARTITION BY RANGE (of_time);
CREATE TABLE kept_2024 PARTITION OF kept FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO kept (of_time) VALUES ('2024-02-29');
CREATE VIEW kept_view AS SELECT * FROM kept;
CREATE SEQUENCE lone;
CREATE TYPE mood AS ENUM ('good');
CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA shadow;
CREATE TABLE shadow.one ();
"""
LEFT = """
SELECT relname FROM pg_class WHERE relowner = 10 AND oid >= 16384
UNION ALL SELECT proname FROM pg_proc WHERE proowner = 10 AND oid >= 16384
UNION ALL SELECT typname FROM pg_type WHERE typowner = 10 AND oid >= 16384
UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner = 10 AND oid >= 16384
UNION ALL SELECT datname FROM pg_database WHERE datdba = 10 AND datname = 'one'
"""


def test_a_cluster_whose_owner_was_the_superuser_is_taken_over(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(postgres, "SUPERUSER", postgres.ROLE)
        before.setattr(Cluster, "_create_roles", lambda self: None)
        cluster.start()
        with psycopg.connect(cluster.url("one"), autocommit=True) as conn:
            conn.execute(OF_BEFORE)
        cluster.stop()
    cluster.start()
    cluster.stop()
    assert cluster.start()
    with psycopg.connect(cluster.superuser_url("one"), autocommit=True) as conn:
        assert conn.execute(LEFT).fetchall() == []
        assert conn.execute("SELECT rolname FROM pg_roles WHERE rolsuper").fetchall() == [("postgres",)]
    with psycopg.connect(cluster.url("one"), autocommit=True) as conn:
        assert conn.execute("SELECT * FROM kept_view").fetchall() == [(1, date(2024, 2, 29))]
        conn.execute("DROP SCHEMA shadow CASCADE; ALTER TABLE kept ADD COLUMN more int; CREATE TABLE another ()")
