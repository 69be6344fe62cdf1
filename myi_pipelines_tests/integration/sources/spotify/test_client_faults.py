"""The Web API with every fault: its error, how many calls it costs, and that no call sleeps for long."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import tenacity

from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify.api_errors import (
    Forbidden,
    ForbiddenKind,
    MalformedReply,
    QuotaExceeded,
    RateLimited,
    SpotifyError,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines_tests.support.spotify_fixtures import MovedClock, calls_made

pytestmark = pytest.mark.slow

POLLED = "/v1/me/player"


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses before tries, which are not waited for. None is long."""
    pauses: list[float] = []
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=pauses.append))
    yield pauses
    assert sum(pauses) < 10


@pytest.mark.parametrize(
    ("kind", "details", "error", "calls"),
    [
        ("unauthorized", {}, Unauthenticated, 1),
        ("server_error", {"status": 500}, Unavailable, 3),
        ("server_error", {"status": 502}, Unavailable, 3),
        ("server_error", {"status": 503, "retry_after": 86_236}, Unavailable, 3),
        ("server_error", {"status": 504}, Unavailable, 3),
        ("error_body", {"status": 500, "body": "upstream said no"}, Unavailable, 3),
        ("error_body", {"status": 503, "body": ["no"]}, Unavailable, 3),
        ("error_body", {"status": 503, "body": {"error": "no"}}, Unavailable, 3),
        ("drop", {}, Unavailable, 3),
        ("truncated", {}, Unavailable, 3),
        ("reply_lost", {}, Unavailable, 3),
        ("html_200", {}, MalformedReply, 1),
        ("empty_204", {}, MalformedReply, 1),
        ("garbage_json", {}, MalformedReply, 1),
        ("json_200", {"body": []}, MalformedReply, 1),
        ("json_200", {"body": "items"}, MalformedReply, 1),
        ("json_200", {"body": {"items": None}}, MalformedReply, 1),
        ("json_200", {"body": {"error": {"status": 500, "message": "?"}}}, MalformedReply, 1),
        ("error_body", {"status": 400, "body": "bad"}, MalformedReply, 1),
        ("error_body", {"status": 404, "body": ["bad"]}, MalformedReply, 1),
        ("error_body", {"status": 418, "body": {"error": []}}, MalformedReply, 1),
        ("error_body", {"status": 401, "body": "no"}, Unauthenticated, 1),
        ("error_body", {"status": 403, "body": ["no"]}, Forbidden, 1),
        ("error_body", {"status": 429, "body": "slow down"}, RateLimited, 1),
        ("error_body", {"status": 429, "body": {"error": "slow down"}}, RateLimited, 1),
        ("garbage_json", {"status": 403}, Forbidden, 1),
    ],
)
def test_every_fault_is_named_and_costs_few_calls(
    kind: str,
    details: dict[str, Any],
    error: type[SpotifyError],
    calls: int,
    client: SpotifyClient,
    token: str,
    simulator: Simulator,
    gate: Gate,
) -> None:
    simulator.control.fault(kind, path_prefix=POLLED, times=None, **details)
    with pytest.raises(SpotifyError) as raised:
        client.recently_played(token)
    assert isinstance(raised.value, error)
    assert "\n" not in str(raised.value)
    assert calls_made(simulator, POLLED, calls) == calls
    assert calls_counted(gate) == calls


@pytest.mark.parametrize(("kind", "seconds"), [("hang", 4), ("trickle", 30), ("trickle_headers", 30)])
def test_an_answer_that_does_not_end_is_given_up_on_and_costs_one_call(
    kind: str, seconds: int, token: str, simulator: Simulator, gate: Gate
) -> None:
    client = SpotifyClient(gate, simulator.url, timeout_seconds=0.5)
    simulator.control.fault(kind, path_prefix=POLLED, times=None, seconds=seconds)
    with pytest.raises(Unavailable) as raised:
        client.recently_played(token)
    assert "\n" not in str(raised.value)
    assert calls_made(simulator, POLLED, 1) == 1
    assert calls_counted(gate) == 1
    client.close()


def calls_counted(gate: Gate) -> int:
    """How many calls for recent plays the gate has let through."""
    [counted] = [one.calls_last_day for one in gate.usage() if one.group is EndpointGroup.RECENTLY_PLAYED]
    return counted


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("forbidden_premium", ForbiddenKind.PREMIUM_NEEDED),
        ("forbidden_not_registered", ForbiddenKind.NOT_REGISTERED),
        ("forbidden_scope", ForbiddenKind.SCOPE_MISSING),
        ("forbidden", ForbiddenKind.OTHER),
    ],
)
def test_the_meanings_of_403_are_distinguished(
    kind: str, meant: ForbiddenKind, client: SpotifyClient, token: str, simulator: Simulator
) -> None:
    simulator.control.fault(kind)
    with pytest.raises(Forbidden) as raised:
        client.recently_played(token)
    assert raised.value.kind is meant


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("forbidden_premium", ForbiddenKind.PREMIUM_NEEDED),
        ("forbidden_not_registered", ForbiddenKind.NOT_REGISTERED),
        ("forbidden", ForbiddenKind.BATCH_NOT_ALLOWED),
    ],
)
def test_a_403_of_a_batch_is_classified_by_its_message(
    kind: str, meant: ForbiddenKind, client: SpotifyClient, token: str, simulator: Simulator
) -> None:
    simulator.control.fault(kind, path_prefix="/v1/tracks")
    with pytest.raises(Forbidden) as raised:
        client.tracks(token, ["0" * 22])
    assert raised.value.kind is meant


