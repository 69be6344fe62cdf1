"""The side of `myi login` that waits while the web server receives Spotify's answer: see ``awaited_logins``."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

from myi_pipelines.ingest.spotify.login import LoginAttempt
from myi_pipelines.ingest.spotify.login_callback import NoAnswer
from myi_pipelines.serving.access.awaited_logins import await_login, give_up, take_answer
from myi_pipelines.serving.server import HEALTHY
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection

SECONDS_BETWEEN_LOOKS = 0.3


def answers_at(redirect_uri: str) -> bool:
    """Whether a web server of MYI's is where Spotify sends the browser."""
    parts = urlsplit(redirect_uri)
    try:
        with urllib.request.urlopen(f"{parts.scheme}://{parts.netloc}/healthz", timeout=3) as response:
            return bool(response.read(100) == HEALTHY.encode())
    except (OSError, ValueError):
        return False


def received_by_web_server(
    conn: Connection, settings: Settings, attempt: LoginAttempt, timeout: float, on_wait: Callable[[], None]
) -> str:
    """The address at which the browser arrived. ``conn`` is the owner's. Raises NoAnswer."""
    await_login(conn, attempt.state, timedelta(seconds=timeout))
    try:
        on_wait()
        deadline = time.monotonic() + timeout
        while (query := take_answer(conn, attempt.state)) is None:
            if time.monotonic() > deadline:
                raise NoAnswer(f"Spotify did not answer within {timeout:.0f} seconds; run `myi login` again")
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        give_up(conn, attempt.state)
    return f"{settings.spotify_redirect_uri}?{query}"
