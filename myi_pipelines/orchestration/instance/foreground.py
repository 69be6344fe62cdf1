"""Runs a job in this process, on the same Dagster instance as the daemon's runs, for whoever sits at a terminal."""

import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from myi_pipelines.errors import FailedError
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult
    from dagster_shared.error import SerializableErrorInfo

INTERRUPTS = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NO_RETRIES = {"dagster/max_retries": "0"}
"""Whoever sits at the terminal decides that."""


class RunInterrupted(FailedError):
    """Somebody pressed Ctrl-C."""


class RunFailed(FailedError):
    """The run broke off."""


class Done(NamedTuple):
    """A run that reached its end."""

    result: "ExecuteInProcessResult"
    seconds: float

    def metadata_of(self, asset: str) -> dict[str, Any]:
        """The metadata of an asset's latest materialization, by name; of a partitioned one, its newest month's."""
        newest = self.result.asset_materializations_for_node(asset)[-1]
        return {name: value.value for name, value in newest.metadata.items()}


def run_here(
    settings: Settings, job: str, *, config: Mapping[str, Any], tags: Mapping[str, str], doing: str = "the run"
) -> Done:
    """Run a job, telling Dagster's instance of it; the warehouse must be running and migrated.

    Raises RunInterrupted or RunFailed, each with one line that calls the work ``doing``.
    """
    prepare_dagster_home(settings)
    os.environ.update(dagster_environment(settings))
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # It warns of what an interrupt does to a connection.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about what is beta in it
        from dagster import DagsterInstance

        from myi_pipelines.definitions import defs
    with DagsterInstance.get() as instance:
        began = time.monotonic()
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_config={**config, **QUIET},
            tags={**tags, **NO_RETRIES},
            raise_on_error=False,
        )
        seconds = time.monotonic() - began
    _require_success(result, doing)
    return Done(result, seconds)


def _require_success(result: "ExecuteInProcessResult", doing: str) -> None:
    from dagster._core.events import JobFailureData
    from dagster._core.execution.plan.objects import StepFailureData

    if result.success:
        return
    again = "what it had done is kept, run the same command again to go on"
    failures = [
        event.event_specific_data for event in result.all_events if event.is_step_failure or event.is_job_failure
    ]
    errors = [data.error for data in failures if isinstance(data, StepFailureData | JobFailureData) and data.error]
    if any(one.cls_name in INTERRUPTS for error in errors for one in _before(error)):
        raise RunInterrupted(f"{doing} was interrupted; {again}")
    reason = " ".join(_cause(errors[0]).message.split()) if errors else "its run ended early"
    raise RunFailed(f"{doing} broke off: {reason}; {again} (run {result.run_id} in Dagster's UI)")


def _cause(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    return _cause(error.cause) if error.cause else error


def _before(error: "SerializableErrorInfo") -> "Iterator[SerializableErrorInfo]":
    """The error and all that led to it."""
    yield error
    for earlier in (error.cause, error.context):
        if earlier is not None:
            yield from _before(earlier)
