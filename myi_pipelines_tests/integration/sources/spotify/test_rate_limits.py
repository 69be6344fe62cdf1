"""The limits that all processes share: windows, budgets, reserves, blocks and the circuit, without any call."""

import contextlib
import logging
import random
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import redis

from myi_pipelines.runtime.embedded import RedisServer
from myi_pipelines.sources.spotify.api_errors import (
    MalformedReply,
    QuotaExceeded,
    RateLimited,
    SpotifyError,
    Unavailable,
)
from myi_pipelines.sources.spotify.circuit_breaker import CircuitRules
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines_tests.support.spotify_fixtures import MovedClock

pytestmark = pytest.mark.slow

MakeGate = Callable[..., Gate]
SECOND = timedelta(seconds=1)


def entered(gate: Gate, group: EndpointGroup, priority: Priority, tries: int) -> int:
    """How many of ``tries`` calls may be made."""
    count = 0
    for _ in range(tries):
        try:
            gate.enter(group, priority)
        except SpotifyError:
            continue
        count += 1
    return count


def fail(gate: Gate, error: Exception) -> None:
    with pytest.raises(type(error)), gate.guarding(Priority.POLL):
        raise error


# The minute


def test_polls_may_use_the_whole_minute_and_enrichment_leaves_a_reserve(make_gate: MakeGate) -> None:
    gate = make_gate(calls_per_minute=20)
    assert entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 30) == 16
    assert entered(gate, EndpointGroup.TOP, Priority.TOP_LISTS, 30) == 2
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 30) == 2


def test_the_minute_moves_and_says_when_it_has_room(make_gate: MakeGate, clock: MovedClock) -> None:
    gate = make_gate(calls_per_minute=2)
    gate.enter(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
    first = clock()
    clock.advance(20 * SECOND)
    gate.enter(EndpointGroup.TOP, Priority.POLL)
    with pytest.raises(RateLimited) as raised:
        gate.enter(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
    assert not isinstance(raised.value, QuotaExceeded)
    assert first + timedelta(minutes=1) <= raised.value.retry_at <= first + timedelta(minutes=1, seconds=2)
    clock.moment = raised.value.retry_at
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 3) == 1


# The day


def test_each_group_uses_up_its_own_day(make_gate: MakeGate, clock: MovedClock) -> None:
    gate = make_gate(calls_per_minute=1_000, calls_per_day=10)
    began = clock()
    assert entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 15) == 10
    with pytest.raises(QuotaExceeded) as raised:
        gate.enter(EndpointGroup.TRACKS, Priority.ENRICH)
    assert raised.value.group == EndpointGroup.TRACKS
    assert began + timedelta(days=1) <= raised.value.retry_at <= began + timedelta(days=1, seconds=2)
    assert gate.refusal(EndpointGroup.ARTISTS, Priority.ENRICH) is None
    clock.moment = raised.value.retry_at
    assert gate.refusal(EndpointGroup.TRACKS, Priority.ENRICH) is None


def test_polling_keeps_a_reserve_of_its_group(make_gate: MakeGate) -> None:
    gate = make_gate(calls_per_minute=1_000, calls_per_day=10)
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.ENRICH, 20) == 5
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 20) == 5


def test_a_refusal_by_the_day_uses_up_no_minute(make_gate: MakeGate) -> None:
    gate = make_gate(calls_per_minute=20, calls_per_day=3)
    assert entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 100) == 3
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 3) == 3
    assert entered(gate, EndpointGroup.TOP, Priority.TOP_LISTS, 3) == 3


def test_a_refusal_by_the_minute_uses_up_no_day(make_gate: MakeGate) -> None:
    gate = make_gate(calls_per_minute=5, calls_per_day=100)
    entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 50)
    [usage] = [one for one in gate.usage() if one.group is EndpointGroup.RECENTLY_PLAYED]
    assert (usage.calls_last_minute, usage.calls_last_day, usage.budget) == (5, 5, 100)


def test_a_changed_budget_forgets_no_call(make_gate: MakeGate) -> None:
    assert entered(make_gate(calls_per_minute=500, calls_per_day=50), EndpointGroup.TRACKS, Priority.ENRICH, 30) == 30
    assert entered(make_gate(calls_per_minute=500, calls_per_day=40), EndpointGroup.TRACKS, Priority.ENRICH, 30) == 10
    assert entered(make_gate(calls_per_minute=500, calls_per_day=60), EndpointGroup.TRACKS, Priority.ENRICH, 30) == 20


