"""Several processes that poll at the same time, and one that is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from myi_pipelines.simulator import Simulator
from myi_pipelines.warehouse import polls
from myi_pipelines.warehouse.poll_pacing import COOLDOWN
from myi_pipelines_tests.support.polling_fixtures import RECENTLY_PLAYED, Harness, keys_of, open_harness

LISTENERS = ("ada", "bela", "chandra", "dalia", "emeka")


@pytest.fixture
def harness(simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with open_harness(simulator.control, database_url, redis_url, tmp_path) as opened:
        yield opened


def start(harness: Harness, folder: Path) -> subprocess.Popen[str]:
    """A process that waits for a line before it polls."""
    command = [sys.executable, "-m", "myi_pipelines_tests.support.polling_process"]
    process = subprocess.Popen(
        [*command, harness.control.url, harness.database_url, harness.redis_url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_processes_that_poll_at_the_same_time_ask_for_each_user_once(harness: Harness, tmp_path: Path) -> None:
    users = harness.link(*LISTENERS)
    processes = [start(harness, tmp_path) for _ in range(3)]
    for process in processes:
        go(process)
    polled = [name for process in processes for name in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(polled) == sorted(LISTENERS)
    asked_for = sorted(str(request.user) for request in harness.control.requests("/v1/"))
    assert asked_for == sorted(LISTENERS)
    for user in users:
        assert harness.stored(user) == keys_of(harness.control.shown(user.name))


def test_a_killed_polling_process_costs_a_cooldown_and_no_play(harness: Harness, tmp_path: Path) -> None:
    [user] = harness.link("ada")
    harness.control.fault("hang", seconds=1)
    process = start(harness, tmp_path)
    go(process)
    deadline = time.monotonic() + 30
    while polls.due_users(harness.conn, harness.now) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=30)
    assert harness.stored(user) == []
    assert harness.poll() == []
    harness.advance(COOLDOWN - timedelta(seconds=1))
    assert harness.poll() == []
    harness.advance(timedelta(seconds=1))
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)
    assert harness.stored(user) == keys_of(harness.control.shown("ada"))
    assert len(harness.control.requests(RECENTLY_PLAYED)) <= 2
