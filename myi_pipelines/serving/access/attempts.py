"""How often somebody may try to sign in. Nobody is locked out for good. Redis learns no name and no address: keys are
hashes."""

from __future__ import annotations

import hashlib
import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from myi_pipelines.serving.access.windows import SharedWindows

OF_ONE_HERE = RateLimitItemPerMinute(5, 15, "sign-in of one from one address")
"""Tries for one name from one address: 5 in 15 minutes."""
FROM_HERE = RateLimitItemPerMinute(30, 15, "sign-in from one address")
"""Tries from one address, whatever the name."""
OF_ONE = RateLimitItemPerHour(50, 1, "sign-in of one")
"""Tries for one name, from anywhere."""


class Attempts:
    """The tries to sign in by a password."""

    def __init__(self, redis_url: str) -> None:
        self._windows = SharedWindows(redis_url, "tries to sign in")

    def seconds_to_wait(self, name: str, address: str) -> int:
        """How long a try has to wait; 0 for one that may be made now, which is counted."""
        limits = _limits(name, address)
        return self._windows.ask(lambda limiter: _try(limiter, limits))

    def forget(self, name: str, address: str) -> None:
        """Begin to count again: the password was right."""
        self._windows.clear(*_limits(name, address)[0])


def _limits(name: str, address: str) -> list[tuple[RateLimitItem, str]]:
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
