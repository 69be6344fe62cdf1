"""The harness of kills, a little of it: `make test-faults` kills hundreds of times."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from myi_pipelines_tests.faults.kills.harness import Harness
from myi_pipelines_tests.faults.kills.operations import OPERATIONS
from myi_pipelines_tests.support.shared_servers import SessionServers

SEED = 1


@pytest.mark.long
def test_a_killed_operation_that_is_done_again_loses_nothing_and_leaves_no_rubbish(
    session_servers: SessionServers, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        harness = Harness(session_servers, tmp_path, SEED, stack)
        killed = [harness.kill(operation, 0) for operation in OPERATIONS]
    assert [one for one in killed if one.faults] == [], f"seed {SEED}"
    assert sum(one.has_died for one in killed) > len(killed) // 2, "most were done before they were killed"
    assert harness.answers > len(killed), "hardly anybody read meanwhile"
