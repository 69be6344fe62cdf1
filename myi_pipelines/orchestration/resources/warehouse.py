"""The warehouse's connections for Dagster: a small psycopg pool that lives as long as a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import psycopg
from dagster import InitResourceContext
from psycopg_pool import ConnectionPool
from pydantic import Field, PrivateAttr

from myi_pipelines.orchestration.instance.active_runs import application_name
from myi_pipelines.orchestration.instance.dagster_internals import raise_interrupts_as
from myi_pipelines.orchestration.resources.fixed_resource import FixedResource
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database import connections
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.session import Failure, RestoreArchived, Session

RETRIES = 2
SECONDS_BETWEEN_RETRIES = 2


class Warehouse(FixedResource):
    """PostgreSQL with the listening history. What is not set is taken from the settings when a run starts."""

    url: str | None = Field(default=None, description="libpq URL of the warehouse; the settings' own when empty.")
    min_play_ms: int | None = Field(
        default=None, description="Shorter plays do not count; the settings' own when empty."
    )

    _pool: ConnectionPool[Connection] | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["Warehouse"]:
        """Connect once, so that a server out of reach is one clear line; further connections are made when needed."""
        with super().yield_for_execution(context):
            yield from self._open(context)

    def _open(self, context: InitResourceContext) -> Iterator["Warehouse"]:
        url = self.url or servers_of(load_settings()).database_url
        _require_server(url)
        with ConnectionPool(
            url,
            connection_class=psycopg.Connection[tuple[Any, ...]],
            kwargs={"autocommit": True, "application_name": _name(context)},
            configure=connections.prepare,
            check=ConnectionPool.check_connection,  # else every retry would meet another one that the server has ended
            min_size=1,  # one stays open, so that pg_stat_activity shows that the run is alive
            max_size=6,  # five polls at once, and the step's own
            open=True,
        ) as pool:
            self._pool = pool
            try:
                yield self
            finally:
                self._pool = None

    @property
    def shortest_play_ms(self) -> int:
        """Milliseconds from which a play counts."""
        return load_settings().min_play_ms if self.min_play_ms is None else self.min_play_ms

    @contextmanager
    def session(
        self,
        *,
        restore_archived: RestoreArchived | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        on_note: Callable[[str], None] = lambda line: None,
    ) -> Iterator[Session]:
        """Two connections of the run's pool with the run's rules: see ``Session``."""
        with self.connection() as conn, self.connection() as helper:
            yield Session(
                conn,
                [helper],
                min_play_ms=self.shortest_play_ms,
                restore_archived=restore_archived,
                on_failure=on_failure,
                on_note=on_note,
            )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """An autocommit connection of the run's pool. Not to be held while a result is yielded to Dagster.

        A step that loses the server, or a deadlock, is tried again from the start: every step may be. When the run is
        ended from outside, the statement at work is cancelled and its transaction undone before the connection goes.
        """
        if self._pool is None:
            raise dg.DagsterInvariantViolationError("the warehouse is open only while a run, a check or a sensor is")
        # Psycopg cancels a statement on KeyboardInterrupt and on nothing else; Dagster would raise an error of its own.
        with self._pool.connection() as conn, raise_interrupts_as(KeyboardInterrupt):
            try:
                yield conn
            except psycopg.Error as error:
                if connections.came_of_an_interrupt(error):
                    raise KeyboardInterrupt from None  # else Dagster names the error as the cause
                if isinstance(error, psycopg.OperationalError):
                    raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=SECONDS_BETWEEN_RETRIES) from error
                raise


def _name(context: InitResourceContext) -> str:
    return application_name(context.run.run_id) if context.run else "myi dagster"


def _require_server(url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise dg.Failure(
            f"the warehouse cannot be reached: {reason}; start it with `myi services start` or set MYI_DATABASE_URL"
        ) from None
