"""Two web servers behind one address, one of them of two processes: they share nothing but PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from myi_pipelines.runtime.ports import free_port
from myi_pipelines.serving.access.links import make_link
from myi_pipelines.serving.access.passwords import set_password
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.serving.submissions import OF_ONE_TOKEN
from myi_pipelines.settings import PROJECT
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Server, balanced

PROCESSES = (2, 1)
"""Of each server."""
SECONDS_TO_START = 120
LISTEN = {
    "listen_type": "single",
    "payload": [{"listened_at": 1_740_000_000, "track_metadata": {"track_name": "A song", "artist_name": "Somebody"}}],
}
PLAYING_NOW = {
    "listen_type": "playing_now",
    "payload": [{"track_metadata": {"track_name": "Now", "artist_name": "Somebody"}}],
}
SEVERAL = 8
"""Questions of which every process gets one, most likely."""


@contextmanager
def web_servers(folder: Path, environment: Mapping[str, str]) -> Iterator[list[int]]:
    """The ports of servers as `myi serve` starts them."""
    ports = [free_port() for _ in PROCESSES]
    with ExitStack() as stack:
        running = []
        for port, processes in zip(ports, PROCESSES, strict=True):
            log = stack.enter_context((folder / f"{port}.log").open("wb"))
            own = {"MYI_WEB_PORT": f"{port}", "MYI_WEB_PROCESSES": f"{processes}", "PYTHONPATH": str(PROJECT)}
            process = subprocess.Popen(
                [sys.executable, "-m", "myi_pipelines.cli", "serve"],
                cwd=folder, env={**os.environ, **environment, **own}, stdout=log, stderr=log,
            )  # fmt: skip
            running.append(stack.enter_context(process))
            stack.callback(process.terminate)
        deadline = time.monotonic() + SECONDS_TO_START
        for port, process in zip(ports, running, strict=True):
            while not is_up(port):
                assert process.poll() is None, (folder / f"{port}.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield ports


def is_up(port: int) -> bool:
    try:
        return Server(port).get("/healthz").status == 200
    except OSError:
        return False


def land(warehouse: Warehouse, user_id: int, number: int) -> None:
    ended = datetime(2025, 3, 1, 20, tzinfo=UTC) + timedelta(hours=number)
    track = Track(f"{number:022d}", "A song", "Somebody", None)
    warehouse.land(user_id, [Play(track, CONTEXT, ended, ended, 200_000)])
    warehouse.settle([user_id])


def plays_of(server: Server, cookies: Mapping[str, str]) -> set[int]:
    """What several answers say."""
    asked = [server.ask("GET", "/api/v1/users/anna/totals?range=all", cookies=cookies) for _ in range(SEVERAL)]
    return {one.json["data"]["current"]["play_count"] for one in asked}


@pytest.mark.long
def test_web_servers_behind_one_address_know_the_same(database_url: str, redis_url: str, tmp_path: Path) -> None:
    environment = {"MYI_HOME": str(tmp_path), "MYI_DATABASE_URL": database_url, "MYI_REDIS_URL": redis_url}
    with (
        open_warehouse(database_url) as warehouse,
        connect(database_url) as owner,
        web_servers(tmp_path, environment) as ports,
        balanced(ports) as server,
    ):
        anna = warehouse.user("anna", "Europe/Berlin")
        set_password(owner, anna, "four plain words here")
        land(warehouse, anna, 1)

        link = make_link(owner, anna)
        cookies = dict(server.submit(link, {}).cookies)
        assert {server.submit(link, {}).status for _ in range(SEVERAL)} == {410}
        pages = [server.get("/u/anna?range=2025", cookies) for _ in range(SEVERAL)]
        assert {one.status for one in pages} == {200}
        assert len({one.headers["etag"] for one in pages}) == 1
        assert plays_of(server, cookies) == {1}

        land(warehouse, anna, 2)
        assert plays_of(server, cookies) == {2}
        changed = [
            server.get("/u/anna?range=2025", cookies, If_None_Match=pages[0].headers["etag"]) for _ in range(SEVERAL)
        ]
        assert {one.status for one in changed} == {200}
        assert len({one.headers["etag"] for one in changed}) == 1

        headers = {"Authorization": f"Token {make_token(owner, anna, 'a player', ['listens:write']).text}"}
        for body in (PLAYING_NOW, LISTEN):
            answers = [server.ask("POST", "/1/submit-listens", headers, json.dumps(body)) for _ in range(SEVERAL)]
            assert {one.status for one in answers} == {200}
        assert int(answers[-1].headers["x-ratelimit-remaining"]) == OF_ONE_TOKEN.amount - 2 * SEVERAL
        warehouse.settle([anna])
        assert plays_of(server, cookies) == {3}
        playing = [server.ask("GET", "/1/user/anna/playing-now", cookies=cookies).json for _ in range(SEVERAL)]
        assert {one["payload"]["listens"][0]["track_metadata"]["track_name"] for one in playing} == {"Now"}

        assert server.submit("/sign-out", {}, cookies).status == 200
        assert {server.get("/u/anna", cookies).status for _ in range(SEVERAL)} <= {303, 404}

        wrong = {"name": "anna", "password": "not these words"}
        tries = [server.submit("/sign-in", wrong).status for _ in range(SEVERAL)]
        assert tries == [403] * 5 + [429] * (SEVERAL - 5)
