"""Polling against the simulated Spotify: what is stored, how many calls that takes, and when it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.ingest.spotify.polling import reason_to_skip
from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify.rate_limits import Family, Purpose
from myi_pipelines.warehouse import catalog, events, polls, spotify_accounts, stats, user_months
from myi_pipelines.warehouse.poll_pacing import COOLDOWN
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support.polling_fixtures import RECENTLY_PLAYED, TICK, Lab, keys_of, open_lab

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TOKEN = "/api/token"


@pytest.fixture
def lab(simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Lab]:
    with open_lab(simulator.control, database_url, redis_url, tmp_path) as opened:
        yield opened


def account(lab: Lab, user: LinkedUser) -> tuple[bool, int]:
    """Whether the account is valid, and how many authorization failures count against it."""
    return next(
        (one.is_valid, one.consecutive_failures)
        for one in spotify_accounts.list_accounts(lab.conn)
        if one.user_id == user.user_id
    )


def derive(lab: Lab, user: LinkedUser) -> None:
    """What a run does after polling."""
    catalog.sync_catalog(lab.conn)
    stale = user_months.stale_slices(lab.conn, Stage.EVENTS, user_id=user.user_id)
    for _ in events.conform_slices(lab.conn, stale, min_play_ms=5_000):
        pass
    stats.refresh_stats(lab.conn, user.user_id)


# What is stored


def test_a_first_poll_stores_what_spotify_shows_with_one_call(lab: Lab) -> None:
    [user] = lab.link("ada")
    [polled] = lab.poll()
    assert (polled.user, polled.seen, polled.added, polled.gap, polled.error) == ("ada", 50, 50, None, None)
    assert lab.stored(user) == keys_of(lab.control.shown("ada"))
    assert lab.calls("/") == 1
    lengths = {(play.track_id, play.duration_ms) for play in lab.control.shown("ada")}
    assert set(lab.conn.execute("SELECT spotify_id, duration_ms FROM polled_plays").fetchall()) == lengths
    tracks = {track_id for track_id, _ in lengths}
    landed = lab.conn.execute("SELECT spotify_id FROM spotify_objects WHERE object_type = 'track'").fetchall()
    assert {spotify_id for (spotify_id,) in landed} == tracks


def test_every_play_of_a_day_is_stored_once_and_seldom_asked_for(lab: Lab) -> None:
    users = lab.link("ada", "dalia")
    began = lab.now
    polls = len(lab.poll())
    for _ in range(288):
        lab.advance(TICK)
        polls += len(lab.poll())
    lab.advance(HOUR)
    polls += len(lab.poll())
    for user in users:
        true_plays = [play for play in lab.control.plays(user.name, began, lab.now) if play.counts]
        assert [key for key in lab.stored(user) if key[0] > began] == keys_of(true_plays)
        assert len(true_plays) > 10
    requests = lab.control.requests(RECENTLY_PLAYED)
    assert {request.status for request in requests} == {200}
    assert len(requests) == polls
    for user in users:
        at = [request.at for request in requests if request.listener == user.name]
        assert min(after - before for before, after in pairwise(at)) >= COOLDOWN
        assert 72 <= len(at) <= 290
    assert len(requests) <= lab.quota.calls_per_day
    assert lab.conn.execute("SELECT count(*) FROM possible_gaps").fetchone() == (0,)


def test_plays_are_there_within_minutes_and_statistics_follow(lab: Lab) -> None:
    [user] = lab.link("ada")
    lab.poll()
    derive(lab, user)
    track_id = lab.control.shown("ada")[0].track_id
    before = lab.conn.execute("SELECT total_play_count FROM users").fetchone()
    lab.advance(HOUR)
    play = lab.control.add_play("ada", track_id, lab.now - MINUTE)
    assert (play.played_at, track_id) in [key for polled in lab.poll() for key in lab.stored(user) if polled.added]
    derive(lab, user)
    assert before is not None
    assert lab.conn.execute("SELECT total_play_count FROM users").fetchone() == (len(lab.stored(user)),)
    assert lab.conn.execute("SELECT count(*) FROM stale_slices").fetchone() == (0,)


def test_late_plays_are_stored_when_they_show(lab: Lab) -> None:
    [user] = lab.link("dalia")
    lab.poll()
    began = lab.now
    lab.control.delay_plays(0.5, timedelta(minutes=50), "dalia")
    for _ in range(150):
        lab.advance(TICK)
        lab.poll()
    lab.control.stop_delays()
    lab.advance(timedelta(hours=1))
    lab.poll()
    true_plays = [play for play in lab.control.plays("dalia", began, lab.now) if play.counts]
    assert [key for key in lab.stored(user) if key[0] > began] == keys_of(true_plays)


def test_the_order_of_a_page_does_not_matter(lab: Lab) -> None:
    [user] = lab.link("ada")
    lab.control.fault("out_of_order")
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (50, None)
    assert lab.stored(user) == keys_of(lab.control.shown("ada"))


def test_local_files_are_passed_over(lab: Lab) -> None:
    [user] = lab.link("ada")
    lab.control.add_play("ada", None, lab.now - MINUTE, ms_played=200_000)
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (49, None)
    assert lab.stored(user) == keys_of(lab.control.shown("ada"))


def test_a_window_that_overflowed_is_a_possible_gap_and_polled_sooner(lab: Lab) -> None:
    [user] = lab.link("dalia")
    lab.poll()
    last = lab.stored(user)[-1][0]
    lab.advance(timedelta(days=2))
    [polled] = lab.poll()
    assert polled.added == 50
    assert polled.gap is not None
    assert (polled.gap.after, polled.gap.before) == (last, min(lab.stored(user)[50:])[0])
    assert polled.next_poll_at - lab.now < timedelta(minutes=10)
    assert lab.calls() == 2


# Who is polled


def test_nobody_is_polled_before_they_are_due(lab: Lab) -> None:
    [user] = lab.link("ada")
    [polled] = lab.poll()
    assert lab.poll() == []
    assert lab.poll_now([user]) == []
    lab.advance(polled.next_poll_at - lab.now - timedelta(seconds=1))
    assert lab.poll() == []
    assert lab.calls() == 1
    lab.advance(timedelta(seconds=1))
    assert len(lab.poll()) == 1
    assert lab.calls() == 1


def test_a_listener_is_polled_on_demand_before_they_are_due(lab: Lab) -> None:
    [user] = lab.link("emeka")
    [first] = lab.poll()
    assert first.next_poll_at > lab.now + COOLDOWN
    lab.advance(COOLDOWN)
    assert lab.poll() == []
    [again] = lab.poll_now([user])
    assert (again.added, again.error) == (0, None)
    assert lab.calls() == 2


def test_a_tick_says_why_it_polls_nobody(lab: Lab) -> None:
    assert "no Spotify account is linked" in str(reason_to_skip(lab.conn, lab.gate, lab.now))
    [user] = lab.link("ada")
    assert reason_to_skip(lab.conn, lab.gate, lab.now) is None
    lab.poll()
    assert "none of 1 linked accounts is due before 2026-03-02 12:" in str(reason_to_skip(lab.conn, lab.gate, lab.now))
    lab.advance(HOUR)
    lab.control.fault("quota_exceeded", retry_after=20_000)
    lab.poll()
    lab.advance(HOUR)
    assert "quota" in str(reason_to_skip(lab.conn, lab.gate, lab.now))
    spotify_accounts.end_authorization(lab.conn, user.user_id, "revoked", lab.now)
    assert "no Spotify account is linked" in str(reason_to_skip(lab.conn, lab.gate, lab.now))


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


@pytest.mark.parametrize(("kind", "details", "calls"), OUTAGES)
def test_an_outage_is_left_for_a_later_tick_and_never_held_against_the_account(
    lab: Lab, kind: str, details: dict[str, Any], calls: int
) -> None:
    [user] = lab.link("ada")
    lab.control.fault(kind, times=None, **details)
    [polled] = lab.poll()
    assert polled.error
    assert "\n" not in polled.error
    assert lab.stored(user) == []
    assert lab.calls_at_last(calls) == calls
    assert account(lab, user) == (True, 0)
    assert polled.next_poll_at == lab.now + COOLDOWN
    [state] = polls.poll_states(lab.conn)
    assert (state.last_error, state.consecutive_failures, state.last_success_at) == (polled.error, 1, None)
    assert lab.conn.execute("SELECT last_ingested_at FROM users").fetchone() == (None,)
    lab.control.clear_faults()
    lab.advance(COOLDOWN)
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (50, None)
    assert lab.stored(user) == keys_of(lab.control.shown("ada"))
    assert lab.calls("/") == 1


def test_one_failed_attempt_is_made_good_within_the_same_poll(lab: Lab) -> None:
    lab.link("ada")
    lab.control.fault("server_error")
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (50, None)
    assert lab.calls("/") == 2


def test_a_long_outage_is_asked_about_seldom_though_often_enough(lab: Lab) -> None:
    lab.link("ada")
    lab.control.fault("html_200", times=None)
    waits = []
    for _ in range(5):
        [polled] = lab.poll()
        waits.append((polled.next_poll_at - lab.now) // MINUTE)
        lab.advance(polled.next_poll_at - lab.now)
    assert waits == [5, 10, 20, 20, 20]
    assert lab.calls() == 5


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
def test_a_refusal_for_too_many_calls_costs_one_call_until_it_is_over(
    lab: Lab, kind: str, retry_after: int | None, blocked_for: timedelta
) -> None:
    users = lab.link("ada")
    details: dict[str, Any] = {} if retry_after is None else {"retry_after": retry_after}
    lab.control.fault(kind, times=None, **details)
    [polled] = lab.poll()
    assert polled.error
    assert lab.calls("/") == 1
    assert polled.next_poll_at == lab.now + max(blocked_for, COOLDOWN)
    assert account(lab, users[0]) == (True, 0)
    lab.control.clear_faults()
    until = polled.next_poll_at
    while lab.now + HOUR < until:
        lab.advance(HOUR)
        assert lab.poll() == []
        assert [one.error is None for one in lab.poll_now(users)] == [False]
    assert lab.calls("/") == 0
    assert polls.poll_states(lab.conn)[0].next_poll_at == until
    lab.advance(until - lab.now + COOLDOWN)
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (50, None)
    assert lab.calls() == 1


def test_a_used_up_quota_stops_everybody_and_nobody_loses_their_place(lab: Lab) -> None:
    users = lab.link("ada", "bela", "chandra", "dalia", "emeka")
    lab.control.fault("quota", calls=2, path_prefix=RECENTLY_PLAYED)
    polled = lab.poll()
    done = [one for one in polled if one.error is None]
    assert len(polled) == 5
    assert len(done) == 2
    assert all("quota" in str(one.error) for one in polled if one.error)
    assert 3 <= lab.calls("/") <= 5
    for _ in range(12):
        lab.advance(HOUR)
        assert [one.user for one in lab.poll() if one.error is None] == []
    assert lab.calls("/") == 0
    lab.control.clear_faults()
    lab.advance(13 * HOUR)
    lab.poll()
    for user in users:
        assert set(keys_of(lab.control.shown(user.name))) <= set(lab.stored(user))


def test_the_thirty_second_window_only_puts_polls_off(lab: Lab) -> None:
    users = lab.link("ada", "bela", "chandra", "dalia", "emeka")
    lab.control.fault("window", calls=2)
    polled = [one.user for one in lab.poll() if one.error is None]
    assert len(polled) == 2
    assert lab.calls() <= 5
    for _ in range(3):
        lab.advance(COOLDOWN)
        polled += [one.user for one in lab.poll() if one.error is None]
    assert {"ada", "bela", "chandra", "dalia", "emeka"} == set(polled)
    for user in users:
        assert lab.stored(user)[-1][0] >= keys_of(lab.control.shown(user.name))[-1][0] - 4 * COOLDOWN
        assert account(lab, user) == (True, 0)


def test_no_play_is_lost_to_faults_that_come_and_go(lab: Lab) -> None:
    users = lab.link("ada", "dalia")
    lab.poll()
    began = lab.now
    lab.control.delay_plays(0.1, timedelta(minutes=25))
    for kind in ("server_error", "drop", "reply_lost", "truncated", "html_200", "empty_204", "forbidden"):
        lab.control.fault(kind, times=None, share=0.03)
    lab.control.fault("rate_limited_text", times=None, share=0.03)
    lab.control.fault("unauthorized", times=None, share=0.03)
    lab.control.fault("out_of_order", times=None, share=0.5)
    lab.control.fault("server_error", path_prefix=TOKEN, times=None, share=0.3)
    errors = 0
    for _ in range(8 * 12):
        lab.advance(TICK)
        errors += sum(one.error is not None for one in lab.poll())
    lab.control.clear_faults()
    lab.control.stop_delays()
    for _ in range(2):
        lab.advance(HOUR)
        lab.poll()
    assert errors > 3
    for user in users:
        true_plays = [play for play in lab.control.plays(user.name, began, lab.now) if play.counts]
        assert [key for key in lab.stored(user) if key[0] > began] == keys_of(true_plays)
        assert set(keys_of(lab.control.told(user.name))) >= set(keys_of(true_plays))
    assert lab.conn.execute("SELECT count(*) FROM possible_gaps").fetchone() == (0,)


@pytest.mark.parametrize(
    ("kind", "error", "wait"),
    [
        ("forbidden_not_registered", "not on the app's list of users", timedelta(days=1)),
        ("forbidden_premium", "Premium", HOUR),
        ("forbidden", "forbids", HOUR),
    ],
)
def test_who_is_forbidden_is_tried_seldom_and_others_are_polled(
    lab: Lab, kind: str, error: str, wait: timedelta
) -> None:
    ada, bela = lab.link("ada", "bela")
    lab.control.fault(kind, times=None, listener="bela")
    polled = {one.user: one for one in lab.poll()}
    assert (polled["ada"].added, polled["ada"].error) == (50, None)
    assert error in str(polled["bela"].error)
    assert polled["bela"].next_poll_at == lab.now + wait
    assert lab.calls("/") == 2
    assert account(lab, bela) == (True, 0)
    for _ in range(11):
        lab.advance(TICK)
        assert "bela" not in [one.user for one in lab.poll()]
    assert error in str({state.name: state.last_error for state in polls.poll_states(lab.conn)}["bela"])
    lab.control.clear_faults()
    lab.advance(timedelta(days=1))
    assert [one.error for one in lab.poll()] == [None, None]
    assert set(keys_of(lab.control.shown("bela"))) <= set(lab.stored(bela))
    assert ada.user_id != bela.user_id


@pytest.mark.parametrize("kind", ["server_error", "drop", "html_200", "garbage_json", "forbidden", "unauthorized"])
def test_one_listeners_failure_leaves_the_others_alone(lab: Lab, kind: str) -> None:
    users = lab.link("ada", "bela", "chandra", "dalia", "emeka")
    lab.control.fault(kind, times=None, listener="chandra")
    polled = {one.user: one for one in lab.poll()}
    assert [name for name, one in polled.items() if one.error] == ["chandra"]
    for user in users:
        assert lab.stored(user) == ([] if user.name == "chandra" else keys_of(lab.control.shown(user.name)))


def test_a_refused_access_token_is_renewed_once(lab: Lab) -> None:
    [user] = lab.link("ada")
    lab.control.expire_access_tokens()
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (50, None)
    assert [request.status for request in lab.control.requests("/")] == [401, 200, 200]
    assert account(lab, user) == (True, 0)


def test_access_tokens_are_refreshed_before_they_expire(lab: Lab) -> None:
    lab.link("ada")
    for _ in range(36):
        lab.advance(TICK)
        lab.poll()
    requests = lab.control.requests("/")
    assert {request.status for request in requests} == {200}
    assert sum(request.path == TOKEN for request in requests) == 3


def test_three_refusals_in_a_row_end_the_polling_of_an_account(lab: Lab) -> None:
    [user] = lab.link("ada")
    lab.control.fault("unauthorized", times=None)
    for failures in (1, 2, 3):
        assert account(lab, user) == (True, failures - 1)
        [polled] = lab.poll()
        assert polled.error
        assert lab.calls("/") == 3  # refused, renewed, refused
        lab.advance(polled.next_poll_at - lab.now)
    assert account(lab, user) == (False, 3)
    lab.control.clear_faults()
    lab.advance(HOUR)
    assert lab.poll() == []
    lab.link("ada")
    [polled] = lab.poll()
    assert (polled.added, polled.error) == (50, None)


@pytest.mark.parametrize("description", ["revoked", "expired", "invalid"])
def test_who_must_log_in_is_not_polled_until_they_do(lab: Lab, description: str) -> None:
    [user] = lab.link("ada")
    lab.advance(HOUR)
    lab.control.fault("invalid_grant", times=None, description=description)
    [polled] = lab.poll()
    assert "myi login" in str(polled.error)
    assert [request.path for request in lab.control.requests("/")] == [TOKEN]
    assert account(lab, user)[0] is False
    lab.control.clear_requests()
    for _ in range(5):
        lab.advance(HOUR)
        assert lab.poll() == []
    assert lab.calls("/") == 0
    lab.control.clear_faults()
    lab.link("ada")
    [polled] = lab.poll()
    assert polled.error is None
    assert lab.stored(user) == keys_of(lab.control.shown("ada"))


def test_a_listener_who_removed_the_app_is_asked_twice_and_never_again(lab: Lab) -> None:
    lab.link("ada")
    lab.control.revoke("ada")
    [polled] = lab.poll()
    assert "myi login" in str(polled.error)
    assert [(request.path, request.status) for request in lab.control.requests("/")] == [
        (RECENTLY_PLAYED, 401),
        (TOKEN, 400),
    ]
    lab.advance(timedelta(days=2))
    assert lab.poll() == []


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
def test_an_accounts_service_that_fails_is_not_held_against_the_account(
    lab: Lab, kind: str, details: dict[str, Any]
) -> None:
    [user] = lab.link("ada")
    lab.advance(2 * HOUR)
    lab.control.fault(kind, path_prefix=TOKEN, times=None, **details)
    [polled] = lab.poll()
    assert polled.error
    assert account(lab, user) == (True, 0)
    assert polled.next_poll_at == lab.now + COOLDOWN
    assert lab.control.requests(RECENTLY_PLAYED) == []
    lab.control.clear_faults()
    lab.advance(COOLDOWN)
    assert [one.added for one in lab.poll()] == [50]


@pytest.mark.parametrize("kind", ["omit_refresh_token", "empty_refresh_token", "omit_scope", "rotate_refresh_token"])
def test_odd_token_replies_do_not_stop_polling(lab: Lab, kind: str) -> None:
    [user] = lab.link("ada")
    lab.control.fault(kind, times=None)
    for _ in range(4):
        lab.advance(HOUR)
        assert [one.error for one in lab.poll()] == [None]
    assert account(lab, user) == (True, 0)
    assert {request.status for request in lab.control.requests("/")} == {200}


def test_polling_goes_on_without_redis(simulator: Simulator, database_url: str, tmp_path: Path) -> None:
    with open_lab(simulator.control, database_url, "redis://127.0.0.1:1/0", tmp_path) as lab:
        [user] = lab.link("ada")
        assert reason_to_skip(lab.conn, lab.gate, lab.now) is None
        [polled] = lab.poll()
        assert (polled.added, polled.error) == (50, None)
        assert lab.stored(user) == keys_of(lab.control.shown("ada"))
        assert lab.calls() == 1


def test_a_bug_with_one_listener_is_raised_after_the_others_are_done(lab: Lab) -> None:
    users = lab.link("ada", "bela", "chandra")
    lab.conn.execute("ALTER TABLE poll_states ADD CHECK (user_id <> %d OR last_success_at IS NULL)" % users[1].user_id)  # noqa: UP031
    with pytest.raises(Exception, match="violates check constraint"):
        lab.poll()
    assert [bool(lab.stored(user)) for user in users] == [True, False, True]
    assert lab.calls() == 3
    lab.advance(MINUTE)
    assert lab.poll() == []


def test_the_days_budget_keeps_every_call_for_polls(lab: Lab) -> None:
    lab.link("ada")
    assert lab.gate.refusal(Family.RECENTLY_PLAYED, Purpose.POLL) is None
    lab.poll()
    [usage] = [one for one in lab.gate.usage() if one.family is Family.RECENTLY_PLAYED]
    assert usage.calls_last_day == 1
