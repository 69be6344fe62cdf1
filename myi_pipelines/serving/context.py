"""What every page and API route works with: settings, connections that can only read, templates, static files."""

from __future__ import annotations

import hashlib
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import jinja2
import psycopg
from psycopg_pool import ConnectionPool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse

from myi_pipelines.operations.forget import RunHistory
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.serving.access.attempts import Attempts
from myi_pipelines.serving.access.viewers import STRANGER, Viewer
from myi_pipelines.serving.asgi.kept_answers import KeptAnswers
from myi_pipelines.serving.asgi.observing import Figures
from myi_pipelines.serving.asgi.static_files import StaticFiles
from myi_pipelines.serving.marked_text import marked
from myi_pipelines.serving.queries.instant import one_instant
from myi_pipelines.serving.submissions import Submissions
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection, connect

WEB = Path(__file__).parent / "web"
SECONDS_FOR_A_CONNECTION = 10.0
SECONDS_FOR_A_STATEMENT = 15
CONNECTIONS = max(2, os.cpu_count() or 2)
"""Of one process, for answers that are being made: more are of no use to statements that wait for nothing but
processors, and would take these from imports."""
QUICK_CONNECTIONS = 2
"""Of one process, for what takes no time, so that it never waits for an answer that is being made."""

WHERE_ASKED = 2**31 - 1
"""After how many executions psycopg prepares a statement that does not ask for it."""

RunsOf = Callable[[Settings], RunHistory]
"""Gives ``orchestration.instance.user_runs.UserRuns``."""
Identify = Callable[[HTTPConnection, "Context"], Viewer]
"""Finds out who asks. Called in a thread, once for a request that wants to know."""


def nobody(_: HTTPConnection, __: Context) -> Viewer:
    """Everybody is a stranger."""
    return STRANGER


@dataclass(frozen=True)
class Context:
    """What the process has, made once when it starts. ``request.state.context`` has it; see ``context_of``."""

    settings: Settings
    pool: ConnectionPool[Connection]
    """The reader's connections: see ``reading``."""
    keeper: ConnectionPool[Connection]
    """The keeper's connections: see ``keeping``."""
    templates: jinja2.Environment
    static: StaticFiles
    quick: ConnectionPool[Connection]
    """The reader's too: see ``glancing``."""
    attempts: Attempts
    """The tries to sign in by a password."""
    submissions: Submissions
    """The places for plays that programs submit, and who puts them into the warehouse."""
    figures: Figures = field(default_factory=Figures)
    answers: KeptAnswers = field(default_factory=KeptAnswers)
    """Pages that were made and still hold."""
    identify: Identify = nobody
    runs: RunsOf | None = None
    """The runs that Dagster remembers, which serving does not import; None: they are not known here."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection of the reader in one read-only transaction: everything that is read in the block is of one
        instant, and agrees.

        Raises ``psycopg.OperationalError`` or ``psycopg_pool.PoolTimeout`` where there is none, which is answered with
        503. Call it in a thread, as synchronous endpoints run, and not within another such block.
        """
        with self.pool.connection() as conn, one_instant(conn):
            yield conn

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        """A connection of the reader for statements that take no time, each at an instant of its own: who a name means,
        whether an answer is known. Also within ``reading``. Raises as it."""
        with self.quick.connection() as conn:
            yield conn

    @contextmanager
    def keeping(self) -> Iterator[Connection]:
        """A connection of the keeper, autocommitting: sessions, links, tokens, passwords and what is playing now."""
        with self.keeper.connection() as conn:
            yield conn

    @contextmanager
    def owning(self) -> Iterator[Connection]:
        """A connection of the owner, opened for one action of somebody who may do it, and closed after it."""
        with connect(servers_of(self.settings).database_url, application_name="myi web action") as conn:
            yield conn

    def open(self) -> None:
        """Begin to connect. Answers while the database is away: see ``reading``."""
        self.pool.open()
        self.keeper.open()
        self.quick.open()

    def compile_templates(self) -> None:
        """Each would be compiled when it is first shown, which takes longer than everything else of a page."""
        for name in self.templates.list_templates():
            self.templates.get_template(name)

    def close(self) -> None:
        """Close all connections."""
        self.submissions.close()
        self.pool.close()
        self.keeper.close()
        self.quick.close()

    @cached_property
    def version(self) -> str:
        """Differs where templates, static files or the program do: a part of every ETag."""
        digest = hashlib.sha256(f"{version('myi-pipelines')} {self.static.version}".encode())
        loader = self.templates.loader
        for name in sorted(loader.list_templates()) if loader else ():
            source, _, _ = loader.get_source(self.templates, name) if loader else ("", None, None)
            digest.update(f"{name}\0{source}\0".encode())
        return digest.hexdigest()[:12]

    def page(self, template: str, /, status: int = 200, **values: Any) -> HTMLResponse:
        """A page from a template, which gets ``values``; every text in it is escaped."""
        return HTMLResponse(self.templates.get_template(template).render(values), status)


