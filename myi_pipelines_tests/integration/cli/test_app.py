import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from myi_pipelines.cli import app
from myi_pipelines.settings import PROJECT
from myi_pipelines_tests.support.cli_fixtures import Myi


@pytest.mark.parametrize(
    "command",
    [(), ("services",), ("url",), ("env",), ("sql",), ("users",), ("settings",), ("jobs",), ("up",), ("doctor",)],
)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert CliRunner().invoke(app, ["--version"]).stdout == f"myi {project['version']}\n"


def test_help_imports_neither_dagster_nor_a_database_driver() -> None:
    code = (
        "import sys; from myi_pipelines.cli import app; app(['--help'], standalone_mode=False);"
        "print({'dagster', 'psycopg', 'redis', 'pandas'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"


def test_a_wrong_setting_is_one_line(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_PORT", "abc")
    result = myi("users")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == 'myi: MYI_PORT="abc": expected a whole number from 1 to 65535\n'


def test_a_misspelled_setting_is_a_warning(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_PROT", "3001")
    result = myi("url")
    assert result.exit_code == 0
    assert result.stderr == "warning: MYI_PROT is not a setting of MYI; did you mean MYI_PORT?\n"


def test_a_server_that_cannot_be_reached_is_one_line(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_DATABASE_URL", "postgresql://anna:secret@127.0.0.1:1/x")
    result = myi("users")
    assert result.exit_code == 1
    assert result.stderr.startswith("myi: PostgreSQL: connection failed")
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


def test_a_home_that_is_a_file_is_one_line(myi: Myi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("MYI_HOME", str(tmp_path / "home"))
    result = myi("users")
    assert result.exit_code == 1
    assert result.stderr == (
        f'myi: MYI_HOME="{tmp_path / "home"}": expected a folder, or a path at which one can be made: this is a file\n'
    )