def test_usage_lists_each_group(make_gate: MakeGate, clock: MovedClock) -> None:
    gate = make_gate(calls_per_day=100)
    entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 3)
    clock.advance(timedelta(hours=2))
    entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 2)
    gate.quota_exceeded(EndpointGroup.ALBUMS, timedelta(hours=5))
    usage = {one.group: one for one in gate.usage()}
    assert set(usage) == set(EndpointGroup)
    assert (usage[EndpointGroup.TRACKS].calls_last_minute, usage[EndpointGroup.TRACKS].calls_last_day) == (2, 5)
    assert usage[EndpointGroup.ALBUMS].blocked_until == clock() + timedelta(hours=5)
    assert usage[EndpointGroup.TRACKS].blocked_until is None


def test_no_window_exceeds_its_limit_and_no_refusal_is_longer_than_necessary(
    make_gate: MakeGate, clock: MovedClock
) -> None:
    chance = random.Random(5)
    gates = [make_gate(calls_per_minute=10, calls_per_day=60) for _ in range(3)]
    made: list[tuple[datetime, Priority]] = []
    refused = 0
    for _ in range(1_500):
        clock.advance(timedelta(seconds=chance.choice([0, 0.3, 1, 7, 20, 400])))
        priority = chance.choice([Priority.TOP_LISTS, Priority.POLL])
        try:
            chance.choice(gates).enter(EndpointGroup.TOP, priority)
        except RateLimited as refusal:
            refused += 1
            now, clock.moment = clock.moment, refusal.retry_at
            gate = gates[0]
            # The day may refuse where the minute just did; that is another refusal.
            assert isinstance(gate.refusal(EndpointGroup.TOP, priority), QuotaExceeded | None)
            clock.moment = max(now, refusal.retry_at - 3 * SECOND)
            assert gate.refusal(EndpointGroup.TOP, priority) is not None
            clock.moment = now
        else:
            made.append((clock(), priority))
    assert refused > 100
    for index, (moment, priority) in enumerate(made):
        within_minute = [one for one in made[: index + 1] if moment - one[0] < timedelta(minutes=1)]
        within_day = [one for one in made[: index + 1] if moment - one[0] < timedelta(days=1)]
        assert len(within_minute) <= (10 if priority is Priority.POLL else 9)
        assert len(within_day) <= 60


# blocked_until


def test_a_rate_limit_stops_all_processes_until_it_ends(make_gate: MakeGate, clock: MovedClock) -> None:
    make_gate().rate_limited(timedelta(seconds=12))
    other = make_gate()
    for group in EndpointGroup:
        with pytest.raises(RateLimited) as raised:
            other.enter(group, Priority.POLL)
        assert raised.value.retry_at == clock() + 12 * SECOND
    assert not any(one.calls_last_day for one in other.usage())
    clock.advance(12 * SECOND)
    other.enter(EndpointGroup.TOP, Priority.POLL)


def test_a_quota_stops_one_group(make_gate: MakeGate, clock: MovedClock) -> None:
    make_gate().quota_exceeded(EndpointGroup.TRACKS, timedelta(seconds=86_236))
    other = make_gate()
    with pytest.raises(QuotaExceeded) as raised:
        other.enter(EndpointGroup.TRACKS, Priority.ENRICH)
    assert (raised.value.group, raised.value.retry_at) == (EndpointGroup.TRACKS, clock() + timedelta(seconds=86_236))
    other.enter(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)


def test_a_shorter_pause_never_ends_a_longer_one(make_gate: MakeGate, clock: MovedClock) -> None:
    first, second = make_gate(), make_gate()
    first.rate_limited(timedelta(minutes=5))
    assert second.rate_limited(SECOND).retry_at == clock() + timedelta(minutes=5)
    assert make_gate().refusal(EndpointGroup.TOP, Priority.POLL) is not None


def test_pauses_without_retry_after_double_until_a_call_goes_through(make_gate: MakeGate, clock: MovedClock) -> None:
    gate, pauses = make_gate(), []
    for _ in range(8):
        until = gate.rate_limited(None).retry_at
        pauses.append((until - clock()).total_seconds())
        clock.moment = until
    assert pauses == [30, 60, 120, 240, 480, 900, 900, 900]
    other = make_gate()
    other.enter(EndpointGroup.TOP, Priority.POLL)
    other.answered(EndpointGroup.TOP)
    assert gate.rate_limited(None).retry_at == clock() + 30 * SECOND


