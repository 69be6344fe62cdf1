import os
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance, job, op

from myi_pipelines.runtime.dagster_home import HomeNotWritable, dagster_environment, prepare_dagster_home
from myi_pipelines.settings import PROJECT, SettingsError, load_settings


@op
def one() -> int:
    return 1


@job
def small() -> None:
    one()


def test_a_run_is_stored_in_the_schema_dagster_of_the_users_own_database(
    tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(home=tmp_path, database_url=database_url, redis_url=redis_url)
    prepare_dagster_home(settings)
    prepare_dagster_home(settings)
    for name, value in dagster_environment(settings).items():
        monkeypatch.setenv(name, value)
    with DagsterInstance.get() as instance:
        assert small.execute_in_process(instance=instance).success
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT status FROM dagster.runs").fetchall() == [("SUCCESS",)]
        # A schema of its own: nothing of Dagster's among the warehouse's tables.
        assert conn.execute("SELECT to_regclass('public.event_logs')").fetchone() == (None,)


def test_the_instance_is_configured_by_the_projects_file(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    settings.dagster_home.mkdir()
    (settings.dagster_home / "dagster.yaml").write_text("an old copy")
    prepare_dagster_home(settings)
    assert (settings.dagster_home / "dagster.yaml").resolve() == PROJECT / "dagster.yaml"


def test_another_configuration_takes_the_place_of_the_projects(tmp_path: Path) -> None:
    prepare_dagster_home(load_settings(home=tmp_path))
    own = tmp_path / "own.yaml"
    settings = load_settings(home=tmp_path, dagster_yaml=own)
    with pytest.raises(SettingsError, match=rf'MYI_DAGSTER_YAML="{own}": expected a file'):
        prepare_dagster_home(settings)
    own.touch()
    prepare_dagster_home(settings)
    assert (settings.dagster_home / "dagster.yaml").readlink() == own


def test_a_child_process_gets_every_setting(tmp_path: Path) -> None:
    environment = dagster_environment(load_settings(home=tmp_path, min_play_ms=7, uploads=Path("there")))
    assert environment["MYI_MIN_PLAY_MS"] == "7"
    assert environment["MYI_UPLOADS"] == str(Path.cwd() / "there")
    assert environment["DAGSTER_HOME"] == str(tmp_path / "dagster")
    assert {name for name in environment if not name.startswith("MYI_")} == {"DAGSTER_HOME"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(HomeNotWritable, match="Permission denied; set MYI_HOME to a folder of your own"):
        prepare_dagster_home(load_settings(home=tmp_path / "home"))
