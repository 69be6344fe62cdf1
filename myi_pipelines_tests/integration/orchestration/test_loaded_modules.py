"""What a process loads: a library that only some runs need costs every other start its time and memory.

A test that fails here names what was loaded. Import it where it is used, inside the function.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.exports import write_export
from myi_pipelines.settings import PROJECT

pytestmark = pytest.mark.slow

DRAWING_AND_TABLES = {"matplotlib", "PIL", "pandas", "numpy", "pyarrow"}
SPOTIFY = {"requests", "urllib3", "spotipy", "redis", "limits", "cryptography", "pybreaker", "tenacity"}
MESSAGES_AND_METRICS = {"apprise", "prometheus_client"}
SERVERS = {"grpc", "starlette", "uvicorn", "dagster_webserver", "dagster_graphql"}

IMPORT = """
import sys
from myi_pipelines.cli import main
sys.argv = ["myi", "import", "export.zip", "--user", "anna"]
try:
    main()
except SystemExit as ended:
    if ended.code:
        raise
"""


def loaded(program: str, libraries: set[str], folder: Path = PROJECT, **variables: str) -> set[str]:
    """Which of some libraries a fresh Python has loaded when it has run a program."""
    said = "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-c", program + said],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return libraries & set(done.stdout.splitlines()[-1].split())


def test_loading_is_noticed() -> None:
    assert loaded("import redis, cryptography", SPOTIFY) >= {"redis", "cryptography"}


@pytest.mark.thorough
def test_the_definitions_load_what_every_run_needs_and_no_more() -> None:
    rarely_needed = DRAWING_AND_TABLES | SPOTIFY | MESSAGES_AND_METRICS | SERVERS
    assert (
        loaded("import myi_pipelines.definitions", rarely_needed | {"fsspec", "sqlalchemy", "rich", "typer"}) == set()
    )


@pytest.mark.thorough
def test_a_poll_loads_the_client_of_spotify_and_no_tables() -> None:
    modules = ("definitions", "ingest.spotify.app_settings", "ingest.spotify.polling")
    program = f"import {', '.join(f'myi_pipelines.{module}' for module in modules)}"
    assert loaded(program, DRAWING_AND_TABLES | MESSAGES_AND_METRICS | SERVERS) == set()


@pytest.mark.long
def test_an_import_loads_what_it_needs_and_no_more(database_url: str, tmp_path: Path) -> None:
    write_export(tmp_path / "export.zip", rows=500, seed=1, years=1)
    rarely_needed = DRAWING_AND_TABLES | SPOTIFY | MESSAGES_AND_METRICS | SERVERS
    variables = {"MYI_HOME": str(tmp_path / "home"), "MYI_DATABASE_URL": database_url}
    assert loaded(IMPORT, rarely_needed, tmp_path, **variables) == set()