def context_of(request: HTTPConnection) -> Context:
    """The context of the process that answers a request."""
    return cast(Context, request.state.context)


def viewer_of(request: HTTPConnection) -> Viewer:
    """Who asks. Reads the session or the token from the database at the first call: call it in a thread, as
    synchronous endpoints run."""
    state = request.state
    if not hasattr(state, "viewer"):
        context = context_of(request)
        state.viewer = context.identify(request, context)
    return cast(Viewer, state.viewer)


def reader_pool(url: str, connections: int = CONNECTIONS, least: int = CONNECTIONS) -> ConnectionPool[Connection]:
    """Connections that can only read, not opened yet: a transaction sees one instant, and no statement takes long.

    No statement has helpers: to start them takes longer than most statements, and others ask at the same time.
    """
    return ConnectionPool(
        url,
        min_size=least,
        max_size=connections,
        timeout=SECONDS_FOR_A_CONNECTION,
        max_idle=300,
        configure=_configure_reader,
        check=require_connected,
        kwargs={"autocommit": True, "application_name": "myi web", "connect_timeout": 5},
        open=False,
        name="reader",
    )


def keeper_pool(url: str, connections: int = 4) -> ConnectionPool[Connection]:
    """Connections that can only keep sessions and tokens, not opened yet."""
    return ConnectionPool(
        url,
        min_size=1,
        max_size=connections,
        timeout=SECONDS_FOR_A_CONNECTION,
        max_idle=300,
        configure=_configure_keeper,
        check=require_connected,
        kwargs={"autocommit": True, "application_name": "myi web sessions", "connect_timeout": 5},
        open=False,
        name="keeper",
    )


def require_connected(conn: Connection) -> None:
    """Raise ``psycopg.OperationalError`` for a connection that the server has ended while nobody used it.

    It then has something to read, as one that works hardly ever has: only of such a one the server is asked.
    """
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(conn)


def _configure_keeper(conn: Connection) -> None:
    conn.prepare_threshold = WHERE_ASKED


def _configure_reader(conn: Connection) -> None:
    conn.prepare_threshold = WHERE_ASKED
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    conn.execute(
        "SET TIME ZONE 'UTC'; SET jit = off; SET work_mem = '32MB'; SET max_parallel_workers_per_gather = 0;"
        " SET default_transaction_read_only = on;"
        f" SET statement_timeout = '{SECONDS_FOR_A_STATEMENT}s'; SET idle_in_transaction_session_timeout = '60s'"
    )
    # The server reads what it has to know of each partition once a session, which no reader has to wait for then.
    conn.execute("EXPLAIN SELECT FROM listening_events WHERE user_id = 0")


def make_templates(static: StaticFiles, folder: Path = WEB / "templates") -> jinja2.Environment:
    """The templates of all pages. Everything is escaped, and a name that a template does not get is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["static"] = static.url
    environment.globals["marked"] = marked
    return environment


def make_context(settings: Settings, reader_url: str, keeper_url: str, identify: Identify = nobody) -> Context:
    """The context of a process. Its pools are not open yet."""
    static = StaticFiles(WEB / "static")
    return Context(
        settings,
        reader_pool(reader_url),
        keeper_pool(keeper_url),
        make_templates(static),
        static,
        reader_pool(reader_url, QUICK_CONNECTIONS, least=1),
        Attempts(servers_of(settings).redis_url),
        Submissions(servers_of(settings).redis_url),
        identify=identify,
    )


__all__ = [
    "Context",
    "Identify",
    "Request",
    "context_of",
    "keeper_pool",
    "make_context",
    "make_templates",
    "nobody",
    "reader_pool",
    "viewer_of",
]
