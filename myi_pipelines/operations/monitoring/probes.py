"""Asks servers from outside whether they answer, and which version they are. Starts and changes nothing."""

import urllib.error
import urllib.request
from typing import NamedTuple

import psycopg

from myi_pipelines.text import one_line

CONNECT_SECONDS = 5


class Probe(NamedTuple):
    """Whether a server answers; its version, or why it does not."""

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
        return Probe(False, problem=one_line(str(error)))


def probe_redis(url: str) -> Probe:
    """Whether Redis answers at ``url``."""
    import redis

    client = redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS)
    try:
        info = client.info("server")
        name = "Valkey " if info.get("server_name") == "valkey" else ""
        return Probe(True, f"{name}{info.get('valkey_version', info['redis_version'])}")
    except (redis.RedisError, OSError) as error:
        return Probe(False, problem=one_line(str(error)))
    finally:
        client.close()


def probe_web(url: str) -> Probe:
    """Whether the web server answers at ``url``, and reads the warehouse; no problem where nothing listens."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=CONNECT_SECONDS):
            return Probe(True, url)
    except urllib.error.HTTPError as error:
        return Probe(False, problem=f"{url} answers {error.code}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        nothing_listens = isinstance(reason, ConnectionRefusedError)
        return Probe(False, problem="" if nothing_listens else f"{url}: {one_line(str(reason))}")
