"""Looking at servers from outside: does one answer, and which version is it? Starts and changes nothing."""

from typing import NamedTuple

import psycopg
import redis

CONNECT_SECONDS = 5


class Probe(NamedTuple):
    """What a look at a server found."""

    running: bool
    version: str = ""
    problem: str = ""


def probe_postgres(url: str) -> Probe:
    """Whether PostgreSQL answers at ``url``."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as conn:
            version = conn.info.server_version
            return Probe(True, f"{version // 10_000}.{version % 10_000}")
    except psycopg.Error as error:
        return Probe(False, problem=" ".join(str(error).split()))


def probe_redis(url: str) -> Probe:
    """Whether Redis answers at ``url``."""
    client = redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS)
    try:
        info = client.info("server")
        name = "Valkey " if info.get("server_name") == "valkey" else ""
        return Probe(True, f"{name}{info.get('valkey_version', info['redis_version'])}")
    except (redis.RedisError, OSError) as error:
        return Probe(False, problem=" ".join(str(error).split()))
    finally:
        client.close()
