"""The simulated Spotify as fixtures: a server for one test, whose clock stands still until the test moves it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from myi_pipelines.simulator import Mode, Setup, Simulator

CLOCK_STARTS = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Five users and an app in Development Mode, on Monday 2 March 2026 at noon."""
    with Simulator(Setup(users=5, start=CLOCK_STARTS)) as running:
        yield running


@pytest.fixture
def extended_simulator() -> Iterator[Simulator]:
    """The same with an app in extended mode."""
    with Simulator(Setup(users=5, start=CLOCK_STARTS, mode=Mode.EXTENDED)) as running:
        yield running
