"""How often somebody may try to sign in: counted in Redis, which all processes share, and in memory while it is away.

Nobody is locked out for good. Redis learns no name and no address: keys are hashes.
"""

from __future__ import annotations

import hashlib
import logging
import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from redis import RedisError

logger = logging.getLogger("myi.web")

OF_ONE_HERE = RateLimitItemPerMinute(5, 15, "sign-in of one from one address")
"""Tries for one name from one address: 5 in 15 minutes."""
FROM_HERE = RateLimitItemPerMinute(30, 15, "sign-in from one address")
"""Tries from one address, whatever the name."""
OF_ONE = RateLimitItemPerHour(50, 1, "sign-in of one")
"""Tries for one name, from anywhere."""
FAILURES = (RedisError, StorageError, OSError)
SECONDS_WITHOUT_REDIS = 30


class Attempts:
    """The tries to sign in by a password."""

    def __init__(self, redis_url: str) -> None:
        self._memory = MovingWindowRateLimiter(MemoryStorage())
        self._shared: MovingWindowRateLimiter | None = None
        self._redis_url = redis_url
        self._away_until = 0.0

    def seconds_to_wait(self, name: str, address: str) -> int:
        """How long a try has to wait; 0 for one that may be made now, which is counted."""
        limits = self._limits(name, address)
        if time.monotonic() >= self._away_until:
            try:
                return _try(self._limiter(), limits)
            except FAILURES as error:
                self._away_until = time.monotonic() + SECONDS_WITHOUT_REDIS
                logger.warning("tries to sign in are counted by each process alone: %s", type(error).__qualname__)
        return _try(self._memory, limits)

    def forget(self, name: str, address: str) -> None:
        """Begin to count again: the password was right."""
        item, key = self._limits(name, address)[0]
        for limiter in (self._memory, self._shared):
            try:
                if limiter is not None:
                    limiter.clear(item, key)
            except FAILURES:
                continue

    def _limiter(self) -> MovingWindowRateLimiter:
        if self._shared is None:
            url = self._redis_url.replace("unix://", "redis+unix://", 1)
            storage: Storage = RedisStorage(url, socket_timeout=1.0, socket_connect_timeout=1.0, key_prefix="myi:web")
            self._shared = MovingWindowRateLimiter(storage)
        return self._shared

    def _limits(self, name: str, address: str) -> list[tuple[RateLimitItem, str]]:
        who, where = _hashed(name.casefold()), _hashed(address)
        return [(OF_ONE_HERE, who + where), (FROM_HERE, where), (OF_ONE, who)]


def _try(limiter: MovingWindowRateLimiter, limits: list[tuple[RateLimitItem, str]]) -> int:
    """Looks first, so that a try that has to wait is not counted, and then counts: of many at once, as many pass as
    may."""
    for passes in (limiter.test, limiter.hit):
        for item, key in limits:
            if not passes(item, key):
                return max(1, round(limiter.get_window_stats(item, key).reset_time - time.time()))
    return 0


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
