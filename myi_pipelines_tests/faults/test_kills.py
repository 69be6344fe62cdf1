"""The harness of kills, a little of it: `make test-faults` kills hundreds of times."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from myi_pipelines_tests.faults.kills.__main__ import killing
from myi_pipelines_tests.faults.kills.harness import CUT_EACH, Harness, Killed
from myi_pipelines_tests.faults.kills.operations import OPERATIONS, Operation
from myi_pipelines_tests.support.shared_servers import SessionServers

SEED = 1
KILLS = 300
FEW = ("import", "forget")
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


@pytest.mark.parametrize("kills", [1, KILLS, KILLS + 7])
def test_as_many_kills_are_made_as_are_asked_for_whatever_ends_before(kills: int) -> None:
    done = list(killing(_tried, OPERATIONS, kills))
    of_each = [sum(one.was_killed for one in done if one.operation == operation.name) for operation in OPERATIONS]
    assert sum(of_each) == kills
    assert max(of_each) - min(of_each) <= 1
    assert len({(one.operation, one.number) for one in done}) == len(done)
    assert kills < KILLS or sum(one.is_cut and one.was_hit for one in done) > kills // 5, "cuts come on top"


def test_killing_ends_where_an_operation_has_always_ended_before() -> None:
    unhit = OPERATIONS[3].name
    done = list(killing(lambda one, number: _tried(one, number)._replace(was_hit=one.name != unhit), OPERATIONS, KILLS))
    assert sum(one.was_killed for one in done) == KILLS - KILLS // len(OPERATIONS)


def _tried(operation: Operation, number: int) -> Killed:
    """As it would be, if every seventh try came when all is done."""
    is_hit, is_cut = number % 7 != 5, number % CUT_EACH == CUT_EACH - 1
    return Killed(operation.name, number, 1, is_cut, is_hit, is_hit, "", [])
