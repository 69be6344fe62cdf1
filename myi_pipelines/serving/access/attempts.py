"""How often somebody may try a password. Nobody is locked out for good. Redis learns no name and no address: keys are
hashes."""

from __future__ import annotations

import hashlib
import time
from ipaddress import ip_network
from typing import TypeAlias

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from myi_pipelines.serving.access.proxies import host_of
from myi_pipelines.serving.access.windows import SharedWindows
from myi_pipelines.text import counted

OF_ONE_HERE = RateLimitItemPerMinute(5, 15, "sign-in of one from one address")
"""Tries for one name from one address: 5 in 15 minutes."""
FROM_HERE = RateLimitItemPerMinute(30, 15, "sign-in from one address")
"""Tries from one address, whatever the name."""
OF_ONE = RateLimitItemPerHour(50, 1, "sign-in of one")
"""Tries for one name, from anywhere."""

Whose: TypeAlias = int | str | None
"""Whose password is tried: a listener's, by the id, which all spellings of a name mean; None: the operator's. A text is
a name that nobody has."""


class Attempts:
    """The tries of passwords: to sign in, and to change a password."""

    def __init__(self, redis_url: str) -> None:
        self._windows = SharedWindows(redis_url, "tries to sign in")

    def seconds_to_wait(self, whose: Whose, address: str) -> int:
        """How long a try has to wait; 0 for one that may be made now, which is counted."""
        limits = _limits(whose, address)
        return self._windows.ask(lambda limiter: _try(limiter, limits))

    def forget(self, whose: Whose, address: str) -> None:
        """Begin to count again: the password was right."""
        self._windows.clear(*_limits(whose, address)[0])


def wait_text(seconds: int) -> str:
    """What is said to whoever has tried too often.

    >>> wait_text(61)
    'Too many tries. Wait 1 minute, then try again.'
    """
    return f"Too many tries. Wait {counted(max(1, round(seconds / 60)), 'minute')}, then try again."


def _limits(whose: Whose, address: str) -> list[tuple[RateLimitItem, str]]:
    named = f"name {whose.casefold()}" if isinstance(whose, str) else f"id {whose}"
    who, where = _hashed(named), _hashed(_counted(address))
    return [(OF_ONE_HERE, who + where), (FROM_HERE, where), (OF_ONE, who)]


def _try(limiter: MovingWindowRateLimiter, limits: list[tuple[RateLimitItem, str]]) -> int:
    """Looks first, so that a try that has to wait is not counted, and then counts: of many at once, as many pass as
    may."""
    for passes in (limiter.test, limiter.hit):
        for item, key in limits:
            if not passes(item, key):
                return max(1, round(limiter.get_window_stats(item, key).reset_time - time.time()))
    return 0


def _counted(address: str) -> str:
    """What counts as one address: of IPv6 the first half, of which one household has all others."""
    host = host_of(address)
    return str(ip_network((host, 64), strict=False)) if host is not None and host.version == 6 else address


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
