"""The command line in an environment that belongs to other programs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from myi_pipelines.runtime.embedded import postgres_of, redis_of
from myi_pipelines_tests.support.export_rows import as_json, extended

pytestmark = pytest.mark.slow

HOSTILE = {
    "COLUMNS": "200",
    "DAGSTER_HOME": "/nowhere",
    "FORCE_COLOR": "1",
    "LC_ALL": "C",
    "LINES": "7",
    "MYI_PORT": "1",
    "NO_COLOR": "1",
    "PGHOST": "nowhere",
    "PGUSER": "x",
    "PYTHONWARNINGS": "error",
    "REDIS_URL": "x",
    "TZ": "Asia/Kolkata",
}
"""What other programs read, set to values that would break a program which read them by accident."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / ".myi"
    postgres_of(tmp_path / ".myi").stop()
    redis_of(tmp_path / ".myi").stop()


def test_other_programs_settings_change_nothing(home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    (home.parent / "Streaming_History_Audio_2024_0.json").write_bytes(as_json([extended(), extended(ms_played=1)]))

    def myi(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from myi_pipelines.cli import main; main()", *arguments],
            cwd=home.parent,
            env=environment | HOSTILE,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    imported = myi("import", "Streaming_History_Audio_2024_0.json", "--user", "anna")
    assert imported.returncode == 0, imported.stderr
    assert myi("sql", "--format", "csv", "SELECT count(*) AS n FROM listening_events").stdout == "n\n1\n"
    doctor = myi("doctor")
    assert (doctor.returncode, doctor.stderr) == (0, ""), doctor.stdout
