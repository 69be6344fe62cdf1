"""The state of Spotify's circuit breaker, which all processes share through Redis."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pybreaker
import redis

from myi_pipelines.sources.spotify.redis_store import RedisStore, RedisUnavailable

_STATE = "myi:spotify:circuit:state"
_OPENED_AT = "myi:spotify:circuit:opened_at"
_FAILURES = "myi:spotify:circuit:failures"
_TRIAL = "myi:spotify:circuit:trial"

TRIAL = timedelta(seconds=15)
"""How long the trial call after an outage keeps other calls from being made. It is longer than a call takes."""


class SharedCircuitStorage(pybreaker.CircuitMemoryStorage):
    """pybreaker's storage in memory, with the state in Redis as long as Redis answers. Times are those of a clock that
    the gate gives.

    pybreaker's own ``CircuitRedisStorage`` cannot replace it, for these reasons:

    - It counts consecutive failures of any age. Here only failures within a window count, and a success between two
      failures does not reset the count.
    - It forgets all failures while Redis does not answer, so an outage of both would open no circuit. Here the memory
      of the process counts them.
    - It writes to Redis when it is created, so no process could start without Redis.
    - It logs a traceback at every access without Redis, and waits for the timeout each time.
    - It rounds the time of opening down to whole seconds, and never moves it back after a clock was set back.
    - It lets every process make a trial call after the pause. Here one process makes it.
    """

    def __init__(self, store: RedisStore, window: timedelta, now: Callable[[], datetime]) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._store = store
        self._window = window
        self._now = now

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half-open``."""
        try:
            stored = self._store.run(lambda client: client.get(_STATE))
        except RedisUnavailable:
            return self._state
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

        self._state = state
        if state == pybreaker.STATE_CLOSED:
            self.reset_counter()
        self._write(write)

    def begin_trial(self) -> bool:
        """Whether the caller may make the trial call after an outage: only one caller at a time may."""
        try:
            return bool(self._store.run(lambda client: client.set(_TRIAL, 1, nx=True, ex=TRIAL)))
        except RedisUnavailable:
            return True

    def increment_counter(self) -> None:
        """Count a failure. A success resets only the count in memory; the window limits the count in Redis."""
        now = self._now().timestamp()

        def write(client: redis.Redis) -> None:
            with client.pipeline() as pipe:
                pipe.rpush(_FAILURES, repr(now))
                pipe.ltrim(_FAILURES, -100, -1)
                pipe.expire(_FAILURES, self._window)
                pipe.execute()

        super().increment_counter()
        self._write(write)

    @property
    def counter(self) -> int:
        """The failures within the window; without Redis, the consecutive failures of this process."""
        since = self._now().timestamp() - self._window.total_seconds()
        try:
            stored = self._store.run(lambda client: client.lrange(_FAILURES, 0, -1))
        except RedisUnavailable:
            return super().counter
        return sum(float(failed_at) > since for failed_at in stored)

    @property
    def success_counter(self) -> int:
        """One success closes the circuit, so successes need no count that threads could reset for each other."""
        return 1

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit was last opened. pybreaker compares it with the machine's clock, so it is given by that one:
        as long ago as it is by the clock of the gate."""
        opened_at = self._opened_by_gate
        return opened_at and datetime.now(UTC) - (self._now() - opened_at)

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        opened_at = self._opened_at = self._now()
        self._write(lambda client: client.set(_OPENED_AT, repr(opened_at.timestamp())))

    @property
    def _opened_by_gate(self) -> datetime | None:
        try:
            stored = self._store.run(lambda client: client.get(_OPENED_AT))
        except RedisUnavailable:
            return self._opened_at
        return datetime.fromtimestamp(float(stored), UTC) if isinstance(stored, bytes) else None

    def _write(self, write: Callable[[redis.Redis], object]) -> None:
        with suppress(RedisUnavailable):
            self._store.run(write)
