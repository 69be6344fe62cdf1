"""A runner for ``myi`` on servers of the user's own: those of the test session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from myi_pipelines.cli import app

Myi = Callable[..., Result]


@pytest.fixture
def myi(tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Myi:
    """Runs ``myi ARGUMENTS`` in an empty folder."""
    for name in [name for name in os.environ if name.startswith(("MYI_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYI_DATABASE_URL", database_url)
    monkeypatch.setenv("MYI_REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    return run
