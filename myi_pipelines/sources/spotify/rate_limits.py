"""How many calls may be made, and when: a ``Gate`` whose counts all processes share through Redis. Nothing here calls
Spotify or sleeps. A call that may not be made now raises an error with the time from which it may be made."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

import redis
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from myi_pipelines.sources.spotify.api_errors import (
    EndpointsForbidden,
    MalformedReply,
    QuotaExceeded,
    RateLimited,
    SpotifyError,
    Unavailable,
)
from myi_pipelines.sources.spotify.circuit_breaker import Circuit, CircuitErrors, CircuitRules
from myi_pipelines.sources.spotify.redis_store import RedisStore, RedisUnavailable
from myi_pipelines.sources.spotify.shared_circuit_storage import TRIAL, SharedCircuitStorage


class EndpointGroup(StrEnum):
    """Endpoints that share a 24-hour quota, as far as that is known outside Spotify. Batch calls count in the group of
    their objects."""

    RECENTLY_PLAYED = "recently-played"
    TOP = "top"
    ME = "me"
    TRACKS = "tracks"
    ARTISTS = "artists"
    ALBUMS = "albums"
    SEARCH = "search"


class Priority(IntEnum):
    """What a call is for. The most important has the lowest number."""

    POLL = 1
    LOGIN = 2
    TOP_LISTS = 3
    ENRICH = 4


logger = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
DAY = timedelta(hours=24)

#: The main use of a group. Less important calls leave a reserve of its 24-hour budget.
_MAIN_USE = {
    EndpointGroup.RECENTLY_PLAYED: Priority.POLL,
    EndpointGroup.ME: Priority.LOGIN,
    EndpointGroup.TOP: Priority.TOP_LISTS,
}
_OTHER_USES_SHARE = 0.5
#: How much of the minute each priority may use, so that important calls never wait for less important ones.
_SHARE_OF_MINUTE = {Priority.POLL: 1.0, Priority.LOGIN: 1.0, Priority.TOP_LISTS: 0.9, Priority.ENRICH: 0.8}

#: The first and the longest pause without Retry-After: each pause is twice as long as the one before.
_RATE_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
_QUOTA_PAUSE = timedelta(hours=1), timedelta(hours=6)
_FORBIDDEN_PAUSE = timedelta(hours=1)
#: A Retry-After that is longer is replaced by this.
_LONGEST_PAUSE = timedelta(hours=48)

_APP = "app"
_BLOCKED = "myi:spotify:blocked"  # sorted set: scope → end of the block (epoch seconds)
_REFUSALS = "myi:spotify:consecutive_refusals"  # hash: scope → consecutive refusals without Retry-After
_CALLS = "myi:spotify:calls"


@dataclass(frozen=True)
class EndpointUsage:
    """The calls to a group of endpoints by all processes together."""

    group: EndpointGroup
    calls_last_minute: int
    calls_last_day: int
    budget: int
    blocked_until: datetime | None


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


def circuit_is_open(retry_at: datetime | None = None) -> Unavailable:
    """The error of a call that an open circuit forbids."""
    return Unavailable("Spotify failed several times within a minute; calls pause for a moment", retry_at)


class Gate:
    """Permits every call to the Web API: call ``enter`` before it, and the other methods to report the outcome.

    Without Redis, each process makes polls and logins within ``local_calls_per_minute``. Every other call is refused.
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
        self._circuit_storage = SharedCircuitStorage(self._store, circuit.window, now)
        errors = CircuitErrors((Unavailable, MalformedReply), when_open=circuit_is_open)
        self._circuit = Circuit(self._circuit_storage, circuit, errors)
        self._blocked: dict[str, datetime] = {}
        self._refused_scopes: set[str] = set()

    def close(self) -> None:
        """Close the connections to Redis."""
        self._store.close()

    # Before a call

    def enter(self, group: EndpointGroup, priority: Priority) -> None:
        """Count one call. Raises RateLimited, QuotaExceeded or Unavailable when it may not be made now."""
        refusal = self.refusal(group, priority)
        if refusal is not None:
            raise refusal
        if not self._circuit.is_closed and not self._circuit_storage.begin_trial():
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
        """The error that ``enter`` would raise now. Counts nothing."""
        app, own = self._blocked_until(_APP, group)
        if app:
            return RateLimited("Spotify's rate limit is reached", app)
        if own:
            return QuotaExceeded(group, f"Spotify refuses calls to {group}: quota used up or forbidden", own)
        if pause := self._circuit.open_for():
            return circuit_is_open(self._now() + pause)
        try:
            # The day comes first: its refusals last long, and must not use up the minute.
            full = [window for window in reversed(self._windows_of(group, priority)) if self._windows.is_full(window)]
            return self._full(full[0]) if full else None
        except RedisUnavailable:
            return self._refusal_without_redis(priority)

    def _windows_of(self, group: EndpointGroup, priority: Priority) -> "tuple[_Window, _Window]":
        share = _OTHER_USES_SHARE if priority > _MAIN_USE.get(group, Priority.ENRICH) else 1.0
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

    def guarding(self, priority: Priority) -> AbstractContextManager[None]:
        """The circuit breaker around one call and its short retries.

        Failures of metadata do not open it: they are those of an object until several fail in a row, which ends the
        run for metadata, and must not stop polls.
        """
        if priority is Priority.ENRICH and self._circuit.is_closed:
            return nullcontext()
        return self._circuit.guarding()

    def answered(self, group: EndpointGroup) -> None:
        """Spotify accepted a call, so the next pause without Retry-After is the first and shortest again."""
        ended = self._refused_scopes.intersection((_APP, group))
        if not ended:
            return
        self._refused_scopes -= ended
        try:
            self._store.run(lambda client: client.hdel(_REFUSALS, *ended))
        except RedisUnavailable:
            self._refused_scopes |= ended

    def rate_limited(self, retry_after: timedelta | None) -> RateLimited:
        """Block all calls of the app: Spotify's 30-second limit is reached. Returns the error to raise."""
        until = self._block(_APP, retry_after, *_RATE_PAUSE)
        return RateLimited("Spotify's rate limit is reached", until)

    def quota_exceeded(self, group: EndpointGroup, retry_after: timedelta | None) -> QuotaExceeded:
        """Block all calls to one group: Spotify's 24-hour quota for it is used up. Returns the error to raise."""
        until = self._block(group, retry_after, *_QUOTA_PAUSE)
        return QuotaExceeded(group, f"Spotify's 24-hour quota for {group} is used up", until)

    def forbidden(self, group: EndpointGroup, reason: str) -> EndpointsForbidden:
        """Block all calls to one group for an hour: Spotify forbids whatever it is asked for. Returns the error."""
        until = self._block(group, _FORBIDDEN_PAUSE, *_QUOTA_PAUSE)
        return EndpointsForbidden(f"Spotify refuses calls to {group}: {reason}", until)

    def usage(self) -> list[EndpointUsage]:
        """One row for each group. Empty while Redis does not answer."""
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

    # The ends of blocks, in Redis and, while Redis is unavailable, in this process

    def _block(self, scope: str, retry_after: timedelta | None, first: timedelta, longest: timedelta) -> datetime:
        if retry_after is None:
            [blocked_until] = self._blocked_until(scope)
            if blocked_until:
                return blocked_until
            pause = min(first * 2 ** min(self._count_refusal(scope) - 1, 20), longest)
        else:
            pause = min(max(retry_after, timedelta(seconds=1)), _LONGEST_PAUSE)
        until = self._now() + pause
        self._blocked[scope] = max(until, self._blocked.get(scope, until))
        self._blocked_until(scope)  # Records the block in Redis.
        logger.warning("Spotify refuses calls (%s) until %s UTC", scope, f"{until:%Y-%m-%d %H:%M:%S}")
        return self._blocked[scope]

    def _count_refusal(self, scope: str) -> int:
        self._refused_scopes.add(scope)
        try:
            return int(self._store.run(lambda client: client.hincrby(_REFUSALS, scope, 1)))
        except RedisUnavailable:
            return 1

    def _blocked_until(self, *scopes: str) -> list[datetime | None]:
        """The end of the block of each scope, if it is blocked. Records in Redis the blocks that are missing there."""

        def read(client: redis.Redis) -> tuple[list[float | None], list[bytes | None]]:
            with client.pipeline(transaction=False) as pipe:
                pipe.zmscore(_BLOCKED, list(scopes))
                pipe.hmget(_REFUSALS, list(scopes))
                ends, refusals = pipe.execute()
            return ends, refusals

        now = self._now()
        try:
            ends, refusals = self._store.run(read)
        except RedisUnavailable:
            return [self._known_block(scope, now) for scope in scopes]
        self._refused_scopes |= {scope for scope, count in zip(scopes, refusals, strict=True) if count}
        unrecorded: dict[str, float] = {}
        for scope, end in zip(scopes, ends, strict=True):
            known = self._blocked.get(scope)
            if known is not None and known > now and (end is None or known.timestamp() > end):
                unrecorded[scope] = known.timestamp()
            elif end is not None:
                self._blocked[scope] = datetime.fromtimestamp(end, UTC)
        if unrecorded:
            with suppress(RedisUnavailable):  # Then the next call records them.
                self._store.run(lambda client: client.zadd(_BLOCKED, unrecorded, gt=True))
        return [self._known_block(scope, now) for scope in scopes]

    def _known_block(self, scope: str, now: datetime) -> datetime | None:
        until = self._blocked.get(scope)
        return until if until is not None and until > now else None


