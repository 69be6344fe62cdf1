"""What starting costs: processor time of ``myi import`` for a small file, and of the least that a run of Dagster needs;
how long the command takes for a large one.

Both are whole processes with their children. The servers are not in it: they run already.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from benchmarks import exports
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import load_settings

ROWS = 500
SEED = 1
EXPORT = "export.zip"

_numbers = count()

_MYI = "from myi_pipelines.cli import main; main()"
# The same storages, nothing to do, and no search for garbage.
_EMPTY_RUN = """
import atexit, gc
gc.disable()
atexit.register(gc.freeze)
import dagster as dg

@dg.op
def nothing():
    pass

@dg.job(executor_def=dg.in_process_executor)
def empty():
    nothing()

with dg.DagsterInstance.get() as instance:
    empty.execute_in_process(instance=instance)
"""


class Startup(NamedTuple):
    """Processor seconds, user and system, of one process of each kind."""

    empty_run: float
    small_import: float

    @property
    def ratio(self) -> float:
        """What the import costs, in empty runs of Dagster."""
        return self.small_import / self.empty_run


class Place(NamedTuple):
    """Where processes are measured: a folder with an export and a MYI_HOME, an environment that names a database."""

    folder: Path
    environment: Mapping[str, str]

    def measure(self) -> Startup:
        """Measure an empty run of Dagster, and an import for a new listener."""
        return Startup(self._cpu_seconds(_EMPTY_RUN), self.import_small(f"listener-{next(_numbers)}"))

    def import_seconds(self, export: Path, listener: str) -> float:
        """Import an export for a listener; seconds that somebody waits for it. Raises CalledProcessError."""
        began = time.monotonic()
        self._cpu_seconds(_MYI, "import", str(export), "--user", listener)
        return time.monotonic() - began

    def import_small(self, listener: str) -> float:
        """Import the export for a listener; processor seconds. Raises CalledProcessError if that fails."""
        return self._cpu_seconds(_MYI, "import", EXPORT, "--user", listener)

    def _cpu_seconds(self, *program: str) -> float:
        before = _children_seconds()
        subprocess.run(
            [sys.executable, "-c", *program],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        return _children_seconds() - before


def prepare(url: str, folder: Path) -> Place:
    """Make a new folder to measure in, on the database at ``url``, which a first import gives Dagster's tables."""
    folder.mkdir()
    exports.write_export(folder / EXPORT, rows=ROWS, seed=SEED, years=1)
    settings = load_settings(home=folder / "home", database_url=url)
    prepare_dagster_home(settings)
    others = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    place = Place(folder, others | dagster_environment(settings))
    place.import_small("first")
    return place


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
