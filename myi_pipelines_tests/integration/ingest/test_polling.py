"""Polling against the simulated Spotify: what is stored, how many calls that takes, and when it is retried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from myi_pipelines.ingest.spotify.polling import reason_to_skip
from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Priority
from myi_pipelines.warehouse import catalog, events, polls, spotify_accounts, stats, user_months
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.poll_pacing import COOLDOWN
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support.polling_fixtures import RECENTLY_PLAYED, TICK, Harness, keys_of, open_harness

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TOKEN = "/api/token"


@pytest.fixture
def harness(simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with open_harness(simulator.control, database_url, redis_url, tmp_path) as opened:
        yield opened


def account(harness: Harness, user: LinkedUser) -> tuple[bool, int]:
    """Whether the account is valid, and how many consecutive authorization failures it has."""
    return next(
        (one.is_valid, one.consecutive_failures)
        for one in spotify_accounts.list_accounts(harness.conn)
        if one.user_id == user.user_id
    )


def derive(harness: Harness, user: LinkedUser) -> None:
    """Derive what a run derives after polling."""
    catalog.sync_catalog(harness.conn)
    stale = user_months.invalidated_user_months(harness.conn, Stage.EVENTS, user_id=user.user_id)
    for _ in events.conform_user_months(Session(harness.conn), stale):
        pass
    stats.refresh_stats(Session(harness.conn), user.user_id)


# What is stored


def test_a_first_poll_stores_what_spotify_shows_with_one_call(harness: Harness) -> None:
    [user] = harness.link("ada")
    [polled] = harness.poll()
    assert (polled.user, polled.seen, polled.added, polled.gap, polled.error) == ("ada", 50, 50, None, None)
    assert harness.stored(user) == keys_of(harness.control.shown("ada"))
    assert harness.calls("/") == 1
    lengths = {(play.track_id, play.duration_ms) for play in harness.control.shown("ada")}
    assert set(harness.conn.execute("SELECT spotify_id, duration_ms FROM polled_plays").fetchall()) == lengths
    tracks = {track_id for track_id, _ in lengths}
    landed = harness.conn.execute("SELECT spotify_id FROM spotify_objects WHERE object_type = 'track'").fetchall()
    assert {spotify_id for (spotify_id,) in landed} == tracks


def test_every_play_of_half_a_day_is_stored_once_with_few_calls(harness: Harness) -> None:
    users = harness.link("ada", "dalia")
    began = harness.now
    polls = len(harness.poll())
    for _ in range(144):
        harness.advance(TICK)
        polls += len(harness.poll())
    harness.advance(HOUR)
    polls += len(harness.poll())
    for user in users:
        true_plays = [play for play in harness.control.plays(user.name, began, harness.now) if play.counts]
        assert [key for key in harness.stored(user) if key[0] > began] == keys_of(true_plays)
        assert len(true_plays) > 10
    requests = harness.control.requests(RECENTLY_PLAYED)
    assert {request.status for request in requests} == {200}
    assert len(requests) == polls
    for user in users:
        at = [request.at for request in requests if request.user == user.name]
        assert min(after - before for before, after in pairwise(at)) >= COOLDOWN
        assert 36 <= len(at) <= 146
    assert len(requests) <= harness.quota.calls_per_day
    assert harness.conn.execute("SELECT count(*) FROM possible_gaps").fetchone() == (0,)


def test_plays_are_stored_within_minutes_and_statistics_follow(harness: Harness) -> None:
    [user] = harness.link("ada")
    harness.poll()
    derive(harness, user)
    track_id = harness.control.shown("ada")[0].track_id
    before = harness.conn.execute("SELECT total_play_count FROM users").fetchone()
    harness.advance(HOUR)
    play = harness.control.add_play("ada", track_id, harness.now - MINUTE)
    assert (play.played_at, track_id) in [
        key for polled in harness.poll() for key in harness.stored(user) if polled.added
    ]
    derive(harness, user)
    assert before is not None
    assert harness.conn.execute("SELECT total_play_count FROM users").fetchone() == (len(harness.stored(user)),)
    assert harness.conn.execute("SELECT count(*) FROM invalidated_user_months").fetchone() == (0,)


def test_late_plays_are_stored_when_spotify_shows_them(harness: Harness) -> None:
    [user] = harness.link("dalia")
    harness.poll()
    began = harness.now
    harness.control.delay_plays(0.5, timedelta(minutes=50), "dalia")
    for _ in range(150):
        harness.advance(TICK)
        harness.poll()
    harness.control.stop_delays()
    harness.advance(timedelta(hours=1))
    harness.poll()
    true_plays = [play for play in harness.control.plays("dalia", began, harness.now) if play.counts]
    assert [key for key in harness.stored(user) if key[0] > began] == keys_of(true_plays)


def test_the_order_of_a_page_does_not_matter(harness: Harness) -> None:
    [user] = harness.link("ada")
    harness.control.fault("out_of_order")
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)
    assert harness.stored(user) == keys_of(harness.control.shown("ada"))


def test_local_files_are_skipped(harness: Harness) -> None:
    [user] = harness.link("ada")
    harness.control.add_play("ada", None, harness.now - MINUTE, ms_played=200_000)
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (49, None)
    assert harness.stored(user) == keys_of(harness.control.shown("ada"))


def test_an_overflowed_window_is_a_possible_gap_and_polled_sooner(harness: Harness) -> None:
    [user] = harness.link("dalia")
    harness.poll()
    last = harness.stored(user)[-1][0]
    harness.advance(timedelta(days=2))
    [polled] = harness.poll()
    assert polled.added == 50
    assert polled.gap is not None
    assert (polled.gap.after, polled.gap.before) == (last, min(harness.stored(user)[50:])[0])
    assert polled.next_poll_at - harness.now < timedelta(minutes=10)
    assert harness.calls() == 2


# Who is polled


def test_nobody_is_polled_before_they_are_due(harness: Harness) -> None:
    [user] = harness.link("ada")
    [polled] = harness.poll()
    assert harness.poll() == []
    assert harness.poll_now([user]) == []
    harness.advance(polled.next_poll_at - harness.now - timedelta(seconds=1))
    assert harness.poll() == []
    assert harness.calls() == 1
    harness.advance(timedelta(seconds=1))
    assert len(harness.poll()) == 1
    assert harness.calls() == 1


def test_a_listener_is_polled_on_demand_before_they_are_due(harness: Harness) -> None:
    [user] = harness.link("emeka")
    [first] = harness.poll()
    assert first.next_poll_at > harness.now + COOLDOWN
    harness.advance(COOLDOWN)
    assert harness.poll() == []
    [again] = harness.poll_now([user])
    assert (again.added, again.error) == (0, None)
    assert harness.calls() == 2


def test_a_tick_says_why_it_polls_nobody(harness: Harness) -> None:
    assert "no Spotify account is linked" in str(reason_to_skip(harness.conn, harness.gate, harness.now))
    [user] = harness.link("ada")
    assert reason_to_skip(harness.conn, harness.gate, harness.now) is None
    harness.poll()
    assert "none of 1 linked accounts is due before 2026-03-02 12:" in str(
        reason_to_skip(harness.conn, harness.gate, harness.now)
    )
    harness.advance(HOUR)
    harness.control.fault("quota_exceeded", retry_after=20_000)
    harness.poll()
    harness.advance(HOUR)
    assert "quota" in str(reason_to_skip(harness.conn, harness.gate, harness.now))
    spotify_accounts.end_authorization(harness.conn, user.user_id, "revoked", harness.now)
    assert "no Spotify account is linked" in str(reason_to_skip(harness.conn, harness.gate, harness.now))


# What goes wrong

OUTAGES: list[tuple[str, dict[str, Any], int]] = [
    ("server_error", {"status": 500}, 3),
    ("server_error", {"status": 503, "retry_after": 3_600}, 3),
    ("hang", {"seconds": 4}, 1),
    ("drop", {}, 3),
    ("reply_lost", {}, 3),
    ("truncated", {}, 3),
    ("html_200", {}, 1),
    ("empty_204", {}, 1),
    ("json_200", {"body": {"items": None}}, 1),
    ("json_200", {"body": []}, 1),
    ("json_200", {"body": "no"}, 1),
    ("garbage_json", {}, 1),
    ("error_body", {"status": 500, "body": "upstream said no"}, 3),
    ("error_body", {"status": 502, "body": ["no"]}, 3),
    ("error_body", {"status": 400, "body": ["no"]}, 1),
]


@pytest.mark.few(4)
@pytest.mark.parametrize(("kind", "details", "calls"), OUTAGES)
def test_an_outage_is_left_for_a_later_tick_and_never_held_against_the_account(
    harness: Harness, kind: str, details: dict[str, Any], calls: int
) -> None:
    [user] = harness.link("ada")
    harness.control.fault(kind, times=None, **details)
    [polled] = harness.poll()
    assert polled.error
    assert "\n" not in polled.error
    assert harness.stored(user) == []
    assert harness.calls_at_last(calls) == calls
    assert account(harness, user) == (True, 0)
    assert polled.next_poll_at == harness.now + COOLDOWN
    [state] = polls.poll_states(harness.conn)
    assert (state.last_error, state.consecutive_failures, state.last_success_at) == (polled.error, 1, None)
    assert harness.conn.execute("SELECT last_ingested_at FROM users").fetchone() == (None,)
    harness.control.clear_faults()
    harness.advance(COOLDOWN)
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)
    assert harness.stored(user) == keys_of(harness.control.shown("ada"))
    assert harness.calls("/") == 1


def test_one_failed_attempt_is_repeated_within_the_same_poll(harness: Harness) -> None:
    harness.link("ada")
    harness.control.fault("server_error")
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)
    assert harness.calls("/") == 2


def test_during_a_long_outage_few_polls_are_made_but_no_play_is_lost(harness: Harness) -> None:
    harness.link("ada")
    harness.control.fault("html_200", times=None)
    waits = []
    for _ in range(5):
        [polled] = harness.poll()
        waits.append((polled.next_poll_at - harness.now) // MINUTE)
        harness.advance(polled.next_poll_at - harness.now)
    assert waits == [5, 10, 20, 20, 20]
    assert harness.calls() == 5


@pytest.mark.parametrize(
    ("kind", "retry_after", "blocked_for"),
    [
        ("rate_limited", 45, timedelta(seconds=45)),
        ("rate_limited", None, timedelta(seconds=30)),
        ("rate_limited_text", 400, timedelta(seconds=400)),
        ("rate_limited_text", None, timedelta(seconds=30)),
        ("quota_exceeded", 14_400, timedelta(hours=4)),
        ("quota_exceeded", 86_236, timedelta(seconds=86_236)),
        ("quota_exceeded", None, timedelta(hours=1)),
    ],
)
def test_a_rate_limit_costs_one_call_until_it_ends(
    harness: Harness, kind: str, retry_after: int | None, blocked_for: timedelta
) -> None:
    users = harness.link("ada")
    details: dict[str, Any] = {} if retry_after is None else {"retry_after": retry_after}
    harness.control.fault(kind, times=None, **details)
    [polled] = harness.poll()
    assert polled.error
    assert harness.calls("/") == 1
    assert polled.next_poll_at == harness.now + max(blocked_for, COOLDOWN)
    assert account(harness, users[0]) == (True, 0)
    harness.control.clear_faults()
    until = polled.next_poll_at
    while harness.now + HOUR < until:
        harness.advance(HOUR)
        assert harness.poll() == []
        assert [one.error is None for one in harness.poll_now(users)] == [False]
    assert harness.calls("/") == 0
    assert polls.poll_states(harness.conn)[0].next_poll_at == until
    harness.advance(until - harness.now + COOLDOWN)
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)
    assert harness.calls() == 1


def test_a_used_up_quota_stops_all_polls_and_keeps_their_order(harness: Harness) -> None:
    users = harness.link("ada", "bela", "chandra", "dalia", "emeka")
    harness.control.fault("quota", calls=2, path_prefix=RECENTLY_PLAYED)
    polled = harness.poll()
    done = [one for one in polled if one.error is None]
    assert len(polled) == 5
    assert len(done) == 2
    assert all("quota" in str(one.error) for one in polled if one.error)
    assert 3 <= harness.calls("/") <= 5
    for _ in range(12):
        harness.advance(HOUR)
        assert [one.user for one in harness.poll() if one.error is None] == []
    assert harness.calls("/") == 0
    harness.control.clear_faults()
    harness.advance(13 * HOUR)
    harness.poll()
    for user in users:
        assert set(keys_of(harness.control.shown(user.name))) <= set(harness.stored(user))


def test_the_thirty_second_window_only_delays_polls(harness: Harness) -> None:
    users = harness.link("ada", "bela", "chandra", "dalia", "emeka")
    harness.control.fault("window", calls=2)
    polled = [one.user for one in harness.poll() if one.error is None]
    assert len(polled) == 2
    assert harness.calls() <= 5
    for _ in range(3):
        harness.advance(COOLDOWN)
        polled += [one.user for one in harness.poll() if one.error is None]
    assert {"ada", "bela", "chandra", "dalia", "emeka"} == set(polled)
    for user in users:
        assert harness.stored(user)[-1][0] >= keys_of(harness.control.shown(user.name))[-1][0] - 4 * COOLDOWN
        assert account(harness, user) == (True, 0)


def test_temporary_faults_lose_no_play(harness: Harness) -> None:
    users = harness.link("ada", "dalia")
    harness.poll()
    began = harness.now
    harness.control.delay_plays(0.1, timedelta(minutes=25))
    for kind in ("server_error", "drop", "reply_lost", "truncated", "html_200", "empty_204", "forbidden"):
        harness.control.fault(kind, times=None, share=0.03)
    harness.control.fault("rate_limited_text", times=None, share=0.03)
    harness.control.fault("unauthorized", times=None, share=0.03)
    harness.control.fault("out_of_order", times=None, share=0.5)
    harness.control.fault("server_error", path_prefix=TOKEN, times=None, share=0.3)
    errors = 0
    for _ in range(8 * 12):
        harness.advance(TICK)
        errors += sum(one.error is not None for one in harness.poll())
    harness.control.clear_faults()
    harness.control.stop_delays()
    for _ in range(2):
        harness.advance(HOUR)
        harness.poll()
    assert errors > 3
    for user in users:
        true_plays = [play for play in harness.control.plays(user.name, began, harness.now) if play.counts]
        assert [key for key in harness.stored(user) if key[0] > began] == keys_of(true_plays)
        assert set(keys_of(harness.control.delivered(user.name))) >= set(keys_of(true_plays))
    assert harness.conn.execute("SELECT count(*) FROM possible_gaps").fetchone() == (0,)


@pytest.mark.parametrize(
    ("kind", "error", "wait"),
    [
        ("forbidden_not_registered", "not on the app's list of users", timedelta(days=1)),
        ("forbidden_premium", "Premium", HOUR),
        ("forbidden", "forbids", HOUR),
    ],
)
def test_a_forbidden_user_is_tried_rarely_and_others_are_polled(
    harness: Harness, kind: str, error: str, wait: timedelta
) -> None:
    ada, bela = harness.link("ada", "bela")
    harness.control.fault(kind, times=None, user="bela")
    polled = {one.user: one for one in harness.poll()}
    assert (polled["ada"].added, polled["ada"].error) == (50, None)
    assert error in str(polled["bela"].error)
    assert polled["bela"].next_poll_at == harness.now + wait
    assert harness.calls("/") == 2
    assert account(harness, bela) == (True, 0)
    for _ in range(11):
        harness.advance(TICK)
        assert "bela" not in [one.user for one in harness.poll()]
    assert error in str({state.name: state.last_error for state in polls.poll_states(harness.conn)}["bela"])
    harness.control.clear_faults()
    harness.advance(timedelta(days=1))
    assert [one.error for one in harness.poll()] == [None, None]
    assert set(keys_of(harness.control.shown("bela"))) <= set(harness.stored(bela))
    assert ada.user_id != bela.user_id


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", ["server_error", "drop", "html_200", "garbage_json", "forbidden", "unauthorized"])
def test_one_users_failure_does_not_affect_other_users(harness: Harness, kind: str) -> None:
    users = harness.link("ada", "bela", "chandra", "dalia", "emeka")
    harness.control.fault(kind, times=None, user="chandra")
    polled = {one.user: one for one in harness.poll()}
    assert [name for name, one in polled.items() if one.error] == ["chandra"]
    for user in users:
        assert harness.stored(user) == ([] if user.name == "chandra" else keys_of(harness.control.shown(user.name)))


def test_a_refused_access_token_is_renewed_once(harness: Harness) -> None:
    [user] = harness.link("ada")
    harness.control.expire_access_tokens()
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)
    assert [request.status for request in harness.control.requests("/")] == [401, 200, 200]
    assert account(harness, user) == (True, 0)


def test_access_tokens_are_refreshed_before_they_expire(harness: Harness) -> None:
    harness.link("ada")
    for _ in range(36):
        harness.advance(TICK)
        harness.poll()
    requests = harness.control.requests("/")
    assert {request.status for request in requests} == {200}
    assert sum(request.path == TOKEN for request in requests) == 3


def test_three_consecutive_refusals_end_the_polling_of_an_account(harness: Harness) -> None:
    [user] = harness.link("ada")
    harness.control.fault("unauthorized", times=None)
    for failures in (1, 2, 3):
        assert account(harness, user) == (True, failures - 1)
        [polled] = harness.poll()
        assert polled.error
        assert harness.calls("/") == 3  # refused, renewed, refused
        harness.advance(polled.next_poll_at - harness.now)
    assert account(harness, user) == (False, 3)
    harness.control.clear_faults()
    harness.advance(HOUR)
    assert harness.poll() == []
    harness.link("ada")
    [polled] = harness.poll()
    assert (polled.added, polled.error) == (50, None)


@pytest.mark.parametrize("description", ["revoked", "expired", "invalid"])
def test_a_user_who_must_log_in_is_not_polled_until_then(harness: Harness, description: str) -> None:
    [user] = harness.link("ada")
    harness.advance(HOUR)
    harness.control.fault("invalid_grant", times=None, description=description)
    [polled] = harness.poll()
    assert "myi login" in str(polled.error)
    assert [request.path for request in harness.control.requests("/")] == [TOKEN]
    assert account(harness, user)[0] is False
    harness.control.clear_requests()
    for _ in range(5):
        harness.advance(HOUR)
        assert harness.poll() == []
    assert harness.calls("/") == 0
    harness.control.clear_faults()
    harness.link("ada")
    [polled] = harness.poll()
    assert polled.error is None
    assert harness.stored(user) == keys_of(harness.control.shown("ada"))


def test_a_user_who_removed_the_app_costs_two_calls_and_no_more(harness: Harness) -> None:
    harness.link("ada")
    harness.control.revoke("ada")
    [polled] = harness.poll()
    assert "myi login" in str(polled.error)
    assert [(request.path, request.status) for request in harness.control.requests("/")] == [
        (RECENTLY_PLAYED, 401),
        (TOKEN, 400),
    ]
    harness.advance(timedelta(days=2))
    assert harness.poll() == []


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("server_error", {}),
        ("drop", {}),
        ("rate_limited_text", {"retry_after": 60}),
        ("html_200", {}),
        ("invalid_client", {}),
    ],
)
def test_faults_of_the_accounts_service_do_not_count_against_the_account(
    harness: Harness, kind: str, details: dict[str, Any]
) -> None:
    [user] = harness.link("ada")
    harness.advance(2 * HOUR)
    harness.control.fault(kind, path_prefix=TOKEN, times=None, **details)
    [polled] = harness.poll()
    assert polled.error
    assert account(harness, user) == (True, 0)
    assert polled.next_poll_at == harness.now + COOLDOWN
    assert harness.control.requests(RECENTLY_PLAYED) == []
    harness.control.clear_faults()
    harness.advance(COOLDOWN)
    assert [one.added for one in harness.poll()] == [50]


@pytest.mark.parametrize("kind", ["omit_refresh_token", "empty_refresh_token", "omit_scope", "rotate_refresh_token"])
def test_unusual_token_replies_do_not_stop_polling(harness: Harness, kind: str) -> None:
    [user] = harness.link("ada")
    harness.control.fault(kind, times=None)
    for _ in range(4):
        harness.advance(HOUR)
        assert [one.error for one in harness.poll()] == [None]
    assert account(harness, user) == (True, 0)
    assert {request.status for request in harness.control.requests("/")} == {200}


def test_polling_continues_without_redis(simulator: Simulator, database_url: str, tmp_path: Path) -> None:
    with open_harness(simulator.control, database_url, "redis://127.0.0.1:1/0", tmp_path) as harness:
        [user] = harness.link("ada")
        assert reason_to_skip(harness.conn, harness.gate, harness.now) is None
        [polled] = harness.poll()
        assert (polled.added, polled.error) == (50, None)
        assert harness.stored(user) == keys_of(harness.control.shown("ada"))
        assert harness.calls() == 1


def test_a_bug_with_one_user_is_raised_after_the_others_are_polled(harness: Harness) -> None:
    users = harness.link("ada", "bela", "chandra")
    harness.conn.execute(
        sql.SQL("ALTER TABLE poll_states ADD CHECK (user_id <> {} OR last_success_at IS NULL)").format(users[1].user_id)
    )
    with pytest.raises(Exception, match="violates check constraint"):
        harness.poll()
    assert [bool(harness.stored(user)) for user in users] == [True, False, True]
    assert harness.calls() == 3
    harness.advance(MINUTE)
    assert harness.poll() == []


def test_the_days_budget_is_all_for_polls(harness: Harness) -> None:
    harness.link("ada")
    assert harness.gate.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL) is None
    harness.poll()
    [usage] = [one for one in harness.gate.usage() if one.group is EndpointGroup.RECENTLY_PLAYED]
    assert usage.calls_last_day == 1


ODD_ROWS: list[dict[str, Any]] = [
    {"played_at": "9999-12-31T23:59:59.999Z"},
    {"played_at": "9999-12-31T23:59:59.999-14:00"},
    {"played_at": "0001-01-01T00:00:00.000+14:00"},
    {"played_at": "2026-03-04T12:00:00.000Z"},
    {"played_at": 17},
    {"played_at": "12:00"},
    {"track": None},
    {"id": "a\u0000b"},
    {"id": ""},
    {"id": ["x"]},
]
ODD_TRACKS: list[dict[str, Any]] = [
    {"duration_ms": 2**31},
    {"duration_ms": 10**40},
    {"duration_ms": -1},
    {"name": "\u0000"},
    {"a\u0000field": "a\u0000value"},
    {"artists": [{"id": "x", "name": "a\u0000b"}]},
    {"album": {"id": "\u0000", "name": "x", "images": [{"url": "\u0000"}]}},
]


def test_from_what_a_play_was_started_lands_beside_it(harness: Harness) -> None:
    harness.link("ada")
    harness.poll()
    contexts = harness.conn.execute(
        "SELECT context_type, count(*), count(*) FILTER (WHERE context_uri LIKE 'spotify:album:%')"
        " FROM polled_plays GROUP BY context_type ORDER BY context_type"
    ).fetchall()
    [(kind, of_albums, with_uri), (nothing, without, none_with_uri)] = contexts
    assert (kind, of_albums, nothing, none_with_uri) == ("album", with_uri, None, 0)
    assert of_albums > 0
    assert without > 0


@pytest.mark.parametrize(
    "context", [None, 1, [], {}, {"type": "album"}, {"type": "album", "uri": "spotify:a\u0000"}, {"uri": "http://x"}]
)
def test_an_odd_context_is_none(harness: Harness, context: object) -> None:
    harness.link("ada")
    track = {"type": "track", "id": "g" * 22, "name": "Good", "duration_ms": 180_000}
    row = {"track": track, "played_at": "2026-03-02T08:00:00.000Z", "context": context}
    harness.control.fault("json_200", path_prefix=RECENTLY_PLAYED, body={"items": [row]})
    harness.poll()
    assert harness.conn.execute("SELECT context_type, context_uri FROM polled_plays").fetchall() == [(None, None)]


@pytest.mark.parametrize("odd", [*ODD_ROWS, *ODD_TRACKS])
def test_an_odd_row_is_refused_and_the_page_lands(harness: Harness, odd: dict[str, Any]) -> None:
    [user] = harness.link("ada")
    good = {
        "track": {"type": "track", "id": "g" * 22, "name": "Good", "duration_ms": 180_000},
        "played_at": "2026-03-02T08:00:00.000Z",
    }
    track = {"type": "track", "id": "o" * 22, "name": "Odd", "duration_ms": 180_000}
    row: dict[str, Any] = {"track": track, "played_at": "2026-03-02T08:05:00.000Z"}
    row.update({key: value for key, value in odd.items() if key in row})
    if odd.keys() - {"played_at", "track"}:
        track.update(odd)
    harness.control.fault("json_200", path_prefix=RECENTLY_PLAYED, body={"items": [row, good, good]})

    [polled] = harness.poll()

    assert polled.error is None
    landed = [spotify_id for _, spotify_id in harness.stored(user)]
    assert landed == ["g" * 22, *(["o" * 22] if odd in ODD_TRACKS else [])]
    sync_catalog(harness.conn)


@pytest.mark.parametrize("kind", ["forbidden_not_registered", "forbidden_scope", "forbidden"])
def test_a_user_whom_spotify_refuses_is_known_at_once(harness: Harness, kind: str) -> None:
    harness.link("ada")
    harness.control.fault(kind)
    harness.poll()
    [state] = polls.poll_states(harness.conn)
    assert (state.is_refused, state.consecutive_failures) == (True, 1)
    harness.advance(timedelta(days=2))
    harness.poll()
    assert not polls.poll_states(harness.conn)[0].is_refused


def test_a_user_whose_tokens_are_locked_is_known_at_once(harness: Harness) -> None:
    harness.link("ada")
    harness.conn.execute("UPDATE spotify_auth SET refresh_token_encrypted = 'x', access_token_encrypted = 'x'")
    harness.poll()
    assert polls.poll_states(harness.conn)[0].is_refused
