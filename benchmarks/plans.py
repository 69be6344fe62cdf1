"""What statements touch, by the plans that the server executes: the partitions and the buffers. Prints nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import psycopg

from myi_pipelines.warehouse.database.connections import Connection

Plan: TypeAlias = dict[str, Any]
"""What EXPLAIN says of a node, those below it under ``Plans``."""

_SETTINGS = {
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
    """What some statements read together."""

    partitions: frozenset[str]
    """Those in which rows were looked for, whether there were any or not."""
    buffers: int
    """Pages of tables and indexes, found in memory or read."""


@contextmanager
def executed(conn: Connection) -> Iterator[list[Plan]]:
    """The plans of what the session executes within the block, functions' statements before those that call them.

    Each node says what it did. Needs a superuser.
    """
    plans: list[Plan] = []

    def take(notice: psycopg.errors.Diagnostic) -> None:
        told = notice.message_primary or ""
        if "plan:" in told:
            plans.append(json.loads(told[told.index("{") :])["Plan"])

    conn.execute("LOAD 'auto_explain'")
    before = [(name, _set(conn, name, value)) for name, value in _SETTINGS.items()]
    conn.add_notice_handler(take)
    try:
        yield plans
    finally:
        conn.remove_notice_handler(take)
        for name, value in before:
            _set(conn, name, value)


def touched(plans: list[Plan]) -> Touched:
    """What they read: not what a plan names for another listener or month, or in case that more rows are needed."""
    scans = [node for plan in plans for node in nodes(plan) if "Relation Name" in node and node["Actual Loops"]]
    partitions = {node["Relation Name"] for node in scans if _PARTITION.search(node["Relation Name"])}
    return Touched(frozenset(partitions), sum(map(_pages, scans)))


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan's nodes, each before those below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def _pages(node: Plan) -> int:
    return int(node["Shared Hit Blocks"]) + int(node["Shared Read Blocks"])


def _set(conn: Connection, name: str, value: str) -> str:
    """Set a setting of the session; what it was."""
    row = conn.execute("SELECT current_setting(%s), set_config(%s, %s, false)", [name, name, value]).fetchone()
    assert row is not None
    return str(row[0])
