"""What the project uses of Dagster's private modules, which have no public name: the one place to look at when Dagster
changes. Everything else imports these names from here.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import AssetMaterialization, DagsterEvent, DagsterEventType, DagsterInstance
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.event_api import EventLogRecord
from dagster._core.events import JobFailureData, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import GRPC_INFO_TAG, WILL_RETRY_TAG
from dagster._serdes import ConfigurableClassData
from dagster._time import get_current_datetime, get_current_timestamp
from dagster._utils.interrupts import raise_interrupts_as

__all__ = [
    "DATA_VERSION_TAG",
    "GRPC_INFO_TAG",
    "WILL_RETRY_TAG",
    "CheckRunHealthResult",
    "ConfigurableClassData",
    "DefaultRunLauncher",
    "EventLogEntry",
    "EventLogRecord",
    "JobFailureData",
    "RunRecord",
    "StepFailureData",
    "UnresolvedAssetJobDefinition",
    "WorkerStatus",
    "asset_check_table",
    "can_cancel",
    "event_log_table",
    "get_current_datetime",
    "get_current_timestamp",
    "instance_without_step_output",
    "raise_interrupts_as",
    "run_table",
    "runless_event",
    "without_partitions",
]


def can_cancel(code_server: Mapping[str, Any], run_id: str, *, seconds: int) -> bool | None:
    """Whether a code server executes a run, which it then could cancel. None when it does not answer in time.

    ``code_server`` is where it listens, as a run's tag holds it. gRPC is loaded only here: few processes need it.
    """
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
    from dagster._serdes import deserialize_value

    request = CanCancelExecutionRequest(run_id=run_id)
    try:
        answer = DagsterGrpcClient(**code_server).can_cancel_execution(request, timeout=seconds)
    except DagsterUserCodeUnreachableError:
        return None
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel


def instance_without_step_output(home: Path) -> DagsterInstance:
    """The instance of a DAGSTER_HOME, which leaves what steps write to stdout and stderr where it goes.

    Else it would start four processes a step that copy it. Ctrl-C at a terminal reaches these too, and some say so with
    a traceback.
    """
    from dagster._core.instance.ref import InstanceRef

    nothing = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides={"compute_logs": nothing}))


def event_log_table() -> Any:
    """Dagster's table of events, for SQLAlchemy, which is loaded only here: few processes need it."""
    from dagster._core.storage.event_log import SqlEventLogStorageTable

    return SqlEventLogStorageTable


def asset_check_table() -> Any:
    """Dagster's table of what checks were planned and found, for SQLAlchemy, which is loaded only here."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

    return AssetCheckExecutionsTable


def run_table() -> Any:
    """Dagster's table of runs, for SQLAlchemy, which is loaded only here."""
    from dagster._core.storage.runs.schema import RunsTable

    return RunsTable


def runless_event(materialization: AssetMaterialization) -> EventLogEntry:
    """A materialization that no run made, as ``DagsterInstance.report_runless_asset_event`` stores it."""
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=RUNLESS_JOB_NAME,
        event_specific_data=StepMaterializationData(materialization),
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        user_message="",
        level=logging.INFO,
        run_id=RUNLESS_RUN_ID,
        timestamp=get_current_timestamp(),
        job_name=RUNLESS_JOB_NAME,
        dagster_event=event,
    )


def without_partitions(event: EventLogEntry) -> EventLogEntry:
    """The announcement of a check as if its run had no partitions."""
    planned = event.get_dagster_event()
    data: Any = planned.event_specific_data
    once = type(data)(asset_key=data.asset_key, check_name=data.check_name)
    return event._replace(dagster_event=planned._replace(event_specific_data=once))
