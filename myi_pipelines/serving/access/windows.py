"""What is counted in moving windows of time: in Redis, which all processes share, and in memory while it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from redis import RedisError

logger = logging.getLogger("myi.web")

FAILURES = (RedisError, StorageError, OSError)
SECONDS_WITHOUT_REDIS = 30

T = TypeVar("T")


class SharedWindows:
    """Counts of one kind."""

    def __init__(self, redis_url: str, what: str) -> None:
        self._memory = MovingWindowRateLimiter(MemoryStorage())
        self._shared: MovingWindowRateLimiter | None = None
        self._redis_url = redis_url
        self._what = what
        self._away_until = 0.0

    def ask(self, question: Callable[[MovingWindowRateLimiter], T]) -> T:
        """What the counts that all processes share say, or those of this one while Redis is away."""
        if time.monotonic() >= self._away_until:
            try:
                return question(self._limiter())
            except FAILURES as error:
                self._away_until = time.monotonic() + SECONDS_WITHOUT_REDIS
                logger.warning("%s are counted by each process alone: %s", self._what, type(error).__qualname__)
        return question(self._memory)

    def clear(self, item: RateLimitItem, key: str) -> None:
        """Begin to count again."""
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
