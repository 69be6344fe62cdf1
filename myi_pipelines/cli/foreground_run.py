"""Runs a job of the project's definitions in this process, for the commands that import, poll, fetch or archive."""

from typing import TYPE_CHECKING

from myi_pipelines.orchestration.instance.foreground import Done, ForegroundRun, run_here
from myi_pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster import Definitions


def run_job(settings: Settings, run: ForegroundRun) -> Done:
    """Run a job and record it in Dagster's instance. Raises RunInterrupted or RunFailed."""
    return run_here(settings, run, _definitions)


def _definitions() -> "Definitions":
    from myi_pipelines.definitions import defs

    return defs
