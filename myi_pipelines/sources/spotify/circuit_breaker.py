"""The circuit breaker that all processes share: pybreaker's states, kept in Redis, with failures that age. What counts
as a failure and what is called is decided elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pybreaker
import redis

from myi_pipelines.sources.spotify.api_errors import MalformedReply, Unavailable
from myi_pipelines.sources.spotify.redis_store import RedisStore, RedisUnavailable

_STATE = "myi:spotify:circuit:state"
_OPENED_AT = "myi:spotify:circuit:opened_at"
_FAILURES = "myi:spotify:circuit:failures"
_TRIAL = "myi:spotify:circuit:trial"

#: How long the call that tries whether Spotify is back keeps others from trying: longer than a call takes.
TRIAL = timedelta(seconds=15)


@dataclass(frozen=True)
class CircuitRules:
    """So many failures within ``window`` open the circuit for ``open_for``."""

    failures: int = 5
    window: timedelta = timedelta(seconds=60)
    open_for: timedelta = timedelta(seconds=30)


class Circuit:
    """Guards calls: several failures in a short time, in whichever process, and nobody calls for a while; then the
    first answer closes the circuit and the first failure opens it again."""

    def __init__(self, store: RedisStore, rules: CircuitRules) -> None:
        self._open_for = rules.open_for
        self._state = _SharedState(store, rules.window)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=rules.failures,
            reset_timeout=rules.open_for.total_seconds(),
            exclude=[lambda error: not isinstance(error, Unavailable | MalformedReply)],
            state_storage=self._state,
            throw_new_error_on_trip=False,
        )

    def open_for(self) -> timedelta | None:
        """How much longer the circuit stays open; None when calls may be made."""
        if self._state.state != pybreaker.STATE_OPEN or (opened_at := self._state.opened_at) is None:
            return None
        left = opened_at + self._open_for - datetime.now(UTC)
        return left if left > timedelta() else None

    def admits(self) -> bool:
        """Whether a call may be made by the state of the circuit: after an outage one alone tries first."""
        return self._state.state == pybreaker.STATE_CLOSED or self._state.begin_trial()

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Watch the call in this block; raises Unavailable if the circuit has opened meanwhile."""
        try:
            with self._breaker.calling():
                yield
        except pybreaker.CircuitBreakerError:
            pass
        else:
            return
        raise circuit_is_open()


def circuit_is_open(retry_at: datetime | None = None) -> Unavailable:
    """The error of a call that an open circuit forbids."""
    return Unavailable("Spotify failed several times within a minute; calls pause for a moment", retry_at)


class _SharedState(pybreaker.CircuitBreakerStorage):
    """pybreaker's state in Redis, or in this process while Redis is away.

    pybreaker's own Redis storage counts failures in a row however old they are, needs Redis to start, and logs a
    traceback at every call without it.
    """

    def __init__(self, store: RedisStore, window: timedelta) -> None:
        super().__init__("myi")
        self._store = store
        self._window = window
        self._local = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)

    @property
    def state(self) -> str:
        try:
            stored = self._store.run(lambda client: client.get(_STATE))
        except RedisUnavailable:
            return self._local.state
        return stored.decode() if isinstance(stored, bytes) else pybreaker.STATE_CLOSED

    @state.setter
    def state(self, state: str) -> None:
        def write(client: redis.Redis) -> None:
            with client.pipeline() as pipe:
                pipe.set(_STATE, state)
                if state != pybreaker.STATE_HALF_OPEN:
                    pipe.delete(_TRIAL)
                if state == pybreaker.STATE_CLOSED:
                    pipe.delete(_FAILURES)
                pipe.execute()

        self._local.state = state
        if state == pybreaker.STATE_CLOSED:
            self._local.reset_counter()
        self._write(write)

    def begin_trial(self) -> bool:
        try:
            return bool(self._store.run(lambda client: client.set(_TRIAL, 1, nx=True, ex=TRIAL)))
        except RedisUnavailable:
            return True

    def increment_counter(self) -> None:
        now = time.time()

        def write(client: redis.Redis) -> None:
            with client.pipeline() as pipe:
                pipe.rpush(_FAILURES, repr(now))
                pipe.ltrim(_FAILURES, -100, -1)
                pipe.expire(_FAILURES, self._window)
                pipe.execute()

        self._local.increment_counter()
        self._write(write)

    @property
    def counter(self) -> int:
        since = time.time() - self._window.total_seconds()
        try:
            stored = self._store.run(lambda client: client.lrange(_FAILURES, 0, -1))
        except RedisUnavailable:
            return self._local.counter
        return sum(float(one) > since for one in stored)

    @property
    def opened_at(self) -> datetime | None:
        try:
            stored = self._store.run(lambda client: client.get(_OPENED_AT))
        except RedisUnavailable:
            return self._local.opened_at
        return datetime.fromtimestamp(float(stored), UTC) if isinstance(stored, bytes) else None

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._local.opened_at = moment
        self._write(lambda client: client.set(_OPENED_AT, repr(moment.timestamp())))

    def reset_counter(self) -> None:
        """Called at every success. Failures in Redis leave the count by their age, or when the circuit closes."""
        self._local.reset_counter()

    # One answer closes the circuit, so there is nothing to count.

    @property
    def success_counter(self) -> int:
        return 1

    def increment_success_counter(self) -> None:
        pass

    def reset_success_counter(self) -> None:
        pass

    def _write(self, write: Callable[[redis.Redis], object]) -> None:
        with suppress(RedisUnavailable):
            self._store.run(write)
