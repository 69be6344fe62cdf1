"""Faults on demand: what the client gets, which requests fail, how often, and what the log contains."""

import time
from datetime import timedelta
from typing import Any

import pytest
import requests

from myi_pipelines.simulator import ControlRefused, Simulator
from myi_pipelines_tests.support.simulator_app import Linked, link, refresh

pytestmark = pytest.mark.slow

RECENT = "/v1/me/player/recently-played"
JSON = "application/json; charset=utf-8"


@pytest.fixture
def ada(simulator: Simulator) -> Linked:
    return link(simulator, "ada")


def error(status: int, message: str, **more: str) -> dict[str, Any]:
    return {"error": {"status": status, "message": message, **more}}


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("rate_limited", 429, error(429, "API rate limit exceeded")),
        ("quota_exceeded", 429, error(429, "Too many requests", reason="QUOTA_EXCEEDED")),
        ("forbidden", 403, error(403, "Forbidden")),
        ("forbidden_premium", 403, error(403, "Active premium subscription required for the owner of the app.")),
        (
            "forbidden_not_registered",
            403,
            error(403, "Check settings on developer.spotify.com/dashboard, the user may not be registered."),
        ),
        ("unauthorized", 401, error(401, "The access token expired")),
        ("json_200", 200, {}),
        ("error_body", 500, "upstream said no"),
    ],
)
def test_json_faults_apply_once(simulator: Simulator, ada: Linked, kind: str, status: int, body: object) -> None:
    simulator.control.fault(kind)
    reply = ada.get(RECENT)
    assert (reply.status_code, reply.headers["Content-Type"], reply.json()) == (status, JSON, body)
    assert "Retry-After" not in reply.headers
    assert ada.get(RECENT).ok


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "begins"),
    [
        ("rate_limited_text", 429, "text/plain; charset=utf-8", "Too many requests"),
        ("server_error", 503, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("html_200", 200, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("garbage_json", 200, JSON, '{"items": [{"track": '),
    ],
)
def test_other_bodies(
    simulator: Simulator, ada: Linked, kind: str, status: int, content_type: str, begins: str
) -> None:
    simulator.control.fault(kind)
    reply = ada.get(RECENT)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, content_type)
    assert reply.text.startswith(begins)


def test_a_204_has_no_body(simulator: Simulator, ada: Linked) -> None:
    simulator.control.fault("empty_204")
    reply = ada.get(RECENT)
    assert (reply.status_code, reply.content) == (204, b"")


@pytest.mark.parametrize("kind", ["rate_limited", "rate_limited_text", "quota_exceeded"])
def test_retry_after_is_sent_if_the_fault_has_it(simulator: Simulator, ada: Linked, kind: str) -> None:
    simulator.control.fault(kind, retry_after=86236)
    assert ada.get(RECENT).headers["Retry-After"] == "86236"


@pytest.mark.parametrize("body", ["no", ["no", "no"], {"error": "no"}, None])
def test_bodies_of_errors_and_replies_can_be_anything(simulator: Simulator, ada: Linked, body: object) -> None:
    simulator.control.fault("error_body", status=502, body=body)
    reply = ada.get(RECENT)
    assert (reply.status_code, reply.json()) == (502, body)
    simulator.control.fault("json_200", body=body)
    assert ada.get(RECENT).json() == body


def test_a_hanging_request_is_served_to_a_client_that_waits(simulator: Simulator, ada: Linked) -> None:
    simulator.control.fault("hang", times=2, seconds=0.5)
    with pytest.raises(requests.ReadTimeout):
        ada.get(RECENT, timeout=0.1)
    assert ada.get("/v1/me").ok
    assert ada.get(RECENT).ok
    assert [(one.fault, one.status) for one in simulator.control.requests(RECENT)] == [("hang", None), ("hang", 200)]


