"""A runner for ``myi`` on servers of the user's own: those of the test session."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from myi_pipelines.cli import app

Myi = Callable[..., Result]


@pytest.fixture
def myi(tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Myi:
    """Runs ``myi ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYI_HOME")
    monkeypatch.setenv("MYI_DATABASE_URL", database_url)
    monkeypatch.setenv("MYI_REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    return run