def test_calls_refused_at_the_same_time_count_as_one_refusal(make_gate: MakeGate, clock: MovedClock) -> None:
    untils = {make_gate().quota_exceeded(EndpointGroup.TRACKS, None).retry_at for _ in range(5)}
    assert untils == {clock() + timedelta(hours=1)}


def test_a_very_long_retry_after_is_shortened(make_gate: MakeGate, clock: MovedClock) -> None:
    assert make_gate().rate_limited(timedelta(days=4_000)).retry_at == clock() + timedelta(hours=48)


# The circuit


@pytest.mark.parametrize("error", [Unavailable("down"), MalformedReply("HTML")])
def test_five_failures_in_a_minute_open_the_circuit_for_all_processes(
    error: Exception, make_gate: MakeGate, clock: MovedClock
) -> None:
    gates = [make_gate() for _ in range(5)]
    for gate in gates:
        assert gate.refusal(EndpointGroup.TOP, Priority.POLL) is None
        fail(gate, error)
    with pytest.raises(Unavailable) as raised:
        make_gate().enter(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
    assert raised.value.retry_at
    assert clock() + 25 * SECOND < raised.value.retry_at <= clock() + 30 * SECOND


def test_successes_between_failures_do_not_reset_the_count(make_gate: MakeGate) -> None:
    gate = make_gate()
    for _ in range(5):
        fail(gate, Unavailable("down"))
        if gate.refusal(EndpointGroup.TOP, Priority.POLL) is None:
            with gate.guarding(Priority.POLL):
                pass
    assert isinstance(gate.refusal(EndpointGroup.TOP, Priority.POLL), Unavailable)


def test_old_failures_are_forgotten(make_gate: MakeGate, clock: MovedClock) -> None:
    gate = make_gate()
    for _ in range(4):
        fail(gate, Unavailable("down"))
    clock.advance(CircuitRules.window)
    fail(gate, Unavailable("down"))
    assert gate.refusal(EndpointGroup.TOP, Priority.POLL) is None


@pytest.mark.parametrize("error", [RateLimited("no", MovedClock()()), ValueError("a mistake"), KeyboardInterrupt()])
def test_errors_other_than_outages_open_no_circuit(error: BaseException, make_gate: MakeGate) -> None:
    gate = make_gate()
    for _ in range(6):
        with pytest.raises(type(error)), gate.guarding(Priority.POLL):
            raise error
    assert gate.refusal(EndpointGroup.TOP, Priority.POLL) is None


def test_failures_of_metadata_open_no_circuit(make_gate: MakeGate) -> None:
    gate = make_gate()
    for _ in range(6):
        with pytest.raises(Unavailable), gate.guarding(Priority.ENRICH):
            raise Unavailable("one id is sick")
    assert gate.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL) is None


def test_after_the_pause_an_answer_closes_the_circuit_and_a_failure_opens_it(
    make_gate: MakeGate, clock: MovedClock
) -> None:
    gate, other = make_gate(), make_gate()
    for _ in range(5):
        fail(gate, Unavailable("down"))
    clock.advance(CircuitRules.open_for - SECOND)
    assert other.refusal(EndpointGroup.TOP, Priority.POLL) is not None
    clock.advance(SECOND)
    other.enter(EndpointGroup.TOP, Priority.POLL)
    fail(other, Unavailable("still down"))
    assert gate.refusal(EndpointGroup.TOP, Priority.POLL) is not None
    clock.advance(CircuitRules.open_for)
    gate.enter(EndpointGroup.TOP, Priority.POLL)
    with gate.guarding(Priority.POLL):
        pass
    for _ in range(4):
        fail(other, Unavailable("down again"))
    assert other.refusal(EndpointGroup.TOP, Priority.POLL) is None


