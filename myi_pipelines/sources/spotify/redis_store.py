"""One Redis for all processes, which may be away: a call that it does not answer costs a moment once, then nothing for
some seconds, and is logged once. What is kept there is the business of ``limits`` and ``circuit``."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from myi_pipelines.errors import UnavailableError

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0


class RedisUnavailable(UnavailableError):
    """Redis did not answer, or did not a moment ago."""


class RedisStore:
    """A Redis client that knows whether its server is there. Safe to share between threads."""

    def __init__(self, url: str, *, pause_seconds: float = 5.0) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # A second try, because the first may meet a connection from before a restart.
            retry=Retry(NoBackoff(), 1),
            decode_responses=False,
        )
        self._pause_seconds = pause_seconds
        self._away = False
        self._ask_again_at = 0.0
        self._lock = threading.Lock()

    def run(self, action: Callable[[redis.Redis], Any]) -> Any:
        """What ``action`` returns (the client's types depend on what was asked); raises RedisUnavailable."""
        if time.monotonic() < self._ask_again_at:
            raise RedisUnavailable
        try:
            result = action(self._client)
        except (redis.RedisError, OSError) as error:
            self._is_away(error)
            raise RedisUnavailable from None
        self._is_back()
        return result

    @property
    def pool(self) -> redis.ConnectionPool:
        """The connections, for libraries that make their own client."""
        return self._client.connection_pool

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _is_away(self, error: Exception) -> None:
        with self._lock:
            self._ask_again_at = time.monotonic() + self._pause_seconds
            if not self._away:
                self._away = True
                logger.warning(
                    "Redis does not answer (%s): polling goes on under a local limit, everything else waits",
                    type(error).__name__,
                )

    def _is_back(self) -> None:
        if self._away:
            with self._lock:
                self._ask_again_at = 0.0
                if self._away:
                    self._away = False
                    logger.warning("Redis answers again: limits are shared between processes")
