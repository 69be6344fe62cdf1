"""When a listener is polled next: pure arithmetic over what polls told of everybody's listening. No database here.

Only the last 50 plays are ever visible, so a poll has to come before 50 more are over. What everybody would like is
added up and met as far as the quota goes, the most needed first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

VISIBLE_PLAYS = 50
COOLDOWN = timedelta(minutes=5)
"""Nobody is polled twice within it."""

_DAY = timedelta(days=1)
_SHORTEST_PLAY = 30.0
"""Seconds: plays that end earlier are not shown."""
_ORDINARY_PLAY = 180.0
"""Seconds from play to play that are assumed at least, however seldom somebody listened of late."""
_OVERFLOW = timedelta(seconds=VISIBLE_PLAYS * _SHORTEST_PLAY)
"""In less time than this no listening whatsoever fills the window."""
_TICK_JITTER = timedelta(minutes=1)
_ACTIVE = timedelta(minutes=30)
_GAP_REMEMBERED = timedelta(days=1)
_PACE_OVER = 10
"""Plays in a row by which a pace is measured."""
_PACE_SINCE = timedelta(days=7)
_SPARE = 0.05
"""Share of the quota left to polls on demand and second attempts."""


class Quota(NamedTuple):
    """What polls may cost, and how often they can happen at all."""

    calls_per_day: int
    tick: timedelta
    """Time from one chance to poll to the next."""


class Listening(NamedTuple):
    """What polls told of one listener."""

    last_played_at: datetime | None = None
    seconds_per_play: float | None = None
    """The fastest recent pace (see ``pace``)."""
    last_gap_at: datetime | None = None
    """When a possible gap was last found."""


class _Demand(NamedTuple):
    """Polls a day of one listener, from what is needed most to what would be nice."""

    least: float
    """Enough while they listen on as they do now; rare when they have not listened for long."""
    careful: float
    """Enough should they start to listen at their usual pace."""
    safe: float
    """Enough whatever they do."""
    fresh: float
    """New plays within minutes while they listen."""


def pace(played_at: Iterable[datetime], now: datetime) -> float | None:
    """Seconds from play to play in the fastest stretch of the last days; None when there are too few plays to tell."""
    ends = sorted({end for end in played_at if end >= now - _PACE_SINCE})
    steps = [(after - before).total_seconds() for before, after in pairwise(ends)]
    if len(steps) < _PACE_OVER:
        return None
    return max(
        _SHORTEST_PLAY, min(sum(steps[at : at + _PACE_OVER]) for at in range(len(steps) - _PACE_OVER + 1)) / _PACE_OVER
    )


class AggregateDemand(NamedTuple):
    """What listeners together would like of the quota at one moment; added up once for all polls of a tick."""

    quota: Quota
    now: datetime
    listeners: int
    demand: tuple[float, ...]
    """By tier of ``_Demand``, polls a day."""

    def without(self, one: Listening) -> AggregateDemand:
        """The others, of whom this is one."""
        own = _demand(one, self.now, self.quota.tick)
        demand = tuple(max(0.0, all_polls - polls) for all_polls, polls in zip(self.demand, own, strict=True))
        return self._replace(listeners=self.listeners - 1, demand=demand)


def aggregate_demand(listeners: Iterable[Listening], now: datetime, quota: Quota) -> AggregateDemand:
    """These listeners' demand."""
    demands = [_demand(one, now, quota.tick) for one in listeners]
    nobody = _Demand(0, 0, 0, 0)
    return AggregateDemand(quota, now, len(demands), tuple(sum(tier) for tier in zip(nobody, *demands, strict=True)))


def next_interval(own: Listening, others: AggregateDemand, now: datetime) -> timedelta:
    """How long after ``now`` a listener, just polled, is due again; never less than the cooldown.

    All listeners together stay within the quota as long as each of them gets the interval told here.
    """
    quota = others.quota
    demand = _demand(own, now, quota.tick)
    # In 24 hours a listener may be polled once more than the rate says, and once more before others' demand shows.
    budget = max(quota.calls_per_day * (1 - _SPARE) - 2 * (others.listeners + 1), quota.calls_per_day / 2)
    totals = [sum(tier) for tier in zip(demand, others.demand, strict=True)]
    return _until_tick(_DAY / _rate(demand, totals, budget), quota.tick)


def _rate(own: _Demand, totals: Sequence[float], budget: float) -> float:
    """Polls a day: the highest tier that everybody can have, and a like share of the step to the next one."""
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
    """The longest time of whole ticks within ``interval``, and of one at least; never less than the cooldown."""
    return max(interval // tick, math.ceil(COOLDOWN / tick), 1) * tick


def _until_tick(interval: timedelta, tick: timedelta) -> timedelta:
    """Due a little before the tick at which the interval is over, because ticks are seconds late or early."""
    ticks = math.ceil(interval / tick - 1e-6)
    return max(COOLDOWN, ticks * tick - min(_TICK_JITTER, tick / 2))
