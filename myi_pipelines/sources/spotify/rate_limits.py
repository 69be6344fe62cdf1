"""How many calls may be made, and when: one ``Gate`` that all processes share through Redis. Nothing here calls Spotify
or sleeps; a call that may not be made now raises, and says when it may."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

import redis
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from myi_pipelines.sources.spotify.api_errors import QuotaExceeded, RateLimited, SpotifyError
from myi_pipelines.sources.spotify.circuit_breaker import TRIAL, Circuit, CircuitRules, circuit_is_open
from myi_pipelines.sources.spotify.redis_store import RedisStore, RedisUnavailable


class EndpointGroup(StrEnum):
    """Endpoints that share a 24-hour quota, as far as anybody outside Spotify knows. Batch calls count in the family of
    their objects."""

    RECENTLY_PLAYED = "recently-played"
    TOP = "top"
    ME = "me"
    TRACKS = "tracks"
    ARTISTS = "artists"
    ALBUMS = "albums"
    SEARCH = "search"


class Priority(IntEnum):
    """What a call is for, the most important first."""

    POLL = 1
    LOGIN = 2
    TOP_LISTS = 3
    ENRICH = 4


logger = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
DAY = timedelta(hours=24)

#: Who a family is for. Whoever is less important leaves a reserve of its 24-hour budget.
_MEANT_FOR = {
    EndpointGroup.RECENTLY_PLAYED: Priority.POLL,
    EndpointGroup.ME: Priority.LOGIN,
    EndpointGroup.TOP: Priority.TOP_LISTS,
}
_GUESTS_SHARE = 0.5
#: How much of the minute each purpose may use, so that the more important never wait for the less important.
_SHARE_OF_MINUTE = {Priority.POLL: 1.0, Priority.LOGIN: 1.0, Priority.TOP_LISTS: 0.9, Priority.ENRICH: 0.8}

#: Without Retry-After, pauses double from the first to the second; a longer Retry-After is not believed.
_RATE_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
_QUOTA_PAUSE = timedelta(hours=1), timedelta(hours=6)
_LONGEST_PAUSE = timedelta(hours=48)

_APP = "app"
_BLOCKED = "myi:spotify:blocked"  # sorted set: scope → until when (epoch seconds)
_STRIKES = "myi:spotify:strikes"  # hash: scope → refusals in a row that did not say for how long
_CALLS = "myi:spotify:calls"


@dataclass(frozen=True)
class EndpointUsage:
    """What a family of endpoints has used, in all processes together."""

    group: EndpointGroup
    calls_last_minute: int
    calls_last_day: int
    budget: int
    blocked_until: datetime | None


def utc_now() -> datetime:
    """The time, unless a clock is given."""
    return datetime.now(UTC)


class Gate:
    """Every call to the Web API passes here first: ``enter`` before it, the others to report how it went.

    Without Redis, polls and logins go on under ``local_calls_per_minute`` in each process; everything else is refused.
    """

    def __init__(
        self,
        redis_url: str,
        calls_per_minute: int = 150,
        calls_per_day: int = 600,
        *,
        circuit: CircuitRules = CircuitRules(),  # noqa: B008 - frozen
        local_calls_per_minute: int = 20,
        redis_pause_seconds: float = 5.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._calls_per_minute = calls_per_minute
        self._calls_per_day = calls_per_day
        self._local_limit = RateLimitItemPerMinute(local_calls_per_minute)
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._now = now
        self._store = RedisStore(redis_url, pause_seconds=redis_pause_seconds)
        self._windows = _Windows(self._store, now)
        self._circuit = Circuit(self._store, circuit)
        self._blocked: dict[str, datetime] = {}
        self._struck: set[str] = set()

    def close(self) -> None:
        """Close the connections to Redis."""
        self._store.close()

    # Before a call

    def enter(self, group: EndpointGroup, priority: Priority) -> None:
        """Count one call; raises RateLimited, QuotaExceeded or Unavailable when it may not be made now."""
        refusal = self.refusal(group, priority)
        if refusal is not None:
            raise refusal
        if not self._circuit.admits():
            raise circuit_is_open(self._now() + TRIAL)
        try:
            for window in self._windows_of(group, priority):
                if not self._windows.acquire(window):
                    raise self._full(window)
        except RedisUnavailable:
            if refusal := self._refusal_without_redis(priority):
                raise refusal from None
            self._local.hit(self._local_limit)

    def refusal(self, group: EndpointGroup, priority: Priority) -> SpotifyError | None:
        """What ``enter`` would raise now; counts nothing."""
        app, own = self._blocked_until(_APP, group)
        if app:
            return RateLimited("Spotify's rate limit is reached", app)
        if own:
            return QuotaExceeded(group, f"Spotify's 24-hour quota for {group} is used up", own)
        if pause := self._circuit.open_for():
            return circuit_is_open(self._now() + pause)
        try:
            # The day first: what it refuses stays refused for long, and must not use up the minute.
            full = [window for window in reversed(self._windows_of(group, priority)) if self._windows.is_full(window)]
            return self._full(full[0]) if full else None
        except RedisUnavailable:
            return self._refusal_without_redis(priority)

    def _windows_of(self, group: EndpointGroup, priority: Priority) -> "tuple[_Window, _Window]":
        share = _GUESTS_SHARE if priority > _MEANT_FOR.get(group, Priority.ENRICH) else 1.0
        return (
            _Window(None, _part(self._calls_per_minute, _SHARE_OF_MINUTE[priority]), MINUTE),
            _Window(group, _part(self._calls_per_day, share), DAY),
        )

    def _full(self, window: "_Window") -> RateLimited:
        free_at = self._windows.free_at(window)
        if window.group is None:
            return RateLimited(f"{window.calls} calls were made within a minute (MYI_CALLS_PER_MINUTE)", free_at)
        message = f"{window.calls} calls to {window.group} were made within 24 hours (MYI_CALLS_PER_DAY)"
        return QuotaExceeded(window.group, message, free_at)

    def _refusal_without_redis(self, priority: Priority) -> RateLimited | None:
        if priority not in (Priority.POLL, Priority.LOGIN):
            return RateLimited("Redis does not answer, and only polling goes on without it", self._now() + MINUTE)
        if not self._local.test(self._local_limit):
            message = f"Redis does not answer, and {self._local_limit.amount} calls were made within a minute"
            return RateLimited(message, self._now() + MINUTE)
        return None

    # Around and after a call

    def guarding(self) -> AbstractContextManager[None]:
        """The circuit breaker around one call and its short retries."""
        return self._circuit.guarding()

    def answered(self, group: EndpointGroup) -> None:
        """Spotify let a call through: the next pause without Retry-After is a short one again."""
        struck = self._struck.intersection((_APP, group))
        if not struck:
            return
        self._struck -= struck
        try:
            self._store.run(lambda client: client.hdel(_STRIKES, *struck))
        except RedisUnavailable:
            self._struck |= struck

    def rate_limited(self, retry_after: timedelta | None) -> RateLimited:
        """Spotify's 30-second limit, which is the whole app's: no call by anybody until then. The error to raise."""
        until = self._block(_APP, retry_after, *_RATE_PAUSE)
        return RateLimited("Spotify's rate limit is reached", until)

    def quota_exceeded(self, group: EndpointGroup, retry_after: timedelta | None) -> QuotaExceeded:
        """Spotify's 24-hour quota of one family: no call to it by anybody until then. The error to raise."""
        until = self._block(group, retry_after, *_QUOTA_PAUSE)
        return QuotaExceeded(group, f"Spotify's 24-hour quota for {group} is used up", until)

    def usage(self) -> list[EndpointUsage]:
        """One row a family; empty while Redis does not answer."""
        app, *own = self._blocked_until(_APP, *EndpointGroup)
        try:
            return [
                EndpointUsage(
                    group=group,
                    calls_last_minute=self._windows.calls(group, MINUTE),
                    calls_last_day=self._windows.calls(group, DAY),
                    budget=self._calls_per_day,
                    blocked_until=max(filter(None, (app, until)), default=None),
                )
                for group, until in zip(EndpointGroup, own, strict=True)
            ]
        except RedisUnavailable:
            return []

    # blocked_until, in Redis and, for the time that Redis is away, in this process

    def _block(self, scope: str, retry_after: timedelta | None, first: timedelta, longest: timedelta) -> datetime:
        if retry_after is None:
            [already] = self._blocked_until(scope)
            if already:
                return already
            pause = min(first * 2 ** min(self._count_refusal(scope) - 1, 20), longest)
        else:
            pause = min(max(retry_after, timedelta(seconds=1)), _LONGEST_PAUSE)
        until = self._now() + pause
        self._blocked[scope] = max(until, self._blocked.get(scope, until))
        self._blocked_until(scope)  # Tells Redis.
        logger.warning("Spotify refuses calls (%s) until %s UTC", scope, f"{until:%Y-%m-%d %H:%M:%S}")
        return self._blocked[scope]

    def _count_refusal(self, scope: str) -> int:
        self._struck.add(scope)
        try:
            return int(self._store.run(lambda client: client.hincrby(_STRIKES, scope, 1)))
        except RedisUnavailable:
            return 1

    def _blocked_until(self, *scopes: str) -> list[datetime | None]:
        """Until when each scope is blocked, if it is. What Redis does not know (any more), it is told."""

        def read(client: redis.Redis) -> tuple[list[float | None], list[bytes | None]]:
            with client.pipeline(transaction=False) as pipe:
                pipe.zmscore(_BLOCKED, list(scopes))
                pipe.hmget(_STRIKES, list(scopes))
                scores, strikes = pipe.execute()
            return scores, strikes

        now = self._now()
        try:
            scores, strikes = self._store.run(read)
        except RedisUnavailable:
            return [self._still(scope, now) for scope in scopes]
        self._struck |= {scope for scope, strike in zip(scopes, strikes, strict=True) if strike}
        untold: dict[str, float] = {}
        for scope, score in zip(scopes, scores, strict=True):
            known = self._blocked.get(scope)
            if known is not None and known > now and (score is None or known.timestamp() > score):
                untold[scope] = known.timestamp()
            elif score is not None:
                self._blocked[scope] = datetime.fromtimestamp(score, UTC)
        if untold:
            with suppress(RedisUnavailable):  # Then the next call tells it.
                self._store.run(lambda client: client.zadd(_BLOCKED, untold, gt=True))
        return [self._still(scope, now) for scope in scopes]

    def _still(self, scope: str, now: datetime) -> datetime | None:
        until = self._blocked.get(scope)
        return until if until is not None and until > now else None


