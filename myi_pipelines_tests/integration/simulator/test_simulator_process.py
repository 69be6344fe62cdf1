"""The simulator as a server: a process of its own, outages, and spotipy as its client."""

import doctest
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
import requests
import spotipy  # type: ignore[import-untyped]

from myi_pipelines.simulator import Control, NotStarted, Setup, Simulator, authorizations, clock, request_log, server
from myi_pipelines_tests.support.simulator_app import link

pytestmark = pytest.mark.slow


@contextmanager
def process(*arguments: str) -> Iterator[Control]:
    command = [sys.executable, "-m", "myi_pipelines.simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield Control(running.stdout.readline().strip())
        finally:
            running.terminate()


def test_a_process_prints_its_url_and_serves() -> None:
    arguments = ("--users", "2", "--speed", "1000", "--start", "2026-01-01T00:00:00Z", "--mode", "extended")
    with process(*arguments) as control:
        assert [one.name for one in control.users()] == ["ada", "bela"]
        assert timedelta() < control.now() - datetime.fromisoformat("2026-01-01T00:00:00Z") < timedelta(days=1)


@pytest.mark.parametrize("shell", ["", "trap '' INT; exec "], ids=["in the foreground", "in the background"])
def test_an_interrupt_ends_the_process_quietly(shell: str) -> None:
    """What a shell without job control starts in the background ignores interrupts until it sets a handler."""
    command = f"{shell or 'exec '}{sys.executable} -m myi_pipelines.simulator --users 1"
    with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        try:
            _, errors = running.communicate(timeout=20)
        finally:
            running.kill()
    assert (running.returncode, errors) == (0, "")


def test_a_port_in_use_is_a_one_line_error(simulator: Simulator) -> None:
    with pytest.raises(NotStarted, match=f"port {simulator.port} of 127.0.0.1 cannot be used"):
        Simulator(Setup(users=1), port=simulator.port).start()
    command = [sys.executable, "-m", "myi_pipelines.simulator", "--port", str(simulator.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_small_replies_go_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after the reply before is acknowledged, which takes 40 ms on an open connection."""
    accepted = list[socket.socket]()
    accept = socket.socket.accept

    def remembered(listening: socket.socket) -> tuple[socket.socket, Any]:
        connection, address = accept(listening)
        accepted.append(connection)
        return connection, address

    monkeypatch.setattr(socket.socket, "accept", remembered)
    with Simulator(Setup(users=1)) as running, requests.Session() as session:
        session.post(f"{running.url}/admin/now", json={})
        [connection] = accepted
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_state_survives_an_outage(simulator: Simulator) -> None:
    linked = link(simulator, "ada")
    before = linked.recent()
    simulator.stop()
    with pytest.raises(requests.ConnectionError):
        linked.get("/v1/me")
    simulator.start()
    assert linked.recent() == before


@pytest.mark.parametrize("module", [clock, authorizations, request_log, server])
def test_examples_in_the_code_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_spotipy_understands_it(extended_simulator: Simulator) -> None:
    linked = link(extended_simulator, "ada")
    with requests.Session() as session:
        client = spotipy.Spotify(auth=linked.access, requests_session=session, requests_timeout=60)
        client.prefix = f"{extended_simulator.url}/v1/"
        assert client.me()["id"] == extended_simulator.control.user("ada").spotify_id
        recent = client.current_user_recently_played(limit=50)
        assert client.next(recent)["items"] == []
        ids = [item["track"]["id"] for item in recent["items"][:3]]
        assert [track["id"] for track in client.tracks(ids)["tracks"]] == ids
        album = recent["items"][0]["track"]["album"]["id"]
        assert client.album(album)["tracks"]["items"] == client.album_tracks(album, limit=50)["items"]
        assert client.search(q="track:home", type="track", limit=1)["tracks"]["total"] > 1
        extended_simulator.control.fault("quota_exceeded", retry_after=14400)
        with pytest.raises(spotipy.SpotifyException) as refused:
            client.current_user_recently_played()
        assert (refused.value.headers["Retry-After"], refused.value.reason) == ("14400", "QUOTA_EXCEEDED")