@dataclass(frozen=True)
class _Window:
    """A limit of ``calls`` within ``length``, for one group or for all calls together."""

    group: EndpointGroup | None
    calls: int
    length: timedelta

    @property
    def key(self) -> str:
        """One key for all limits of a window, so that a changed setting forgets no call."""
        return self.group or _APP

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())


class _Windows:
    """Moving windows in Redis, from the library ``limits``."""

    def __init__(self, store: RedisStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._storage = _ClockedStorage(store.pool, now)

    def acquire(self, window: _Window) -> bool:
        """Count one call if the window has room for it."""
        return bool(self._store.run(lambda _: self._storage.acquire_entry(window.key, window.calls, window.seconds)))

    def is_full(self, window: _Window) -> bool:
        """Whether the window has no room for a call."""
        return self._read(window)[1] >= window.calls

    def free_at(self, window: _Window) -> datetime:
        """When the oldest call leaves the window, so that there is room for another."""
        oldest, _ = self._read(window)
        return datetime.fromtimestamp(oldest, UTC) + window.length + timedelta(seconds=1)

    def calls(self, group: EndpointGroup, length: timedelta) -> int:
        """The calls to one group within the last ``length``."""
        return self._read(_Window(group, 1_000_000, length))[1]

    def _read(self, window: _Window) -> tuple[float, int]:
        """The time of the oldest call that counts, and the number of calls since then."""
        oldest, count = self._store.run(
            lambda _: self._storage.get_moving_window(window.key, window.calls, window.seconds)
        )
        return float(oldest), int(count)


class _ClockedStorage(RedisStorage):
    """The library's storage, with a clock that the caller gives."""

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


def _part(calls: int, share: float) -> int:
    return max(1, int(calls * share))
