"""What all HTTP calls to Spotify share: connections, short retries, and reading replies of any content. Knows no
endpoint and no limit."""

import contextlib
import io
import math
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random
from urllib3.util.retry import Retry

from myi_pipelines.sources.spotify.api_errors import Unavailable

ATTEMPTS = 3
_CHUNK = 65_536

TIMEOUTS_A_REPLY = 2
"""How many times the timeout a whole reply may take."""

#: For HTTP adapters: connections do not retry or sleep, because a 429 may ask for a pause of a day.
NO_RETRIES = Retry(0, read=False, respect_retry_after_header=False, raise_on_status=False)


class Session(requests.Session):
    """A session that never reads ``.netrc``, whose password for the host would go out in place of a token."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = _unchanged

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """After a redirect to another host the token stays behind."""
        before, after = urlsplit(str(response.request.url)), urlsplit(str(prepared_request.url))
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            prepared_request.headers.pop("Authorization", None)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class DeadlineAdapter(HTTPAdapter):
    """Gives up a reply whose body has not come within ``seconds``, however often a byte of it arrives.

    The timeout of a request limits only the time from byte to byte.
    """

    def __init__(self, seconds: float, *, pool_maxsize: int = 10) -> None:
        super().__init__(pool_maxsize=pool_maxsize, max_retries=NO_RETRIES)
        self._seconds = seconds

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the request and read all of the reply. Raises requests' errors."""
        deadline = time.monotonic() + self._seconds
        response = super().send(request, *args, **kwargs)
        body = io.BytesIO()
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body.write(chunk)
                if time.monotonic() > deadline:
                    response.raw.close()
                    raise requests.ReadTimeout(f"no complete reply within {self._seconds:g} s")
        except urllib3.exceptions.TimeoutError as error:
            raise requests.ReadTimeout(error) from None
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from None
        response.raw.release_conn()
        body.seek(0)
        response.raw = body
        return response


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
