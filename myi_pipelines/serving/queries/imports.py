"""What was imported, with what was not counted, and where plays may be missing. Freshness is in ``listeners``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

EACH = 50


class Import(NamedTuple):
    """One uploaded file, and what became of it."""

    id: int
    file_name: str
    status: str
    """PENDING, PROCESSING, COMPLETED or FAILED."""
    total_bytes: int | None
    processed_bytes: int
    total_rows: int | None
    """None until it is completed."""
    processed_rows: int
    landed_rows: int
    known_rows: int
    rejected: Mapping[str, int]
    """Rows that give no play, by reason."""
    error_message: str | None
    notes: list[str]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    is_undone: bool


class Gap(NamedTuple):
    """A period in which plays may be missing: Spotify shows 50 at a time, and more may have been played."""

    after: datetime
    """End of the latest play that was known before."""
    before: datetime
    """End of the earliest play after it."""
    found_at: datetime


def imports(conn: Connection, listener: Listener, *, before: int | None = None, each: int = EACH) -> list[Import]:
    """The imports of a listener, the latest first, before one."""
    asked = {"user_id": listener.id, "before_id": before, "each": each}
    return [Import(*row) for row in conn.execute(statement("queries/imports"), asked)]


def gaps(conn: Connection, listener: Listener, *, each: int = EACH) -> list[Gap]:
    """Periods in which polls may have missed plays, the latest first."""
    return [Gap(*row) for row in conn.execute(statement("queries/gaps"), {"user_id": listener.id, "each": each})]
