"""What statements read, by the plans that the server executes: partitions and buffers. Prints nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import psycopg

from myi_pipelines.warehouse.database.connections import Connection, fetch_row

Plan: TypeAlias = dict[str, Any]
"""A node as EXPLAIN describes it, with the nodes below it under ``Plans``."""

SETTINGS = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_nested_statements": "on",
    "client_min_messages": "log",
}
_PARTITION = re.compile(r"_y\d{4}m\d{2}$")


class Touched(NamedTuple):
    """What some statements read in total."""

    partitions: frozenset[str]
    """The partitions in which the server looked for rows, also those without any."""
    buffers: int
    """Pages of tables and indexes, found in memory or read."""


@contextmanager
def executed(conn: Connection) -> Iterator[list[Plan]]:
    """The plans of the statements that the session executes in the block, with the figures of their execution.

    The statements of a function come before the statement that calls it. The server needs ``let_measure`` before the
    session begins.
    """
    plans: list[Plan] = []

    def take(notice: psycopg.errors.Diagnostic) -> None:
        message = notice.message_primary or ""
        if "plan:" in message:
            plans.append(json.loads(message[message.index("{") :])["Plan"])

    before = [(name, _set(conn, name, value)) for name, value in SETTINGS.items()]
    conn.add_notice_handler(take)
    try:
        yield plans
    finally:
        conn.remove_notice_handler(take)
        for name, value in before:
            _set(conn, name, value)


def touched(plans: list[Plan]) -> Touched:
    """What the plans read, without the nodes that were not executed."""
    scans = [node for plan in plans for node in nodes(plan) if "Relation Name" in node and node["Actual Loops"]]
    partitions = {node["Relation Name"] for node in scans if _PARTITION.search(node["Relation Name"])}
    return Touched(frozenset(partitions), sum(map(_pages, scans)))


def rows_read(plans: list[Plan], table: str) -> int:
    """How many rows of a table the plans read, those that a filter left out included."""
    scans = [node for plan in plans for node in nodes(plan) if node.get("Relation Name") == table]
    return sum(
        round((one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"]) for one in scans
    )


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan's nodes, each before those below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def _pages(node: Plan) -> int:
    return int(node["Shared Hit Blocks"]) + int(node["Shared Read Blocks"])


def _set(conn: Connection, name: str, value: str) -> str:
    """Change a setting of the session; the result is its old value."""
    query = "SELECT current_setting(%s), set_config(%s, %s, false)"
    return str(fetch_row(conn, query, [name, name, value])[0])
