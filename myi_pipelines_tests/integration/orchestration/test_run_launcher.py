"""That runs which went down with their code server are found is shown by test_deployed.py; here: that no others are."""

import json

import dagster as dg
from dagster import DagsterInstance
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG, WILL_RETRY_TAG

from myi_pipelines.orchestration.instance.run_launcher import CodeServerRunLauncher
from myi_pipelines_tests.support.compose import free_port


@dg.op
def nothing() -> None:
    pass


@dg.job
def small() -> None:
    nothing()


def test_a_run_of_the_command_line_is_left_alone() -> None:
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(small, status=dg.DagsterRunStatus.STARTED)
        assert _launcher(instance).check_run_worker_health(run).status == WorkerStatus.RUNNING


def test_a_code_server_that_does_not_answer_is_given_time() -> None:
    with DagsterInstance.ephemeral() as instance:
        server = json.dumps({"host": "127.0.0.1", "port": free_port()})
        run = instance.create_run_for_job(small, status=dg.DagsterRunStatus.STARTED, tags={GRPC_INFO_TAG: server})
        health = _launcher(instance).check_run_worker_health(run)
        assert (health.status, health.msg) == (WorkerStatus.RUNNING, "its code server does not answer")
        again = instance.get_run_by_id(run.run_id)
        assert again is not None
        assert WILL_RETRY_TAG not in again.tags


def _launcher(instance: DagsterInstance) -> CodeServerRunLauncher:
    launcher = CodeServerRunLauncher()
    launcher.register_instance(instance)
    return launcher
