"""What the project uses of Dagster's private modules, which have no public name: the one place to look at when Dagster
changes. Everything else imports these names from here.
"""

from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.event_api import EventLogRecord
from dagster._core.events import JobFailureData
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._core.storage.tags import GRPC_INFO_TAG, WILL_RETRY_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster._time import get_current_datetime, get_current_timestamp
from dagster._utils.interrupts import raise_interrupts_as

__all__ = [
    "GRPC_INFO_TAG",
    "WILL_RETRY_TAG",
    "CanCancelExecutionRequest",
    "CanCancelExecutionResult",
    "CheckRunHealthResult",
    "ConfigurableClassData",
    "DagsterGrpcClient",
    "DagsterUserCodeUnreachableError",
    "DefaultRunLauncher",
    "EventLogEntry",
    "EventLogRecord",
    "JobFailureData",
    "RunRecord",
    "SqlEventLogStorageTable",
    "StepFailureData",
    "UnresolvedAssetJobDefinition",
    "WorkerStatus",
    "deserialize_value",
    "get_current_datetime",
    "get_current_timestamp",
    "raise_interrupts_as",
]
