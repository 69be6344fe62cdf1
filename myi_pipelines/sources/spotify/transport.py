"""What all HTTP calls to Spotify share: connections, short retries, and reading replies of any content. Knows no
endpoint and no limit."""

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

#: For HTTP adapters: connections do not retry or sleep, because a 429 may ask for a pause of a day.
NO_RETRIES = Retry(0, read=False, respect_retry_after_header=False, raise_on_status=False)


class Timeout(Unavailable):
    """No answer in time. Not tried again at once, because that would take the same time again."""


def short_retries() -> Retrying:
    """Three attempts within about a second, when Spotify is unavailable for another reason than a timeout."""
    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.2, max=1) + wait_random(0, 0.1),
        retry=retry_if_exception(lambda error: isinstance(error, Unavailable) and not isinstance(error, Timeout)),
        reraise=True,
    )


def connection_error(error: requests.RequestException, service: str) -> Unavailable:
    """The error for a call without a reply. It has no reference to ``error``, the request or its token."""
    # requests raises ConnectionError for a body that stops arriving.
    if isinstance(error, requests.Timeout) or any(
        isinstance(one, urllib3.exceptions.TimeoutError) for one in error.args
    ):
        return Timeout(f"{service} did not answer in time")
    return Unavailable(f"{service} cannot be reached ({type(error).__name__})")


def json_of(reply: requests.Response) -> Any:
    """The reply's JSON. None if it has none."""
    try:
        return reply.json()
    except ValueError:
        return None


def retry_after_of(reply: requests.Response) -> timedelta | None:
    """The pause in Retry-After, which is in seconds or a date. None if there is no valid pause in the future."""
    header = reply.headers.get("Retry-After", "").strip()
    pause = None
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        seconds = float(header)
        pause = timedelta(seconds=seconds) if math.isfinite(seconds) else None
    if pause is None:
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            pause = parsedate_to_datetime(header) - datetime.now(UTC)
    return pause if pause is not None and pause > timedelta() else None
