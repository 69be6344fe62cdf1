"""The circuit breaker: pybreaker's, with the state in any of its storages.

It has two uses. For Redis the state is in pybreaker's own storage, in the memory of one process (``redis_store``). For
Spotify the processes share the state (``shared_circuit_storage``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pybreaker


@dataclass(frozen=True)
class CircuitRules:
    """``failures`` failures within ``window`` open the circuit for ``open_for``. The storage applies the window."""

    failures: int = 5
    window: timedelta = timedelta(seconds=60)
    open_for: timedelta = timedelta(seconds=30)


@dataclass(frozen=True)
class CircuitErrors:
    """Which errors of a call count as failures, and which error a call raises while the circuit is open."""

    failures: tuple[type[Exception], ...]
    when_open: Callable[[], Exception]


class Circuit:
    """Guards calls to a service.

    After several failures no call is made for a while. Then the first success closes the circuit, and the first failure
    opens it again. The state of the storage decides, so processes that share a storage share the circuit.
    """

    def __init__(
        self,
        storage: pybreaker.CircuitBreakerStorage,
        rules: CircuitRules,
        errors: CircuitErrors,
        *listeners: pybreaker.CircuitBreakerListener,
    ) -> None:
        self._storage = storage
        self._open_for = rules.open_for
        self._when_open = errors.when_open
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=rules.failures,
            reset_timeout=rules.open_for.total_seconds(),
            exclude=[lambda error: not isinstance(error, errors.failures)],
            listeners=listeners,
            state_storage=storage,
            throw_new_error_on_trip=False,
        )

    @property
    def is_closed(self) -> bool:
        """Whether calls are made as usual."""
        return self._storage.state == pybreaker.STATE_CLOSED

    def open_for(self) -> timedelta | None:
        """How much longer no call is made. None when calls may be made."""
        if self._storage.state != pybreaker.STATE_OPEN or (opened_at := self._storage.opened_at) is None:
            return None
        left = opened_at + self._open_for - datetime.now(UTC)
        return left if left > timedelta() else None

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Watch the call in this block. While the circuit is open, raise its error instead of running the block."""
        try:
            with self._breaker.calling():
                yield
        except pybreaker.CircuitBreakerError:
            pass
        else:
            return
        raise self._when_open()