def test_words_in_a_search_are_not_mistaken_for_the_reason_of_a_403(
    client: SpotifyClient, token: str, simulator: Simulator
) -> None:
    simulator.control.fault("forbidden", path_prefix="/v1/search")
    with pytest.raises(Forbidden) as raised:
        client.search_track(token, "Premium", "The Registered")
    assert raised.value.kind is ForbiddenKind.OTHER


@pytest.mark.parametrize(
    ("kind", "retry_after", "pause", "quota"),
    [
        ("rate_limited", 12, timedelta(seconds=12), False),
        ("rate_limited", None, timedelta(seconds=30), False),
        ("rate_limited_text", 7, timedelta(seconds=7), False),
        ("rate_limited_text", None, timedelta(seconds=30), False),
        ("quota_exceeded", 14_400, timedelta(hours=4), True),
        ("quota_exceeded", None, timedelta(hours=1), True),
        # What asks for hours is a quota, whatever its body says.
        ("rate_limited", 86_236, timedelta(seconds=86_236), True),
        ("rate_limited_text", 14_400, timedelta(hours=4), True),
        ("rate_limited", "Fri, 01 Jan 2100 00:00:00 GMT", timedelta(hours=48), True),
        ("rate_limited", "soon", timedelta(seconds=30), False),
        ("rate_limited", -5, timedelta(seconds=30), False),
        ("quota_exceeded", "nan", timedelta(hours=1), True),
    ],
)
def test_a_429_is_raised_at_once_and_stops_all_calls_until_it_ends(
    kind: str,
    retry_after: int | str | None,
    pause: timedelta,
    quota: bool,
    client: SpotifyClient,
    token: str,
    simulator: Simulator,
    make_gate: Callable[..., Gate],
    clock: MovedClock,
) -> None:
    details: dict[str, Any] = {} if retry_after is None else {"retry_after": retry_after}
    simulator.control.fault(kind, **details)
    with pytest.raises(RateLimited) as raised:
        client.recently_played(token)
    assert raised.value.retry_at == clock() + pause
    assert isinstance(raised.value, QuotaExceeded) is quota
    later = SpotifyClient(make_gate(), simulator.url)  # As after a restart.
    with pytest.raises(RateLimited):
        later.recently_played(token)
    assert calls_made(simulator, POLLED, 1) == 1
    if quota:
        later.me(token)
    else:
        with pytest.raises(RateLimited):
            later.me(token)
    clock.moment = raised.value.retry_at
    assert later.recently_played(token)
    later.close()


def test_a_real_window_is_reached_only_once(
    client: SpotifyClient, token: str, simulator: Simulator, clock: MovedClock
) -> None:
    simulator.control.fault("window", calls=10)
    for _ in range(20):
        try:
            client.recently_played(token)
        except RateLimited as error:
            simulator.control.advance(error.retry_at - clock())
            clock.moment = error.retry_at
    assert [one.status for one in simulator.control.requests(POLLED)].count(429) == 1


def test_a_short_outage_is_retried_within_two_seconds(
    client: SpotifyClient, token: str, simulator: Simulator, slept: list[float]
) -> None:
    simulator.control.fault("server_error", times=1)
    simulator.control.fault("drop", times=1)
    assert len(client.recently_played(token)) == 50
    assert calls_made(simulator, POLLED, 3) == 3
    assert len(slept) == 2
    assert sum(slept) < 2


def test_an_outage_opens_the_circuit_and_stops_calls(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    simulator.control.fault("server_error", path_prefix="/v1", times=None)
    for _ in range(8):
        with pytest.raises(Unavailable):
            client.me(token)
    assert calls_made(simulator, "/v1/me", 15) == 15
    simulator.control.clear_faults()
    with pytest.raises(Unavailable) as raised:
        client.recently_played(token)
    assert raised.value.retry_at is not None
    assert calls_made(simulator, POLLED, 0) == 0


def test_a_server_that_is_down_is_unavailable(gate: Gate, unused_url: str) -> None:
    client = SpotifyClient(gate, unused_url)
    with pytest.raises(Unavailable, match="cannot be reached"):
        client.me("a-token")
    client.close()


def test_a_body_that_stops_arriving_is_a_timeout_and_is_waited_for_once(gate: Gate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def answer_half() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted.append(server.accept()[0])
                    accepted[-1].recv(65_536)
                    accepted[-1].sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": ')

        threading.Thread(target=answer_half, daemon=True).start()
        client = SpotifyClient(gate, f"http://127.0.0.1:{server.getsockname()[1]}", timeout_seconds=0.3)
        with pytest.raises(Unavailable, match="in time"):
            client.me("a-token")
        assert len(accepted) == 1
        client.close()
        for connection in accepted:
            connection.close()
        server.shutdown(socket.SHUT_RDWR)


def test_calls_work_again_after_spotify_restarts(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    client.me(token)
    simulator.stop()
    with pytest.raises(Unavailable):
        client.me(token)
    simulator.start()
    client.me(token)


def test_an_expired_token_is_refused(client: SpotifyClient, token: str, simulator: Simulator) -> None:
    simulator.control.expire_access_tokens()
    with pytest.raises(Unauthenticated):
        client.recently_played(token)


def test_our_own_limits_refuse_before_a_call_is_made(
    make_gate: Callable[..., Gate], token: str, simulator: Simulator
) -> None:
    client = SpotifyClient(make_gate(calls_per_day=2), simulator.url)
    for _ in range(2):
        client.recently_played(token)
    with pytest.raises(QuotaExceeded, match="MYI_CALLS_PER_DAY"):
        client.recently_played(token, priority=Priority.POLL)
    client.close()
    assert calls_made(simulator, POLLED, 2) == 2
