"""Work on several connections at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

import psycopg

from myi_pipelines.warehouse.database.connections import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_connections(
    conns: Sequence[Connection],
    items: Sequence[Item],
    work: Callable[[Connection, Item], Result],
    *,
    on_error: Callable[[Item, psycopg.Error], None] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Work on as many items at once as there are connections; yield each item with its result, in order.

    An item that the server refuses is passed to ``on_error``, if there is one, and the other items go on. The loss of
    the server is always raised.
    """
    free: SimpleQueue[Connection] = SimpleQueue()
    for conn in conns:
        free.put(conn)

    def with_a_connection(item: Item) -> Result:
        conn = free.get()
        try:
            return work(conn, item)
        finally:
            free.put(conn)

    with ThreadPoolExecutor(len(conns), thread_name_prefix="map") as pool:
        futures = [pool.submit(with_a_connection, item) for item in items]
        try:
            for item, future in zip(items, futures, strict=True):
                try:
                    result = future.result()
                except psycopg.Error as error:
                    if on_error is None or isinstance(error, psycopg.OperationalError):
                        raise
                    on_error(item, error)
                else:
                    yield item, result
        finally:
            pool.shutdown(cancel_futures=True)
