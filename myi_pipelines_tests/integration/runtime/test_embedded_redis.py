import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from myi_pipelines.runtime.embedded.redis import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path / "redis")
    yield made
    made.stop()


def put(server: RedisServer, value: str) -> None:
    with redis.Redis.from_url(server.url()) as client:
        client.set("key", value)


def get(server: RedisServer) -> bytes | None:
    with redis.Redis.from_url(server.url()) as client:
        value = client.get("key")
    assert value is None or isinstance(value, bytes)
    return value


def test_data_outlives_the_server(server: RedisServer) -> None:
    assert server.start()
    assert not server.start()
    put(server, "a")
    assert server.stop()
    assert not server.stop()
    assert server.start()
    assert get(server) == b"a"


def test_a_killed_server_is_started_again_with_its_data(server: RedisServer) -> None:
    server.start()
    put(server, "a")
    pid = server.pid()
    assert pid is not None
    psutil.Process(pid).kill()
    assert server.start()
    assert server.pid() != pid
    assert get(server) == b"a"


@pytest.mark.parametrize("pid", ["mine", "1", "999999999", "", "x"])
def test_a_pid_file_that_names_another_process_is_not_believed(server: RedisServer, pid: str) -> None:
    server.start()
    server.stop()
    (server.folder / "redis.pid").write_text(pid.replace("mine", str(os.getpid())))
    assert server.pid() is None
    assert server.start()


def test_it_cannot_be_reached_through_the_network(server: RedisServer) -> None:
    server.start()
    pid = server.pid()
    assert pid is not None
    assert not [found for found in psutil.Process(pid).net_connections("inet") if found.status == psutil.CONN_LISTEN]


def test_a_path_too_long_for_a_socket_is_fine(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / ("x" * 100) / "redis", throwaway=True)
    try:
        server.start()
        put(server, "a")
    finally:
        server.stop()
