"""When a user is polled next: arithmetic over the recent listening of all users. No database here.

Only the last 50 plays are visible, so a poll must come before 50 more plays end. The demand of all users is summed up
and met as far as the quota allows, the most necessary polls first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

VISIBLE_PLAYS = 50
COOLDOWN = timedelta(minutes=5)
"""No user is polled twice within it."""

_DAY = timedelta(days=1)
_SHORTEST_PLAY = 30.0
"""Seconds: Spotify does not show shorter plays."""
_ORDINARY_PLAY = 180.0
"""Seconds from play to play. A user who listened more slowly recently is assumed to listen this fast."""
_OVERFLOW = timedelta(seconds=VISIBLE_PLAYS * _SHORTEST_PLAY)
"""No listening can fill the window of visible plays in less time."""
_TICK_JITTER = timedelta(minutes=1)
_ACTIVE = timedelta(minutes=30)
_GAP_REMEMBERED = timedelta(days=1)
_PACE_PLAYS = 10
"""The number of consecutive plays over which the pace is measured."""
_PACE_SINCE = timedelta(days=7)
_SPARE = 0.05
"""The share of the quota that is left for polls on demand and for second attempts."""


class Quota(NamedTuple):
    """How many calls polls may make, and how often a poll is possible."""

    calls_per_day: int
    tick: timedelta
    """The time from one run of the schedule to the next."""


class Listening(NamedTuple):
    """The recent listening of one user, as polls showed it."""

    last_played_at: datetime | None = None
    seconds_per_play: float | None = None
    """The fastest recent pace (see ``fastest_seconds_per_play``)."""
    last_gap_at: datetime | None = None
    """When a possible gap was last found."""


class _Demand(NamedTuple):
    """The polls per day that one user needs, in tiers from the most necessary to the most comfortable."""

    least: float
    """Enough while the user continues as now. Few for a user who has not listened for long."""
    careful: float
    """Enough if the user starts to listen at the usual pace."""
    safe: float
    """Enough for any listening."""
    fresh: float
    """New plays arrive within minutes while the user listens."""


def fastest_seconds_per_play(played_at: Iterable[datetime], now: datetime) -> float | None:
    """Seconds from play to play in the fastest sequence of the last days. None when there are too few plays."""
    ends = sorted({end for end in played_at if end >= now - _PACE_SINCE})
    steps = [(after - before).total_seconds() for before, after in pairwise(ends)]
    if len(steps) < _PACE_PLAYS:
        return None
    fastest = min(sum(steps[at : at + _PACE_PLAYS]) for at in range(len(steps) - _PACE_PLAYS + 1))
    return max(_SHORTEST_PLAY, fastest / _PACE_PLAYS)


class AggregateDemand(NamedTuple):
    """The polls that all users together need at one moment. Computed once for all polls of a tick."""

    quota: Quota
    now: datetime
    users: int
    demand: tuple[float, ...]
    """Polls per day, for each tier of ``_Demand``."""

    def without(self, user: Listening) -> AggregateDemand:
        """The demand of all users but this one."""
        own = _demand(user, self.now, self.quota.tick)
        demand = tuple(max(0.0, all_polls - polls) for all_polls, polls in zip(self.demand, own, strict=True))
        return self._replace(users=self.users - 1, demand=demand)


def aggregate_demand(users: Iterable[Listening], now: datetime, quota: Quota) -> AggregateDemand:
    """The demand of these users together."""
    demands = [_demand(each, now, quota.tick) for each in users]
    no_demand = _Demand(0, 0, 0, 0)
    return AggregateDemand(quota, now, len(demands), tuple(sum(tier) for tier in zip(no_demand, *demands, strict=True)))


def next_interval(own: Listening, others: AggregateDemand, now: datetime) -> timedelta:
    """How long after ``now`` a user who was just polled is due again. Never less than the cooldown.

    All users together stay within the quota if each of them gets the interval that this function returns.
    """
    quota = others.quota
    demand = _demand(own, now, quota.tick)
    # In 24 hours a user may be polled once more than the rate allows, and once more before others' demand is known.
    budget = max(quota.calls_per_day * (1 - _SPARE) - 2 * (others.users + 1), quota.calls_per_day / 2)
    totals = [sum(tier) for tier in zip(demand, others.demand, strict=True)]
    return _until_tick(_DAY / _rate(demand, totals, budget), quota.tick)


def _rate(own: _Demand, totals: Sequence[float], budget: float) -> float:
    """Polls per day: the highest tier that all users can have, and an equal share of the step to the next tier."""
    if budget < totals[0]:
        return own[0] * budget / totals[0]
    for lower, upper in pairwise(range(len(totals))):
        if budget < totals[upper]:
            share = (budget - totals[lower]) / (totals[upper] - totals[lower])
            return own[lower] + share * (own[upper] - own[lower])
    return own[-1]


def _demand(own: Listening, now: datetime, tick: timedelta) -> _Demand:
    idle = now - own.last_played_at if own.last_played_at is not None else timedelta.max
    has_gap = own.last_gap_at is not None and now - own.last_gap_at < _GAP_REMEMBERED
    haste = 2 if has_gap else 1
    seconds_per_play = min(own.seconds_per_play or _ORDINARY_PLAY, _ORDINARY_PLAY)
    half_window = timedelta(seconds=VISIBLE_PLAYS / 2 * seconds_per_play)
    safe = _in_ticks((_OVERFLOW - _TICK_JITTER) / haste, tick)
    careful = max(safe, _in_ticks(half_window / haste, tick))
    least = careful if has_gap else max(careful, min(idle / 2, _DAY))
    fresh = min(safe, _in_ticks(COOLDOWN, tick)) if idle < _ACTIVE else safe
    return _Demand(*(_DAY / interval for interval in (least, careful, safe, fresh)))


def _in_ticks(interval: timedelta, tick: timedelta) -> timedelta:
    """The most whole ticks that fit into ``interval``: at least one, and never less than the cooldown."""
    return max(interval // tick, math.ceil(COOLDOWN / tick), 1) * tick


def _until_tick(interval: timedelta, tick: timedelta) -> timedelta:
    """The interval, ended a little before its last tick, because ticks may be some seconds late or early."""
    ticks = math.ceil(interval / tick - 1e-6)
    return max(COOLDOWN, ticks * tick - min(_TICK_JITTER, tick / 2))
