"""Asking Dagster's webserver for runs: without Dagster in the process, and what happens when no webserver answers."""

import subprocess
import sys

import pytest

from myi_pipelines.orchestration.instance.graphql_client import Launch, LaunchFailed, launch, runs_since

NO_WEBSERVER = "http://127.0.0.1:1"


@pytest.mark.parametrize("module", ["names", "instance.graphql_client"])
def test_a_program_can_ask_for_runs_without_importing_dagster(module: str) -> None:
    program = f"import myi_pipelines.orchestration.{module}, sys; assert 'dagster' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_a_webserver_no_runs_are_known_and_none_is_accepted() -> None:
    assert runs_since(NO_WEBSERVER, 0) is None
    with pytest.raises(LaunchFailed, match="did not accept a run of poll_plays"):
        launch(NO_WEBSERVER, Launch("poll_plays", {}, {}))
