"""What all HTTP calls to Spotify share: connections, short retries, and reading replies of any content. Knows no
endpoint and no limit."""

import contextlib
import http.client
import io
import math
import socket
import time
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random
from urllib3.util.retry import Retry

from myi_pipelines.sources.spotify.api_errors import Unavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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


_DEADLINE: ContextVar[float] = ContextVar("deadline")
"""When the reply to the request that this thread sends has to be complete, by ``time.monotonic``."""


class DeadlineAdapter(HTTPAdapter):
    """Gives up a reply that has not come within ``seconds``, headers and body, however often a byte of it arrives.

    The timeout of a request limits only the time from byte to byte.
    """

    def __init__(self, seconds: float, *, pool_maxsize: int = 10) -> None:
        super().__init__(pool_maxsize=pool_maxsize, max_retries=NO_RETRIES)
        self._seconds = seconds

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections whose replies have a deadline."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make connections by a proxy whose replies have a deadline."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self, request: requests.PreparedRequest, stream: bool = False, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send the request and read all of the reply, or with ``stream`` leave its body to the caller, who reads it
        within the same deadline. Raises requests' errors."""
        before = _DEADLINE.set(time.monotonic() + self._seconds)
        try:
            response = super().send(request, stream, *args, **kwargs)
        finally:
            _DEADLINE.reset(before)
        if stream:
            return response
        body = io.BytesIO()
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body.write(chunk)
        except urllib3.exceptions.TimeoutError as error:
            raise requests.ReadTimeout(error) from None
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from None
        response.raw.release_conn()
        body.seek(0)
        response.raw = body
        return response


class _PunctualSocket(io.RawIOBase):
    """What comes from a socket until a deadline. Each read waits as long as the socket's timeout allows, and no longer
    than until then."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no complete reply in time")
        usual = self._sock.gettimeout()
        self._sock.settimeout(left if usual is None else min(usual, left))
        try:
            return self._file.readinto(buffer)
        finally:
            self._sock.settimeout(usual)

    def close(self) -> None:
        self._file.close()
        super().close()


class _PunctualReply(http.client.HTTPResponse):
    """A reply, also a proxy's to CONNECT, whose first and last bytes have the request's deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_PunctualSocket(sock, _DEADLINE.get()))


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _PunctualReply


class _SecureConnection(urllib3.connection.HTTPSConnection):
    response_class = _PunctualReply


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _Pool, "https": _SecurePool}


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
