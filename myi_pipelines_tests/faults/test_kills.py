"""The harness of kills, a little of it: `make test-faults` kills hundreds of times."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from myi_pipelines_tests.faults.kills.harness import Harness
from myi_pipelines_tests.faults.kills.operations import OPERATIONS, Operation
from myi_pipelines_tests.support.shared_servers import SessionServers

SEED = 1
FEW = ("import", "archive", "forget")
"""Those that differ most in how they go on."""


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(FEW, id="few", marks=pytest.mark.long),
        pytest.param([one.name for one in OPERATIONS if one.name not in FEW], id="others", marks=pytest.mark.thorough),
    ],
)
def test_a_killed_operation_that_is_done_again_loses_nothing_and_leaves_no_rubbish(
    session_servers: SessionServers, tmp_path: Path, names: Sequence[str]
) -> None:
    operations: list[Operation] = [one for one in OPERATIONS if one.name in names]
    assert len(operations) == len(names)
    with ExitStack() as stack:
        harness = Harness(session_servers, tmp_path, SEED, stack)
        killed = [harness.kill(operation, 0) for operation in operations]
    assert [one for one in killed if one.faults] == [], f"seed {SEED}"
    assert sum(one.has_died for one in killed) > len(killed) // 2, "most were done before they were killed"
    assert harness.answers > len(killed), "hardly anybody read meanwhile"