def test_after_the_pause_only_one_call_is_made_as_a_trial(make_gate: MakeGate, clock: MovedClock) -> None:
    gate, other = make_gate(), make_gate()
    for _ in range(5):
        fail(gate, Unavailable("down"))
    clock.advance(CircuitRules.open_for)
    gate.enter(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
    assert entered(other, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 3) == 0
    with gate.guarding(Priority.POLL):
        assert entered(other, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 3) == 0
    assert entered(other, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 3) == 3


def test_an_open_circuit_prevents_the_call(make_gate: MakeGate) -> None:
    gate, made = make_gate(), []
    for _ in range(5):
        fail(gate, Unavailable("down"))
    with pytest.raises(Unavailable, match="calls pause"), gate.guarding(Priority.POLL):
        made.append("a call")
    assert made == []


# Redis away


def test_without_redis_polls_continue_slowly_and_other_calls_wait(
    make_gate: MakeGate, clock: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = make_gate("redis://127.0.0.1:1/0", local_calls_per_minute=4)
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 10) == 4
    with pytest.raises(RateLimited) as raised:
        gate.enter(EndpointGroup.TRACKS, Priority.ENRICH)
    assert raised.value.retry_at == clock() + timedelta(minutes=1)
    assert entered(gate, EndpointGroup.TOP, Priority.TOP_LISTS, 3) == 0
    assert gate.usage() == []
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.getMessage().partition(" (")[0] for one in warnings] == ["Redis does not answer"]


def test_without_redis_refusals_and_outages_still_stop_calls(make_gate: MakeGate, clock: MovedClock) -> None:
    gate = make_gate("redis://127.0.0.1:1/0")
    for _ in range(5):
        fail(gate, Unavailable("down"))
    assert isinstance(gate.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL), Unavailable)
    other = make_gate("redis://127.0.0.1:1/0")
    other.rate_limited(timedelta(seconds=40))
    refusal = other.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
    assert isinstance(refusal, RateLimited)
    assert refusal.retry_at == clock() + 40 * SECOND


@pytest.mark.parametrize("hangs", [True, False])
def test_a_redis_that_does_not_answer_is_waited_for_once(make_gate: MakeGate, hangs: bool) -> None:
    """Once is two connections, because the first may be one from before a restart."""
    connections: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connections.append(server.accept()[0])
                if not hangs:
                    connections[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=accept)
        accepting.start()
        gate = make_gate(f"redis://127.0.0.1:{server.getsockname()[1]}/0", redis_pause_seconds=3_600)
        assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 50) == 20
        server.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for connection in connections:
        connection.close()
    assert len(connections) == 2


def test_a_restarted_redis_keeps_blocks_and_calls(
    make_gate: MakeGate, own_redis: RedisServer, clock: MovedClock
) -> None:
    gate = make_gate(own_redis.url(), redis_pause_seconds=0.0)
    entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 3)
    gate.quota_exceeded(EndpointGroup.ALBUMS, timedelta(hours=3))
    own_redis.stop()
    assert entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 2) == 2
    assert isinstance(gate.refusal(EndpointGroup.ALBUMS, Priority.POLL), QuotaExceeded)
    own_redis.start()
    usage = {one.group: one for one in make_gate(own_redis.url()).usage()}
    assert usage[EndpointGroup.TRACKS].calls_last_day == 3
    assert usage[EndpointGroup.ALBUMS].blocked_until == clock() + timedelta(hours=3)
    assert entered(gate, EndpointGroup.TRACKS, Priority.ENRICH, 1) == 1


def test_a_refusal_during_a_redis_outage_is_recorded_when_redis_returns(
    make_gate: MakeGate, own_redis: RedisServer
) -> None:
    gate = make_gate(own_redis.url(), redis_pause_seconds=0.0)
    own_redis.stop()
    gate.rate_limited(timedelta(minutes=3))
    own_redis.start()
    assert gate.refusal(EndpointGroup.TOP, Priority.POLL) is not None
    assert make_gate(own_redis.url()).refusal(EndpointGroup.TOP, Priority.POLL) is not None


def test_blocks_are_recorded_again_in_an_emptied_redis(make_gate: MakeGate, redis_url: str) -> None:
    gate = make_gate()
    gate.rate_limited(timedelta(minutes=3))
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    assert gate.refusal(EndpointGroup.TOP, Priority.POLL) is not None
    assert make_gate().refusal(EndpointGroup.TOP, Priority.POLL) is not None


def test_the_start_and_the_end_of_a_redis_outage_are_logged_once(
    make_gate: MakeGate, own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    gate = make_gate(own_redis.url(), redis_pause_seconds=0.0)
    for _ in range(2):
        own_redis.stop()
        entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 5)
        own_redis.start()
        entered(gate, EndpointGroup.RECENTLY_PLAYED, Priority.POLL, 5)
    assert [one.getMessage()[:13] for one in caplog.records] == ["Redis does no", "Redis answers"] * 2