@dataclass(frozen=True)
class _Window:
    """So many calls within a time; of one family, or of all together."""

    group: EndpointGroup | None
    calls: int
    length: timedelta


class _Windows:
    """Moving windows in Redis, by the library ``limits``."""

    def __init__(self, store: RedisStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._storage = _ClockedStorage(store.pool, now)

    def acquire(self, window: _Window) -> bool:
        """Count one call if there is room."""
        key, calls, seconds = _asked(window)
        return bool(self._store.run(lambda _: self._storage.acquire_entry(key, calls, seconds)))

    def is_full(self, window: _Window) -> bool:
        """Whether there is no room for a call."""
        return self._look(window)[1] >= window.calls

    def free_at(self, window: _Window) -> datetime:
        """When a call leaves the window and makes room."""
        oldest, _ = self._look(window)
        return datetime.fromtimestamp(oldest, UTC) + window.length + timedelta(seconds=1)

    def calls(self, group: EndpointGroup, length: timedelta) -> int:
        """The calls to one family within the last ``length``."""
        return self._look(_Window(group, 1_000_000, length))[1]

    def _look(self, window: _Window) -> tuple[float, int]:
        """When the oldest call that matters was made, and how many were since."""
        key, calls, seconds = _asked(window)
        oldest, count = self._store.run(lambda _: self._storage.get_moving_window(key, calls, seconds))
        return float(oldest), int(count)


class _ClockedStorage(RedisStorage):
    """The library's storage by another clock than the machine's."""

    def __init__(self, pool: redis.ConnectionPool, now: Callable[[], datetime]) -> None:
        super().__init__("redis://", connection_pool=pool, key_prefix=_CALLS)
        self._now = now

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        arguments = [self._now().timestamp(), limit, expiry, amount]
        return bool(self.lua_acquire_moving_window([self.prefixed_key(key)], arguments))

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._now().timestamp()
        window = self.lua_moving_window([self.prefixed_key(key)], [now - expiry, limit])
        return (float(window[0]), int(window[1])) if window else (now, 0)


def _asked(window: _Window) -> tuple[str, int, int]:
    """The key (one for all limits of a window, so that a changed setting forgets no call), calls and seconds."""
    return window.group or _APP, window.calls, int(window.length.total_seconds())


def _part(calls: int, share: float) -> int:
    return max(1, int(calls * share))
