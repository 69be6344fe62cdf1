"""The accounts service: the page for the user, and which tokens the app gets, or why it gets none."""

from datetime import timedelta

import pytest
import requests

from myi_pipelines.simulator import ControlRefused, Setup, Simulator
from myi_pipelines_tests.support.simulator_app import (
    REDIRECT_URI,
    SCOPES,
    authorize_url,
    exchange,
    link,
    new_code,
    refresh,
    returned,
    token,
)

pytestmark = pytest.mark.slow

RECENT = "/v1/me/player/recently-played"


def test_a_code_is_exchanged_for_tokens_and_state_comes_back(simulator: Simulator) -> None:
    back = simulator.control.approve(authorize_url(simulator), "ada")
    assert back.startswith(f"{REDIRECT_URI}?")
    assert returned(back)["state"] == "a state"
    reply = exchange(simulator, returned(back)["code"])
    assert reply.status_code == 200
    payload = reply.json()
    assert payload.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (payload["token_type"], payload["expires_in"], payload["scope"]) == ("Bearer", 3600, SCOPES)


def test_a_user_may_refuse(simulator: Simulator) -> None:
    back = simulator.control.approve(authorize_url(simulator), "ada", deny=True)
    assert returned(back) == {"error": "access_denied", "state": "a state"}


def test_the_page_has_a_button_for_each_user(simulator: Simulator) -> None:
    page = requests.get(authorize_url(simulator, scope="user-top-read <b>"), timeout=10).text
    assert [f'name="user" value="{one.name}"' in page for one in simulator.control.users()] == [True] * 5
    assert "Your top artists and tracks" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"redirect_uri": "http://localhost:3001/auth/callback"}, "Insecure redirect URI"),
        ({"redirect_uri": "http://myi.example/auth/callback"}, "Insecure redirect URI"),
        ({"redirect_uri": None}, "Insecure redirect URI"),
        ({"client_id": None}, "Invalid client"),
        ({"response_type": "token"}, "response_type must be code"),
        ({"code_challenge_method": "plain"}, "code_challenge_method must be S256"),
    ],
)
def test_a_wrong_request_shows_a_page_and_does_not_redirect(
    simulator: Simulator, changes: dict[str, str | None], says: str
) -> None:
    with pytest.raises(ControlRefused, match=says):
        simulator.control.approve(authorize_url(simulator, **changes), "ada")


@pytest.mark.parametrize("uri", ["https://myi.example/auth/callback", "http://[::1]:3001/auth/callback"])
def test_https_and_loopback_redirect_addresses_are_accepted(simulator: Simulator, uri: str) -> None:
    assert simulator.control.approve(authorize_url(simulator, redirect_uri=uri), "ada").startswith(f"{uri}?code=")


def test_a_code_works_once_and_for_ten_minutes(simulator: Simulator) -> None:
    code = new_code(simulator, "ada")
    assert exchange(simulator, code).ok
    assert exchange(simulator, code).json() == {
        "error": "invalid_grant",
        "error_description": "Invalid authorization code",
    }
    code = new_code(simulator, "ada")
    simulator.control.advance(timedelta(minutes=10, seconds=1))
    assert exchange(simulator, code).json()["error_description"] == "Authorization code expired"


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"code_verifier": "another"}, "invalid_grant", "code_verifier was incorrect"),
        ({"redirect_uri": "http://127.0.0.1:3002/"}, "invalid_grant", "Invalid redirect URI"),
        ({"client_id": "another"}, "invalid_grant", "Invalid authorization code"),
        ({"client_id": ""}, "invalid_client", "Invalid client"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant_type must be"),
    ],
)
def test_a_wrong_exchange_is_refused(
    simulator: Simulator, changes: dict[str, str], error: str, description: str
) -> None:
    form = {"grant_type": "authorization_code", "code": new_code(simulator, "ada"), "redirect_uri": REDIRECT_URI}
    reply = token(simulator, **{**form, "code_verifier": "wrong", **changes})
    assert reply.status_code == 400
    assert reply.json()["error"] == error
    assert reply.json()["error_description"].startswith(description)


def test_pkce_needs_its_verifier_and_a_code_without_pkce_the_secret(simulator: Simulator) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI}
    reply = token(simulator, code=new_code(simulator, "ada"), **form)
    assert reply.json() == {"error": "invalid_request", "error_description": "code_verifier must be supplied"}
    plain = {"code_challenge": None, "code_challenge_method": None}
    assert token(simulator, code=new_code(simulator, "ada", **plain), **form).json()["error"] == "invalid_client"
    with_secret = {**form, "code": new_code(simulator, "ada", **plain)}
    reply = requests.post(f"{simulator.url}/api/token", data=with_secret, auth=("app", "secret"), timeout=10)
    assert reply.ok
    again = {"grant_type": "refresh_token", "refresh_token": reply.json()["refresh_token"]}
    assert requests.post(f"{simulator.url}/api/token", data=again, auth=("app", "secret"), timeout=10).ok


def test_a_setup_that_names_an_app_knows_only_that_app() -> None:
    with Simulator(Setup(users=1, client_id="app", client_secret="right")) as simulator:
        linked = link(simulator, "ada")
        assert refresh(simulator, linked.refresh, client_secret="wrong").json()["error"] == "invalid_client"
        assert refresh(simulator, linked.refresh, client_id="other").json()["error"] == "invalid_client"
        with pytest.raises(ControlRefused, match="Invalid client"):
            simulator.control.approve(authorize_url(simulator, client_id="other"), "ada")


