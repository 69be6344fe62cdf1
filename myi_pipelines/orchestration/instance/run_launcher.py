"""Launches runs in the code server, and reports a run that ended with it. ``active_runs`` finds other dead runs."""

import json

from dagster import DagsterRun

from myi_pipelines.orchestration.instance.dagster_internals import (
    GRPC_INFO_TAG,
    WILL_RETRY_TAG,
    CanCancelExecutionRequest,
    CanCancelExecutionResult,
    CheckRunHealthResult,
    DagsterGrpcClient,
    DagsterUserCodeUnreachableError,
    DefaultRunLauncher,
    WorkerStatus,
    deserialize_value,
)

ANSWER_SECONDS = 5


class CodeServerRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also checks that its runs are alive: ``run_launcher`` of ``dagster.yaml``.

    A run is a process of the code server and ends with it. The server that takes the ended one's place does not know
    the run: then run monitoring marks it as failed, and it is started again, seconds after the server is back. With
    the default launcher this shows only when the run's time limit is reached.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Failed only where the run's code server answers and does not know the run. A server that does not answer may
        be busy or coming back, and a run that no code server executes (``myi import``) is none of ours."""
        if GRPC_INFO_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no code server executes it")
        client = DagsterGrpcClient(**json.loads(run.tags[GRPC_INFO_TAG]))
        request = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            answer = client.can_cancel_execution(request, timeout=ANSWER_SECONDS)
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its code server does not answer")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        # Dagster itself sets this tag only after the status. In between, a backfill would take the failure for final
        # and then refuse the run's retry. Whether there is one is decided when the run is marked as failed.
        if self._instance.run_retries_enabled:
            self._instance.add_run_tags(run.run_id, {WILL_RETRY_TAG: "true"})
        return CheckRunHealthResult(
            WorkerStatus.FAILED, "its code server was restarted; what the run had not finished is taken up again"
        )
