import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.runtime.embedded import postgres_of, redis_of
from myi_pipelines_tests.support.cli_fixtures import Myi

pytestmark = pytest.mark.slow


def test_servers_of_the_users_own_are_shown_and_left_alone(myi: Myi, conn: psycopg.Connection) -> None:
    status = myi("services", "status").stdout
    assert status.count("your own") == 2
    assert status.count("running") == 2
    assert myi("services", "start").stdout.startswith("nothing to start")
    assert myi("services", "stop").stdout == "nothing was running\n"
    conn.execute("SELECT 1")


def test_the_owners_url_is_what_was_set(myi: Myi, database_url: str) -> None:
    assert myi("url", "--admin").stdout == f"{database_url}\n"


def test_a_part_of_the_url_can_be_had_for_a_form(myi: Myi) -> None:
    assert myi("url", "--only", "user").stdout == "myi_reader\n"
    assert myi("url", "--admin", "--only", "user").stdout == "myi\n"
    assert myi("url", "--only", "port").stdout == "\n"


def test_env_makes_dagsters_own_commands_work(myi: Myi, tmp_path: Path, database_url: str) -> None:
    lines = myi("env").stdout.splitlines()
    assert f"export DAGSTER_HOME={tmp_path}/.myi/dagster" in lines
    assert any(line.startswith("export MYI_DAGSTER_DATABASE_URL='postgresql://") for line in lines)
    assert (tmp_path / ".myi" / "dagster" / "dagster.yaml").exists()


def test_after_env_a_new_warehouse_has_its_tables(
    myi: Myi, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_DATABASE_URL", empty_database_url)
    myi("env")
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("SELECT to_regclass('public.listening_events') IS NOT NULL").fetchone() == (True,)


def test_doctor_finds_nothing_wrong_and_says_what_to_do_when_it_does(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = myi("doctor")
    assert "✗" not in healthy.stdout
    assert healthy.exit_code == 0
    monkeypatch.setenv("MYI_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("MYI_UPLOADS", "/dev/null")
    monkeypatch.setenv("MYI_ENCRYPTION_KEY", "abc")
    monkeypatch.setenv("MYI_PORT", "3001")
    sick = myi("doctor")
    assert sick.exit_code == 1
    wrong = [line for line in sick.stdout.splitlines() if line.startswith("✗")]
    assert [line.split()[1] for line in wrong] == ["uploads", "Redis", "key", "port"]
    assert all("→" in line for line in wrong)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / ".myi"
    postgres_of(tmp_path / ".myi").stop()
    redis_of(tmp_path / ".myi").stop()


def test_the_embedded_servers_start_when_needed_and_stop_on_request(home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}

    def myi(
        *arguments: str, code: str = "from myi_pipelines.cli import main; main()"
    ) -> subprocess.CompletedProcess[str]:
        project = str(Path(__file__).parents[3])
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=home.parent,
            env=environment | {"PYTHONPATH": project},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "stopped" in myi("services", "status").stdout
    url = myi("url")
    assert "started PostgreSQL;" in url.stderr
    with psycopg.connect(url.stdout.strip()) as conn:
        assert conn.info.server_version >= 180000
    assert myi("sql", "--format", "csv", "SELECT count(*) AS n FROM users").stdout == "n\n0\n"
    assert myi("services", "start").stdout.startswith("started Redis\n")
    assert myi("services", "start").stdout.startswith("nothing to start\n")
    assert myi("services", "stop").stdout == "stopped Redis and PostgreSQL\n"
    assert "running" not in myi("services", "status").stdout
    asked = myi(code="import myi_pipelines as myi; myi.connect()")
    assert asked.stderr.endswith("the warehouse has no listener yet: `myi import PATH --user NAME`\n")
    assert myi("services", "stop").stdout == "stopped PostgreSQL\n"
