"""Access tokens against a simulated Spotify: how many refreshes are made, and which refusals count."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
from myi_pipelines.sources.spotify.api_errors import (
    InvalidClient,
    LoginNeeded,
    MalformedReply,
    RateLimited,
    SpotifyError,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.rate_limits import Priority
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines_tests.support.account_fixtures import Harness, digest, environment, open_harness, process

pytestmark = pytest.mark.slow

ALMOST_AN_HOUR = timedelta(minutes=51)


@pytest.fixture
def harness(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with open_harness(database_url, redis_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def user_id(harness: Harness) -> int:
    """A user who has just logged in."""
    linked = harness.login()
    harness.control.clear_requests()
    return linked.user_id


def me(harness: Harness, tokens: AccessTokens, user_id: int) -> str:
    return tokens.call(user_id, lambda token: harness.client.me(token, priority=Priority.POLL)).spotify_id


# One refresh


def test_a_token_is_refreshed_when_ten_minutes_are_left_and_not_before(harness: Harness, user_id: int) -> None:
    first = harness.tokens().of(user_id)
    harness.control.advance(timedelta(minutes=49))
    assert harness.tokens().of(user_id) == first
    assert harness.refreshes() == []
    harness.control.advance(timedelta(minutes=2))
    second = harness.tokens().of(user_id)
    assert second != first
    assert harness.tokens().of(user_id) == second
    assert len(harness.refreshes()) == 1


def test_processes_that_need_a_token_at_the_same_time_share_one_refresh(
    harness: Harness, user_id: int, redis_url: str
) -> None:
    expires = timedelta(minutes=9)
    harness.conn.execute("UPDATE spotify_auth SET access_token_expires_at = now() + %s", [expires])
    harness.control.fault("hang", path_prefix="/api/token", seconds=0.3)
    env = environment(harness, redis_url)
    with ExitStack() as stack:
        others = [stack.enter_context(process("of", str(user_id), env=env)) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda other: other.communicate("go\n", timeout=30), others))
    assert [error for _, error in answers] == [""] * 4
    assert {printed for printed, _ in answers} == {digest(harness.tokens().of(user_id)) + "\n"}
    assert len(harness.refreshes()) == 1


def test_threads_whose_token_was_refused_share_one_refresh(harness: Harness, user_id: int) -> None:
    tokens = harness.tokens()
    refused = tokens.of(user_id)
    with ThreadPoolExecutor(8) as pool:
        renewed = set(pool.map(lambda _: tokens.renew(user_id, refused), range(8)))
    assert len(renewed) == 1
    assert refused not in renewed
    assert len(harness.refreshes()) == 1


def test_accounts_are_refreshed_independently(harness: Harness, user_id: int) -> None:
    other = harness.login(harness.other_listener(than=user_id)).user_id
    first = harness.tokens().of(other)
    harness.control.clear_requests()
    with spotify_accounts.refreshing(harness.conn, user_id):
        harness.control.advance(ALMOST_AN_HOUR)
        assert harness.tokens().of(other) != first
    assert len(harness.refreshes()) == 1


def test_a_killed_process_does_not_delay_the_next_refresh(harness: Harness, user_id: int, redis_url: str) -> None:
    harness.conn.execute("UPDATE spotify_auth SET access_token_expires_at = now()")
    harness.control.fault("hang", path_prefix="/api/token", seconds=30)
    with process("of", str(user_id), env=environment(harness, redis_url)) as killable:
        assert killable.stdin is not None
        killable.stdin.write("go\n")
        killable.stdin.flush()
        wait_for_lock(harness)
        killable.kill()
    harness.control.clear_faults()
    assert harness.tokens().of(user_id)


def test_a_hanging_refresh_of_another_process_is_not_waited_for_long(
    harness: Harness, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spotify_accounts, "LONGEST_REFRESH", "200ms")
    first = harness.tokens().of(user_id)
    with spotify_accounts.refreshing(harness.conn, user_id):
        harness.control.advance(ALMOST_AN_HOUR)
        assert harness.tokens().of(user_id) == first
        harness.control.advance(ALMOST_AN_HOUR)
        with pytest.raises(Unavailable, match="another process has been refreshing"):
            harness.tokens().of(user_id)
    assert harness.refreshes() == []
    assert harness.tokens().of(user_id) != first


def wait_for_lock(harness: Harness) -> None:
    """Wait until a session refreshes a token."""
    deadline = time.monotonic() + 10
    held = (
        "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND datname = current_database()"
    )
    while harness.conn.execute(held).fetchone() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What replies leave out


@pytest.mark.parametrize("kind", ["omit_refresh_token", "empty_refresh_token", "omit_scope"])
def test_values_missing_from_a_reply_stay_unchanged(harness: Harness, user_id: int, kind: str) -> None:
    before, scopes = harness.refresh_token(user_id), harness.account(user_id).scopes
    harness.control.fault(kind, times=None)
    for _ in range(2):
        harness.control.advance(ALMOST_AN_HOUR)
        harness.tokens().of(user_id)
    assert harness.refresh_token(user_id) == before
    assert harness.account(user_id).scopes == scopes != []
    assert [request.status for request in harness.refreshes()] == [200, 200]


def test_a_rotated_refresh_token_replaces_the_old_one(harness: Harness, user_id: int) -> None:
    harness.control.fault("rotate_refresh_token", times=None)
    seen = {harness.refresh_token(user_id)}
    for _ in range(3):
        harness.control.advance(ALMOST_AN_HOUR)
        harness.tokens().of(user_id)
        seen.add(harness.refresh_token(user_id))
    assert len(seen) == 4
    assert harness.account(user_id).is_valid


# Refusals


@pytest.mark.parametrize("description", ["revoked", "expired", "invalid"])
def test_an_invalid_refresh_token_needs_a_login_and_is_never_tried_again(
    harness: Harness, user_id: int, description: str
) -> None:
    harness.control.fault("invalid_grant", description=description)
    harness.control.advance(ALMOST_AN_HOUR)
    with pytest.raises(LoginNeeded) as first:
        harness.tokens().of(user_id)
    for _ in range(3):
        with pytest.raises(LoginNeeded) as later:
            harness.tokens().of(user_id)
        assert later.value.reason == first.value.reason
    assert len(harness.refreshes()) == 1
    account = harness.account(user_id)
    assert (account.is_valid, account.last_failure_reason) == (False, first.value.reason)
    assert spotify_accounts.linked_users(harness.conn) == []
    assert harness.login().user_id == user_id
    assert me(harness, harness.tokens(), user_id)


def test_the_authorization_ends_after_six_months(harness: Harness, user_id: int) -> None:
    ends = harness.account(user_id).authorization_ends_at
    harness.control.set_time(ends - timedelta(hours=2))
    assert me(harness, harness.tokens(), user_id)
    harness.control.set_time(ends)
    with pytest.raises(LoginNeeded, match="six months"):
        harness.tokens().of(user_id)


def test_an_access_token_that_spotify_refuses_is_renewed_once(harness: Harness, user_id: int) -> None:
    harness.control.expire_access_tokens()
    assert me(harness, harness.tokens(), user_id) == harness.account(user_id).spotify_id
    assert len(harness.refreshes()) == 1
    assert [request.status for request in harness.control.requests("/v1/me")] == [401, 200]
    assert harness.account(user_id).consecutive_failures == 0


def test_three_consecutive_authorization_failures_need_a_login(harness: Harness, user_id: int) -> None:
    harness.control.fault("unauthorized", path_prefix="/v1/me", times=None)
    for failures in (1, 2, 3):
        assert harness.account(user_id).is_valid
        with pytest.raises(Unauthenticated):
            me(harness, harness.tokens(), user_id)
        assert harness.account(user_id).consecutive_failures == failures
    assert not harness.account(user_id).is_valid
    assert harness.account(user_id).last_failure_reason
    harness.control.clear_requests()
    with pytest.raises(LoginNeeded):
        me(harness, harness.tokens(), user_id)
    assert harness.control.requests() == []


def test_a_successful_call_resets_the_count_of_failures(harness: Harness, user_id: int) -> None:
    for _ in range(3):
        harness.control.fault("unauthorized", path_prefix="/v1/me", times=2)
        with pytest.raises(Unauthenticated):
            me(harness, harness.tokens(), user_id)
        assert harness.account(user_id).consecutive_failures == 1
        me(harness, harness.tokens(), user_id)
        assert harness.account(user_id).consecutive_failures == 0


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("kind", "details", "raised"),
    [
        ("server_error", {}, Unavailable),
        ("server_error", {"status": 500}, Unavailable),
        ("drop", {}, Unavailable),
        ("truncated", {}, Unavailable),
        ("hang", {"seconds": 0.6}, Unavailable),
        ("rate_limited", {"retry_after": 5}, RateLimited),
        ("rate_limited_text", {}, RateLimited),
        ("html_200", {}, MalformedReply),
        ("empty_204", {}, SpotifyError),
        ("garbage_json", {}, SpotifyError),
        ("invalid_client", {}, InvalidClient),
    ],
)
def test_faults_of_the_token_endpoint_never_count_as_authorization_failures(
    harness: Harness, user_id: int, kind: str, details: dict[str, Any], raised: type[SpotifyError]
) -> None:
    harness.control.advance(timedelta(hours=2))
    harness.control.fault(kind, path_prefix="/api/token", times=None, **details)
    tokens = harness.tokens(replace(harness.app, timeout_seconds=0.3) if kind == "hang" else harness.app)
    for _ in range(spotify_accounts.ALLOWED_FAILURES):
        with pytest.raises(raised):
            tokens.of(user_id)
    account = harness.account(user_id)
    assert (account.is_valid, account.consecutive_failures, account.last_failure_reason) == (True, 0, None)
    harness.control.clear_faults()
    assert me(harness, harness.tokens(), user_id)


@pytest.mark.parametrize(
    "kind", ["server_error", "drop", "rate_limited", "quota_exceeded", "forbidden_not_registered", "html_200"]
)
def test_faults_of_the_api_never_count_as_authorization_failures(harness: Harness, user_id: int, kind: str) -> None:
    harness.control.fault(kind, path_prefix="/v1/me", times=None)
    for _ in range(spotify_accounts.ALLOWED_FAILURES):
        with pytest.raises(SpotifyError):
            me(harness, harness.tokens(), user_id)
    assert (harness.account(user_id).is_valid, harness.account(user_id).consecutive_failures) == (True, 0)
    assert harness.refreshes() == []


def test_a_token_that_expires_soon_is_used_during_an_outage(harness: Harness, user_id: int) -> None:
    first = harness.tokens().of(user_id)
    harness.control.fault("server_error", path_prefix="/api/token", times=None)
    harness.control.advance(timedelta(minutes=58))
    assert harness.tokens().of(user_id) == first
    harness.control.advance(timedelta(minutes=1, seconds=30))
    with pytest.raises(Unavailable):
        harness.tokens().of(user_id)
    with pytest.raises(Unavailable):
        harness.tokens().renew(user_id, first)


# Whichever account


def test_a_request_for_any_account_tries_the_next_account_after_a_refusal(harness: Harness, user_id: int) -> None:
    other = harness.login(harness.other_listener(than=user_id)).user_id
    [first, second] = [user.user_id for user in spotify_accounts.linked_users(harness.conn)]
    users = {harness.account(user).spotify_id: user for user in (first, second)}
    [listener] = [one.name for one in harness.control.users() if users[one.spotify_id] == first]
    tokens = harness.tokens()

    def user_of_call() -> int:
        return users[tokens.call_any(lambda token: harness.client.me(token, priority=Priority.POLL)).spotify_id]

    assert {user_id, other} == {first, second}
    assert user_of_call() == first
    harness.control.fault("forbidden_not_registered", path_prefix="/v1/me", user=listener, times=None)
    harness.control.clear_requests()
    assert [user_of_call(), user_of_call()] == [second, second]
    assert [request.status for request in harness.control.requests("/v1/me")] == [403, 200, 200]
    harness.control.clear_faults()
    tokens = harness.tokens()
    harness.control.revoke(listener)
    assert user_of_call() == second
    assert not harness.account(first).is_valid
    spotify_accounts.unlink(harness.conn, second)
    with pytest.raises(LoginNeeded, match="no linked Spotify account is valid"):
        user_of_call()


# At rest


def test_a_row_copied_to_another_user_does_not_decrypt_in_the_database(harness: Harness, user_id: int) -> None:
    other = harness.login(harness.other_listener(than=user_id)).user_id
    harness.conn.execute(
        "UPDATE spotify_auth AS thief SET refresh_token_encrypted = own.refresh_token_encrypted,"
        " access_token_encrypted = own.access_token_encrypted FROM spotify_auth AS own"
        " WHERE own.user_id = %s AND thief.user_id = %s",
        [user_id, other],
    )
    harness.control.clear_requests()
    with pytest.raises(LoginNeeded, match="another user's"):
        harness.tokens().of(other)
    assert harness.control.requests() == []
    assert harness.account(other).is_valid, "a key or row that comes back is enough"


def test_an_access_token_in_place_of_a_refresh_token_does_not_decrypt(harness: Harness, user_id: int) -> None:
    harness.conn.execute(
        "UPDATE spotify_auth SET refresh_token_encrypted = access_token_encrypted, access_token_expires_at = now()"
    )
    harness.control.advance(ALMOST_AN_HOUR)
    with pytest.raises(LoginNeeded):
        harness.tokens().of(user_id)
    assert harness.refreshes() == []


def test_a_damaged_access_token_is_replaced(harness: Harness, user_id: int) -> None:
    harness.conn.execute(r"UPDATE spotify_auth SET access_token_encrypted = '\x00'")
    assert me(harness, harness.tokens(), user_id)
    assert len(harness.refreshes()) == 1


def test_no_token_is_in_any_row_log_or_repr(
    harness: Harness, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    linked = harness.login()
    tokens = harness.tokens()
    secrets = {tokens.of(linked.user_id), harness.refresh_token(linked.user_id)}
    harness.control.fault("rotate_refresh_token", times=None)
    raised = []
    for kind in (None, "unauthorized", "server_error", "drop", "garbage_json"):
        harness.control.advance(ALMOST_AN_HOUR)
        if kind:
            harness.control.fault(kind, path_prefix="/v1/me", times=3)
        try:
            me(harness, tokens, linked.user_id)
        except SpotifyError as error:
            raised.append(repr(error))
        secrets |= {tokens.of(linked.user_id), harness.refresh_token(linked.user_id)}
    harness.control.fault("invalid_grant")
    harness.control.advance(ALMOST_AN_HOUR)
    with pytest.raises(LoginNeeded) as over:
        tokens.of(linked.user_id)
    rows = "".join(
        str(row)
        for table in ("users", "spotify_auth")
        for row in harness.conn.execute(f"SELECT row_to_json(t)::text, t::text FROM {table} t".encode())
    )
    said = " ".join([caplog.text, *capfd.readouterr(), rows, *raised, repr(over.value), repr(tokens), repr(linked)])
    assert len(secrets) > 6
    for secret in secrets:
        assert secret not in said
        assert secret.encode().hex() not in said
    assert "DEBUG" in caplog.text, "nothing was logged, so nothing was tested"


# Logging in and out meanwhile


def test_a_logout_waits_for_a_refresh_and_deletes_its_tokens(harness: Harness, user_id: int) -> None:
    harness.control.advance(timedelta(hours=2))
    harness.control.fault("hang", path_prefix="/api/token", seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(harness.tokens().of, user_id)
        wait_for_lock(harness)
        assert spotify_accounts.unlink(harness.conn, user_id)
        assert refresh.result()
    with pytest.raises(LoginNeeded, match="no Spotify account is linked"):
        harness.tokens().of(user_id)


def test_a_refresh_does_not_overwrite_a_login_in_the_meantime(harness: Harness, user_id: int) -> None:
    [listener] = [one.name for one in harness.control.users() if one.spotify_id == harness.account(user_id).spotify_id]
    harness.control.advance(timedelta(hours=2))
    harness.control.revoke(listener)
    harness.control.fault("hang", path_prefix="/api/token", seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(harness.tokens().of, user_id)
        wait_for_lock(harness)
        harness.login(listener)
        assert isinstance(refresh.exception(), LoginNeeded)
    assert harness.account(user_id).is_valid
    assert me(harness, harness.tokens(), user_id)
