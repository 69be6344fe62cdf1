"""Fixtures of the tests of Spotify's client: a gate with a clock that tests move, a client and tokens."""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from myi_pipelines.runtime.embedded import RedisServer
from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.oauth import App, TokenReply
from myi_pipelines.sources.spotify.rate_limits import Gate

REDIRECT_URI = "http://127.0.0.1:3001/auth/callback"
PATIENCE = 3.0
"""Seconds: longer than a busy machine delays an answer, shorter than the hanging answers of these tests."""


class MovedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, step: timedelta) -> None:
        self.moment += step


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def make_gate(redis_url: str, clock: MovedClock) -> Iterator[Callable[..., Gate]]:
    """Gates that share this test's Redis, each as another process would have it."""
    made = []

    def make(url: str = redis_url, **settings: object) -> Gate:
        made.append(Gate(url, **{"now": clock, **settings}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for gate in made:
        gate.close()


@pytest.fixture
def gate(make_gate: Callable[..., Gate]) -> Gate:
    return make_gate()


@pytest.fixture
def client(gate: Gate, simulator: Simulator) -> Iterator[SpotifyClient]:
    client = SpotifyClient(gate, simulator.url, timeout_seconds=PATIENCE)
    yield client
    client.close()


@pytest.fixture
def app(simulator: Simulator) -> App:
    return App("a-client-id", REDIRECT_URI, accounts_url=simulator.url, timeout_seconds=PATIENCE)


def log_in(simulator: Simulator, app: App, listener: str) -> TokenReply:
    """Log a listener in and return the tokens."""
    verifier = oauth.new_verifier()
    sent_back = simulator.control.approve(oauth.authorize_url(app, state="a state", verifier=verifier), listener)
    return oauth.exchange_code(app, parse_qs(urlsplit(sent_back).query)["code"][0], verifier)


def calls_made(simulator: Simulator, path: str, expected: int) -> int:
    """How many requests reached a path. Those that got no answer are logged when the server gives up on them."""
    give_up = time.monotonic() + 3
    while len(simulator.control.requests(path)) < expected and time.monotonic() < give_up:
        time.sleep(0.02)
    return len(simulator.control.requests(path))


@pytest.fixture
def listener(simulator: Simulator) -> str:
    return simulator.control.users()[0].name


@pytest.fixture
def tokens(simulator: Simulator, app: App, listener: str) -> TokenReply:
    """The tokens of the first listener. The requests of the login are not in the log."""
    reply = log_in(simulator, app, listener)
    simulator.control.clear_requests()
    return reply


@pytest.fixture
def token(tokens: TokenReply) -> str:
    return tokens.access_token


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may stop. It keeps its data on disk, as in production."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def unused_url() -> str:
    """A URL at which no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
