"""When the next call may be made: at most so many a second for all processes together, which share Redis. MusicBrainz
blocks the address of an application that calls more often."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import redis

from myi_pipelines.sources.musicbrainz.api_errors import Paused, Unavailable

LONGEST_WAIT = timedelta(seconds=10)
"""How long a call waits for its turn. What asks for more ends the run."""

_NEXT = "myi:musicbrainz:next-call"
_ANSWER_SECONDS = 1.0

# The clock is Redis', in milliseconds: it is the same for all. A turn that is too far off is not taken.
_TAKE_TURN = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if at - now <= tonumber(ARGV[2]) then
    redis.call('SET', KEYS[1], string.format('%.0f', at + ARGV[1]), 'PX', string.format('%.0f', at - now + 60000))
end
return at - now
"""
_PAUSE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = math.max(now + ARGV[1], tonumber(redis.call('GET', KEYS[1]) or '0'))
redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', string.format('%.0f', at - now + 60000))
"""


class Pace:
    """Turns to call, one after another. Safe to share between threads."""

    def __init__(self, redis_url: str, calls_per_second: int = 1, *, sleep: Callable[[float], None] = time.sleep):
        self._store = redis.Redis.from_url(
            redis_url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
        )
        self._between_ms = -(-1000 // calls_per_second)
        self._sleep = sleep

    def await_turn(self) -> None:
        """Return when a call may be made. Raises Paused if that is not soon, and Unavailable without Redis."""
        longest = LONGEST_WAIT // timedelta(milliseconds=1)
        wait = timedelta(milliseconds=self._run(_TAKE_TURN, self._between_ms, longest))
        if wait > LONGEST_WAIT:
            raise Paused(datetime.now(UTC) + wait)
        self._sleep(wait.total_seconds())

    def pause(self, length: timedelta) -> None:
        """Let no process call for so long."""
        self._run(_PAUSE, length // timedelta(milliseconds=1))

    def close(self) -> None:
        """Close the connections."""
        self._store.close()

    def _run(self, script: str, *arguments: int) -> int:
        try:
            return int(self._store.eval(script, 1, _NEXT, *map(str, arguments)) or 0)
        except (redis.RedisError, OSError):
            raise Unavailable("Redis does not answer, so the calls to MusicBrainz cannot be counted") from None
