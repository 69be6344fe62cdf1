"""The Redis that all processes share. It may be unavailable: then a call waits once for an answer, and the calls of the
next seconds fail at once. What is stored there is decided by ``rate_limits`` and ``shared_circuit_storage``."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pybreaker
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from myi_pipelines.errors import UnavailableError
from myi_pipelines.sources.spotify.circuit_breaker import Circuit, CircuitErrors, CircuitRules

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
_FAILURES = (redis.RedisError, OSError)


class RedisUnavailable(UnavailableError):
    """Redis did not answer, or did not answer a moment ago."""


class RedisStore:
    """A Redis client with a circuit breaker. Safe to share between threads."""

    def __init__(self, url: str, *, pause_seconds: float = 5.0) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # A second try, because the first may use a connection from before a restart.
            retry=Retry(NoBackoff(), 1),
            decode_responses=False,
        )
        self._circuit = Circuit(
            pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED),
            CircuitRules(failures=1, open_for=timedelta(seconds=pause_seconds)),
            CircuitErrors(_FAILURES, when_open=RedisUnavailable),
            _LoggedChanges(),
        )

    def run(self, action: Callable[[redis.Redis], Any]) -> Any:
        """What ``action`` returns (the type depends on the client's command). Raises RedisUnavailable."""
        try:
            with self._circuit.guarding():
                return action(self._client)
        except _FAILURES:
            raise RedisUnavailable from None

    @property
    def pool(self) -> redis.ConnectionPool:
        """The connections, for libraries that make their own client."""
        return self._client.connection_pool

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _LoggedChanges(pybreaker.CircuitBreakerListener):
    """Logs once that Redis does not answer, and once that it answers again."""

    def __init__(self) -> None:
        self._error = ""

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
        """Called before the change that this failure may cause."""
        self._error = type(exc).__name__

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        """Called once for each change, while the breaker is locked."""
        was_closed = old_state is not None and old_state.name == pybreaker.STATE_CLOSED
        if was_closed and new_state.name == pybreaker.STATE_OPEN:
            logger.warning(
                "Redis does not answer (%s): polling goes on under a local limit, everything else waits", self._error
            )
        elif not was_closed and new_state.name == pybreaker.STATE_CLOSED:
            logger.warning("Redis answers again: limits are shared between processes")
