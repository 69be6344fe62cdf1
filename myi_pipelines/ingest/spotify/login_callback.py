"""The page to which Spotify sends the browser after a login: a small web server on this machine that waits for one
answer and ignores all other requests. It knows its address and the expected ``state``, but no tokens."""

from __future__ import annotations

import errno
import hmac
import queue
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from myi_pipelines.errors import BusyError, InputError, UnavailableError
from myi_pipelines.settings import LOOPBACK

SECONDS_FOR_A_REQUEST = 10

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>MYI</title><meta name="viewport" content="width=device-width">
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; margin: 20vh auto; max-width: 32rem; padding: 0 1rem }}</style>
</head><body><h1>{title}</h1><p>{text}</p></body></html>
"""
THANKS = "Thank you", "Spotify has answered. You can close this page: your terminal says how it went."
DENIED = "Not linked", "You did not allow it, so nothing was linked. You can close this page."
OTHER_LOGIN = (
    "Not this login",
    "This answer belongs to another login. Open the newest address that your terminal shows.",
)
NOT_FOUND = "Nothing here", "MYI only waits for Spotify's answer to a login here."


class CallbackPortInUse(BusyError):
    """Another process listens at the address to which Spotify sends the browser."""


class NotOnThisMachine(InputError):
    """The redirect URI is not an address at which this process can listen."""


class NoAnswer(UnavailableError):
    """No browser came back from Spotify in time."""


class Callback:
    """A server that waits for Spotify's answer to one login."""

    def __init__(self, answers: queue.SimpleQueue[str]) -> None:
        self._answers = answers

    def wait(self, seconds: float) -> str:
        """The whole URL at which the browser arrived. Raises NoAnswer."""
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            waited = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
            raise NoAnswer(
                f"Spotify did not answer within {waited}; run `myi login` again, "
                "or `myi login --paste` where the browser is on another machine"
            ) from None


@contextmanager
def callback_server(redirect_uri: str, state: str) -> Iterator[Callback]:
    """Listen at the redirect URI until the block ends.

    Only a request for its path with this login's ``state`` is an answer: a code or a denial. Icons, scanners, silent
    connections and answers to other logins change nothing. Raises CallbackPortInUse or NotOnThisMachine.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    with _listening(redirect_uri, state, answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="login callback", daemon=True)
        thread.start()
        try:
            yield Callback(answers)
        finally:
            server.shutdown()
            thread.join()


def can_listen(redirect_uri: str) -> bool:
    """Whether the redirect URI leads to this machine without a proxy in between."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _listening(redirect_uri: str, state: str, answers: queue.SimpleQueue[str]) -> _Server:
    if not can_listen(redirect_uri):
        raise NotOnThisMachine(f"nothing can listen at {redirect_uri} from here; use `myi login --paste`")
    try:
        return _Server(redirect_uri, state, answers)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise CallbackPortInUse(
            f"{urlsplit(redirect_uri).netloc}: {error.strerror}; end what uses it, use `myi login --paste` "
            "instead, or set another port in MYI_SPOTIFY_REDIRECT_URI and in the Spotify app's settings"
        ) from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # Do not wait for silent connections.
    allow_reuse_port = False

    def __init__(self, redirect_uri: str, state: str, answers: queue.SimpleQueue[str]) -> None:
        parts = urlsplit(redirect_uri)
        self.path = parts.path or "/"
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.state = state
        self.answers = answers
        host = parts.hostname or LOOPBACK[0]
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, parts.port or 80), _Handler)

    def server_bind(self) -> None:
        """Bind without asking DNS for this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a browser that closes its connection."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SECONDS_FOR_A_REQUEST
    server_version = "MYI"
    sys_version = ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path != self.server.path:
            self._answer(HTTPStatus.NOT_FOUND, *NOT_FOUND)
            return
        parameters = parse_qs(query)
        [state] = parameters.get("state", [""])[:1]
        is_expected = hmac.compare_digest(state.encode(), self.server.state.encode())
        if not is_expected or not {"code", "error"} & parameters.keys():
            self._answer(HTTPStatus.BAD_REQUEST, *OTHER_LOGIN)
            return
        try:
            self._answer(HTTPStatus.OK, *(DENIED if "error" in parameters else THANKS))
        finally:
            self.server.answers.put(f"{self.server.base}{self.path}")

    def _answer(self, status: HTTPStatus, title: str, text: str) -> None:
        body = PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
        """Log nothing, because the address of a request contains the code."""
