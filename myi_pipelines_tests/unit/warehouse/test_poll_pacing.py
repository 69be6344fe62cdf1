"""When users are polled: no play is lost while the quota allows it, and the cooldown and the quota are kept."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from myi_pipelines.warehouse.poll_pacing import (
    COOLDOWN,
    VISIBLE_PLAYS,
    Listening,
    Quota,
    aggregate_demand,
    fastest_seconds_per_play,
    next_interval,
)

pytestmark = pytest.mark.slow

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(minutes=5)
WORST_CASE_CALLS = 72
"""The calls per day for a poll every 20 minutes: enough even for plays of 30 s without a pause."""


class Habit(NamedTuple):
    """Sessions of ``plays`` plays, ``pause`` apart, each play ``seconds`` long."""

    seconds: float
    plays: int
    pause: float
    first: float


class Polls(NamedTuple):
    """The polls of one user: their times, and for each poll that lost plays its time and their number."""

    at: list[datetime]
    lost: list[tuple[datetime, int]]


habits = st.builds(
    Habit,
    seconds=st.sampled_from([30.0, 31.0, 45.0, 90.0, 180.0, 240.0, 600.0]),
    plays=st.sampled_from([1, 5, 20, 60, 400, 20_000]),
    pause=st.sampled_from([60.0, 1_200.0, 3_600.0, 30_000.0, 86_400.0, 604_800.0]),
    first=st.floats(0, 86_400),
)
NONSTOP = Habit(30.0, 20_000, 60.0, 0.0)
ONCE_A_WEEK = Habit(180.0, 1, 604_800.0, 4_000.0)


def plays_of(habit: Habit, days: int) -> list[datetime]:
    ends, at = [], habit.first
    while at < days * 86_400:
        for _ in range(habit.plays):
            at += habit.seconds
            if at >= days * 86_400:
                break
            ends.append(BEGAN + timedelta(seconds=at))
        at += habit.pause
    return ends


def simulate(users: Sequence[Habit], quota: Quota, *, days: int = 2, seed: int = 0) -> list[Polls]:
    """Simulate ticks, each a few seconds late: poll the due users and schedule their next polls."""
    chance = random.Random(seed)
    ends = [plays_of(habit, days) for habit in users]
    polls = [Polls([], []) for _ in users]
    known = [Listening() for _ in users]
    due = [BEGAN] * len(users)
    seen = [0] * len(users)
    for tick in range(int(days * DAY / quota.tick)):
        now = BEGAN + tick * quota.tick + timedelta(seconds=chance.uniform(0, 20))
        asked = [one for one in range(len(users)) if due[one] <= now]
        if not asked:
            continue
        total_demand, before = aggregate_demand(known, now, quota), list(known)
        for one in asked:
            over = bisect_right(ends[one], now)
            if polls[one].at and over - seen[one] > VISIBLE_PLAYS:
                polls[one].lost.append((now, over - seen[one] - VISIBLE_PLAYS))
            gap = now if polls[one].lost and polls[one].lost[-1][0] == now else known[one].last_gap_at
            seen[one] = over
            page = ends[one][max(0, over - VISIBLE_PLAYS) : over]
            known[one] = Listening(page[-1] if page else None, fastest_seconds_per_play(page, now), gap)
            polls[one].at.append(now)
            due[one] = now + next_interval(known[one], total_demand.without(before[one]), now)
    return polls


def most_in_a_day(polls: Sequence[Polls]) -> int:
    times = sorted(at for one in polls for at in one.at)
    return max(bisect_right(times, at + DAY) - index for index, at in enumerate(times))


@settings(max_examples=25, deadline=None)
@given(st.lists(habits, min_size=1, max_size=8), st.integers(0, 3_000), st.integers(0, 9))
@example([NONSTOP], 0, 0)
@example([NONSTOP] * 7, 0, 0)
@example([ONCE_A_WEEK, NONSTOP], 0, 0)
def test_no_play_is_lost_while_the_quota_allows_it(users: list[Habit], spare: int, seed: int) -> None:
    enough = int((len(users) * (WORST_CASE_CALLS + 2)) / 0.95) + 1 + spare
    polls = simulate(users, Quota(enough, TICK), seed=seed)
    assert [one.lost for one in polls] == [[]] * len(users)
    assert most_in_a_day(polls) <= enough


@settings(max_examples=25, deadline=None)
@given(st.lists(habits, min_size=1, max_size=15), st.integers(4, 100), st.integers(0, 9))
def test_all_users_together_stay_within_the_quota(users: list[Habit], calls_each: int, seed: int) -> None:
    quota = Quota(len(users) * calls_each, TICK)
    assert most_in_a_day(simulate(users, quota, seed=seed)) <= quota.calls_per_day


def test_a_hundred_accounts_share_a_small_quota() -> None:
    chance = random.Random(1)
    users = [
        Habit(
            seconds=chance.choice([30, 60, 180, 240]),
            plays=chance.choice([1, 10, 60, 500]),
            pause=chance.uniform(600, 200_000),
            first=chance.uniform(0, 86_400),
        )
        for _ in range(100)
    ]
    polls = simulate(users, Quota(600, TICK))
    assert 400 <= most_in_a_day(polls) <= 600
    assert all(len(one.at) >= 2 for one in polls)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(habits, min_size=1, max_size=8),
    st.integers(1, 100_000),
    st.sampled_from([1, 2, 3, 5, 7, 15, 30, 59]),
    st.integers(0, 9),
)
def test_no_user_is_polled_within_the_cooldown(users: list[Habit], calls: int, minutes: int, seed: int) -> None:
    for one in simulate(users, Quota(calls, timedelta(minutes=minutes)), days=1, seed=seed):
        assert all(after - before >= COOLDOWN for before, after in pairwise(one.at))


def test_a_small_quota_goes_to_the_users_who_listen() -> None:
    """A hundred accounts and 600 calls: with 6 calls each, users who never pause would lose plays."""
    busy = [NONSTOP, Habit(60.0, 20_000, 60.0, 0.0), Habit(200.0, 20_000, 60.0, 0.0)]
    polls = simulate([*busy, *[ONCE_A_WEEK] * 97], Quota(600, TICK))
    noticed = BEGAN + DAY / 2
    for one in polls[:3]:
        assert [lost for lost in one.lost if lost[0] > noticed] == []
    assert most_in_a_day(polls) <= 600


def test_an_active_user_is_polled_every_few_minutes_and_an_idle_one_rarely() -> None:
    now, quota = BEGAN, Quota(600, TICK)
    active = Listening(now - timedelta(minutes=4), 200.0)
    idle = Listening(now - timedelta(hours=5), 200.0)
    assert next_interval(active, aggregate_demand([idle], now, quota), now) == COOLDOWN
    assert next_interval(idle, aggregate_demand([active], now, quota), now) == timedelta(minutes=19)
    assert next_interval(idle, aggregate_demand([idle] * 99, now, quota), now) > timedelta(hours=4)


def test_a_possible_gap_shortens_the_interval_for_a_day() -> None:
    now, quota = BEGAN, Quota(600, TICK)
    idle = Listening(now - timedelta(hours=5), 200.0)
    gap = idle._replace(last_gap_at=now)
    for number in (0, 20, 99):
        others = aggregate_demand([idle] * number, now, quota)
        assert next_interval(gap, others, now) < next_interval(idle, others, now)
    no_others = aggregate_demand([], now, quota)
    assert next_interval(idle._replace(last_gap_at=now - DAY), no_others, now) == next_interval(idle, no_others, now)


def test_the_pace_is_measured_over_the_fastest_sequence_of_the_last_days() -> None:
    slow = [BEGAN - timedelta(minutes=10 * play) for play in range(20)]
    fast = [BEGAN - timedelta(hours=9, seconds=40 * play) for play in range(15)]
    long_ago = [BEGAN - timedelta(days=20, seconds=31 * play) for play in range(15)]
    assert fastest_seconds_per_play(slow + fast + long_ago, BEGAN) == 40.0
    assert fastest_seconds_per_play(slow[:5], BEGAN) is None
    assert fastest_seconds_per_play([BEGAN - timedelta(seconds=second) for second in range(20)], BEGAN) == 30.0
