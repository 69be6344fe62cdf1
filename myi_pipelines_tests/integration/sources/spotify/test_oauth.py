"""The accounts service: logging in with PKCE, refreshing, and every other answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.api_errors import (
    InvalidClient,
    LoginNeeded,
    MalformedReply,
    RateLimited,
    SpotifyError,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.oauth import App, TokenReply
from myi_pipelines_tests.support.spotify_fixtures import REDIRECT_URI, calls_made, log_in

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_login_gives_both_tokens_and_the_scopes(simulator: Simulator, app: App, listener: str) -> None:
    reply = log_in(simulator, app, listener)
    assert reply.access_token
    assert reply.refresh_token
    assert set(reply.scopes or ()) == set(oauth.SCOPES)
    assert timedelta(minutes=59) < reply.expires_at - datetime.now(UTC) <= timedelta(hours=1)


def test_the_authorize_url_shows_the_challenge_and_never_the_verifier(app: App) -> None:
    verifier = oauth.new_verifier()
    query = parse_qs(urlsplit(oauth.authorize_url(app, state="s", verifier=verifier)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert verifier not in str(query)
    assert 43 <= len(verifier) <= 128


def test_a_code_needs_the_verifier_of_its_login(simulator: Simulator, app: App, listener: str) -> None:
    url = oauth.authorize_url(app, state="s", verifier=oauth.new_verifier())
    code = parse_qs(urlsplit(simulator.control.approve(url, listener)).query)["code"][0]
    with pytest.raises(LoginNeeded):
        oauth.exchange_code(app, code, oauth.new_verifier())


def test_a_refresh_gives_a_new_access_token(app: App, tokens: TokenReply) -> None:
    assert tokens.refresh_token
    reply = oauth.refresh(app, tokens.refresh_token, now=lambda: NOW)
    assert reply.access_token != tokens.access_token
    assert reply.expires_at == NOW + timedelta(hours=1)


def test_an_app_with_a_secret_sends_it_in_a_header() -> None:
    setup = Setup(users=1, client_id="an-app", client_secret="a-secret")
    with Simulator(setup) as simulator:
        app = App("an-app", REDIRECT_URI, client_secret="a-secret", accounts_url=simulator.url)
        reply = log_in(simulator, app, simulator.control.users()[0].name)
        assert reply.refresh_token
        assert oauth.refresh(app, reply.refresh_token).access_token
        with pytest.raises(InvalidClient):
            oauth.refresh(replace(app, client_secret="another"), reply.refresh_token)


@pytest.mark.parametrize("kind", ["omit_refresh_token", "empty_refresh_token"])
def test_a_reply_without_a_refresh_token_has_none(
    kind: str, simulator: Simulator, app: App, tokens: TokenReply
) -> None:
    simulator.control.fault(kind)
    assert oauth.refresh(app, tokens.refresh_token or "").refresh_token is None


def test_a_rotated_refresh_token_is_returned(simulator: Simulator, app: App, tokens: TokenReply) -> None:
    simulator.control.fault("rotate_refresh_token")
    rotated = oauth.refresh(app, tokens.refresh_token or "").refresh_token
    assert rotated
    assert rotated != tokens.refresh_token


def test_a_reply_without_a_scope_has_none_and_makes_no_other_call(
    simulator: Simulator, app: App, tokens: TokenReply
) -> None:
    simulator.control.fault("omit_scope")
    assert oauth.refresh(app, tokens.refresh_token or "").scopes is None


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("revoked", "the listener took the authorization back"),
        ("expired", "the authorization is older than six months"),
        ("invalid", "Spotify does not accept the stored authorization"),
        ("for somebody@example.com: no", "Spotify does not accept the stored authorization"),
    ],
)
def test_an_invalid_grant_needs_a_login_and_is_requested_once(
    description: str, reason: str, simulator: Simulator, app: App, tokens: TokenReply
) -> None:
    simulator.control.fault("invalid_grant", description=description, times=None)
    with pytest.raises(LoginNeeded) as raised:
        oauth.refresh(app, tokens.refresh_token or "")
    assert raised.value.reason == reason
    assert str(raised.value) == f"{reason}; run `myi login`"
    assert calls_made(simulator, "/api/token", 1) == 1


def test_a_listener_who_removed_the_app_must_log_in(
    simulator: Simulator, app: App, tokens: TokenReply, listener: str
) -> None:
    simulator.control.revoke(listener)
    with pytest.raises(LoginNeeded):
        oauth.refresh(app, tokens.refresh_token or "")


def test_an_authorization_ends_after_six_months(simulator: Simulator, app: App, tokens: TokenReply) -> None:
    simulator.control.advance(timedelta(days=190))
    with pytest.raises(LoginNeeded):
        oauth.refresh(app, tokens.refresh_token or "")


@pytest.mark.parametrize(
    ("kind", "details", "error", "calls"),
    [
        ("invalid_client", {}, InvalidClient, 1),
        ("server_error", {"status": 503}, Unavailable, 3),
        ("server_error", {"status": 500, "retry_after": 86_000}, Unavailable, 3),
        ("hang", {"seconds": 4}, Unavailable, 1),
        ("drop", {}, Unavailable, 3),
        ("truncated", {}, Unavailable, 3),
        ("html_200", {}, MalformedReply, 1),
        ("empty_204", {}, MalformedReply, 1),
        ("garbage_json", {}, MalformedReply, 1),
        ("json_200", {"body": []}, MalformedReply, 1),
        ("json_200", {"body": {"access_token": None}}, MalformedReply, 1),
        ("error_body", {"status": 400, "body": "no"}, Unauthenticated, 1),
        ("error_body", {"status": 403, "body": ["no"]}, Unauthenticated, 1),
        ("error_body", {"status": 400, "body": {"error": ["x"]}}, Unauthenticated, 1),
        ("rate_limited", {"retry_after": 40_000}, RateLimited, 1),
        ("rate_limited_text", {}, RateLimited, 1),
    ],
)
def test_every_other_answer_has_its_error(
    kind: str,
    details: dict[str, Any],
    error: type[SpotifyError],
    calls: int,
    simulator: Simulator,
    app: App,
    tokens: TokenReply,
) -> None:
    simulator.control.fault(kind, path_prefix="/api/token", times=None, **details)
    with pytest.raises(SpotifyError) as raised:
        oauth.refresh(app, tokens.refresh_token or "")
    assert isinstance(raised.value, error)
    assert not isinstance(raised.value, LoginNeeded)
    assert calls_made(simulator, "/api/token", calls) == calls


def test_a_429_names_the_time_of_the_next_call(simulator: Simulator, app: App, tokens: TokenReply) -> None:
    simulator.control.fault("rate_limited", path_prefix="/api/token", retry_after=120)
    with pytest.raises(RateLimited) as raised:
        oauth.refresh(app, tokens.refresh_token or "", now=lambda: NOW)
    assert raised.value.retry_at == NOW + timedelta(minutes=2)


def test_a_short_outage_is_retried(simulator: Simulator, app: App, tokens: TokenReply) -> None:
    simulator.control.fault("server_error", path_prefix="/api/token", times=2)
    assert oauth.refresh(app, tokens.refresh_token or "").access_token


def test_a_server_that_is_down_is_unavailable(unused_url: str) -> None:
    app = App("a-client-id", REDIRECT_URI, accounts_url=unused_url)
    with pytest.raises(Unavailable, match="cannot be reached"):
        oauth.refresh(app, "a-refresh-token")
