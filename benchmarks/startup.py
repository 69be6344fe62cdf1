"""What starting costs: processor time of ``myi import`` for a small file, and of the least that a run of Dagster needs.

Both are whole processes with their children. The servers are not in it: they run already.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import exports
from myi_pipelines.dagster_instance.home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import load_settings

ROWS = 500
SEED = 1

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


def measure(url: str, folder: Path, *, times: int, on_step: Callable[[str], object]) -> list[Startup]:
    """Measure empty runs and imports in turn, each import for a new listener of the database at ``url``.

    ``folder`` is empty. A first import is not counted: it makes Dagster's tables and compiles Python's modules.
    """
    on_step("importing a small file from the command line")
    exports.write_export(folder / "export.zip", rows=ROWS, seed=SEED, years=1)
    settings = load_settings(home=folder / "home", database_url=url)
    prepare_dagster_home(settings)
    others = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    environment = others | dagster_environment(settings)

    def import_for(listener: str) -> float:
        return _cpu_seconds([_MYI, "import", "export.zip", "--user", listener], folder, environment)

    import_for("first")
    return [
        Startup(_cpu_seconds([_EMPTY_RUN], folder, environment), import_for(f"listener-{number}"))
        for number in range(times)
    ]


def _cpu_seconds(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Of a Python process that runs a program and of all that it waits for. Raises CalledProcessError if it fails."""
    before = _children_seconds()
    subprocess.run(
        [sys.executable, "-c", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return _children_seconds() - before


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