def test_a_refresh_gives_a_new_access_token_and_the_old_refresh_token(simulator: Simulator) -> None:
    linked = link(simulator, "ada")
    payload = refresh(simulator, linked.refresh).json()
    assert payload["access_token"] != linked.access
    assert payload["refresh_token"] == linked.refresh
    assert linked._replace(access=payload["access_token"]).get("/v1/me").ok


def test_access_tokens_expire_after_an_hour(simulator: Simulator) -> None:
    linked = link(simulator, "ada")
    simulator.control.advance(timedelta(minutes=59, seconds=59))
    assert linked.get("/v1/me").ok
    simulator.control.advance(timedelta(seconds=1))
    reply = linked.get("/v1/me")
    assert reply.status_code == 401
    assert reply.json() == {"error": {"status": 401, "message": "The access token expired"}}
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


def test_access_tokens_expire_by_real_time_if_the_setup_says_so() -> None:
    with Simulator(Setup(users=1, token_clock="real")) as simulator:
        linked = link(simulator, "ada")
        simulator.control.advance(timedelta(days=2))
        assert linked.get("/v1/me").ok
        simulator.control.expire_access_tokens()
        assert linked.get("/v1/me").status_code == 401


def test_an_authorization_expires_six_months_after_it_was_given_even_if_it_is_refreshed(
    simulator: Simulator,
) -> None:
    linked = link(simulator, "ada")  # on 2 March at noon
    for _ in range(3):
        simulator.control.advance(timedelta(days=61))
        assert refresh(simulator, linked.refresh).ok
    simulator.control.advance(timedelta(days=1, seconds=-1))
    assert refresh(simulator, linked.refresh).ok
    simulator.control.advance(timedelta(seconds=1))
    reply = refresh(simulator, linked.refresh)
    assert reply.status_code == 400
    assert reply.json() == {"error": "invalid_grant", "error_description": "Refresh token expired"}


def test_revoking_ends_all_tokens_of_one_user(simulator: Simulator) -> None:
    ada, bela = link(simulator, "ada"), link(simulator, "bela")
    simulator.control.revoke("ada")
    assert refresh(simulator, ada.refresh).json()["error_description"] == "Refresh token revoked"
    assert ada.get("/v1/me").status_code == 401
    assert bela.get("/v1/me").ok
    assert link(simulator, "ada").get("/v1/me").ok


def test_an_unknown_refresh_token_is_invalid(simulator: Simulator) -> None:
    reply = refresh(simulator, "AQ-made-up")
    assert reply.json() == {"error": "invalid_grant", "error_description": "Invalid refresh token"}
    linked = link(simulator, "ada")
    assert refresh(simulator, linked.refresh, client_id="other").json()["error"] == "invalid_grant"


def test_a_call_needs_its_scope(simulator: Simulator) -> None:
    linked = link(simulator, "ada", scope="user-top-read")
    assert linked.get("/v1/me/top/tracks").ok
    reply = linked.get(RECENT)
    assert reply.status_code == 403
    assert reply.json()["error"]["message"] == "Insufficient client scope"


def test_a_call_without_a_token_or_with_a_made_up_one_is_unauthorized(simulator: Simulator) -> None:
    reply = requests.get(f"{simulator.url}{RECENT}", timeout=10)
    assert (reply.status_code, reply.json()["error"]["message"]) == (401, "No token provided")
    reply = link(simulator, "ada")._replace(access="made-up").get(RECENT)
    assert (reply.status_code, reply.json()["error"]["message"]) == (401, "Invalid access token")


def test_refresh_replies_can_lack_fields(simulator: Simulator) -> None:
    linked = link(simulator, "ada")
    simulator.control.fault("omit_refresh_token")
    assert "refresh_token" not in refresh(simulator, linked.refresh).json()
    simulator.control.fault("empty_refresh_token")
    assert refresh(simulator, linked.refresh).json()["refresh_token"] == ""
    simulator.control.fault("omit_scope")
    assert "scope" not in refresh(simulator, linked.refresh).json()
    assert refresh(simulator, linked.refresh).json().keys() >= {"refresh_token", "scope"}


def test_a_rotated_refresh_token_replaces_the_old_one(simulator: Simulator) -> None:
    linked = link(simulator, "ada")
    simulator.control.fault("rotate_refresh_token")
    new = refresh(simulator, linked.refresh).json()["refresh_token"]
    assert new != linked.refresh
    assert refresh(simulator, linked.refresh).json()["error_description"] == "Refresh token revoked"
    assert refresh(simulator, new).ok


@pytest.mark.parametrize(
    ("why", "description"),
    [
        ("revoked", "Refresh token revoked"),
        ("expired", "Refresh token expired"),
        ("invalid", "Invalid refresh token"),
    ],
)
def test_the_three_texts_of_invalid_grant(simulator: Simulator, why: str, description: str) -> None:
    linked = link(simulator, "ada")
    simulator.control.fault("invalid_grant", description=why)
    reply = refresh(simulator, linked.refresh)
    assert reply.status_code == 400
    assert reply.json() == {"error": "invalid_grant", "error_description": description}
    assert refresh(simulator, linked.refresh).ok


def test_token_faults_can_be_limited_to_one_user(simulator: Simulator) -> None:
    ada, bela = link(simulator, "ada"), link(simulator, "bela")
    simulator.control.fault("invalid_client", user="bela")
    assert refresh(simulator, ada.refresh).ok
    assert refresh(simulator, bela.refresh).json()["error"] == "invalid_client"
    simulator.control.fault("server_error", path_prefix="/api/token", status=500)
    assert refresh(simulator, ada.refresh).status_code == 500