@pytest.mark.parametrize("kind", ["drop", "reply_lost", "truncated"])
def test_connections_end(simulator: Simulator, ada: Linked, kind: str) -> None:
    simulator.control.fault(kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ada.get(RECENT)
    assert simulator.control.delivered("ada") == []
    assert simulator.control.requests(RECENT)[0].status is None
    assert ada.get(RECENT).ok
    assert len(simulator.control.delivered("ada")) == 20


def test_a_request_whose_reply_is_lost_still_has_its_effect(simulator: Simulator, ada: Linked) -> None:
    simulator.control.fault("rotate_refresh_token")
    simulator.control.fault("reply_lost", path_prefix="/api/token")
    with pytest.raises(requests.ConnectionError):
        refresh(simulator, ada.refresh)
    assert refresh(simulator, ada.refresh).json()["error_description"] == "Refresh token revoked"


def test_the_window_rolls(simulator: Simulator, ada: Linked) -> None:
    control = simulator.control
    control.fault("window", calls=3)
    for _ in range(2):
        assert ada.get(RECENT).ok
    control.advance(timedelta(seconds=20))
    assert ada.get("/v1/me").ok
    refused = ada.get(RECENT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    control.advance(timedelta(seconds=10))
    assert [ada.get(RECENT).status_code for _ in range(3)] == [200, 200, 429]


def test_the_quota_counts_by_endpoint_group_and_lasts_a_day(simulator: Simulator, ada: Linked) -> None:
    control = simulator.control
    control.fault("quota", calls=2)
    assert [ada.get(RECENT).status_code for _ in range(3)] == [200, 200, 429]
    assert [ada.get(f"/v1/me/top/{kind}").status_code for kind in ("tracks", "artists", "tracks")] == [200, 200, 429]
    refused = ada.get(RECENT)
    assert refused.json()["error"]["reason"] == "QUOTA_EXCEEDED"
    assert refused.headers["Retry-After"] == "86400"
    control.advance(timedelta(hours=24))
    assert link(simulator, "ada").get(RECENT).ok


def test_limits_can_run_by_the_real_clock_and_without_a_header(simulator: Simulator, ada: Linked) -> None:
    simulator.control.fault("window", calls=1, clock="real", retry_after=None)
    assert ada.get("/v1/me").ok
    simulator.control.advance(timedelta(seconds=40))
    refused = ada.get("/v1/me")
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers


def test_faults_apply_to_the_requests_that_match(simulator: Simulator, ada: Linked) -> None:
    control, bela = simulator.control, link(simulator, "bela")
    control.fault("server_error", path_prefix="/v1/me/top", user="bela", query="time_range=long_term")
    assert ada.get("/v1/me/top/tracks", {"time_range": "long_term"}).ok
    assert bela.get("/v1/me/top/tracks", {"time_range": "short_term"}).ok
    assert bela.get("/v1/me/top/tracks", {"time_range": "long_term"}).status_code == 503


def test_faults_last_for_the_given_number_of_requests(simulator: Simulator, ada: Linked) -> None:
    control = simulator.control
    control.fault("rate_limited", times=2, skip=1)
    assert [ada.get(RECENT).status_code for _ in range(4)] == [200, 429, 429, 200]
    ended = control.fault("forbidden", times=None)
    control.fault("unauthorized", path_prefix="/v1/me/top", times=None)
    assert [ada.get(RECENT).status_code for _ in range(3)] == [403] * 3
    control.clear_faults(ended)
    assert (ada.get(RECENT).status_code, ada.get("/v1/me/top/tracks").status_code) == (200, 401)
    control.clear_faults()
    assert ada.get("/v1/me/top/tracks").ok


def test_a_share_of_requests_can_fail(simulator: Simulator, ada: Linked) -> None:
    simulator.control.fault("server_error", times=None, share=0.3)
    failed = sum(not ada.get(RECENT, {"limit": 1}).ok for _ in range(100))
    assert 15 <= failed <= 45


def test_a_page_can_be_out_of_order(simulator: Simulator, ada: Linked) -> None:
    simulator.control.fault("out_of_order")
    shuffled, sorted_ = ada.recent(limit=50), ada.recent(limit=50)
    assert shuffled["items"] != sorted_["items"]
    assert sorted(shuffled["items"], key=lambda item: item["played_at"], reverse=True) == sorted_["items"]
    assert shuffled["cursors"] == sorted_["cursors"]


@pytest.mark.parametrize(
    ("kind", "details", "says"),
    [
        ("rate_limit", {}, "no fault 'rate_limit'; there are rate_limited"),
        ("rate_limited", {"retry": 3}, "fault 'rate_limited' has no detail retry; it takes query, retry_after"),
        ("quota", {}, "fault 'quota' needs calls="),
        ("drop", {"user": "unknown"}, "no user 'unknown'; there are ada"),
    ],
)
def test_an_invalid_fault_is_refused(simulator: Simulator, kind: str, details: dict[str, Any], says: str) -> None:
    with pytest.raises(ControlRefused, match=says):
        simulator.control.fault(kind, **details)


def test_every_request_is_logged_without_tokens(simulator: Simulator, ada: Linked) -> None:
    control = simulator.control
    control.clear_requests()
    simulator.control.fault("rate_limited")
    refresh(simulator, ada.refresh)
    ada.get(f"{RECENT}/", {"limit": 7})
    control.advance(timedelta(minutes=1))
    ada.get("/v1/albums/no-id/tracks")
    logged = control.requests()
    assert [(one.method, one.path, one.query, one.status, one.user, one.group, one.fault) for one in logged] == [
        ("POST", "/api/token", "", 200, "ada", "token", None),
        ("GET", RECENT, "limit=7", 429, "ada", "recently_played", "rate_limited"),
        ("GET", "/v1/albums/no-id/tracks", "", 400, "ada", "albums", None),
    ]
    assert control.requests("/v1/albums", since=control.now()) == logged[2:]
    assert ada.access not in repr(logged)
    assert ada.refresh not in repr(logged)


def test_hanging_requests_do_not_keep_the_server_from_stopping(ada: Linked, simulator: Simulator) -> None:
    simulator.control.fault("hang", seconds=120)
    with pytest.raises(requests.ReadTimeout):
        ada.get(RECENT, timeout=0.1)
    before = time.monotonic()
    simulator.stop()
    assert time.monotonic() - before < 60, "it does not wait for the request"
