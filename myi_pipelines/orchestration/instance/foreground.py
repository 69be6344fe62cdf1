"""Runs a job in this process, on the same Dagster instance as the daemon's runs, for a user at a terminal."""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from myi_pipelines.errors import FailedError, StoppedError
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster import Definitions, ExecuteInProcessResult
    from dagster_shared.error import SerializableErrorInfo

INTERRUPTS = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
AGAIN = "what it had done is kept, run the same command again to go on"
NO_RETRIES = {"dagster/max_retries": "0"}
"""The user at the terminal decides that."""


class RunInterrupted(StoppedError):
    """The user pressed Ctrl-C while a run was on its way."""


class RunFailed(FailedError):
    """The run broke off."""


class Done(NamedTuple):
    """A run that reached its end."""

    result: "ExecuteInProcessResult"
    seconds: float

    def metadata_of(self, asset: str) -> dict[str, Any]:
        """The metadata of an asset's latest materialization, by name; of a partitioned one, its newest month's."""
        of_node = self.result.asset_materializations_for_node(asset)  # which may make other assets too
        newest = [each for each in of_node if each.asset_key.to_user_string() == asset][-1]
        return {name: value.value for name, value in newest.metadata.items()}


class ForegroundRun(NamedTuple):
    """A job to run in this process."""

    job: str
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    doing: str
    """What messages call the work, for example ``the import``."""
    resources: Mapping[str, object] = MappingProxyType({})
    """Resources in the place of the definitions' own, by name."""


def run_here(settings: Settings, run: ForegroundRun, load_definitions: "Callable[[], Definitions]") -> Done:
    """Run a job in this process, recorded in Dagster's instance. The warehouse must be running and migrated.

    ``load_definitions`` imports the project's definitions, which takes a second: it is called when the environment is
    ready. Raises RunInterrupted or RunFailed, each with one line that names the work.
    """
    prepare_dagster_home(settings)
    os.environ.update(dagster_environment(settings))
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # It warns of what an interrupt does to a connection.
    logging.getLogger().setLevel(logging.ERROR)  # dagster-postgres warns of each attempt to connect.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about what is beta in it
        from myi_pipelines.orchestration.instance.dagster_internals import instance_without_step_output

        definitions = load_definitions()
    with instance_without_step_output(settings.dagster_home) as instance:
        began = time.monotonic()
        with _as_one_line(run.doing):
            result = definitions.resolve_job_def(run.job).execute_in_process(
                instance=instance,
                run_config={**run.config, **QUIET},
                tags={**run.tags, **NO_RETRIES},
                resources=run.resources,
                raise_on_error=False,
            )
        seconds = time.monotonic() - began
    _require_success(result, run.doing)
    return Done(result, seconds)


@contextmanager
def _as_one_line(doing: str) -> "Iterator[None]":
    """Say in one line that Ctrl-C came between two steps, or that Dagster's own tables cannot be reached any more, so
    that it cannot even record how the run ended."""
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except KeyboardInterrupt:
        raise RunInterrupted(f"{doing} was interrupted; {AGAIN}") from None
    except (DagsterPostgresException, OperationalError) as error:
        if getattr(getattr(error, "orig", None), "pgcode", None) is not None:
            raise  # the server is there and has said why it refuses, for example that its disk is full
        raise RunFailed(f"{doing} broke off: PostgreSQL went away (`myi doctor` looks for it); {AGAIN}") from None


def _require_success(result: "ExecuteInProcessResult", doing: str) -> None:
    from myi_pipelines.orchestration.instance.dagster_internals import JobFailureData, StepFailureData

    if result.success:
        return
    failures = [
        event.event_specific_data for event in result.all_events if event.is_step_failure or event.is_job_failure
    ]
    errors = [data.error for data in failures if isinstance(data, StepFailureData | JobFailureData) and data.error]
    if any(one.cls_name in INTERRUPTS for error in errors for one in _before(error)):
        raise RunInterrupted(f"{doing} was interrupted; {AGAIN}")
    reason = " ".join(_cause(errors[0]).message.split()) if errors else "its run ended early"
    raise RunFailed(f"{doing} broke off: {reason}; {AGAIN} (run {result.run_id} in Dagster's UI)")


def _cause(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    return _cause(error.cause) if error.cause else error


def _before(error: "SerializableErrorInfo") -> "Iterator[SerializableErrorInfo]":
    """The error and all that led to it."""
    yield error
    for earlier in (error.cause, error.context):
        if earlier is not None:
            yield from _before(earlier)
