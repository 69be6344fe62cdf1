"""``myi demo --exit`` from nothing to the report, with the servers, the daemon and the sensor that users have."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from myi_pipelines import embedded
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.database import connect

SECONDS = 300


def demo(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    own = {"MYI_HOME": str(folder / "home"), "MYI_UPLOADS": str(folder / "uploads"), "MYI_PORT": str(port)}
    return subprocess.run(
        [sys.executable, "-c", "from myi_pipelines.cli import main; main()", "demo", "--exit", "--plays", "2000"],
        env={name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))} | own,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(folder: Path) -> list[list[str]]:
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if any(str(folder) in word for word in line)]


def test_the_demo_imports_its_sample_and_reports(tmp_path: Path) -> None:
    first = demo(tmp_path, free_port())
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stdout + first.stderr
    for listener in ("ada", "bela", "chandra"):
        assert listener in first.stdout
        assert list((tmp_path / "uploads" / listener / "imported").glob("*.zip"))
        assert not list((tmp_path / "uploads" / listener).glob("*.zip"))
        assert not (tmp_path / "uploads" / listener / "failed").exists()
    assert "Top tracks" in first.stdout
    assert processes_of(tmp_path) == []

    second = demo(tmp_path, free_port())
    assert second.returncode == 0, second.stderr
    assert "Top tracks" in second.stdout

    cluster = embedded.postgres_of(tmp_path / "home")
    cluster.start()
    try:
        with connect(cluster.url(embedded.WAREHOUSE_DATABASE)) as conn:
            assert invariants.check(conn) == []
            assert conn.execute("SELECT count(*) FROM stale_slices").fetchone() == (0,)
            assert conn.execute("SELECT status::text, count(*) FROM import_jobs GROUP BY 1").fetchall() == [
                ("COMPLETED", 5)
            ]
    finally:
        cluster.stop()
