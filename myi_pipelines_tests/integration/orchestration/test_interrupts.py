"""What a step makes of an interrupt, and of a server that it loses."""

from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest

from myi_pipelines.orchestration.resources.warehouse import Warehouse

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(database_url: str) -> Iterator[Warehouse]:
    with Warehouse(url=database_url).yield_for_execution(dg.build_init_resource_context()) as warehouse:
        yield warehouse


def test_an_interrupt_that_spoils_the_tidying_up_is_an_interrupt_still(opened: Warehouse) -> None:
    """Interrupted between two waits, psycopg leaves a statement at work: the next one fails for that."""

    def interrupted() -> None:
        with opened.connection() as conn:
            try:
                conn.pgconn.send_query(b"SELECT pg_sleep(5)")
                raise KeyboardInterrupt
            finally:
                conn.execute("SELECT 1")

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_a_lost_server_is_tried_again(opened: Warehouse) -> None:
    def losing_it() -> None:
        with opened.connection() as conn, opened.connection() as other:
            other.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
            conn.execute("SELECT 1")

    with pytest.raises(dg.RetryRequested):
        losing_it()


def test_after_a_server_was_lost_the_next_connections_are_new_ones(opened: Warehouse, conn: psycopg.Connection) -> None:
    with opened.connection() as one, opened.connection() as two, opened.connection() as three:
        lost = [each.info.backend_pid for each in (one, two, three)]
    conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [lost])
    with opened.connection() as one, opened.connection() as two:
        one.execute("SELECT 1")
        two.execute("SELECT 1")
