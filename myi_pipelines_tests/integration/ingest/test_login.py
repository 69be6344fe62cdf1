"""A login against a simulated Spotify: PKCE, state, and nothing is stored unless the whole login succeeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from myi_pipelines.ingest.spotify.login import (
    LoginAttempt,
    LoginDenied,
    LoginFailed,
    NotAnAnswer,
    WrongState,
    begin_login,
    code_in,
    finish_login,
)
from myi_pipelines.sources.spotify.api_errors import InvalidClient, RateLimited, SpotifyError, Unavailable
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.users import ensure_user
from myi_pipelines_tests.support.account_fixtures import Harness, open_harness

ATTEMPT = LoginAttempt("https://accounts.example/authorize", "right-state", "verifier")


@pytest.fixture
def harness(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with open_harness(database_url, redis_url, tmp_path) as opened:
        yield opened


def finish(harness: Harness, attempt: LoginAttempt, answer: str) -> None:
    finish_login(harness.conn, harness.services, attempt, answer)


def nothing_is_stored(harness: Harness) -> bool:
    row = harness.conn.execute("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM spotify_auth)").fetchone()
    return row == (0,)


def test_every_attempt_has_its_own_state_and_challenge(harness: Harness) -> None:
    attempts = [begin_login(harness.app) for _ in range(2)]
    queries = [{name: values[0] for name, values in parse_qs(urlsplit(one.url).query).items()} for one in attempts]
    for attempt, query in zip(attempts, queries, strict=True):
        assert query["state"] == attempt.state
        assert query["code_challenge_method"] == "S256"
        assert attempt.verifier not in attempt.url
        assert re.fullmatch(r"LoginAttempt\(\)", repr(attempt))
    assert queries[0]["state"] != queries[1]["state"]
    assert queries[0]["code_challenge"] != queries[1]["code_challenge"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("http://127.0.0.1:3001/auth/callback?code=abc&state=right-state", "abc"),
        ("  'http://127.0.0.1:3001/auth/callback?state=right-state&code=a%2Fb#_=_'\r\n", "a/b"),
        ("<http://elsewhere/?code=abc&code=def&state=right-state>", "abc"),
    ],
)
def test_the_code_is_found_in_what_people_paste(answer: str, code: str) -> None:
    assert code_in(ATTEMPT, answer) == code


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ("", NotAnAnswer),
        ("hello", NotAnAnswer),
        ("abc", NotAnAnswer),
        ("http://[::1", NotAnAnswer),
        ("http://127.0.0.1:3001/auth/callback?code=abc", NotAnAnswer),
        ("http://127.0.0.1:3001/auth/callback?state=right-state", NotAnAnswer),
        ("http://127.0.0.1:3001/auth/callback?code=abc&state=wrong", WrongState),
        ("http://127.0.0.1:3001/auth/callback?code=abc&state=übel", WrongState),
        ("http://127.0.0.1:3001/auth/callback?error=access_denied&state=wrong", WrongState),
        ("http://127.0.0.1:3001/auth/callback?error=access_denied&state=right-state", LoginDenied),
        ("http://127.0.0.1:3001/auth/callback?error=server_error&state=right-state", LoginDenied),
    ],
)
def test_any_other_pasted_text_is_a_one_line_error(answer: str, raised: type[Exception]) -> None:
    with pytest.raises(raised) as error:
        code_in(ATTEMPT, answer)
    assert "\n" not in str(error.value)
    assert "abc" not in str(error.value)


def test_a_login_stores_what_was_granted_until_when(harness: Harness) -> None:
    linked = harness.login()
    account = harness.account(linked.user_id)
    assert sorted(account.scopes) == ["user-read-recently-played", "user-top-read"]
    assert account.authorized_at == harness.control.now()
    assert account.authorization_ends_at - account.authorized_at > timedelta(days=180)
    assert [request.path for request in harness.control.requests() if request.method != "GET"][-1] == "/api/token"


def test_a_login_links_an_existing_user_and_finds_it_again(harness: Harness) -> None:
    user_id = ensure_user(harness.conn, "anna")
    assert harness.login(name="anna").user_id == user_id
    assert harness.login().user_id == user_id
    spotify_accounts.unlink(harness.conn, user_id)
    assert harness.login().user_id == user_id


def test_accounts_without_account_ids_are_distinguished(harness: Harness) -> None:
    harness.control.fault("omit_account_id", times=None)
    [one, two] = [harness.login(listener.name).user_id for listener in harness.control.users()]
    assert one != two
    harness.control.clear_faults()
    assert [harness.login(listener.name).user_id for listener in harness.control.users()] == [one, two]


def test_two_logins_at_the_same_time_create_one_user(harness: Harness) -> None:
    with ThreadPoolExecutor(2) as pool, connect(harness.database_url) as second:
        harnesses = [harness, replace(harness, conn=second)]
        linked = list(pool.map(lambda one: one.login().user_id, harnesses))
    assert linked[0] == linked[1]
    assert len(spotify_accounts.list_accounts(harness.conn)) == 1


def test_a_code_works_only_once_and_with_its_verifier(harness: Harness) -> None:
    attempt = begin_login(harness.app)
    answer = harness.control.approve(attempt.url, "ada")
    with pytest.raises(LoginFailed):
        finish(harness, replace(attempt, verifier=begin_login(harness.app).verifier), answer)
    with pytest.raises(LoginFailed, match="run `myi login` again"):
        finish(harness, attempt, answer)
    assert nothing_is_stored(harness)


def test_a_denial_makes_no_call(harness: Harness) -> None:
    attempt = begin_login(harness.app)
    answer = harness.control.approve(attempt.url, "ada", deny=True)
    harness.control.clear_requests()
    with pytest.raises(LoginDenied):
        finish(harness, attempt, answer)
    assert harness.control.requests() == []
    assert nothing_is_stored(harness)


@pytest.mark.parametrize(
    ("kind", "path", "raised"),
    [
        ("omit_refresh_token", "/api/token", LoginFailed),
        ("empty_refresh_token", "/api/token", LoginFailed),
        ("invalid_client", "/api/token", InvalidClient),
        ("server_error", "/api/token", Unavailable),
        ("rate_limited", "/v1/me", RateLimited),
        ("server_error", "/v1/me", Unavailable),
        ("forbidden_not_registered", "/v1/me", SpotifyError),
        ("html_200", "/v1/me", SpotifyError),
    ],
)
def test_a_failed_login_stores_nothing(harness: Harness, kind: str, path: str, raised: type[Exception]) -> None:
    harness.control.fault(kind, path_prefix=path, times=None)
    attempt = begin_login(harness.app)
    with pytest.raises(raised):
        finish(harness, attempt, harness.control.approve(attempt.url, "ada"))
    assert nothing_is_stored(harness)


def test_a_reply_without_scopes_grants_the_requested_scopes(harness: Harness) -> None:
    harness.control.fault("omit_scope")
    assert sorted(harness.account(harness.login().user_id).scopes) == ["user-read-recently-played", "user-top-read"]


class Refused(Exception):
    """The answer to a question is no."""


def test_linking_to_a_history_of_another_account_is_asked_about_first(harness: Harness) -> None:
    ada = harness.login("ada", "ada")
    harness.conn.execute("UPDATE users SET total_play_count = 7")
    spotify_accounts.unlink(harness.conn, ada.user_id)
    questions: list[str] = []

    def ask(question: str) -> None:
        questions.append(question)
        raise Refused

    def login(listener: str, name: str) -> None:
        attempt = begin_login(harness.app)
        answer = harness.control.approve(attempt.url, listener)
        finish_login(harness.conn, harness.services, attempt, answer, name=name, confirm=ask)

    other = next(one.name for one in harness.control.users() if one.name != "ada")
    with pytest.raises(Refused):
        login(other, "Ada ")
    with pytest.raises(Refused):
        login("ada", "someone new")
    accounts = {one.name: one.spotify_id for one in harness.control.users()}
    assert questions == [
        f"ada has a history of another Spotify account. Link the account {accounts[other]} to Ada  all the same?",
        "This Spotify account has a history already, that of ada. Link the account "
        f"{accounts['ada']} to someone new all the same?",
    ]
    assert harness.conn.execute("SELECT name FROM users").fetchall() == [("ada",)]
    login("ada", "ada")
    login(other, "someone new")
    assert len(questions) == 2
