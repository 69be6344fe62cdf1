"""What every HTTP call to Spotify shares: connections, short retries, and reading replies that may be anything. Knows
no endpoint and no limit."""

import contextlib
import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random
from urllib3.util.retry import Retry

from myi_pipelines.sources.spotify.api_errors import Unavailable

ATTEMPTS = 3

#: For HTTP adapters: connections neither retry nor sleep by themselves, because a 429 may ask for a whole day.
NO_RETRIES = Retry(0, read=False, respect_retry_after_header=False, raise_on_status=False)


class Timeout(Unavailable):
    """No answer in time; not tried again at once, because that would take as long again."""


def short_retries() -> Retrying:
    """Three attempts within a second or so, where Spotify was unavailable but for a timeout."""
    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.2, max=1) + wait_random(0, 0.1),
        retry=retry_if_exception(lambda error: isinstance(error, Unavailable) and not isinstance(error, Timeout)),
        reraise=True,
    )


def no_answer(error: requests.RequestException, who: str) -> Unavailable:
    """The error for a call that brought no reply. It does not hold ``error``, which holds the request and its token."""
    # A body that stops coming is a ConnectionError to requests.
    if isinstance(error, requests.Timeout) or any(
        isinstance(one, urllib3.exceptions.TimeoutError) for one in error.args
    ):
        return Timeout(f"{who} did not answer in time")
    return Unavailable(f"{who} cannot be reached ({type(error).__name__})")


def json_of(reply: requests.Response) -> Any:
    """The reply's JSON; None if it has none."""
    try:
        return reply.json()
    except ValueError:
        return None


def pause_of(reply: requests.Response) -> timedelta | None:
    """Retry-After, in seconds or as a date; None without one that makes sense."""
    said = reply.headers.get("Retry-After", "").strip()
    pause = None
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        seconds = float(said)
        pause = timedelta(seconds=seconds) if math.isfinite(seconds) else None
    if pause is None:
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            pause = parsedate_to_datetime(said) - datetime.now(UTC)
    return pause if pause is not None and pause > timedelta() else None
