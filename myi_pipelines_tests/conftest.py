"""Fixtures that every test may use: a database of its own, a connection to it, an empty Redis."""

import gc
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis

from myi_pipelines.warehouse.database import locks
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.environment import clean_environment
from myi_pipelines_tests.support.lock_order import LockOrder
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.simulator_fixtures import extended_simulator as extended_simulator
from myi_pipelines_tests.support.simulator_fixtures import simulator as simulator

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from myi_pipelines_tests.support.warehouse_harness import Warehouse

SESSION = "myi_session"
THREAD_SWITCH_SECONDS = 0.0005
"""A tenth of Python's own: each request to a server in a thread of the test waits for several switches."""
COLLECT_AFTER = (20_000, 20, 50)
"""As in the ``myi`` command: so many new objects, and so many collections of each generation, lead to the next one."""
LAST_OF_A_DAY = timedelta(seconds=3)
SLOW_FOLDERS = {"e2e": "e2e", "faults": "slow", "properties": "slow"}
"""Folders whose tests are all marked, with the marker."""


def pytest_configure(config: pytest.Config) -> None:
    clean_environment()
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # As in a shell's background: what tests start would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    if not hasattr(config, "workerinput"):
        shared_servers.end_dead_sessions()
        config.stash[folder_key] = shared_servers.session_folder()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests wait for servers, clocks and other processes now and then."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of whole folders and the later ones of ``few(n)``'s cases, and begin with the longest, so that no
    worker ends with one of them."""
    tests = Path(__file__).parent
    cases = Counter[str]()
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in SLOW_FOLDERS:
            item.add_marker(SLOW_FOLDERS[folder])
        if few := item.get_closest_marker("few"):
            family = item.nodeid.partition("[")[0]
            if cases[family] >= few.args[0]:
                item.add_marker("thorough")
            cases[family] += 1
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: looking through them for garbage again and again takes long."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """The xdist leader tells each worker where the session's servers live."""
    node.workerinput[SESSION] = str(node.config.stash[folder_key])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if folder := config.stash.get(folder_key, None):
        shared_servers.end_session(folder)


folder_key = pytest.StashKey[Path]()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of an earlier test lasts, and a test that forgets to say where its servers are cannot start some in
    the project."""
    for name in [name for name in os.environ if name.startswith(("MYI_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MYI_HOME", "/dev/null/a-test-must-set-MYI_HOME")


@pytest.fixture(autouse=True)
def _not_in_the_last_seconds_of_a_day() -> None:
    """A test that asks for something and then for today's date may find another day."""
    now = datetime.now(UTC)
    if (left := now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now) < LAST_OF_A_DAY:
        time.sleep(left.total_seconds())


@pytest.fixture(scope="session")
def _lock_order() -> LockOrder:
    """One checker for all tests of a process: it asks for the hash of each lock's name once."""
    return LockOrder()


@pytest.fixture(autouse=True)
def _locks_are_taken_in_their_order(_lock_order: LockOrder, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which a session of this process waits for a lock out of order."""
    monkeypatch.setattr(locks, "before_waiting", _lock_order)
    yield
    violations, _lock_order.violations = _lock_order.violations, []
    assert violations == []


@pytest.fixture(scope="session")
def session_servers(pytestconfig: pytest.Config) -> Iterator[SessionServers]:
    """The shared servers, running, with a migrated template database."""
    if hasattr(pytestconfig, "workerinput"):
        folder = Path(pytestconfig.workerinput[SESSION])
    else:
        folder = pytestconfig.stash[folder_key]
    shared = shared_servers.session_servers(folder)
    shared.prepare()
    with closing(shared):
        yield shared


@pytest.fixture
def database_url(session_servers: SessionServers, request: pytest.FixtureRequest, worker_id: str) -> Iterator[str]:
    """The URL of an empty, migrated warehouse that belongs to this test alone."""
    with session_servers.database(shared_servers.database_name(request.node.nodeid, worker_id)) as url:
        yield url


@pytest.fixture
def settled_database_url(
    session_servers: SessionServers, request: pytest.FixtureRequest, worker_id: str
) -> Iterator[str]:
    """The URL of a warehouse with ten months of exports, account data and polls of Anna, settled."""
    from myi_pipelines_tests.support.killable_import import fill

    template = session_servers.template("settled", lambda url: fill(url, "anna"))
    with session_servers.database(shared_servers.database_name(request.node.nodeid, worker_id), template) as url:
        yield url


@pytest.fixture
def empty_database_url(
    session_servers: SessionServers, request: pytest.FixtureRequest, worker_id: str
) -> Iterator[str]:
    """The URL of a database without any table."""
    name = shared_servers.database_name(f"{request.node.nodeid}::empty", worker_id)
    with session_servers.database(name, template="template0") as url:
        yield url


@pytest.fixture
def dagster_database_url(
    session_servers: SessionServers, request: pytest.FixtureRequest, worker_id: str
) -> Iterator[str]:
    """The URL of a database with the empty tables of Dagster's storages."""
    name = shared_servers.database_name(f"{request.node.nodeid}::dagster", worker_id)
    with session_servers.database(name, template=shared_servers.DAGSTER_TEMPLATE) as url:
        yield url


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to this test's warehouse."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def warehouse(database_url: str) -> "Iterator[Warehouse]":
    """This test's warehouse, driven as the assets do."""
    from myi_pipelines_tests.support.warehouse_harness import open_warehouse

    with open_warehouse(database_url) as opened:
        yield opened


@pytest.fixture
def redis_url(session_servers: SessionServers, worker_id: str) -> Iterator[str]:
    """The URL of an empty Redis database that belongs to this test alone."""
    url = session_servers.servers.redis.url(shared_servers.worker_number(worker_id))
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushdb()


@pytest.fixture
def project_instance(
    tmp_path: Path, database_url: str, dagster_database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[DagsterInstance]":
    """A Dagster instance by the project's own dagster.yaml, on this test's servers."""
    from dagster import DagsterInstance

    from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
    from myi_pipelines.settings import load_settings

    settings = load_settings(
        home=tmp_path, database_url=database_url, dagster_database_url=dagster_database_url, redis_url=redis_url
    )
    prepare_dagster_home(settings)
    for name, value in dagster_environment(settings).items():
        monkeypatch.setenv(name, value)
    with DagsterInstance.get() as instance:
        yield instance
