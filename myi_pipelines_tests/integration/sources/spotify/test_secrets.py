"""No token, name or address in any log at DEBUG, repr or exception, whatever Spotify answers."""

import contextlib
import gc
import io
import logging
import logging.config
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from myi_pipelines.simulator import Simulator
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.api_errors import SpotifyError
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.oauth import App, TokenReply
from myi_pipelines.sources.spotify.rate_limits import Gate

pytestmark = pytest.mark.slow

PATIENT = {"calls_per_minute": 10_000, "calls_per_day": 10_000}
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("unauthorized", {}),
    ("forbidden", {}),
    ("server_error", {}),
    ("drop", {}),
    ("truncated", {}),
    ("hang", {"seconds": 1}),
    ("html_200", {}),
    ("empty_204", {}),
    ("garbage_json", {}),
    ("error_body", {"status": 500, "body": "a string"}),
    ("error_body", {"status": 404, "body": ["a list"]}),
]
TOKEN_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("invalid_grant", {}),
    ("invalid_client", {}),
    ("server_error", {}),
    ("drop", {}),
    ("html_200", {}),
    ("error_body", {"status": 400, "body": "a string"}),
]


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """What all loggers of all libraries write at DEBUG, the most verbose configuration."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setLevel(logging.DEBUG)
    names = ["", *logging.root.manager.loggerDict, "spotipy", "spotipy.client", "spotipy.util", "spotipy.oauth2"]
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).disabled) for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).disabled = False
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)
    for name, (level, disabled) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).disabled = disabled


def text_of(error: BaseException) -> str:
    """Everything that an error report can contain: the traceback, the causes and their attributes."""
    behind: list[BaseException] = []
    one: BaseException | None = error
    while one is not None:
        behind.append(one)
        one = one.__cause__ or one.__context__
    assert not any(isinstance(one, requests.RequestException) for one in behind)
    return "".join(traceback.format_exception(error)) + repr([(one, vars(one)) for one in behind])


def test_no_fault_reveals_a_token(
    make_gate: Callable[..., Gate],
    simulator: Simulator,
    app: App,
    tokens: TokenReply,
    listener: str,
    everything_logged: io.StringIO,
) -> None:
    refresh_token, app = tokens.refresh_token or "", replace(app, client_secret="the-app-secret")
    secret = {tokens.access_token, refresh_token, "the-app-secret"}
    texts = [repr(tokens), str(tokens), repr(app)]

    def attempt(action: Callable[[], object]) -> None:
        with contextlib.suppress(StopIteration):
            try:
                action()
            except SpotifyError as error:
                texts.append(text_of(error))

    for kind, details in FAULTS:
        client = SpotifyClient(make_gate(**PATIENT), simulator.url, timeout_seconds=0.4)
        simulator.control.fault(kind, path_prefix="/v1", times=1 if kind == "hang" else 3, **details)
        attempt(lambda client=client: client.recently_played(tokens.access_token))  # type: ignore[misc]
        simulator.control.clear_faults()
        attempt(lambda client=client: client.me(tokens.access_token))  # type: ignore[misc]
        attempt(lambda client=client: client.track(tokens.access_token, "0" * 22))  # type: ignore[misc]
        texts += [repr(client), repr(vars(client)), repr(vars(client.gate))]
        client.close()
    for kind, details in TOKEN_FAULTS:
        simulator.control.fault(kind, path_prefix="/api/token", times=3, **details)
        attempt(lambda: oauth.refresh(app, refresh_token))
        simulator.control.clear_faults()
    plain = replace(app, client_secret="")
    renewed = oauth.refresh(plain, refresh_token)
    secret |= {renewed.access_token, renewed.refresh_token or renewed.access_token}

    person = simulator.control.user(listener)
    logged = everything_logged.getvalue()
    assert "connectionpool" in logged or "GET /v1" in logged, "the libraries were not listened to"
    for word in secret:
        assert word not in logged
        assert not any(word in one for one in texts)
    for word in (person.spotify_id, person.account_id, person.display_name or person.account_id):
        assert word not in logged
        assert not any(word in one for one in texts)


def test_no_logging_configuration_enables_spotipy_s_logger(
    client: SpotifyClient, token: str, everything_logged: io.StringIO
) -> None:
    loggers = {"spotipy": {"level": "DEBUG"}, "spotipy.client": {"level": "DEBUG"}}
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "incremental": True, "loggers": loggers}
    )
    client.me(token)
    assert "Sending" not in everything_logged.getvalue()
    assert "RESULTS" not in everything_logged.getvalue()


def test_an_answered_call_leaves_no_token_in_memory(client: SpotifyClient, simulator: Simulator) -> None:
    """A debugger, or an error report with local variables, must not find it later."""
    unique_token = "a-token-of-no-other-test"
    with contextlib.suppress(SpotifyError):
        client.me(unique_token)
    gc.collect()
    bearer = f"Bearer {unique_token}"
    secrets = {bearer, bearer.encode()}
    dicts = [list(one.values()) for one in gc.get_objects() if type(one) is dict]
    held = [values for values in dicts if any(isinstance(value, str | bytes) and value in secrets for value in values)]
    assert held == []


@contextmanager
def recording_server(redirect_to: str | None = None) -> Iterator[tuple[str, list[str | None]]]:
    """A server's URL, and the Authorization headers that reached it."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            if redirect_to is not None:
                self.send_response(302)
                self.send_header("Location", f"{redirect_to}{self.path}")
            else:
                self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_netrc_is_never_read(gate: Gate, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hers\ndefault login someone password hers\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with recording_server() as (url, seen), recording_server(redirect_to=url) as (first_url, first_seen):
        with pytest.raises(SpotifyError):
            oauth.refresh(replace(app, accounts_url=url), "a refresh token")
        client = SpotifyClient(gate, first_url, timeout_seconds=3)
        with pytest.raises(SpotifyError):
            client.me("a-token")
        client.close()
    assert set(seen) == {None}
    assert set(first_seen) == {"Bearer a-token"}
