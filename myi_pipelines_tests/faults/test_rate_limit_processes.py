"""Limits shared by several processes: together they make only the allowed calls, and all stop when one is refused."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import pytest
from redis import Redis

from myi_pipelines.runtime.embedded import RedisServer
from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify.api_errors import RateLimited, SpotifyError, Unavailable
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority, utc_now

PROCESSES = 4


T = TypeVar("T")


def process_pool() -> ProcessPoolExecutor:
    """Processes that start quickly and share no state with this one."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(PROCESSES, mp_context=context)


def in_processes(work: Callable[[int], T]) -> list[T]:
    """What ``work`` returns in each of several processes that start together."""
    with process_pool() as pool:
        return list(pool.map(work, range(PROCESSES)))


def gather(redis_url: str) -> None:
    """Wait until all processes reach this point."""
    with Redis.from_url(redis_url) as client:
        client.incr("here")
        give_up = time.monotonic() + 20
        while int(client.get("here") or 0) < PROCESSES and time.monotonic() < give_up:
            time.sleep(0.005)


def enter_often(
    redis_url: str, group: EndpointGroup, priority: Priority, calls_per_minute: int, calls_per_day: int, number: int
) -> int:
    gate = Gate(redis_url, calls_per_minute, calls_per_day)
    gather(redis_url)
    entered = 0
    for _ in range(60):
        try:
            gate.enter(group, priority)
        except SpotifyError:
            continue
        entered += 1
    gate.close()
    return entered


@pytest.mark.parametrize(
    ("group", "priority", "calls_per_minute", "calls_per_day", "allowed"),
    [
        (EndpointGroup.TRACKS, Priority.ENRICH, 100, 1_000, 80),
        (EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 100, 1_000, 100),
        (EndpointGroup.TRACKS, Priority.ENRICH, 1_000, 50, 50),
    ],
)
def test_processes_together_make_exactly_the_allowed_number_of_calls(
    group: EndpointGroup, priority: Priority, calls_per_minute: int, calls_per_day: int, allowed: int, redis_url: str
) -> None:
    entered = in_processes(partial(enter_often, redis_url, group, priority, calls_per_minute, calls_per_day))
    assert sum(entered) == allowed


def hammer(redis_url: str, url: str, number: int) -> int:
    """Make many calls; return how many the limits refused."""
    client = SpotifyClient(Gate(redis_url), url)
    gather(redis_url)
    refused = 0
    for _ in range(25):
        try:
            client.track("no token is needed to be limited", "0" * 22)
        except RateLimited:
            refused += 1
        except SpotifyError:
            continue
    return refused


def test_a_429_in_one_process_stops_all_processes(redis_url: str, simulator: Simulator) -> None:
    simulator.control.fault("window", calls=10, clock="real", path_prefix="/v1")
    refused = in_processes(partial(hammer, redis_url, simulator.url))
    statuses = [one.status for one in simulator.control.requests("/v1")]
    assert statuses.count(429) <= PROCESSES, "only calls that were on their way already"
    assert len(statuses) - statuses.count(429) == 10
    assert sum(refused) == PROCESSES * 25 - 10


def block_and_die(redis_url: str, number: int) -> None:
    if number == 0:
        Gate(redis_url).quota_exceeded(EndpointGroup.TRACKS, timedelta(hours=5))


def test_a_block_outlives_the_process_that_received_it(redis_url: str, make_gate: Callable[..., Gate]) -> None:
    in_processes(partial(block_and_die, redis_url))
    with pytest.raises(RateLimited):
        make_gate(now=utc_now).enter(EndpointGroup.TRACKS, Priority.ENRICH)


def fail_twice(redis_url: str, number: int) -> None:
    gate = Gate(redis_url)
    for _ in range(2):
        try:
            with gate.guarding(Priority.POLL):
                raise Unavailable("down")
        except Unavailable:
            continue


def test_failures_of_several_processes_open_one_circuit(redis_url: str, make_gate: Callable[..., Gate]) -> None:
    in_processes(partial(fail_twice, redis_url))
    assert isinstance(make_gate(now=utc_now).refusal(EndpointGroup.TOP, Priority.POLL), Unavailable)


def poll_on(redis_url: str, url: str, folder: Path, number: int) -> None:
    """Poll and enrich until all is done, and tell in each phase when a call of both was permitted."""
    client = SpotifyClient(
        Gate(redis_url, calls_per_minute=100_000, calls_per_day=100_000, redis_pause_seconds=0.2), url
    )
    permitted: set[tuple[str, Priority]] = set()
    while (phase := (folder / "phase").read_text()) != "done":
        for priority in (Priority.POLL, Priority.ENRICH):
            try:
                client.gate.enter(EndpointGroup.TRACKS, priority)
            except RateLimited:
                continue
            permitted.add((phase, priority))
        if {(phase, Priority.POLL), (phase, Priority.ENRICH)} <= permitted:
            (folder / f"{phase} {number}").touch()
        time.sleep(0.01)


def test_a_restart_of_redis_under_load_stops_no_process(
    own_redis: RedisServer, simulator: Simulator, tmp_path: Path
) -> None:
    def begin(phase: str) -> None:
        (tmp_path / "begun").write_text(phase)
        (tmp_path / "begun").replace(tmp_path / "phase")

    begin("before")
    with process_pool() as pool:
        working = [
            pool.submit(poll_on, own_redis.url(), simulator.url, tmp_path, number) for number in range(PROCESSES)
        ]
        give_up = time.monotonic() + 60
        try:
            for phase in ("between", "after", "done"):
                while len(list(tmp_path.glob(f"{(tmp_path / 'phase').read_text()} *"))) < PROCESSES:
                    assert time.monotonic() < give_up, sorted(one.name for one in tmp_path.iterdir())
                    time.sleep(0.01)
                if phase != "done":
                    own_redis.stop()
                    own_redis.start()
                begin(phase)
        finally:
            begin("done")
        for one in working:
            one.result()
    with Redis.from_url(own_redis.url()) as client:
        assert client.llen("myi:spotify:calls:tracks") > 0
