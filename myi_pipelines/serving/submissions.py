"""Plays that programs submit: who may, how many at once, and how they land.

A request takes a place before a worker does anything for it, and keeps it to its end; those of one token keep few.
Where all are taken, the answer is 503. No place is kept for a body whose token is not known yet. What takes time is
done by workers of their own, so that submissions wait for one another and not pages for them. Plays land by the same
function as everything else that lands, over a connection of the owner.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from limits import RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from myi_pipelines.serving.access.permissions import InvalidToken
from myi_pipelines.serving.access.tokens import viewer_of_token
from myi_pipelines.serving.access.viewers import Right
from myi_pipelines.serving.access.windows import SharedWindows
from myi_pipelines.sources.exports import Play
from myi_pipelines.warehouse.submissions import land_submitted_plays

if TYPE_CHECKING:
    from myi_pipelines.serving.context import Context

P = ParamSpec("P")
T = TypeVar("T")

WORKERS = 2
"""Of one process: so many of its threads and of the database's sessions submissions take at most."""
PLACES = 16
"""Of one process. What waits in them has bodies of 10 MB at most."""
PLACES_OF_ONE = PLACES // 4
"""That the requests of one token keep at once: a program that sends slowly leaves places to the others."""
SECONDS_TO_ARRIVE = 30
"""For the body of whoever has shown a token."""
MOST_DRAINED = 25 * 1024**2
"""Bytes of a body that are read, though it is too large, so that its sender comes to hear why."""
SECONDS_FOR_LOCKS = 5
"""While an import of the same listener lands, a submission waits so long, and is then answered 503."""
OF_ONE_TOKEN = RateLimitItemPerSecond(50, 10, "submissions by one token")
"""50 requests in 10 seconds, as at ListenBrainz."""


class NoPlace(HTTPException):
    """So many submissions are being answered that another one has to come back."""

    def __init__(self) -> None:
        super().__init__(503, "Too many submissions at this moment. Try again.", {"Retry-After": "1"})


class NoScope(HTTPException):
    """A token is valid, and may not submit plays."""

    def __init__(self) -> None:
        super().__init__(401, "Insufficient scope: the token may not submit listens.")


class TooOften(HTTPException):
    """A token has asked as often as it may for now."""

    def __init__(self, rate: Rate) -> None:
        super().__init__(
            429,
            "You have exceeded your rate limit. See the X-RateLimit-* headers for more information on your current "
            "rate limit.",
            {**rate.headers(), "Retry-After": str(rate.seconds)},
        )


class Rate(NamedTuple):
    """How often a token may still ask."""

    remaining: int
    seconds: int
    """Until more is allowed."""

    def headers(self) -> dict[str, str]:
        """The rate as ListenBrainz tells it."""
        return {
            "X-RateLimit-Limit": str(OF_ONE_TOKEN.amount),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset-In": str(self.seconds),
            "X-RateLimit-Reset": str(int(time.time()) + self.seconds),
        }


class Submitter(NamedTuple):
    """For whom plays are submitted, and by what."""

    token_id: int
    user_id: int
    client: str
    """What the token is for, in its maker's words: the program."""
    rate: Rate


class Submissions:
    """The places and workers of one process."""

    def __init__(self, redis_url: str) -> None:
        self._taken = 0
        self._taken_by: Counter[int] = Counter()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="submissions")
        self._windows = SharedWindows(redis_url, "submissions")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep a place within the block, which is of the event loop. Raises NoPlace."""
        if self._taken >= PLACES:
            raise NoPlace
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    @contextmanager
    def place_of(self, submitter: Submitter) -> Iterator[None]:
        """Keep the place that was taken for a token within the block, which is of the event loop. Raises NoPlace where
        the token has as many as one may."""
        if self._taken_by[submitter.token_id] >= PLACES_OF_ONE:
            raise NoPlace
        self._taken_by[submitter.token_id] += 1
        try:
            yield
        finally:
            self._taken_by[submitter.token_id] -= 1
            self._taken_by += Counter()  # without those that have none

    async def work(self, step: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Let a worker do what takes time."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, partial(step, *arguments, **named))

    def count(self, token_id: int) -> Rate:
        """Count a request of a token. Raises TooOften for one too many, which is not counted."""
        is_allowed, rate = self._windows.ask(lambda limiter: _count(limiter, str(token_id)))
        if not is_allowed:
            raise TooOften(rate)
        return rate

    def close(self) -> None:
        """Let the workers finish what they have begun."""
        self._workers.shutdown()


def submitter_of(context: Context, token: str, *, in_address: bool) -> Submitter:
    """Whose token it is that may submit plays; one in an address may do nothing else. For a worker.

    Raises InvalidToken, NoScope and TooOften.
    """
    with context.keeping() as conn:
        viewer = viewer_of_token(conn, token)
    if viewer is None or viewer.user_id is None or viewer.token_id is None:
        raise InvalidToken
    if Right.WRITE_LISTENS not in viewer.rights or (in_address and len(viewer.rights) > 1):
        raise NoScope
    return Submitter(viewer.token_id, viewer.user_id, viewer.token_name, context.submissions.count(viewer.token_id))


class TooLarge(HTTPException):
    """A body is larger than what is taken."""

    def __init__(self) -> None:
        super().__init__(413)


async def body_of(request: Request, largest: int, seconds: float = SECONDS_TO_ARRIVE) -> bytes:
    """The body of a request, which has some seconds. Raises TooLarge, and HTTPException 408 where it does not arrive,
    or only in part."""
    if int(request.headers.get("content-length") or 0) > MOST_DRAINED:
        raise TooLarge
    chunks, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MOST_DRAINED:
                    break
                if size <= largest:
                    chunks.append(chunk)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408) from None
    if size > largest:
        raise TooLarge
    return b"".join(chunks)


def land(context: Context, submitter: Submitter, plays: Sequence[Play]) -> int:
    """Land plays; return how many are new. For a worker. Raises psycopg.OperationalError where locks are not free."""
    with context.owning() as conn:
        conn.execute(f"SET lock_timeout = '{SECONDS_FOR_LOCKS}s'")
        min_play_ms = context.settings.min_play_ms
        return land_submitted_plays(conn, submitter.user_id, submitter.client, plays, min_play_ms=min_play_ms)


def _count(limiter: MovingWindowRateLimiter, key: str) -> tuple[bool, Rate]:
    is_allowed = limiter.hit(OF_ONE_TOKEN, key)
    stats = limiter.get_window_stats(OF_ONE_TOKEN, key)
    return is_allowed, Rate(stats.remaining, max(1, round(stats.reset_time - time.time())))
